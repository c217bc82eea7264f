/* The script of an application, as a person names it: its file, or, without a file of that name,
 * the application as the cluster has it deployed.
 *
 * Owns:   the script and its files, from named_script_open to named_script_close, which is due
 * after a failure, too. Thread: the command's. */
#pragma once

#include "runtime/lua/script.h"
#include "runtime/main/deploy.h"

struct named_script {
    struct script *script;
    const struct app_bundle *files; /* what it was read from */
    struct app_bundle read;         /* those of a file */
    struct deploy deploy;           /* the deployed ones */
};

/* `plugins`: more places for them. COMMAND_OK, or COMMAND_FAILED after a complaint. */
must_use int named_script_open(struct named_script *named, struct errand *errand, const char *name,
                               const struct flag_list *plugins);
void named_script_close(struct named_script *named);
