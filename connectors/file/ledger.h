/* What the file sink has made durable, in one small file beside its output.
 *
 *     {"positions":[{"topic":"a","partition":0,"next":117}],
 *      "open":[{"key":"a/0/out/","path":"out/a-0-100.txt","size":5120,"rows":17,"opened":176..}],
 *      "finished":[{"path":"out/a-0-0.txt"}]}
 *
 * The file is replaced as a whole (write, fsync, rename, fsync the folder): that rename is the
 * sink's commit. What output files hold beyond `size` was never committed and is cut off at the
 * start; what is finished gets its last name then, if a crash came between. So files and positions
 * never disagree, whatever closed a file: rows, bytes or the clock.
 * Owns:   the positions.
 * Thread: the task's. */
#pragma once

#include "connectors/file/output.h"
#include "connectors/shared/json.h"

struct ledger_position {
    char *topic;
    int32_t partition;
    int64_t next_offset;
};

struct ledger {
    char *path;
    struct ledger_position *positions;
    size_t position_count;
};

void ledger_init(struct ledger *ledger, const char *path);
void ledger_fini(struct ledger *ledger);
/* -1 for a partition that was never written. */
int64_t ledger_position(const struct ledger *ledger, const char *topic, int32_t partition);
void ledger_set_position(struct ledger *ledger, const char *topic, int32_t partition,
                         int64_t next_offset);
/* Commits. 0 or errno. */
int ledger_write(const struct ledger *ledger, struct output *const *outputs, size_t count);
/* Reads the whole file into `text` and parses it into `out`. 0, ENOENT, EINVAL or errno. */
int ledger_read(struct ledger *ledger, struct builder *text, struct json_value *out);
