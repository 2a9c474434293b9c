# SPDX-License-Identifier: MIT
# The program sherd: what needs no snapshot. Words, help, codes, configuration, secrets, places.

load sherd

verbs='init plan place clone backup snapshots ls find diff cat restore status check repair version completion help'

@test "help: on standard output, exit 0, at most 80 columns, no tabs" {
	for words in -h --help help; do
		exits 0 sherd $words
		[ -z "$stderr" ]
		for verb in $verbs; do
			grep -qE "^  $verb +[a-z]" <<<"$output" || { echo "not listed: $verb"; false; }
		done
		[ -z "$(grep -E '.{81}' <<<"$output")" ]
	done
	for verb in $verbs; do
		for words in "$verb -h" "$verb --help" "help $verb" "$verb --oops -h" "-v $verb -h"; do
			exits 0 sherd $words
			[ -z "$stderr" ]
			[[ "$output" == *"usage: sherd $verb"* ]]
			[ -z "$(grep -vE '^(usage|       sherd)' <<<"$output" | grep -E '.{80}')" ] || { echo "$output"; false; }
			[ -z "$(grep -P '\t| $' <<<"$output")" ]
		done
		exits 0 sherd help $verb
		[ "$(grep -c '^  .*sherd ' <<<"$(sed '/^usage/,$d' <<<"$output")")" -ge 3 ]
	done
	exits 2 sherd
	[ -z "$output" ]
	says 'usage: sherd VERB'
	exits 2 sherd help nothing
	exits 0 sherd help rollback
}

@test "words that cannot be read: exit 2, nothing on standard output" {
	bad=('nonsense' '--oops' 'init' 'init a b' 'init a' 'init a -k 0' 'init a -k 257' 'init a -k x'
		'init a -k 3 -m 2 -y' 'init .a -k 1 -y' 'init a/b -k 1 -y' 'clone' 'clone home x -n' 'place nothing'
		'place add' 'place add a' 'place add a/b x' 'place set a' 'place rm' 'place ls x' 'backup'
		'backup x --stdin --name y' 'backup --stdin' 'backup --stdin --name a/b' 'backup x --need 0'
		'backup x --compression 20' 'backup x --time yesterday' 'backup x --exclude-larger-than 1x'
		'backup x --from0' 'backup x --xattrs --no-xattrs' 'backup x --tag=' 'snapshots x' 'ls a b'
		'find' 'find x --type q' 'find x --newer never' 'diff' 'diff a' 'diff a b c' 'cat' 'cat a b'
		'restore' 'restore a' 'restore a --to x --in-place' 'restore a --to='
		'restore a --to x --overwrite maybe' 'restore a --to x --no-owner --same-owner' 'status x'
		'check x' 'check --read 0' 'check --read 101' 'check --read x' 'check --deep' 'repair x' 'plan'
		'plan --places 0' 'plan --places 257' 'plan --domains 2,' 'plan --domains 2,0'
		'plan --places 3 --domains 2,2' 'plan --places 3 --loss 0' 'plan --places 3 --loss 100%'
		'version x' 'completion' 'completion tcsh' 'status -v -q' '-p' 'status --timeout never'
		'status -j 0' 'status --color blue' 'status --limit-up 3')
	for words in "${bad[@]}"; do
		exits 2 sherd $words || { echo "with: $words"; false; }
		[ -z "$output" ] || { echo "with: $words"; explain; false; }
		says 'sherd: '
		says '  try: '
	done
	[ -z "$(listing)" ]
	[ -z "$(listing "$HOME")" ]
}

@test "a verb that is misspelt is guessed" {
	exits 2 sherd snapsots
	says 'did you mean sherd snapshots'
	exits 2 sherd list
	says 'sherd snapshots'
}

@test "version: short, long, JSON" {
	exits 0 sherd --version
	[[ "$output" =~ ^sherd\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	exits 0 sherd -V
	exits 0 sherd version
	[[ "$output" == *libsodium* ]]
	exits 0 sherd version --json
	is_json
	[ "$(json output_version command)" = version ]
}

@test "output that cannot be written is an error" {
	[ -w /dev/full ] || skip 'no /dev/full'
	for words in help version 'plan --places 3' 'completion bash'; do
		run bash -c "sherd $words >/dev/full"
		[ "$status" = 1 ]
		[[ "$output" == *"cannot write to standard output"* ]]
	done
}

@test "global options stand before and behind the verb" {
	exits 10 sherd -p nope status
	says "no pool 'nope'"
	exits 10 sherd status --pool=nope
	exits 10 sherd -qp nope status --json
	is_json
	[ "$(json message_type) $(json code)" = 'exit_error 10' ]
	[ -z "$stderr" ]
	exits 2 sherd --json cat a:b --json
	[ "$(json code)" = 2 ]
	SHERD_POOL=other exits 10 sherd status
	says "no pool 'other'"
}

@test "plan: a row for each k, domains, JSON" {
	exits 0 sherd plan --places 5
	[ "$(grep -c '[1-5]-of-5 ' <<<"$output")" = 5 ]
	grep -qE '^\* +3-of-5 +1.67x +2 places +1 in 4[0-9] [0-9]{3} ' <<<"$output"
	exits 0 sherd plan --domains 2,1,1 --loss 3% --days 7 --json
	is_json
	[ "$(json places) $(json rows 1 k) $(json rows 1 n)" = '4 2 4' ]
	exits 0 sherd plan --places 1
	exits 0 sherd plan --places 256
}

@test "completion: what the shells can read" {
	for shell in bash zsh fish; do
		exits 0 sherd completion $shell
		[ -z "$stderr" ]
		printf '%s\n' "$output" >$shell.sh
	done
	bash -n bash.sh
	if command -v zsh; then zsh -n zsh.sh; fi
	if command -v fish; then fish -n fish.sh; fi
	. ./bash.sh
	COMP_WORDS=(sherd res) COMP_CWORD=1 _sherd
	COMP_WORDS=(sherd restore --overwr) COMP_CWORD=2
	_sherd
	[ "${COMPREPLY[*]}" = --overwrite ]
	COMP_WORDS=(sherd -p home restore --overwrite n) COMP_CWORD=5
	_sherd
	[ "${COMPREPLY[*]}" = 'never newer' ]
	COMP_WORDS=(sherd place t) COMP_CWORD=2
	_sherd
	[ "${COMPREPLY[*]}" = test ]
}

@test "init: the kit, the state, the configuration" {
	exits 0 sherd init home -k 2 -y $cheap
	[[ "$output" == 'Pool home '*' made. 2 shares rebuild anything. No places yet.' ]]
	[ "$(stat -c %a sherd-home-kit.txt)" = 600 ]
	[ "$(stat -c %a "$HOME/.config/sherd/config")" = 600 ]
	[ "$(stat -c %a "$HOME/.local/state/sherd/home")" = 700 ]
	grep -qE '^    id = [0-9a-f]{32}$' "$HOME/.config/sherd/config"
	# not twice, and the kit of another is never replaced
	exits 1 sherd init home -k 2 -y $cheap --kit ../k
	says 'has a pool of that name already'
	cp sherd-home-kit.txt ../before
	exits 1 sherd init work -k 2 -y $cheap --kit sherd-home-kit.txt
	cmp sherd-home-kit.txt ../before
	[ ! -e "$HOME/.local/state/sherd/work" ]
	exits 0 sherd init work -k 1 -y $cheap -q --json
	is_json
	[ "$(json pool) $(json k)" = 'work 1' ]
	[ -z "$stderr" ]
	exits 2 sherd place ls
	says 'which pool? -p NAME, one of: home, work'
	exits 0 sherd place ls -p work
}

@test "init: dry run, no terminal, no passphrase, bad passphrases" {
	exits 0 sherd init home -k 2 -n
	exits 2 sherd init home -k 2 </dev/null
	says 'add -y'
	unset SHERD_PASSPHRASE_FILE
	exits 12 sherd init home -k 2 -y $cheap </dev/null
	says 'SHERD_PASSPHRASE_FILE'
	: >../empty
	SHERD_PASSPHRASE_FILE=../empty exits 12 sherd init home -k 2 -y $cheap
	says 'is empty'
	printf '\n' >../empty
	SHERD_PASSPHRASE_FILE=../empty exits 12 sherd init home -k 2 -y $cheap
	head -c 3000 /dev/zero | tr '\0' x >../long
	SHERD_PASSPHRASE_FILE=../long exits 12 sherd init home -k 2 -y $cheap
	says 'longer than'
	SHERD_PASSPHRASE_FILE=../nothere exits 1 sherd init home -k 2 -y $cheap
	SHERD_PASSPHRASE_COMMAND=false exits 12 sherd init home -k 2 -y $cheap
	says 'ended with 1'
	SHERD_PASSPHRASE_COMMAND='kill -9 $$' exits 12 sherd init home -k 2 -y $cheap
	says 'signal 9'
	SHERD_PASSPHRASE_FD=x exits 12 sherd init home -k 2 -y $cheap
	[ -z "$(listing)" ]
	[ -z "$(listing "$HOME")" ]
}

@test "the passphrase comes from each of its sources" {
	unset SHERD_PASSPHRASE_FILE
	export SHERD_PASSPHRASE='correct horse'
	new_pool 1 1
	unset SHERD_PASSPHRASE
	mkdir ../credentials
	cp ../passphrase ../credentials/sherd-passphrase
	new_home
	exits 0 env SHERD_PASSPHRASE_COMMAND="echo 'correct horse'" sherd clone a ../p1
	exits 0 env SHERD_PASSPHRASE_FILE=../passphrase SHERD_PASSPHRASE_COMMAND=false sherd clone b ../p1
	exits 0 env CREDENTIALS_DIRECTORY=../credentials SHERD_PASSPHRASE=wrong sherd clone c ../p1
	exits 0 env SHERD_PASSPHRASE='correct horse' sherd clone d ../p1
	[[ "$stderr" != *warning* ]]
	exits 0 env SHERD_PASSPHRASE='correct horse' sherd clone e ../p1 -v
	says 'warning: SHERD_PASSPHRASE: '
	SHERD_PASSPHRASE_FD=7 exits 0 sherd clone f ../p1 7<../passphrase
	exits 12 env SHERD_PASSPHRASE=wrong sherd clone g ../p1
	says 'wrong passphrase'
	exits 12 sherd clone g ../p1 </dev/null
	says 'no terminal'
	# asked for at every use
	exits 0 env SHERD_PASSPHRASE='correct horse' sherd clone h ../p1 --no-device-key
	exits 12 sherd place ls -p h </dev/null
	exits 0 env SHERD_PASSPHRASE='correct horse' sherd place ls -p h
	sed -i "s/^\[pool \"h\"\]/&\n passphrase-command = echo 'correct horse'/" "$HOME/.config/sherd/config"
	exits 0 sherd place ls -p h </dev/null
}

@test "at a terminal: passphrase twice and without echo, the kit read back, questions" {
	unset SHERD_PASSPHRASE_FILE
	on_terminal 'one\ntwo\n' sherd init home -k 1 $cheap
	[ "$status" = 12 ]
	[[ "$output" == *'the two passphrases differ'* ]]
	on_terminal 'open sesame\nopen sesame\nxxxx\nxxxx\nxxxx\n' sherd init home -k 1 $cheap
	[ "$status" = 0 ]
	[[ "$output" != *sesame* ]]
	[[ "$output" == *'Type the last 4 characters of line '*'of the printed kit to go on: '* ]]
	[[ "$output" == *'warning: these are not on line'* ]]
	grep -qE "^ *$(grep -o 'of line [0-9]*' <<<"$output" | head -1 | tr -dc 0-9)  ([a-z2-7]{4} ){5}" sherd-home-kit.txt
	exits 0 sherd place add a ../a
	exits 0 sherd place add b ../b
	on_terminal 'n\n' sherd place rm b
	[ "$status" = 1 ]
	[[ "$output" == *"Take place 'b'"*'[y/N]'* ]]
	on_terminal 'yes\n' sherd place rm b
	[ "$status" = 0 ]
	[[ "$output" == *'Place b removed: the pool has 1.'* ]]
}

@test "place: add, test, list, set, rm" {
	exits 0 sherd init home -k 2 -y $cheap
	exits 0 sherd place ls
	exits 0 sherd place add one ../one --tag site=house
	[[ "$output" == *'testing one ... write ok, read ok, list ok, remove ok, overwrite refused: yes'* ]]
	[[ "$output" == *'Place one added: the pool has 1.'* ]]
	exits 0 sherd place add two ../two/ --domain house -n
	[ ! -e ../two ]
	exits 0 sherd place add two dir:../two/ --domain house
	exits 1 sherd place add two ../three
	exits 1 sherd place add three ../two
	mkdir ../full; touch ../full/x
	exits 1 sherd place add three ../full
	says 'try: '
	exits 1 sherd place add three ../no/where
	exits 0 sherd place add three ../three --json
	is_json
	exits 0 sherd place ls
	[ "$(grep -c ONLINE <<<"$output")" = 3 ]
	exits 0 sherd place ls --json
	is_json
	[ "$(json places 1 domain) $(json places 1 url)" = "house $(realpath ../two)" ]
	exits 0 sherd place test --json
	is_json
	[ "$(json places 2 name) $(json places 2 write)" = 'three ok' ]
	exits 1 sherd place test nothing
	# one that has moved
	mv ../two ../moved
	exits 0 sherd place ls
	grep -qE '^two +OFFLINE ' <<<"$output"
	exits 5 sherd place set two ../two
	exits 1 sherd place set two ../one
	says 'refused'
	exits 1 sherd place set nothing ../moved
	exits 0 sherd place set two ../moved -n
	exits 0 sherd place set two ../moved
	exits 0 sherd place ls
	[ "$(grep -c ONLINE <<<"$output")" = 3 ]
	exits 2 sherd place rm three </dev/null
	says 'add -y'
	exits 0 sherd place rm three -n
	exits 0 sherd place rm three -y
	[ -z "$(grep three "$HOME/.config/sherd/config")" ]
	exits 0 sherd place ls
	[ "$(grep -c ONLINE <<<"$output")" = 2 ]
}

@test "place of another pool is refused" {
	new_pool 1 2
	exits 0 sherd init work -k 1 -y $cheap
	exits 1 sherd place add x ../p1 -p work
	exits 0 sherd place add w ../w -p work
	exits 1 sherd place set p1 ../w -p home
	exits 1 sherd clone both ../p1 ../w
	says 'places of'
}

@test "clone: by passphrase, by kit, from any place; not over a pool" {
	new_pool 2 4
	exits 1 sherd clone home ../p1
	new_home
	exits 0 sherd clone home ../p3 --host other
	[[ "$output" == *'4 of 4 places answer.'* ]]
	exits 0 sherd place ls
	[ "$(grep -c ONLINE <<<"$output")" = 4 ]
	new_home
	unset SHERD_PASSPHRASE_FILE
	exits 0 sherd clone again ../p2 --kit=../kit.txt --json
	is_json
	[ "$(json pool) $(json k) $(json fresh)" = 'again 2 True' ]
	exits 0 sherd clone more ../p2 --kit ../kit.txt
	tr a-m n-z <../kit.txt >../wrong
	exits 12 sherd clone wrong ../p2 --kit=../wrong
	exits 10 sherd clone wrong ../nothere --kit=../kit.txt
	mkdir ../empty
	exits 10 sherd clone wrong ../empty --kit=../kit.txt
	exits 2 sherd clone wrong --kit </dev/null
	exits 1 sherd clone wrong ../p2 --kit=../nokit
	[ ! -e "$HOME/.local/state/sherd/wrong" ]
}

@test "configuration: environment, options, what cannot be read" {
	export XDG_CONFIG_HOME=$PWD/c XDG_STATE_HOME=$PWD/s XDG_CACHE_HOME=$PWD/k
	exits 0 sherd init home -k 1 -y $cheap
	[ -e c/sherd/config ] && [ -d s/sherd/home ] && [ -z "$(listing "$HOME")" ]
	SHERD_CONFIG=other SHERD_STATE_DIR=st exits 0 sherd init home -k 1 -y $cheap --kit k2
	[ -e other ] && [ -d st/home ]
	exits 0 sherd place ls --config c/sherd/config
	echo nonsense >>c/sherd/config
	exits 2 sherd place ls
	says "c/sherd/config' line 3: a key without '='"
	sed -i '$d; s/id = ..../id = /' c/sherd/config
	exits 2 sherd place ls
	says 'hex digits'
	sed -i 's/id = /id = 0000/' c/sherd/config
	exits 1 sherd place ls
	says 'try: '
}

@test "control characters of names do not reach the terminal" {
	exits 2 sherd -p $'a\e[2Jb' status
	says "cannot name a pool"
	[[ "$stderr" != *$'\e'* ]]
	exits 2 sherd $'a\e[2Jb'
	says 'a\x1b[2Jb'
	[[ "$stderr" != *$'\e'* ]]
}
