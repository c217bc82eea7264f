/* tidemill app deploy, versions, rollback and rm: versions of applications in a topic of the
 * cluster, which every process that was started with `run --deployed` follows
 * (runtime/host/deployment.h). */
#pragma once

#include "runtime/cli/command.h"

extern const struct command app_deploy_command;
extern const struct command app_deploy_versions_command;
extern const struct command app_deploy_promote_command;
extern const struct command app_deploy_rollback_command;
extern const struct command app_deploy_rm_command;
