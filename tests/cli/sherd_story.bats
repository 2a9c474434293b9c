# SPDX-License-Identifier: MIT
# The program sherd from the first backup to the last restore. Each test makes its own pool.

load sherd

# some_files FOLDER: files of several kinds, sizes and names.
some_files()
{
	mkdir -p "$1/sub/empty"
	random_file "$1/big" 3000000
	random_file "$1/sub/small" 1000
	: >"$1/nothing"
	ln -s sub/small "$1/link"
	ln "$1/sub/small" "$1/hard"
	echo text >"$1/a b"
	echo text >"$1/"$'evil\e[2J\n'
	echo text >"$1/"$'latin\xe4'
	chmod 640 "$1/big"
	touch -d '2020-02-03 04:05:06.789' "$1/big"
}

# same A B: the two folders hold the same.
same()
{
	diff -r --no-dereference "$1" "$2"
	diff <(cd "$1" && find . -printf '%P %y %m %s %T@ %l\n' | grep -av '^ d\|^[^ ]* d' | LC_ALL=C sort) \
		<(cd "$2" && find . -printf '%P %y %m %s %T@ %l\n' | grep -av '^ d\|^[^ ]* d' | LC_ALL=C sort)
}

first_id()
{
	exits 0 sherd snapshots --json
	json snapshots "$1" id
}

@test "the story: back up, change, back up, look, lose two places, restore, repair" {
	new_pool 3 5
	some_files data
	exits 0 sherd backup data
	grep -qE '^files +[0-9]+ new, 0 changed, 0 same, 0 unreadable$' <<<"$output"
	grep -qE '^data +.* new of .*; .* packed; .* stored \(3-of-5\)$' <<<"$output"
	grep -qE '^places +5 of 5 have it all; any 2 may be lost$' <<<"$output"
	grep -qE '^snapshot +[0-9a-f]{8}  home  20[0-9-]+ [0-9:]+  \(0:[0-9]{2}\)$' <<<"$output"
	says '(3-of-5)'
	cp -a data before
	echo more >>data/big
	rm data/nothing
	echo new >data/new
	exits 0 sherd backup data --tag two --name second
	grep -qE '^files +1 new, 1 changed, ' <<<"$output"

	exits 0 sherd snapshots
	[ "$(grep -c ' here  .*5/5' <<<"$output")" = 2 ]
	[[ "$output" == *'2 snapshots of 1 host.' ]]
	exits 0 sherd snapshots --tag two --json
	is_json
	[ "$(json snapshots 0 name) $(json snapshots 0 host)" = 'second here' ]
	exits 0 sherd snapshots --host other
	[ "$output" = '0 snapshots of 0 hosts.' ]

	exits 0 sherd ls latest:"$PWD/data"
	[[ "$output" == *"$PWD/data/evil\\x1b[2J\\x0a"* && "$output" != *$'\e'* ]]
	exits 0 sherd ls -lR second:"$PWD/data/sub"
	grep -qE '^-rw-r--r-- .* 1000 B .*/data/sub/small$' <<<"$output"
	exits 0 sherd ls -R --json latest
	is_json
	grep -q '"path_bytes":"' <<<"$output"
	run bash -c "sherd ls -R0 latest | tr '\\0' '\\n' | grep -ac '^$PWD/data/.'"
	[ "$output" -ge 10 ]
	exits 0 sherd find 'sm*'
	[ "$(wc -l <<<"$output")" = 2 ]
	[[ "$output" == *:"$PWD/data/sub/small" ]]
	exits 0 sherd find --type d '*' latest:"$PWD/data" --json
	is_json
	[ "$(json found)" = 2 ]
	exits 0 sherd find --larger 1MiB '*' latest
	[[ "$output" == *:"$PWD/data/big" ]]
	exits 0 sherd diff latest~1 latest --no-metadata
	grep -qE "^\\+  $PWD/data/new +4 B$" <<<"$output"
	grep -qE "^-  $PWD/data/nothing +0 B$" <<<"$output"
	grep -qE "^M  $PWD/data/big +\\+5 B$" <<<"$output"
	[ "$(wc -l <<<"$output")" = 3 ]
	exits 0 sherd diff latest~1:"$PWD/data/sub" latest --json --no-metadata
	is_json
	[ "$(json added) $(json changed)" = '0 0' ]
	sherd cat latest:"$PWD/data/big" | cmp - data/big
	sherd cat latest~1:"$PWD/data/big" | cmp - before/big

	exits 0 sherd check --read all --deep
	[[ "$output" == *'2 snapshots whole, 0 degraded, 0 lost.' ]]
	exits 0 sherd status
	grep -qE '^ state: ONLINE$' <<<"$output"

	mv ../p1 ../p1.away; rm -r ../p4
	exits 4 sherd status
	grep -qE '^ state: DEGRADED$' <<<"$output"
	grep -qE '^p4 +OFFLINE ' <<<"$output"
	exits 4 sherd status -q
	silent
	exits 0 sherd restore latest~1:"$PWD/data" --to out
	grep -qE '^restored +[0-9]+ files, .* in 0:[0-9]{2} \(.*/s\), all verified$' <<<"$output"
	same before out
	exits 0 sherd restore latest --to all -q
	silent
	same data "all$PWD/data"
	exits 4 sherd check
	[[ "$output" == *'0 snapshots whole, 2 degraded (spare 0 of 2), 0 lost.   Next: sherd repair' ]]

	mv ../p1.away ../p1
	exits 0 sherd place rm p4 --lost -y
	exits 0 sherd place add p6 ../p6 --no-test
	exits 4 sherd repair -n
	exits 0 sherd repair -y
	[[ "$output" == *'repaired'* ]]
	exits 0 sherd check --read all
	exits 0 sherd status -x
	[ "$output" = 'all pools are healthy' ]
	exits 0 sherd repair -y
	[[ "$output" == *'nothing to repair'* ]]
	exits 0 sherd repair -y --json
	is_json
	[ "$(json shares_written)" = 0 ]
}

@test "a new machine: clone by passphrase and by kit, restore, back up" {
	new_pool 2 3
	some_files data
	exits 0 sherd backup data
	new_home
	exits 0 sherd clone home ../p2 --host second
	[[ "$output" == *'Newest heads: here '* ]]
	exits 0 sherd restore latest:"$PWD/data" --to out
	same data out
	exits 0 sherd backup data
	new_home
	unset SHERD_PASSPHRASE_FILE
	exits 0 sherd clone home ../p3 --kit=../kit.txt --host third
	exits 0 sherd snapshots
	[[ "$output" == *'2 snapshots of 2 hosts.' ]]
	exits 0 sherd snapshots --host second
	[[ "$output" == *'1 snapshot of 1 host.' ]]
	exits 0 sherd restore latest:"$PWD/data/big" --to one
	cmp data/big one/big
}

@test "backup: standard input, lists, patterns, dry run, one file at fault" {
	new_pool 1 2
	some_files data
	exits 0 bash -c 'echo hello | sherd backup --stdin --name greeting.txt'
	exits 0 sherd cat latest:/greeting.txt
	[ "$output" = hello ]
	exits 0 sherd backup data -n
	[[ "$output" == *'nothing was stored'* ]]
	exits 0 sherd snapshots
	[[ "$output" == *'1 snapshot of 1 host.' ]]
	find data -type f -name '*mall*' -print0 | sherd backup --files-from - -0
	exits 0 sherd find '*' latest --type f
	[ "$(wc -l <<<"$output")" = 1 ]
	printf '# comment\nbig\n\n*.o\n' >patterns
	touch data/x.o data/y.o data/skip
	mkdir data/cache data/marked
	printf 'Signature: 8a477f597d28d172789f06886806bc55' >data/cache/CACHEDIR.TAG
	touch data/cache/c data/marked/.no data/marked/m
	exits 0 sherd backup data --exclude-file patterns --exclude '!y.o' --exclude skip --exclude-caches \
		--exclude-if-present .no
	exits 0 sherd ls -R latest
	for name in big x.o skip cache/c marked/m; do
		! grep -qaFx "$PWD/data/$name" <<<"$output" || { echo "saved: $name"; false; }
	done
	for name in y.o sub/small cache marked; do
		grep -qaFx "$PWD/data/$name" <<<"$output" || { echo "not saved: $name"; false; }
	done
	exits 0 sherd backup data --exclude-larger-than 100KiB --compression off --time 2026-11-01T10:00
	exits 0 sherd find big @2026-11-01T10:00
	[ -z "$output" ]
	exits 1 sherd backup nothere
	says 'no snapshot was made'
	says 'nothere'
	exits 0 sherd backup data --json
	is_json
	[ "$(json message_type) $(json files_unreadable)" = 'summary 0' ]
	if [ "$(id -u)" != 0 ]; then
		chmod 0 data/big
		exits 3 sherd backup data
		says "cannot read '$PWD/data/big'"
		grep -q ' 1 unreadable' <<<"$output"
	fi
}

@test "backup: the pool's own places are left out; --one-file-system stays on one" {
	new_pool 2 3
	some_files data
	mkdir data/other
	echo below >data/other/file
	exits 0 sherd backup .. --exclude "$HOME" # its places are ../p1 ...
	exits 0 sherd ls -R latest
	[[ "$output" == *'data/a b'* ]]
	[ -z "$(grep -E 'sherd-place|packs|heads' <<<"$output")" ]
	[ -d ../p1/packs ] && [ -f ../p1/sherd-place ]
	unshare -rm mount -t tmpfs none data/other 2>/dev/null || skip 'no mounts in a user namespace here'
	mounted='mount -t tmpfs none data/other && echo above >data/other/mounted && exec sherd -q backup data'
	exits 0 unshare -rm sh -c "$mounted"
	exits 0 sherd ls -R latest
	[[ "$output" == *other/mounted* ]]
	exits 0 unshare -rm sh -c "$mounted --one-file-system"
	exits 0 sherd ls -R latest
	[[ "$output" != *mounted* && "$output" != *other/file* && "$output" == *data/other* ]]
}

@test "restore: what is there stays, --overwrite, --delete, --in-place, includes" {
	new_pool 1 2
	some_files data
	exits 0 sherd backup data
	mkdir out; echo mine >out/big; echo extra >out/extra
	exits 0 sherd restore latest:"$PWD/data" --to out
	[ "$(cat out/big)" = mine ]
	says "left as it is"
	exits 0 sherd restore latest:"$PWD/data" --to out --overwrite differ
	cmp data/big out/big
	exits 2 sherd restore latest:"$PWD/data" --to out --delete </dev/null
	says 'add -y'
	exits 0 sherd restore latest:"$PWD/data" --to out --delete -n
	[ -e out/extra ]
	on_terminal 'n\n' sherd restore latest:"$PWD/data" --to out --delete
	[ "$status" = 1 ]
	[[ "$output" == *extra* ]]
	[ -e out/extra ]
	exits 0 sherd restore latest:"$PWD/data" --to out --delete -y
	[ ! -e out/extra ]
	same data out
	exits 0 sherd restore latest --to some --include 'sub/' --exclude empty
	[ -e "some$PWD/data/sub/small" ] && [ ! -e "some$PWD/data/big" ] && [ ! -e "some$PWD/data/sub/empty" ]
	cp -a data kept
	rm data/big; echo bad >data/sub/small
	exits 0 sherd restore latest:"$PWD/data" --in-place --overwrite differ
	same kept data
	rm data/big
	exits 0 sherd restore latest:"$PWD/data/big" --in-place
	cmp kept/big data/big
	exits 1 sherd restore latest:/nowhere --to x
	exits 1 sherd restore ffffffff --to x
	says 'no such snapshot'
	exits 1 sherd ls nosuch
}

@test "too few places: 15, nothing committed; lost data: 20, the rest is restored" {
	new_pool 2 4
	some_files data
	exits 0 sherd backup data
	mv ../p1 ../a; mv ../p2 ../b
	exits 15 sherd backup data --force-read
	says 'no snapshot was made'
	mv ../p3 ../c
	exits 15 sherd status
	[[ "$output" == *UNAVAILABLE* ]]
	run sherd restore latest --to out
	[ "$status" != 0 ]
	[ ! -e "out$PWD/data/big" ]
	mv ../a ../p1; mv ../b ../p2; mv ../c ../p3
	exits 0 sherd snapshots
	[[ "$output" == *'1 snapshot of 1 host.' ]]
	exits 0 sherd status
	# The pack with the content of one file keeps one share of two needed; the others are whole.
	find ../p[1-4] -type f -size +100k | sort >../before
	random_file both 2000000
	exits 0 sherd backup both
	find ../p[1-4] -type f -size +100k | sort | comm -13 ../before - >../first
	mkdir more; mv both more/; random_file more/other 1500000
	exits 0 sherd backup more
	for place in 1 2 3; do
		grep "^../p$place/" ../first | xargs rm
	done
	exits 20 sherd check
	says "data lost: '"
	exits 20 sherd status
	[[ "$output" == *'DATA LOST'* ]]
	exits 0 sherd restore latest~2 --to out
	exits 20 sherd restore latest:"$PWD/more" --to out2
	says "data lost: '"
	says "more/both'"
	[[ "$output" == *'lost      1 file,'* ]]
	cmp more/other out2/other
	[ ! -e out2/both ]
	exits 20 sherd restore latest:"$PWD/more" --to out3 --json
	is_json
	[ "$(json lost)" = 1 ]
	exits 20 sherd repair -y
}

@test "a share that lies is healed and told" {
	new_pool 1 2
	some_files data
	exits 0 sherd backup data
	find ../p1 ../p2 -type f -size +100k | while read -r file; do
		case $file in ../p1/*) flip "$file" 1000000 ;; esac
	done
	exits 4 sherd check --read all
	exits 0 sherd restore latest:"$PWD/data" --to out --no-cache
	same data out
	exits 0 sherd repair -y
	exits 0 sherd check --read all
}

@test "busy: 11 for a second writer, readers go on" {
	new_pool 1 1
	some_files data
	exits 0 sherd backup data
	mkfifo pipe
	sherd backup --stdin --name slow <pipe &
	writer=$!
	exec 8>pipe
	echo part >&8
	for i in $(seq 100); do
		run --separate-stderr sherd check
		[ "$status" = 11 ] && break
		sleep 0.1
	done
	[ "$status" = 11 ]
	says 'try: '
	exits 0 sherd snapshots
	exits 0 sherd status
	exits 0 sherd restore latest --to out
	exec 8>&-
	wait $writer
	exits 0 sherd cat latest:/slow
	[ "$output" = part ]
}

@test "Ctrl-C: dies by the signal, says what stays; the next backup works" {
	new_pool 1 1
	mkfifo pipe
	for signal in INT TERM; do
		# a shell without job control starts what is in the background with SIGINT ignored
		env --default-signal=INT sherd backup --stdin --name slow <pipe 2>said &
		writer=$!
		exec 8>pipe
		head -c 100000 /dev/zero >&8
		sleep 1
		kill -$signal $writer
		exec 8>&-
		code=0
		wait $writer || code=$?
		cat said
		[ $code = $((128 + $(kill -l $signal))) ]
		grep -q 'stopped: no snapshot was made' said
		grep -q 'what was stored already is used' said
	done
	exits 0 sherd snapshots
	[[ "$output" == *'0 snapshots of 0 hosts.' ]]
	some_files data
	exits 0 sherd backup data
}

@test "a terminal shows progress, and colours if wanted" {
	new_pool 1 2
	random_file data 20000000
	on_terminal '' sherd backup data
	[ "$status" = 0 ]
	[[ "$output" == *'snapshot  '* ]]
	exits 0 sherd status --color always
	[[ "$output" == *$'\e[32mONLINE\e[0m'* ]]
	exits 0 sherd status
	[[ "$output" != *$'\e'* ]]
	NO_COLOR=1 on_terminal '' sherd status
	[[ "$output" != *$'\e[32m'* ]]
	on_terminal '' sherd status
	[[ "$output" == *$'\e[32mONLINE\e[0m'* ]]
}

@test "every verb speaks JSON" {
	new_pool 1 2
	some_files data
	exits 0 sherd backup data --json; is_json
	for words in status snapshots 'ls latest' "find big" 'diff latest latest' check 'check --read all' \
		'repair -y' 'repair -n' "restore latest --to out" 'place ls' 'place test' 'plan -p home' version; do
		exits 0 sherd $words --json || { echo "with: $words"; false; }
		is_json
		tail -n 1 <<<"$output" | grep -q '"output_version":{"command":"'
	done
	exits 1 sherd ls nosuch --json
	is_json
	[ "$(json message_type) $(json code)" = 'exit_error 1' ]
}
