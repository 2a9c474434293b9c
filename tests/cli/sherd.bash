# SPDX-License-Identifier: MIT
# sherd.bash: for tests of the program sherd: a home of its own, a cheap passphrase, pools and places.

load helpers

setup()
{
	mkdir "$BATS_TEST_TMPDIR/here" "$BATS_TEST_TMPDIR/home"
	cd "$BATS_TEST_TMPDIR/here"
	PATH=$SHERD_BIN_DIR:$PATH
	umask 022
	unset TERM NO_COLOR CLICOLOR
	for name in $(compgen -v SHERD_) $(compgen -v XDG_) CREDENTIALS_DIRECTORY; do
		case $name in SHERD_BIN_DIR | SHERD_SANITIZED | SHERD_UPDATE) ;; *) unset "$name" ;; esac
	done
	export HOME=$BATS_TEST_TMPDIR/home
	export TZ=UTC
	echo 'correct horse' >../passphrase
	export SHERD_PASSPHRASE_FILE=$BATS_TEST_TMPDIR/passphrase
}

cheap='--kdf-memory 8MiB --kdf-passes 1'

# new_pool K PLACES: a pool "home", and its places ../p1 ...
new_pool()
{
	exits 0 sherd init home -k "$1" -y $cheap --host here --kit ../kit.txt
	for i in $(seq "$2"); do
		exits 0 sherd place add "p$i" "../p$i" --no-test
	done
}

# new_home: as on another machine.
new_home()
{
	export HOME=$BATS_TEST_TMPDIR/home.$RANDOM$RANDOM
	mkdir "$HOME"
}

# is_json: each line of the last output is a JSON document.
is_json()
{
	[ -n "$output" ] || { explain; return 1; }
	while IFS= read -r line; do
		/usr/bin/python3 -m json.tool <<<"$line" >/dev/null || { echo "no JSON: $line"; return 1; }
	done <<<"$output"
}

# json KEY...: what the last line of the output holds there: json places 0 name
json()
{
	tail -n 1 <<<"$output" | /usr/bin/python3 -c 'import json, sys
x = json.load(sys.stdin)
for key in sys.argv[1:]:
    x = x[int(key) if isinstance(x, list) else key]
print(x)' "$@"
}

# on_terminal TEXT COMMAND...: run it with a terminal at its streams; TEXT, with \n for return, is
# typed one line at a time. Output in $output, exit code in $status.
on_terminal()
{
	run /usr/bin/python3 "$BATS_TEST_DIRNAME/on_terminal.py" "$@"
}
