# SPDX-License-Identifier: MIT
# The command line: every option, every spelling, every code.

load helpers

@test "help: on standard output, exit 0, at most 80 columns, no tabs" {
	for tool in zfec zunfec; do
		for word in -h --help --he; do
			exits 0 $tool $word
			[ -z "$stderr" ]
			[[ "$output" == "usage: $tool "* ]]
			[ -z "$(grep -E '.{80}' <<<"$output")" ]
			[ -z "$(grep -P '\t| $' <<<"$output")" ]
		done
	done
	exits 0 zfec --oops -h
	exits 0 zfec -vh
	exits 2 zfec -k x -h
}

@test "help names every option" {
	exits 0 zfec --help
	for option in -h --help -d --output-dir -p --prefix -s --suffix -m --totalshares -k \
		--requiredshares -f --force -v --verbose -q --quiet -V --version --threads --no-sync; do
		grep -qwe "$option" <<<"$output" || { echo "not in the help: $option"; false; }
	done
	exits 0 zunfec --help
	for option in -h --help -o --outputfile -v --verbose -f --force -q --quiet -V --version \
		--threads --no-sync; do
		grep -qwe "$option" <<<"$output" || { echo "not in the help: $option"; false; }
	done
}

@test "version: two lines on standard output, wins over all else" {
	for tool in zfec zunfec; do
		for words in -V --version '-k x -V' '--oops --version' '-V -h' '-h -V' --vers -qV; do
			exits 0 $tool $words
			[ -z "$stderr" ]
			[ "$(wc -l <<<"$output")" = 2 ]
			grep -q '[0-9]\.[0-9]' <<<"$output"
		done
	done
	[ -z "$(listing)" ]
}

@test "help and version tell when they cannot be written" {
	[ -w /dev/full ] || skip 'no /dev/full'
	for word in -h -V; do
		run bash -c "zfec $word >/dev/full"
		[ "$status" = 1 ]
		[[ "$output" == *"cannot write to standard output"* ]]
	done
}

@test "every spelling of an option" {
	random_file f 1000
	spellings=(
		'-k 2 -m 5' '-k2 -m5' '-k=2 -m=5' '-qk2 -fm5' '-qfk 2 -m 5' '-k +2 -m 05'
		'--requiredshares 2 --totalshares 5' '--requiredshares=2 --totalshares=5'
		'--req 2 --tot=5' '--r=2 --to 5' '-k 9 -k 2 -m 1 -m 5'
	)
	for words in "${spellings[@]}"; do
		rm -f f.*
		exits 0 zfec $words f || { echo "with: $words"; false; }
		[ "$(listing)" = "f f.0_5.fec f.1_5.fec f.2_5.fec f.3_5.fec f.4_5.fec " ]
		exits 0 zunfec -f -o ../g f.1_5.fec f.4_5.fec
		cmp f ../g
	done
	rm f.*
	exits 0 zfec f -k 2 -m 3 -q
	exits 0 zfec -f -- f
	rm f.*
	exits 0 zfec --quiet --force --output-dir=. --prefix=p --suffix=.s --no-sync --threads=1 f
	[ -e p.7_8.s ]
	exits 0 zunfec --outputfile=g --force --quiet --no-sync --threads 2 p.1_8.s p.2_8.s p.3_8.s
	cmp f g
	exits 0 zunfec p.1_8.s -fo g p.2_8.s -q p.3_8.s
	exits 0 zunfec -fog p.*.s
	exits 0 zunfec --out g --fo p.*.s
}

@test "words that cannot be read: exit 2, nothing done" {
	random_file f 100
	random_file x.0_1.fec 100
	bad=('' '-k' '-k x f' '-k 3.5 f' '-k= f' '--requiredshares f' '--oops f' '-x f' '-fx f' '-f=1 f'
		'--force=1 f' '--ver f' '--pre' '-k --quiet f' '-d -f f' '--threads 0 f' '--threads 257 f'
		'--threads -1 f' '-- ' '-d' '--= f')
	for words in "${bad[@]}"; do
		exits 2 zfec $words || { echo "with: $words"; false; }
		[ -z "$output" ]
		says 'zfec: '
		says 'try: zfec --help'
	done
	for words in '' 'x.0_1.fec' '-o' '-o -f x.0_1.fec' '-o g --oops x.0_1.fec' '--out' '-of -x f'; do
		exits 2 zunfec $words || { echo "with: $words"; false; }
		[ -z "$output" ]
	done
	[ "$(listing)" = "f x.0_1.fec " ]
}

@test "k and m out of range: exit 1 in the original's words" {
	echo x >f
	for m in 0 257 -1 99999999999999999999999 -99999999999999999999999; do
		exits 1 zfec -m $m f
		says 'Invalid parameters, totalshares is required to be <= 256 and >= 1'
		says 'Please see the accompanying documentation.'
	done
	for words in '-k 0' '-k -1' '-k 9' '-k 257 -m 256' '-m 2' '-k 99999999999999999999999'; do
		exits 1 zfec $words f
		says 'Invalid parameters, requiredshares is required to be <= totalshares and >= 1'
	done
	exits 1 zfec -v -q f
	says 'Please choose only one of --verbose and --quiet.'
	exits 1 zunfec -v -q -o g f f
	says 'Please choose only one of --verbose and --quiet.'
	# An input that cannot be opened comes first.
	exits 2 zfec -m 0 nothere
	[ "$(listing)" = "f " ]
}

@test "k = 1 and k = m work, with a warning, but with -q" {
	random_file f 10001
	exits 0 zfec -k 1 -m 3 f
	says 'warning: silly parameters: '
	exits 0 zunfec -o g f.2_3.fec
	cmp f g
	rm ./f.*
	exits 0 zfec -k 4 -m 4 f
	says 'warning: silly parameters: '
	exits 0 zunfec -f -o g f.*_4.fec
	cmp f g
	rm ./f.*
	exits 0 zfec -k 1 -m 1 f
	[ "$(grep -c 'silly parameters' <<<"$stderr")" = 2 ]
	rm ./f.*
	exits 0 zfec -q -k 1 -m 1 f
	silent
	exits 0 zfec -q -k 256 -m 256 f
	silent
	exits 0 zunfec -f -o g f.*_256.fec
	cmp f g
}

@test "all talk is on standard error" {
	random_file f 300000
	exits 0 zfec -v -k 1 -m 2 f
	[ -z "$output" ]
	says "Creating share file './f.0_2.fec'..."
	says "Creating share file './f.1_2.fec'..."
	says '100% ... '
	says 'Done! '
	exits 0 zunfec -v -o g f.0_2.fec f.1_2.fec
	[ -z "$output" ]
	says 'verified by 2 shares'
	says 'Done! '
	exits 0 zunfec -v -f -o g f.1_2.fec
	says 'unverified: '
	exits 0 zunfec -f -o g f.1_2.fec
	silent
	exits 0 zunfec -f -q -o g f.1_2.fec
	silent
}

@test "control characters of a name do not reach the terminal" {
	name=$'evil\e[2J\r\nname\x7f'
	exits 2 zfec "$name"
	says 'evil\x1b[2J\x0d\x0aname\x7f'
	[[ "$stderr" != *$'\e'* && "$stderr" != *$'\r'* ]]
}

@test "the texts of the main errors" {
	random_file f 1000
	mkdir folder
	exits 2 zfec; expect_text zfec-no-input
	exits 2 zfec nothere; expect_text zfec-unopened
	exits 2 zfec folder; expect_text zfec-folder
	exits 2 zfec --ver f; expect_text zfec-ambiguous
	exits 2 zfec -k three f; expect_text zfec-no-number
	exits 2 zfec -d -f f; expect_text zfec-no-value
	exits 2 zfec --oops f; expect_text zfec-unknown
	exits 2 zfec --threads 0 f; expect_text zfec-threads
	exits 1 zfec -k 9 f; expect_text zfec-parameters
	exits 1 zfec -d nothere f; expect_text zfec-no-folder
	exits 0 zfec f
	exits 1 zfec f; expect_text zfec-exists
	exits 2 zunfec f.0_8.fec; expect_text zunfec-no-output-named
	exits 1 zunfec -o g; expect_text zunfec-no-share
	exits 1 zunfec -o g f.0_8.fec; expect_text zunfec-one-share
	exits 3 zunfec -o g f.0_8.fec f.1_8.fec; expect_text zunfec-too-few
	exits 2 zunfec -o f f.*_8.fec; expect_text zunfec-exists
	exits 2 zunfec -o folder f.*_8.fec; expect_text zunfec-folder
	exits 2 zunfec -o nothere/g f.*_8.fec; expect_text zunfec-no-folder
	exits 2 zunfec -f -o f.0_8.fec f.*_8.fec; expect_text zunfec-output-is-share
	cp f.0_8.fec copy
	exits 1 zunfec -o g f.0_8.fec f.1_8.fec f.2_8.fec copy; expect_text zunfec-twice
	flip f.1_8.fec 100
	exits 1 zunfec -o g f.0_8.fec f.1_8.fec f.2_8.fec f.3_8.fec; expect_text zunfec-disagree
	exits 0 zunfec -o g f.*_8.fec; expect_text zunfec-wrong
	rm f.7_8.fec; truncate -s -1 f.6_8.fec; : >f.5_8.fec
	exits 0 zunfec -f -o g f.*_8.fec f.7_8.fec; expect_text zunfec-left-out
	cmp f g
}
