# SPDX-License-Identifier: MIT
# helpers.bash: for all .bats files here. Every test runs in a folder of its own.
#
#   SHERD_BIN_DIR     where the tools under test are
#   SHERD_SANITIZED   not "none": built with sanitizers, which need much address space
#   SHERD_UPDATE=1    write the expected texts in expect/ anew instead of comparing

bats_require_minimum_version 1.5.0

setup()
{
	mkdir "$BATS_TEST_TMPDIR/here" # bats itself keeps files beside it
	cd "$BATS_TEST_TMPDIR/here"
	PATH=$SHERD_BIN_DIR:$PATH
	umask 022
	unset TERM
}

# Show what the last `run` gave when something is wrong.
explain()
{
	echo "exit $status"
	echo "stdout: $output"
	echo "stderr: ${stderr-}"
}

# exits CODE COMMAND...: run it, keep $output and $stderr apart, demand the exit code.
exits()
{
	local wanted=$1
	shift
	run --separate-stderr "$@"
	[ "$status" -eq "$wanted" ] || { explain; echo "wanted exit $wanted of: $*"; return 1; }
}

# says TEXT: the last error output contains TEXT.
says()
{
	[[ "$stderr" == *"$1"* ]] || { explain; echo "not said: $1"; return 1; }
}

# silent: nothing was said at all.
silent()
{
	[ -z "$output$stderr" ] || { explain; return 1; }
}

# expect_text NAME: the last error output is that of expect/NAME.
expect_text()
{
	local file=$BATS_TEST_DIRNAME/expect/$1
	if [ "${SHERD_UPDATE-}" = 1 ]; then
		mkdir -p "${file%/*}"
		printf '%s\n' "$stderr" >"$file"
	fi
	diff -u "$file" <(printf '%s\n' "$stderr")
}

# random_file NAME SIZE: bytes that do not compress; the same for the same size.
random_file()
{
	/usr/bin/python3 -c 'import random, sys
open(sys.argv[1], "wb").write(random.Random(int(sys.argv[2])).randbytes(int(sys.argv[2])))' "$1" "$2"
}

# listing [FOLDER]: all names in it, hidden ones too, on one line.
listing()
{
	(cd "${1:-.}" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | tr '\n' ' ')
}

# flip FILE OFFSET: change one byte of it.
flip()
{
	/usr/bin/python3 -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2])); b = f.read(1)[0]
    f.seek(int(sys.argv[2])); f.write(bytes([b ^ 0x5a]))' "$1" "$2"
}

# fingerprint FILE...: content, mode and inode, to see that they were left alone.
fingerprint()
{
	sha256sum -- "$@"
	stat -c '%n %i %a %s' -- "$@"
}

need_root()
{
	[ "$(id -u)" = 0 ] || skip 'needs root'
}

# Runs the rest of its arguments as a script in a mount namespace of its own, as root.
need_mounts()
{
	need_root
	unshare -m true 2>/dev/null || skip 'no private mounts here'
}

need_address_space_limit()
{
	[ "${SHERD_SANITIZED-none}" = none ] || skip 'sanitizers need more address space'
}
