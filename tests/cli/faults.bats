# SPDX-License-Identifier: MIT
# The world refuses: full disks, limits, read-only folders, files that cannot be read or go away.

load helpers

@test "a full disk: nothing old lost, nothing new left (zfec)" {
	need_mounts
	random_file f 1500000
	export -f fingerprint listing
	unshare -m bash -eu <<-'END'
		mkdir disk
		mount -t tmpfs -o size=2m none disk
		echo precious >disk/f.0_8.fec
		before=$(fingerprint disk/*; listing disk)
		for words in '' -f '--no-sync -f' '-v -f'; do
		    status=0
		    zfec $words -s .x -d disk f 2>err || status=$?
		    [ $status = 1 ] || { cat err; exit 1; }
		    grep -q 'No space left' err
		    status=0
		    zfec -f $words -d disk f 2>err || status=$?
		    [ $status = 1 ] || { cat err; exit 1; }
		    [ "$(fingerprint disk/*; listing disk)" = "$before" ]
		done
		# And there is nothing in the way of what fits.
		head -c 100000 f >small
		zfec -d disk small
		zunfec -o back disk/small.*_8.fec
		cmp small back
	END
}

@test "a full disk: nothing old lost, nothing new left (zunfec)" {
	need_mounts
	random_file f 1500000
	exits 0 zfec f
	export -f fingerprint listing
	unshare -m bash -eu <<-'END'
		mkdir disk
		mount -t tmpfs -o size=1m none disk
		echo precious >disk/old
		before=$(fingerprint disk/*; listing disk)
		for words in '-o disk/new' '-f -o disk/old' '--no-sync -f -o disk/old'; do
		    status=0
		    zunfec $words f.*_8.fec 2>err || status=$?
		    [ $status = 1 ] || { cat err; exit 1; }
		    grep -q 'No space left' err
		    [ "$(fingerprint disk/*; listing disk)" = "$before" ]
		done
	END
}

@test "a file size limit is an error, not a death" {
	random_file f 1500000
	exits 1 bash -c 'ulimit -f 100; exec zfec f'
	says 'File too large'
	[ "$(listing)" = "f " ]
	exits 0 zfec f
	echo precious >old
	before=$(fingerprint old)
	exits 1 bash -c 'ulimit -f 600; exec zunfec -o new f.*_8.fec'
	says 'File too large'
	exits 1 bash -c 'ulimit -f 600; exec zunfec -f -o old f.*_8.fec'
	[ ! -e new ]
	[ "$(fingerprint old)" = "$before" ]
	[ "$(ls -A | wc -l)" = 10 ]
}

@test "too few open files allowed: an error, nothing left" {
	random_file f 100000
	exits 1 bash -c 'ulimit -n 64; exec zfec -k 100 -m 256 f'
	says 'Too many open files'
	[ "$(listing)" = "f " ]
}

# Runs a command as somebody without rights; $nobody is empty if that is us already.
as_nobody()
{
	if [ "$(id -u)" = 0 ]; then
		chmod o+x "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR/../.." \
			"$BATS_TEST_TMPDIR/../../.."
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		"$@"
	fi
}

@test "a folder in which one may not write" {
	random_file f 1000
	chmod 644 f
	mkdir shut
	exits 0 zfec f
	echo old >shut/old
	chmod 666 shut/old
	chmod 555 shut
	as_nobody true 2>/dev/null || skip 'nobody cannot come here'
	as_nobody test -r f || skip 'nobody cannot come here'
	exits 1 as_nobody zfec -d shut f
	says 'Permission denied'
	says 'try: -d DIR'
	exits 2 as_nobody zunfec -o shut/new f.*_8.fec
	says 'Permission denied'
	run as_nobody zunfec -f -o shut/old f.*_8.fec
	[ "$status" -ne 0 ]
	[ "$(cat shut/old)" = old ]
	[ "$(listing shut)" = "old " ]
	chmod 755 shut
}

@test "a read-only file system" {
	need_mounts
	random_file f 1000
	exits 0 zfec f
	unshare -m bash -eu <<-'END'
		mkdir ro
		mount -t tmpfs none ro
		echo old >ro/old
		mount -o remount,ro ro
		status=0; zfec -d ro f 2>err || status=$?
		[ $status = 1 ]; grep -q 'Read-only file system' err
		status=0; zunfec -o ro/new f.*_8.fec 2>err || status=$?
		[ $status = 2 ]; grep -q 'Read-only file system' err
		status=0; zunfec -f -o ro/old f.*_8.fec 2>err || status=$?
		[ $status = 2 ]; [ "$(cat ro/old)" = old ]
	END
}

@test "an input that may not be read: exit 2; a share: left out" {
	random_file f 1000
	exits 0 zfec f
	chmod 000 f f.1_8.fec
	chmod 777 .
	as_nobody test -e f || skip 'nobody cannot come here'
	exits 2 as_nobody zfec f
	says "cannot open 'f'"
	says 'Permission denied'
	exits 0 as_nobody zunfec -o g f.*_8.fec
	says "left out 'f.1_8.fec', unreadable"
	chmod 644 f
	cmp f g
}

@test "an input that is no file" {
	mkdir d
	exits 2 zfec d
	exits 2 zfec d/
	exits 2 zfec nothere
	exits 2 zfec d/nothere
	exits 2 zfec ''
	ln -s loop loop
	exits 2 zfec loop
	[ "$(listing)" = "d loop " ]
}

@test "the folder for the output goes away in between" {
	mkdir out
	mkfifo in
	zfec -p f -d out - <in 2>err 3>&- &
	pid=$!
	exec 9>in
	echo start >&9
	sleep 0.3
	rm -rf out
	echo end >&9
	exec 9>&-
	status=0
	wait $pid || status=$?
	[ "$status" = 1 ]
	grep -q 'zfec: cannot encode' err
	[ "$(listing)" = "err in " ]
}

@test "an input that was deleted while it is open is read to its end" {
	random_file f 1000000
	exits 0 zfec -p whole f
	exec 8<f
	rm f
	exits 0 zfec -p part - <&8
	exec 8<&-
	cmp whole.5_8.fec part.5_8.fec
}

@test "a current folder that was deleted" {
	random_file f 1000
	exits 0 zfec -p whole f
	mkdir gone
	cd gone
	rmdir ../gone
	exits 1 zfec -p p "$BATS_TEST_TMPDIR/here/f"
	exits 2 zunfec -o g "$BATS_TEST_TMPDIR"/here/whole.*_8.fec
	cd "$BATS_TEST_TMPDIR/here"
	[ "$(ls | wc -l)" = 9 ]
}

@test "a file that grows or shrinks while it is read: refused, nothing made" {
	random_file f 60000000
	(while echo more >>f; do :; done) 2>/dev/null 3>&- &
	writer=$!
	status=0
	zfec --no-sync f 2>err || status=$?
	kill $writer
	wait $writer || :
	[ "$status" = 1 ]
	grep -q 'changed' err
	[ "$(listing)" = "err f " ]
}

@test "a name that is too long" {
	name=$(printf 'n%.0s' $(seq 250))
	random_file "$name" 10
	exits 1 zfec "$name"
	says 'File name too long'
	exits 0 zfec -p short "$name"
	exits 2 zunfec -o "$name$name" short.*_8.fec
	says 'File name too long'
}

@test "a block device is never written to without -f" {
	[ "$(id -u)" = 0 ] || skip 'only root can make a device'
	mknod disk b 1 250 || skip 'no device can be made here'
	head -c 1000 /dev/urandom >f
	zfec -q f
	exits 2 zunfec -o disk f.*_8.fec
	says 'holds data'
}
