/* SPDX-License-Identifier: MIT */
/*
 * secrets.h - where the passphrase and the recovery kit come from. Never from the command line.
 *
 * The passphrase, the first of these that is there: the file $SHERD_PASSPHRASE_FILE; what the
 * command $SHERD_PASSPHRASE_COMMAND prints; descriptor $SHERD_PASSPHRASE_FD; the file
 * sherd-passphrase in $CREDENTIALS_DIRECTORY (systemd); the configuration's passphrase-command;
 * $SHERD_PASSPHRASE; a question at the terminal. One newline at its end is dropped.
 */
#ifndef CMD_SHERD_SECRETS_H
#define CMD_SHERD_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <sherd/error.h>
#include <sherd/pool.h>

#define SECRETS_PASSPHRASE_MAX 1024 /* bytes */
#define SECRETS_KIT_MAX 65536

struct secrets {
	const char *command; /* passphrase-command; NULL: none */
	const char *known; /* a passphrase that was just given, not owned; it is the first source */
	size_t known_size;
	const char *kit_file; /* file of the recovery kit */
	bool ask_kit;         /* ask for the kit at the terminal */
	bool verbose;         /* warn of $SHERD_PASSPHRASE */
	struct sherd_secrets hooks;
};

/* secrets_hooks(s): what to hand to the library; valid as long as ${s} stays where it is. */
const struct sherd_secrets *secrets_hooks(struct secrets *s);
void secrets_release(struct secrets *s);

/*
 * secrets_new_passphrase(s, buffer, size, ret_size, err):
 * The passphrase of a new pool: asked for twice if it comes from the terminal. Errors: BADKEY
 * (empty, too long, the two differ, none is given and nobody can be asked), those of its source.
 */
int secrets_new_passphrase(
	struct secrets *s, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err);

#endif
