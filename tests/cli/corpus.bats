# SPDX-License-Identifier: MIT
# corpus.bats: the small files of tests/bad, which readers of other makes can be tried on too.
load helpers

corpus=$BATS_TEST_DIRNAME/../bad/zfec

@test "good share files are taken" {
	[ "$(zunfec -o - "$corpus/good-1-of-1.fec")" = any ]
	for pair in '0 1' '0 2' '1 2' '2 0' '0 1 2'; do
		set --
		for share in $pair; do set -- "$@" "$corpus/good-2-of-3.$share.fec"; done
		[ "$(zunfec -o - "$@")" = 'any k' ]
	done
	zunfec -o empty "$corpus"/good-empty-2-of-3.[12].fec
	[ -f empty ] && [ ! -s empty ]
}

@test "bad share files are refused, each for its own reason" {
	count=0
	while IFS=$'\t' read -r name text; do
		exits 1 zunfec -o out "$corpus/$name" "$corpus/good-2-of-3.0.fec"
		says "$text"
		[ ! -e out ]
		count=$((count + 1))
	done <"$corpus/expect.tsv"
	[ "$count" -eq "$(find "$corpus" -name 'bad-*' | wc -l)" ]
}
