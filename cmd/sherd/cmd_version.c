/* SPDX-License-Identifier: MIT */
/* cmd_version.c - sherd version: what is in this program. */
#include <stdio.h>
#include <sys/utsname.h>
#include "cmds.h"
#include "out.h"

struct values {
	struct globals g;
};

static const struct option_table table = {
	.usage = "sherd version [--json]",
	.summary = "Show the version, the versions of the libraries within, and which formats it "
		   "reads and writes.",
	GLOBALS_SHARED,
};

static int run(struct app *app, void *values, char **operands, int count)
{
	const struct values *v = values;
	struct utsname machine = {0};

	(void)operands;
	if (count)
		return app_usage(app, "version takes no operands");
	uname(&machine);
	if (v->g.json) {
		struct json *j = app_json(app, NULL);

		json_text(j, "version", SHERD_VERSION);
		json_text(j, "compiler", __VERSION__);
		json_text(j, "system", machine.sysname);
		json_text(j, "machine", machine.machine);
		json_object(j, "libraries");
		json_text(j, "libcrypto", SHERD_BUILT_LIBCRYPTO);
		json_text(j, "libsodium", SHERD_BUILT_LIBSODIUM);
		json_text(j, "libzstd", SHERD_BUILT_LIBZSTD);
		json_end(j);
		json_array(j, "suites");
		json_number(j, NULL, 1);
		json_end(j);
		json_array(j, "places");
		json_text(j, NULL, "dir");
		json_end(j);
		json_end(j);
		return EXIT_OK;
	}
	out("sherd %s\n", SHERD_VERSION);
	if (v->g.quiet || v->g.version)
		return EXIT_OK;
	out("machine    %s %s\n", machine.sysname, machine.machine);
	out("compiler   %s\n", __VERSION__);
	out("built with libcrypto %s, libsodium %s, libzstd %s\n", SHERD_BUILT_LIBCRYPTO,
		SHERD_BUILT_LIBSODIUM, SHERD_BUILT_LIBZSTD);
	out("suites     1 (SHA-256, AES-256-GCM, Argon2id, Ed25519, X25519)\n");
	out("places     dir\n");
	return EXIT_OK;
}

const struct verb verb_version = {
	.name = "version",
	.group = "other",
	.summary = "show the version and what is in it",
	.table = &table,
	.examples = "  sherd version\n  sherd --version\n  sherd version --json\n",
	.size = sizeof(struct values),
	.run = run,
};
