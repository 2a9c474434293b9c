# SPDX-License-Identifier: MIT
# What zunfec does with share files that are missing, damaged, strange, wrong or doubled.

load helpers

make()
{
	random_file f "${1:-100000}"
	zfec -q f
	rm -f g
}

@test "too few: exit 3 if nothing is wrong with them, else 1" {
	make
	exits 3 zunfec -o g f.0_8.fec f.7_8.fec
	says '3'
	exits 1 zunfec -o g f.0_8.fec f.7_8.fec nothere
	says "'nothere'"
	truncate -s 1 f.1_8.fec
	exits 1 zunfec -o g f.0_8.fec f.7_8.fec f.1_8.fec
	says "'f.1_8.fec'"
	exits 1 zunfec -o g f.0_8.fec
	exits 1 zunfec -o g nothere
	exits 1 zunfec -o g nothere neither
	exits 1 zunfec -o g
	[ ! -e g ]
}

@test "one share is enough when k is 1" {
	random_file f 12345
	exits 0 zfec -q -k 1 -m 1 f
	exits 0 zunfec -o g f.0_1.fec
	cmp f g
	exits 0 zfec -q -k 1 -m 200 f
	exits 0 zunfec -f -o g f.199_200.fec
	cmp f g
}

@test "unreadable, cut, empty, foreign ones are left out and named; the rest restores" {
	make
	random_file other 90000
	exits 0 zfec other
	truncate -s -1 f.1_8.fec
	: >f.2_8.fec
	mkdir folder
	exits 0 zunfec -o g f.0_8.fec f.1_8.fec f.2_8.fec nothere folder other.6_8.fec f.5_8.fec f.6_8.fec \
		f.7_8.fec
	cmp f g
	for name in f.1_8.fec f.2_8.fec nothere folder other.6_8.fec; do
		[ "$(grep -c "left out '$name'" <<<"$stderr")" = 1 ] || { explain; false; }
	done
	[ "$(grep -c 'left out' <<<"$stderr")" = 5 ]
	# -q silences the progress, not this.
	exits 0 zunfec -q -f -o g f.0_8.fec f.1_8.fec f.5_8.fec f.6_8.fec f.7_8.fec
	says "left out 'f.1_8.fec'"
}

@test "no more left than needed after some were left out: said without -v" {
	make
	: >f.2_8.fec
	exits 0 zunfec -o g f.0_8.fec f.2_8.fec f.5_8.fec f.6_8.fec
	says "warning: left out 'f.2_8.fec'"
	says 'unverified'
	cmp f g
}

@test "neither side has k: refused" {
	make
	random_file other 90000
	exits 0 zfec other
	exits 1 zunfec -o g f.0_8.fec f.1_8.fec other.2_8.fec other.3_8.fec
	[ ! -e g ]
}

@test "the same share twice, by one name or two: refused by name" {
	make
	cp f.4_8.fec copy
	exits 1 zunfec -o g f.0_8.fec f.4_8.fec copy f.5_8.fec
	says "f.4_8.fec'"
	says "copy'"
	exits 1 zunfec -o g f.4_8.fec f.4_8.fec f.5_8.fec
	[ ! -e g ]
}

@test "a wrong share is found, named and left out" {
	make
	for n in 0 3 7; do
		cp f.${n}_8.fec good
		for at in 2 5000 33335; do
			flip f.${n}_8.fec $at
			exits 0 zunfec -f -o g f.*_8.fec
			says "left out 'f.${n}_8.fec', wrong"
			[ "$(grep -c 'left out' <<<"$stderr")" = 1 ]
			cmp f g
			cp good f.${n}_8.fec
		done
	done
	flip f.1_8.fec 50; flip f.6_8.fec 20000
	exits 0 zunfec -v -f -o g f.*_8.fec
	says "left out 'f.1_8.fec', wrong"
	says "left out 'f.6_8.fec', wrong"
	says 'verified by 6 shares'
	cmp f g
	exits 0 bash -c 'zunfec -o - f.*_8.fec | cmp f -'
}

@test "a disagreement that cannot be settled writes nothing" {
	make
	flip f.1_8.fec 20000
	exits 1 zunfec -o g f.0_8.fec f.1_8.fec f.2_8.fec f.3_8.fec
	says 'disagree'
	[ ! -e g ]
	exits 1 zunfec -o - f.0_8.fec f.1_8.fec f.2_8.fec f.3_8.fec
	[ -z "$output" ]
	echo old >g
	before=$(fingerprint g)
	exits 1 zunfec -f -o g f.0_8.fec f.1_8.fec f.2_8.fec f.3_8.fec
	[ "$(fingerprint g)" = "$before" ]
}

@test "a share cut at every length, or longer: never wrong bytes" {
	random_file f 100
	exits 0 zfec f
	cp f.4_8.fec whole
	size=$(stat -c %s whole)
	for cut in $(seq 0 $((size - 1))); do
		head -c "$cut" whole >f.4_8.fec
		exits 1 zunfec -o g f.0_8.fec f.4_8.fec f.7_8.fec
		[ ! -e g ]
		exits 0 zunfec -o g f.0_8.fec f.4_8.fec f.7_8.fec f.2_8.fec
		says "left out 'f.4_8.fec'"
		cmp f g
		rm g
	done
	{ cat whole; echo; } >f.4_8.fec
	exits 0 zunfec -o g f.0_8.fec f.4_8.fec f.7_8.fec f.2_8.fec
	says "left out 'f.4_8.fec'"
	cmp f g
}

@test "an existing output is kept, byte for byte, whatever goes wrong" {
	make
	echo 'the only copy' >g
	chmod 640 g
	before=$(fingerprint g)
	cp f.4_8.fec copy
	: >empty
	flip f.1_8.fec 20000
	for force in '' -f; do
		[ -n "$force" ] || exits 2 zunfec -o g f.0_8.fec f.4_8.fec f.5_8.fec
		for shares in 'f.0_8.fec' 'f.0_8.fec f.2_8.fec' 'f.0_8.fec f.2_8.fec nothere' \
			'f.0_8.fec f.4_8.fec copy' 'f.0_8.fec empty f.2_8.fec' \
			'f.0_8.fec f.1_8.fec f.2_8.fec f.3_8.fec' 'f f' ''; do
			run --separate-stderr zunfec $force -o g $shares
			[ "$status" -ne 0 ]
			[ "$(fingerprint g)" = "$before" ] || { explain; echo "with: $force $shares"; false; }
		done
	done
	[ "$(find . -name '.*' -type f)" = '' ]
}

@test "-f replaces the output and keeps its mode; a link is followed" {
	make
	echo old >real
	chmod 600 real
	ln -s real g
	exits 2 zunfec -o g f.2_8.fec f.3_8.fec f.4_8.fec
	[ "$(cat real)" = old ]
	exits 0 zunfec -f -o g f.2_8.fec f.3_8.fec f.4_8.fec
	[ -L g ]
	cmp f real
	[ "$(stat -c %a real)" = 600 ]
}

@test "existing share files are kept without -f, replaced with it" {
	make
	before=$(fingerprint f.*_8.fec)
	exits 1 zfec f
	says 'exists'
	[ "$(fingerprint f.*_8.fec)" = "$before" ]
	# One that is in the way, the last to be made, keeps all others from appearing.
	mkdir d
	echo mine >d/f.7_8.fec
	exits 1 zfec -d d f
	[ "$(listing d)" = "f.7_8.fec " ]
	[ "$(cat d/f.7_8.fec)" = mine ]
	exits 0 zfec -f -d d f
	cmp f.7_8.fec d/f.7_8.fec
	[ "$(ls d | wc -l)" = 8 ]
	# A folder in the way cannot be replaced.
	rm d/f.7_8.fec
	mkdir d/f.7_8.fec
	before=$(fingerprint d/f.[0-6]_8.fec)
	exits 1 zfec -f -d d f
	[ "$(fingerprint d/f.[0-6]_8.fec)" = "$before" ]
	[ "$(ls -A d | wc -l)" = 8 ]
}

@test "-f does not let the result replace one of the shares it came from" {
	make
	ln f.2_8.fec other-name
	before=$(fingerprint f.*_8.fec)
	exits 2 zunfec -f -o other-name f.*_8.fec
	[ "$(fingerprint f.*_8.fec)" = "$before" ]
}
