/* What a process gives up before it runs code that nobody vouches for; for good.
 *
 * Keeps:  (1) no other program is started, and no other process made or touched: neither followed
 *             (ptrace), nor read, nor sent a signal;
 *         (2) the system is not changed: mounts, namespaces, modules, clocks, keys;
 *         (3) a set-user-id program gives nothing (it could not be started either), and a crash
 *             leaves no core, which would hold what the applications know.
 * What is refused is said with EPERM, so that code that asks for it goes on as it would elsewhere.
 * The filter names what is refused, not what is allowed: the C library and the plugins' libraries
 * ask for other calls with every version, and a filter that breaks them at night would be switched
 * off in the morning. Files and sockets stay as they are: connectors live on them.
 * Thread: the main thread, before there is another. */
#pragma once

#include "log/base/check.h"

/* 0, or a negative error: ERROR_UNSUPPORTED where the kernel or the machine has no such filter;
 * the rest holds nevertheless. */
must_use int confinement_enter(void);
