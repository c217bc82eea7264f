/* The files of one version of an application: its script, the modules it requires, what its formats
 * name. As they are put into a topic, as JSON:
 *
 *     {"version":3,"at":1764000000000,"app":"shop","script":"shop.lua",
 *      "files":[{"name":"shop.lua","text":"…"},{"name":"shop.desc","base64":"…"}]}
 *
 * Owns:   copies of names and contents.
 * Keeps:  names are of files beside the script, each once.
 * Thread: any, one at a time. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/base/report.h"

enum { APP_BUNDLE_SIZE_MAX = 900 * 1000 }; /* a record of a topic holds a megabyte */

struct app_bundle_file {
    char *name;
    struct buffer content;
};

struct app_bundle {
    int64_t version; /* from 1 */
    int64_t at_ms;   /* when it was made current */
    char *app;       /* its name, as the script says */
    char *script;    /* the name of its file */
    struct app_bundle_file *files;
    size_t count;
};

void app_bundle_init(struct app_bundle *bundle);
void app_bundle_fini(struct app_bundle *bundle);
/* Replaces what is there of this name. */
void app_bundle_add(struct app_bundle *bundle, const char *name, struct bytes content);
/* Fills an empty one. */
void app_bundle_copy(struct app_bundle *to, const struct app_bundle *from);
/* False when there is no such file. */
bool app_bundle_find(const struct app_bundle *bundle, const char *name, struct bytes *out);
/* The same files with the same contents, whatever the version. */
bool app_bundle_is_same(const struct app_bundle *left, const struct app_bundle *right);
void app_bundle_write(const struct app_bundle *bundle, struct buffer *out);
/* Fills an empty bundle. ERROR_INVALID with the report filled for anything that app_bundle_write
 * does not write. */
must_use int app_bundle_read(struct app_bundle *bundle, struct bytes json, struct report *report);
