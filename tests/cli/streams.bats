# SPDX-License-Identifier: MIT
# Standard input and output: pipes of any length, closed streams, readers that leave.

load helpers

@test "a pipe and the file itself give the same shares" {
	for size in 0 1 3 4095 12287 12288 12289 5000001; do
		random_file f $size
		exits 0 zfec -p a f
		cat f | zfec -p b -
		(head -c 1 f; sleep 0.02; tail -c +2 f) | zfec -p c -
		zfec -p d - <f
		for n in 0 1 2 3 4 5 6 7; do
			cmp a.${n}_8.fec b.${n}_8.fec
			cmp a.${n}_8.fec c.${n}_8.fec
			cmp a.${n}_8.fec d.${n}_8.fec
		done
		rm ./*.fec
	done
}

@test "a named pipe as input" {
	random_file f 100000
	mkfifo pipe
	cat f >pipe 3>&- &
	exits 0 zfec pipe
	exits 0 zunfec -o g pipe.*_8.fec
	cmp f g
}

@test "standard input from where it stands" {
	random_file f 10000
	(head -c 1000 >/dev/null; zfec -p a -) < <(tail -c +1 f; sleep 0)
	{ dd bs=1000 count=1 of=/dev/null status=none; zfec -p b -; } <f
	tail -c +1001 f >rest
	exits 0 zunfec -o g b.*_8.fec
	cmp rest g
}

@test "zunfec -o - writes to a pipe, padding or not" {
	for size in 0 1 2 3 12287 12288 12289 3000001; do
		random_file f $size
		exits 0 zfec -f f
		zunfec -o - f.7_8.fec f.2_8.fec f.5_8.fec | cat >g
		cmp f g
		zunfec --outputfile=- f.*_8.fec >g
		cmp f g
	done
	[ ! -e ./- ]
}

@test "from tar to tar through both" {
	mkdir tree
	random_file tree/a 300000
	random_file tree/b 7
	ln -s a tree/c
	tar -c tree | zfec -k 3 -m 10 -p t -
	rm t.00_10.fec t.0[2-7]_10.fec
	mkdir back
	zunfec -o - t.*_10.fec | tar -x -C back
	diff -r tree back/tree
}

@test "zunfec -o - appends where standard output stands" {
	random_file f 1000
	exits 0 zfec f
	{ echo head; zunfec -o - f.*_8.fec; echo tail; } >g
	{ echo head; cat f; echo tail; } | cmp - g
	zunfec -o - f.*_8.fec >>g
	[ "$(wc -c <g)" = 2010 ]
}

@test "share files may be pipes" {
	random_file f 200000
	exits 0 zfec f
	exits 0 zunfec -o g <(cat f.1_8.fec) <(cat f.6_8.fec) f.3_8.fec <(cat f.4_8.fec)
	cmp f g
}

@test "a reader that leaves ends zunfec in silence, as SIGPIPE does" {
	random_file f 3000000
	exits 0 zfec f
	run --separate-stderr bash -c 'zunfec -o - f.*_8.fec | head -c 10 >/dev/null; exit ${PIPESTATUS[0]}'
	[ "$status" = 141 ]
	[ -z "$stderr" ]
}

@test "standard output on a full device is an error" {
	[ -w /dev/full ] || skip 'no /dev/full'
	random_file f 100000
	exits 0 zfec f
	run --separate-stderr bash -c 'zunfec -o - f.*_8.fec >/dev/full'
	[ "$status" = 1 ]
	says "cannot restore to 'standard output'"
}

@test "closed standard streams: errors, and never a file in their place" {
	random_file f 100000
	run bash -c 'zfec -p a - <&-'
	[ "$status" = 2 ]
	[[ "$output" == *"standard input"*"closed"* ]]
	[ "$(listing)" = "f " ]
	bash -c 'zfec f <&- >&- 2>&-'
	bash -c 'zunfec -o g f.*_8.fec <&- >&- 2>&-'
	cmp f g
	for mode in '<&-' '>&-' '2>&-' '<&- 2>&-'; do
		bash -c "zfec -v -k 2 -m 4 -f -p b f $mode"
		bash -c "zunfec -v -f -o g b.[0-3]_4.fec $mode"
		cmp f g
		for n in 0 1 2 3; do [ "$(stat -c %s b.${n}_4.fec)" = 50002 ]; done
	done
	run bash -c 'zunfec -o - f.*_8.fec >&-'
	[ "$status" = 2 ]
	[[ "$output" == *"standard output"* ]]
	# The words of an error must not land in a file either.
	rm f.*
	run bash -c 'zfec nothere f 2>&-'
	[ "$status" = 2 ]
	[ -z "$output" ]
	exits 0 zunfec -f -o g f.0_8.fec f.1_8.fec f.2_8.fec
	cmp f g
}

@test "a pipe of 300 MB in 400 MB of address space, both ways" {
	need_address_space_limit
	bash -c 'ulimit -v 400000; exec zfec --no-sync -k 3 -m 5 -p p -' \
		< <(head -c 300000000 /dev/zero | tr '\0' 'x')
	[ "$(stat -c %s p.4_5.fec)" = 100000002 ]
	rm p.0_5.fec p.1_5.fec
	[ "$(bash -c 'ulimit -v 400000; exec zunfec -o - p.*_5.fec' | sha256sum)" = \
		"$(head -c 300000000 /dev/zero | tr '\0' 'x' | sha256sum)" ]
}

@test "256 shares with a soft limit of 64 open files" {
	random_file f 100000
	bash -c 'ulimit -Sn 64; exec zfec -k 200 -m 256 f'
	bash -c 'ulimit -Sn 64; exec zunfec -o g f.*_256.fec'
	cmp f g
}
