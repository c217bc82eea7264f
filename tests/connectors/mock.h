/* A host for one connector task that remembers everything and decides what survives a crash.
 *
 * Owns:   the plugin, its options, the context, and copies of what was emitted.
 * Thread: the test's. The clock stands still until the test moves it. */
#pragma once

#include "log/base/bytes.h"
#include "runtime/plugin/plugin.h"
#include "runtime/plugin/plugin_options.h"
#include "tests/unit/unit.h"

enum { MOCK_RECORD_MAX = 200000, MOCK_METRIC_MAX = 32 };

struct mock_record {
    char *key; /* NULL for null */
    char *value;
    size_t value_size;
    char *headers; /* "name=value;" each */
    char *source_partition;
    char *source_offset;
};

struct mock {
    struct plugin *plugin;
    struct plugin_options *options;
    struct tidemill_host host;
    struct tidemill_context context;
    struct mock_record *records;
    size_t record_count;
    size_t batch_end; /* the number of records after the last whole emit */
    int64_t now_ms;
    char failure[1024];
    char log[2048]; /* the last line */
    struct {
        char name[64];
        double value;
    } metrics[MOCK_METRIC_MAX];
    bool refuses; /* emit answers AGAIN */
};

/* Loads the library and parses "name=value" settings up to NULL. */
void mock_open(struct mock *mock, const char *library, enum tidemill_kind_type type,
               const char *const *settings);
void mock_close(struct mock *mock);
/* Starts the source with the offsets of the records that are remembered. */
void mock_start_source(struct mock *mock);
void mock_stop_source(struct mock *mock);
enum tidemill_status mock_poll(struct mock *mock, size_t max_records);
/* Polls, moving the clock, until nothing came for two rescans. */
void mock_drain(struct mock *mock);
/* Forgets all but the first `count` records, as a crash does. */
void mock_forget(struct mock *mock, size_t count);
double mock_metric(const struct mock *mock, const char *name);

/* An empty folder of the test's own. */
void mock_folder(char *out, size_t size, const char *name);
void mock_write(const char *path, const char *mode, const void *data, size_t size);
static inline void mock_append(const char *path, const char *text)
{
    mock_write(path, "a", text, strlen(text));
}
