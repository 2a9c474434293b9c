# SPDX-License-Identifier: MIT
# What the share files are called, and where they go.

load helpers

@test "defaults: 8 shares in the current folder, 3 suffice" {
	random_file f 1000
	exits 0 zfec f
	silent
	[ "$(listing)" = "f f.0_8.fec f.1_8.fec f.2_8.fec f.3_8.fec f.4_8.fec f.5_8.fec f.6_8.fec f.7_8.fec " ]
	exits 0 zunfec -o g f.7_8.fec f.0_8.fec f.5_8.fec
	silent
	cmp f g
}

@test "as many digits as m has" {
	echo x >f
	for m in 9 10 99 100 256; do
		mkdir $m
		exits 0 zfec -q -k 1 -m $m -d $m f
		[ "$(ls $m | wc -l)" = $m ]
	done
	[ -e 9/f.8_9.fec ]
	[ -e 10/f.00_10.fec ]
	[ -e 10/f.09_10.fec ]
	[ -e 99/f.00_99.fec ]
	[ -e 99/f.98_99.fec ]
	[ -e 100/f.000_100.fec ]
	[ -e 100/f.099_100.fec ]
	[ -e 256/f.000_256.fec ]
	[ -e 256/f.255_256.fec ]
}

@test "the prefix is the input as it was given, below -d" {
	mkdir -p a out/a
	echo x >a/f
	exits 0 zfec -k 1 -m 2 -q a/f
	[ "$(listing a)" = "f f.0_2.fec f.1_2.fec " ]
	exits 0 zfec -k 1 -m 2 -q -d out a/f
	[ "$(listing out)" = "a a/f.0_2.fec a/f.1_2.fec " ]
	exits 0 zfec -k 1 -m 2 -q -d out ./a/../a/f -f
	[ "$(listing out)" = "a a/f.0_2.fec a/f.1_2.fec " ]
}

@test "an absolute input: beside it, or in -d by its last part" {
	mkdir in out
	echo x >in/f
	exits 0 zfec -k 1 -m 2 -q "$PWD/in/f"
	[ "$(listing in)" = "f f.0_2.fec f.1_2.fec " ]
	exits 0 zfec -k 1 -m 2 -q -d out "$PWD/in/f"
	[ "$(listing out)" = "f.0_2.fec f.1_2.fec " ]
	exits 0 zfec -k 1 -m 2 -q -d "$PWD/out/" -s .x "$PWD/in/f"
	[ "$(listing out)" = "f.0_2.fec f.0_2.x f.1_2.fec f.1_2.x " ]
	[ "$(listing)" = "in in/f in/f.0_2.fec in/f.1_2.fec out out/f.0_2.fec out/f.0_2.x out/f.1_2.fec out/f.1_2.x " ]
}

@test "prefix and suffix" {
	echo x >f
	exits 0 zfec -k 1 -m 1 -q -p other -s .share f
	[ "$(listing)" = "f other.0_1.share " ]
	exits 0 zfec -k 1 -m 1 -q -p '' -s '' f
	[ "$(listing)" = ".0_1 f other.0_1.share " ]
	mkdir abs
	exits 0 zfec -k 1 -m 1 -q -p "$PWD/abs/p" f
	[ "$(listing abs)" = "p.0_1.fec " ]
}

@test "an empty -d is the current folder, not the root" {
	echo x >f
	exits 0 zfec -k 1 -m 1 -q -d '' f
	[ "$(listing)" = "f f.0_1.fec " ]
}

@test "standard input: no prefix" {
	echo x >f
	exits 0 zfec -k 2 -m 3 - <f
	[ "$(listing)" = ".0_3.fec .1_3.fec .2_3.fec f " ]
	exits 0 zfec -k 2 -m 3 -p name - <f
	[ "$(listing)" = ".0_3.fec .1_3.fec .2_3.fec f name.0_3.fec name.1_3.fec name.2_3.fec " ]
}

@test "names that look like options, with spaces, newlines and bytes of no encoding" {
	name=$'a b\n\xff*'
	echo x >"$name"
	echo y >-q
	exits 0 zfec -k 1 -m 1 -q -- -q "$name"
	[ -e "$name.0_1.fec" ]
	[ -e ./-q.0_1.fec ]
	exits 0 zunfec -o "out $name" -- "$name.0_1.fec"
	cmp "$name" "out $name"
	exits 0 zunfec -o z -- -q.0_1.fec
	cmp ./-q z
}

@test "several files, each with its own shares" {
	mkdir d
	random_file a 5000
	random_file d/b 1
	: >c
	exits 0 zfec -k 2 -m 3 a d/b c
	silent
	[ "$(listing)" = "a a.0_3.fec a.1_3.fec a.2_3.fec c c.0_3.fec c.1_3.fec c.2_3.fec d d/b d/b.0_3.fec d/b.1_3.fec d/b.2_3.fec " ]
	for f in a d/b c; do
		exits 0 zunfec -f -o out $f.1_3.fec $f.2_3.fec
		cmp $f out
	done
}

@test "several files: a faulty one does not stop the others; the first code wins" {
	random_file a 500
	random_file b 500
	exits 2 zfec -k 2 -m 3 a nothere b
	says "cannot open 'nothere'"
	[ -e a.2_3.fec ]
	[ -e b.2_3.fec ]
	rm ./b.*.fec
	exits 1 zfec -k 2 -m 3 a nothere b
	says "cannot encode 'a'"
	says "cannot open 'nothere'"
	[ -e b.2_3.fec ]
}

@test "two inputs whose shares would have the same names are refused" {
	mkdir x y out
	echo 1 >x/f
	echo 2 >y/f
	exits 2 zfec -f -q -k 1 -m 1 -d out "$PWD/x/f" "$PWD/y/f"
	says "two inputs"
	[ -z "$(listing out)" ]
	exits 2 zfec -k 1 -m 1 -q x/f x/f
	exits 2 zfec -p n x/f y/f
	exits 2 zfec - -
	[ "$(listing)" = "out x x/f y y/f " ]
}

@test "no share file and no restored file is executable; the umask counts" {
	random_file f 100
	exits 0 zfec f
	[ "$(stat -c %a f.*_8.fec | sort -u)" = 644 ]
	exits 0 zunfec -o g f.*_8.fec
	[ "$(stat -c %a g)" = 644 ]
	umask 077
	exits 0 zfec -p h f
	[ "$(stat -c %a h.*_8.fec | sort -u)" = 600 ]
	exits 0 zunfec -o i h.*_8.fec
	[ "$(stat -c %a i)" = 600 ]
}
