/* SPDX-License-Identifier: MIT */
/* cmds.h - the verbs: each in cmd_NAME.c. */
#ifndef CMD_SHERD_CMDS_H
#define CMD_SHERD_CMDS_H

#include "app.h"

extern const struct verb verb_init, verb_clone, verb_place, verb_plan;
extern const struct verb verb_backup, verb_snapshots, verb_ls, verb_find, verb_diff, verb_cat;
extern const struct verb verb_restore, verb_status, verb_check, verb_repair;
extern const struct verb verb_version, verb_completion, verb_help;

#endif
