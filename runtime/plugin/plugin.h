/* A loaded plugin library and the kinds of connectors in it.
 *
 * A library is judged before it is loaded: loading runs its constructors, so the identity block is
 * first read from the file, as data. A file that is no library for this machine, carries no
 * identity, or was built for another major version is refused with a sentence that says so. After
 * loading the same checks run on what was really loaded, together with its tables.
 *
 * Owns:   the dlopen handle. Libraries stay in memory until plugin_close, and tables and texts that
 *         come from them are valid as long.
 * Keeps:  (1) every kind of an open plugin has a valid name, type, function table and option table.
 * Thread: any, one at a time per plugin. */
#pragma once

#include "log/base/check.h"
#include "log/base/report.h"
#include "runtime/plugin/tidemill.h"

struct plugin;

/* Lower case letters, digits, - and _. */
bool plugin_is_name(const char *name);

/* Loads NAME.so from the first directory that has it. The report's place is the file. */
must_use int plugin_open(const char *name, const char *const *directories, size_t directory_count,
                         struct plugin **out, struct report *report);
/* The connectors that use it must be closed. NULL is fine. */
void plugin_close(struct plugin *plugin);

const struct tidemill_identity *plugin_identity(const struct plugin *plugin);
const char *plugin_path(const struct plugin *plugin);
size_t plugin_kind_count(const struct plugin *plugin);
const struct tidemill_kind *plugin_kind(const struct plugin *plugin, size_t index);
/* By its name or its Kafka Connect alias; NULL when there is none. */
const struct tidemill_kind *plugin_find_kind(const struct plugin *plugin,
                                             enum tidemill_kind_type type, const char *name);

/* "source", "transform", … */
const char *plugin_type_name(uint32_t type);
/* plugin_open, and the kind of the same name in it; the report's sentence is for a script, whose
 * place the caller knows. ERROR_NOT_FOUND when there is no such library. */
must_use int plugin_open_kind(const char *name, enum tidemill_kind_type type,
                              const char *const *directories, size_t directory_count,
                              struct plugin **out, const struct tidemill_kind **kind,
                              struct report *report);

/* Reads the identity of a library without loading it, and judges it. */
must_use int plugin_read_identity(const char *path, struct tidemill_identity *out,
                                  struct report *report);
/* Calls `found` for each NAME.so in the directories, in order of directory and name; a name that
 * an earlier directory has is skipped. Missing directories are skipped. Judges nothing. */
void plugin_list(const char *const *directories, size_t directory_count,
                 void (*found)(void *data, const char *name, const char *path), void *data);

/* Asserts (1). */
void plugin_check(const struct plugin *plugin);
