# SPDX-License-Identifier: MIT
# Long ones: suite `slow`.

load helpers

@test "a pipe of 2 GiB in 400 MB of address space, both ways" {
	need_address_space_limit
	source=$(cat <<-'END'
		import hashlib, sys
		for i in range(2048):
		    sys.stdout.buffer.write(hashlib.shake_128(b"%d" % i).digest(1 << 20))
	END
	)
	sum=$(/usr/bin/python3 -c "$source" | sha256sum)
	/usr/bin/python3 -c "$source" | bash -c 'ulimit -v 400000; exec zfec --no-sync -k 3 -m 5 -p p -'
	[ "$(stat -c %s p.4_5.fec)" = 715827885 ]
	rm p.0_5.fec p.1_5.fec
	[ "$(bash -c 'ulimit -v 400000; exec zunfec -o - p.*_5.fec' | sha256sum)" = "$sum" ]
	bash -c 'ulimit -v 400000; exec zunfec --no-sync -o f p.*_5.fec'
	[ "$(sha256sum <f)" = "$sum" ]
}
