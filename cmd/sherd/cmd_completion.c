/* SPDX-License-Identifier: MIT */
/*
 * cmd_completion.c - sherd completion bash|zsh|fish: scripts made from the option tables, so that
 * they never lag behind.
 */
#include <stdio.h>
#include <string.h>
#include "cmds.h"

struct values {
	struct globals g;
};

static const struct option_table table = {
	.usage = "sherd completion bash|zsh|fish",
	.summary = "Print a script that completes verbs, options and their values in that shell.",
	GLOBALS_SHARED,
};

static const char place_words[] = "add ls test set rm";

/* Words that a verb takes first; NULL: files. */
static const char *operands_of(const struct verb *verb)
{
	if (!strcmp(verb->name, "place"))
		return place_words;
	if (!strcmp(verb->name, "completion"))
		return "bash zsh fish";
	return NULL;
}

static void put_verbs(const char *separator)
{
	for (size_t i = 0; verbs[i]; i++)
		printf("%s%s", i ? separator : "", verbs[i]->name);
}

/* All options of a verb: "--exclude --tag -t". */
static void put_options(const struct verb *verb)
{
	const struct option_entry *e;

	for (size_t i = 0; (e = options_entry(verb->table, i)); i++) {
		printf("%s--%s", i ? " " : "", e->name);
		if (e->letter)
			printf(" -%c", e->letter);
	}
}

static void put_choices(const char *words)
{
	for (; *words; words++)
		putchar(*words == '|' ? ' ' : *words);
}

static void bash_verb(const struct verb *verb)
{
	const char *words = operands_of(verb);
	const struct option_entry *e;

	printf("\t%s)\n\t\tcase $previous in\n", verb->name);
	for (size_t i = 0; (e = options_entry(verb->table, i)); i++) {
		if (e->kind != OPTION_KIND_CHOICE)
			continue;
		printf("\t\t--%s) words='", e->name);
		put_choices(e->words);
		printf("' ;;\n");
	}
	printf("\t\t*) [[ $word == -* ]] && words='");
	put_options(verb);
	printf("' ;;\n\t\tesac\n");
	if (words)
		printf("\t\t[[ $word == -* || $words ]] || words='%s'\n", words);
	printf("\t\t;;\n");
}

/* compgen alone: bash-completion need not be installed. */
static void bash(void)
{
	printf("# bash completion for sherd\n"
	       "_sherd()\n{\n"
	       "\tlocal word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
	       "\tlocal verb= words= i\n"
	       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	       "\t\tcase ${COMP_WORDS[i]} in\n"
	       "\t\t-p|--pool|--config|--cache-dir|--color|--timeout|-j|--threads) ((i++)) ;;\n"
	       "\t\t-*) ;;\n"
	       "\t\t*) verb=${COMP_WORDS[i]}; break ;;\n"
	       "\t\tesac\n\tdone\n"
	       "\tcase $verb in\n"
	       "\t'') words='");
	put_verbs(" ");
	printf("' ;;\n");
	for (size_t i = 0; verbs[i]; i++)
		if (strcmp(verbs[i]->name, "help"))
			bash_verb(verbs[i]);
	printf("\thelp) words='");
	put_verbs(" ");
	printf("' ;;\n\tesac\n"
	       "\tif [[ $words ]]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
	       "\telse\n"
	       "\t\tCOMPREPLY=()\n"
	       "\t\tcompopt -o default 2>/dev/null\n"
	       "\tfi\n}\n"
	       "complete -F _sherd sherd\n");
}

/* Text within single quotes of a shell. */
static void put_quoted(const char *text, const char *special)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", stdout);
		else if (strchr(special, *text))
			printf("\\%c", *text);
		else
			putchar(*text);
	}
}

static void zsh_spec(const struct option_entry *e, const char *dashes, const char *name)
{
	printf(" \\\n\t\t'*%s%s", dashes, name);
	printf("[");
	put_quoted(e->help, "[]:\\");
	printf("]");
	if (e->argument && e->kind == OPTION_KIND_CHOICE) {
		printf(":value:(");
		put_choices(e->words);
		printf(")");
	} else if (e->argument) {
		printf(":");
		put_quoted(e->argument, "[]:\\");
		printf(":_files");
	}
	printf("'");
}

static void zsh_verb(const struct verb *verb)
{
	const char *words = operands_of(verb);
	const struct option_entry *e;

	printf("\t%s)\n\t\t_arguments -S", verb->name);
	for (size_t i = 0; (e = options_entry(verb->table, i)); i++) {
		char letter[2] = {e->letter, '\0'};

		zsh_spec(e, "--", e->name);
		if (e->letter)
			zsh_spec(e, "-", letter);
	}
	if (words)
		printf(" \\\n\t\t'1:word:(%s)'", words);
	printf(" \\\n\t\t'*:file:_files'\n\t\t;;\n");
}

static void zsh(void)
{
	printf("#compdef sherd\n"
	       "_sherd()\n{\n"
	       "\tlocal -a verbs\n"
	       "\tverbs=(\n");
	for (size_t i = 0; verbs[i]; i++) {
		printf("\t\t'%s:", verbs[i]->name);
		put_quoted(verbs[i]->summary, ":\\");
		printf("'\n");
	}
	printf("\t)\n"
	       "\tif ((CURRENT == 2)); then\n"
	       "\t\t_describe verb verbs\n"
	       "\t\treturn\n"
	       "\tfi\n"
	       "\tshift words\n"
	       "\t((CURRENT--))\n"
	       "\tcase $words[1] in\n");
	for (size_t i = 0; verbs[i]; i++)
		zsh_verb(verbs[i]);
	printf("\tesac\n}\n_sherd \"$@\"\n");
}

static void fish_option(const char *verb, const struct option_entry *e)
{
	printf("complete -c sherd -n '__fish_seen_subcommand_from %s' -l %s", verb, e->name);
	if (e->letter)
		printf(" -s %c", e->letter);
	if (e->kind == OPTION_KIND_CHOICE) {
		printf(" -x -a '");
		put_choices(e->words);
		printf("'");
	} else if (e->argument && e->kind != OPTION_KIND_MAYBE) {
		printf(" -r");
	}
	printf(" -d '");
	put_quoted(e->help, "\\");
	printf("'\n");
}

static void fish(void)
{
	printf("# fish completion for sherd\n");
	for (size_t i = 0; verbs[i]; i++) {
		const struct option_entry *e;
		const char *words = operands_of(verbs[i]);

		printf("complete -c sherd -f -n __fish_use_subcommand -a %s -d '", verbs[i]->name);
		put_quoted(verbs[i]->summary, "\\");
		printf("'\n");
		for (size_t o = 0; (e = options_entry(verbs[i]->table, o)); o++)
			fish_option(verbs[i]->name, e);
		if (words)
			printf("complete -c sherd -f -n '__fish_seen_subcommand_from %s' -a '%s'\n",
				verbs[i]->name, words);
	}
}

static int run(struct app *app, void *values, char **operands, int count)
{
	(void)values;
	if (count != 1)
		return app_usage(app, "which shell? bash, zsh or fish");
	if (!strcmp(operands[0], "bash"))
		bash();
	else if (!strcmp(operands[0], "zsh"))
		zsh();
	else if (!strcmp(operands[0], "fish"))
		fish();
	else
		return app_usage(app, "'%s' is none of bash, zsh, fish", operands[0]);
	return EXIT_OK;
}

const struct verb verb_completion = {
	.name = "completion",
	.group = "other",
	.summary = "print completion for a shell",
	.table = &table,
	.examples = "  . <(sherd completion bash)\n"
		    "  sherd completion zsh > ~/.zfunc/_sherd\n"
		    "  sherd completion fish > ~/.config/fish/completions/sherd.fish\n",
	.size = sizeof(struct values),
	.run = run,
};
