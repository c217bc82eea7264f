/* The C interface between Tidemill and its plugins: sources, which bring records in, sinks, which
 * take them out, transforms, which are steps of a topology, aggregators, which sum values up for
 * a field of an aggregate, and formats, which read and write values. This is the only header a
 * plugin includes; it links nothing of Tidemill.
 *
 *     TIDEMILL_PLUGIN("beats", "1.0", "Apache-2.0", &beats_source)
 *
 * ends a plugin: it exports two constants. `tidemill_plugin_v1` says what the library is; the host
 * reads it from the file before it loads the library, so that no code of a foreign or stale library
 * ever runs. `tidemill_kinds_v1` lists what the library can do.
 *
 * Owns:    the host owns the context, the options and every record it hands out; the plugin owns
 *          context->instance and what hangs on it. Whatever is passed by pointer is borrowed until
 *          the call returns, in both directions, unless a member says otherwise.
 * Thread:  each task of a connector has one thread, made by the host. All functions of that task
 *          run on it, one at a time, so a plugin needs no locks; it may block there. Only members
 *          marked `Thread: any` are different. Two tasks share nothing but constants. Transforms,
 *          aggregators and formats run on the thread of their application, which many tasks share:
 *          they must not block.
 * Units:   times are milliseconds since 1970 UTC, spans milliseconds, sizes bytes; names say so.
 * Text:    `const char *` is UTF-8 and ends with a NUL. Bytes carry their size.
 * Growth:  tables that are reached through a pointer (kind, source, sink, transform, aggregator,
 * input, host, context) begin with their size and only ever grow at the end; TIDEMILL_HAS asks
 * whether a member is there. Values that travel in arrays (option, option value, header, record,
 * verdict, partition, saved offset, timer) keep their size for the life of a major version. The
 *          major version changes when an old plugin would no longer work, the minor one when
 *          something is added.
 */
#ifndef TIDEMILL_H
#define TIDEMILL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TIDEMILL_MAGIC "TIDEMILL" /* eight bytes, without a NUL */

enum {
    TIDEMILL_ABI_MAJOR = 1,
    TIDEMILL_ABI_MINOR = 2, /* 1.1: transforms; 1.2: aggregators, formats */
};

/* Whether the table that `table` points to is new enough to have `member`. */
#define TIDEMILL_HAS(table, member)                                                                \
    ((table)->size >= offsetof(__typeof__(*(table)), member) + sizeof((table)->member))

/* --- Results ---------------------------------------------------------------------------------- */

enum tidemill_status {
    TIDEMILL_OK = 0,
    TIDEMILL_AGAIN = 1,  /* nothing to do right now; nothing is wrong */
    TIDEMILL_RETRY = 2,  /* failed, may work later: the host waits (backoff) and repeats the call */
    TIDEMILL_REJECT = 3, /* this record can never work: the host dead-letters it or fails */
    TIDEMILL_FATAL = 4,  /* the task cannot go on: the host closes it and starts it anew later */
};

enum tidemill_level {
    TIDEMILL_ERROR = 0, /* a person must act */
    TIDEMILL_WARN = 1,  /* heals itself */
    TIDEMILL_INFO = 2,
    TIDEMILL_DEBUG = 3,
};

/* --- Records ---------------------------------------------------------------------------------- */

/* Null is `data == NULL`, which differs from empty. */
struct tidemill_bytes {
    const void *data;
    size_t size;
};

struct tidemill_header {
    struct tidemill_bytes name; /* UTF-8, never null */
    struct tidemill_bytes value;
};

/* One record: emitted by a source, given to a sink, or given to a transform and forwarded by it.
 * Make one with tidemill_record_make. */
struct tidemill_record {
    struct tidemill_bytes key;
    struct tidemill_bytes value;
    const struct tidemill_header *headers; /* NULL when header_count is 0 */
    size_t header_count;
    const char *topic;    /* source: NULL for the connector's topic; sink: never NULL; transform:
                           * where it was read, not looked at in what is forwarded */
    int64_t timestamp_ms; /* source: -1 stands for now; sink: -1 when the record has none;
                           * transform: -1 stands for the time of what is being processed */
    int64_t offset;       /* sink, transform: the place in the partition; source: -1 */
    int32_t partition; /* source, transform's emit: -1 lets the key decide; sink: the partition */
    int32_t reserved_word; /* 0 */
    /* Source only: where the record came from and where to go on after it, each a JSON object in
     * one line: {"path":"/var/log/a.log"} and {"offset":117}. The host stores the offset together
     * with the record, all or nothing. The partition names one stream for all time: equal text
     * means the same stream, so write its members always in the same order.
     * Both may be NULL when a later record of the same emit call has them: its offset then covers
     * this record too, and the host stores the records between as one. The last record of an emit
     * call always has both. Sink: NULL. */
    const char *source_partition;
    const char *source_offset;
    void *reserved; /* NULL */
};

/* What became of one record that was put. */
struct tidemill_verdict {
    int32_t status;        /* enum tidemill_status; the host sets TIDEMILL_OK before the call */
    int32_t reserved_word; /* 0 */
    char reason[248];      /* a sentence for people; needed unless the status is TIDEMILL_OK */
};

struct tidemill_partition {
    const char *topic;
    int32_t partition;
    int32_t reserved_word; /* 0 */
};

/* What the host stored last for one source partition. */
struct tidemill_saved_offset {
    const char *source_partition; /* the text as it was emitted, or as a person edited it */
    const char *source_offset;
};

/* --- Options ---------------------------------------------------------------------------------- */

enum tidemill_option_type {
    TIDEMILL_OPTION_STRING = 0,
    TIDEMILL_OPTION_INT = 1,      /* 64 bits */
    TIDEMILL_OPTION_BOOL = 2,     /* true or false */
    TIDEMILL_OPTION_DURATION = 3, /* "250ms", "10s", "5m", "2h", "7d" or milliseconds */
    TIDEMILL_OPTION_SIZE = 4,     /* "100", "64k", "1MiB": powers of 1024; bytes */
    TIDEMILL_OPTION_ENUM = 5,     /* one of `allowed` */
    TIDEMILL_OPTION_LIST = 6,     /* strings separated by commas; spaces around each are dropped */
    TIDEMILL_OPTION_SECRET = 7,   /* a string that is never shown */
};

enum {
    TIDEMILL_OPTION_REQUIRED = 1,   /* a flag: there is no default, it must be given */
    TIDEMILL_OPTION_DEPRECATED = 2, /* a flag: still works, hidden from the help */
};

/* One row of an option table. The table is all there is: the host parses, checks, documents and
 * serves options from it, and the plugin receives values that are known to be well-formed. */
struct tidemill_option {
    const char *name;     /* "max_line_bytes" */
    uint32_t type;        /* enum tidemill_option_type */
    uint32_t flags;       /* TIDEMILL_OPTION_REQUIRED, ... */
    const char *fallback; /* the default as a person would write it; NULL: unset */
    const char *allowed;  /* ENUM: "lines|jsonl|csv"; numbers: "1..1000", either end may be missing
                           * and is read as the type itself; NULL: anything */
    const char *help;     /* one or two sentences */
    const char *alias;    /* the name Kafka Connect users know; NULL: none */
    const char *reserved; /* NULL */
};

/* The value of one option. */
struct tidemill_option_value {
    const char *text;         /* as written; NULL when unset */
    int64_t integer;          /* INT; BOOL as 0 or 1; DURATION in ms; SIZE in bytes; ENUM: the
                               * index in `allowed`; else 0 */
    const char *const *items; /* LIST; else NULL */
    size_t item_count;
};

/* --- The host --------------------------------------------------------------------------------- */

struct tidemill_context;
struct tidemill_store;

/* What the host offers. Every function takes the context the plugin was called with. */
struct tidemill_host {
    uint32_t size;
    uint16_t abi_major;
    uint16_t abi_minor;
    /* Writes one diagnostic line; `text` is one sentence. Thread: any. */
    void (*log)(struct tidemill_context *context, enum tidemill_level level, const char *text);
    /* Keeps the reason of the failure the running call is about to return; the last one counts. */
    void (*fail)(struct tidemill_context *context, const char *text);
    /* Counts: adds to a counter, sets a gauge. `name` is a string literal in lower case with
     * underscores, without a prefix: "truncated_total". The host adds connector and task. */
    void (*metric_add)(struct tidemill_context *context, const char *name, double amount);
    void (*metric_set)(struct tidemill_context *context, const char *name, double value);
    /* The wall clock. Thread: any. Transforms: inside process and tick, the same during one call;
     * else -1. */
    int64_t (*now_ms)(struct tidemill_context *context);
    /* Sources, inside poll only: takes a copy of `count` records. May wait while the host is full.
     * OK: all were taken. AGAIN: the task is stopping, none was taken; forget them, return AGAIN.
     * FATAL: as AGAIN, but return FATAL. */
    enum tidemill_status (*emit)(struct tidemill_context *context,
                                 const struct tidemill_record *records, size_t count);
    /* Sources, inside poll only: as emit for one record that cannot be delivered as it is. It goes
     * to the dead letters with the reason; its offset counts as progress. Needs both offset texts.
     */
    enum tidemill_status (*reject)(struct tidemill_context *context,
                                   const struct tidemill_record *record, const char *reason);
    /* Sources: there is something to poll for, so call poll without waiting. Thread: any. */
    void (*wake)(struct tidemill_context *context);

    /* Since 1.1, for transforms; NULL for others. Those that write are called inside process and
     * tick only, and nothing of it counts when that call does not return OK. */

    /* Hands a record to the steps behind this one when the call has returned OK. A copy is taken of
     * what is not the given record's own. OK, or REJECT past the limits of output: return it. */
    enum tidemill_status (*forward)(struct tidemill_context *context,
                                    const struct tidemill_record *record);
    /* Writes a record to a topic, as a script's emit does. OK or REJECT: return it. */
    enum tidemill_status (*emit_to)(struct tidemill_context *context, const char *topic,
                                    const struct tidemill_record *record);
    /* The largest time of a record so far, the given one's included. Inside process and tick. */
    int64_t (*stream_time_ms)(struct tidemill_context *context);
    /* The store that the script gave this name, for the life of the instance; NULL when there is
     * none. In open. */
    struct tidemill_store *(*store)(struct tidemill_context *context, const char *name);
    /* Whether the key is there; the value is borrowed until the next call to the same store. */
    bool (*store_get)(struct tidemill_store *store, struct tidemill_bytes key,
                      struct tidemill_bytes *value);
    /* A null value removes the key. OK, or REJECT when key or value are too large or the key is
     * empty: return it. */
    enum tidemill_status (*store_put)(struct tidemill_store *store, struct tidemill_bytes key,
                                      struct tidemill_bytes value);
    /* Shows the entries from <= key < to, in order of the key's bytes, as they were before the
     * call; null bounds are open. `each` returns false to end it. */
    void (*store_range)(struct tidemill_store *store, struct tidemill_bytes from,
                        struct tidemill_bytes to,
                        bool (*each)(void *owner, struct tidemill_bytes key,
                                     struct tidemill_bytes value),
                        void *owner);

    /* Since 1.2, for aggregators and formats; NULL for others. */

    /* Inside add, subtract, merge, result, decode and encode only: appends to what the call makes.
     * OK, or REJECT past 1 MiB of an aggregator, 16 MiB of a format: return it. */
    enum tidemill_status (*write)(struct tidemill_context *context, struct tidemill_bytes part);
};

/* One task of one connector, handed to every function. */
struct tidemill_context {
    uint32_t size;
    int32_t task_index;               /* 0 .. task_count-1 */
    int32_t task_count;               /* more than one only without TIDEMILL_SINGLE_TASK */
    int32_t reserved_word;            /* 0 */
    const char *connector;            /* the name a person gave; of a transform the step's, of an
                                       * aggregator the field's, of a format its own */
    const struct tidemill_host *host; /* valid as long as the context */
    const struct tidemill_kind *kind;
    const struct tidemill_option_value *values; /* one per row of kind->options, in that order;
                                                 * valid until close returned */
    void *instance;  /* the plugin's own; NULL at first; set in open, freed in close */
    void *host_data; /* the host's own; not for plugins */
};

/* --- Sources ---------------------------------------------------------------------------------- */

/* The calls come in this order: open, then poll and acked in any order and number, then close.
 * Except for interrupt, close and acked every member must be set. */
struct tidemill_source {
    uint32_t size;
    uint32_t reserved_word; /* 0 */
    /* Prepares reading. `offsets` are all the host has stored for this connector (for all its
     * tasks); they are borrowed, copy what matters. OK, RETRY or FATAL (after host->fail). On
     * failure close is not called: leave nothing behind. */
    enum tidemill_status (*open)(struct tidemill_context *context,
                                 const struct tidemill_saved_offset *offsets, size_t count);
    /* Emits at most about `max_records` records of `max_bytes` bytes in all (one record may pass
     * the limit alone) and returns soon. With nothing to emit it may block for up to `wait_ms`.
     * OK: call again at once. AGAIN: nothing now; the host calls again after a while or after
     * wake. RETRY: the host waits (backoff) and calls again. FATAL: the task ends. What was
     * emitted before a RETRY or FATAL counts. */
    enum tidemill_status (*poll)(struct tidemill_context *context, size_t max_records,
                                 size_t max_bytes, int64_t wait_ms);
    /* Everything of `source_partition` up to and with `source_offset` is durable in the topic.
     * Comes in order per partition; an offset may be skipped when a later one covers it. May be
     * NULL. */
    void (*acked)(struct tidemill_context *context, const char *source_partition,
                  const char *source_offset);
    /* Makes a poll that blocks, or the next one, return at once with AGAIN; called before close.
     * NULL when poll never blocks for longer than wait_ms. Thread: any, between open and close. */
    void (*interrupt)(struct tidemill_context *context);
    /* Frees the instance. May be NULL. */
    void (*close)(struct tidemill_context *context);
};

/* --- Sinks ------------------------------------------------------------------------------------ */

/* The calls: open; assign; then put and flush in turns, assign again when partitions move (always
 * after a flush); close. Except for position, assign and close every member must be set. */
struct tidemill_sink {
    uint32_t size;
    uint32_t reserved_word; /* 0 */
    /* Connects. OK, RETRY or FATAL (after host->fail). On failure close is not called. */
    enum tidemill_status (*open)(struct tidemill_context *context);
    /* The partitions this task reads from now on: the whole list, not a difference. Partitions that
     * are gone were flushed before; forget them. May be NULL. */
    enum tidemill_status (*assign)(struct tidemill_context *context,
                                   const struct tidemill_partition *partitions, size_t count);
    /* With TIDEMILL_OWN_OFFSETS: the offset of the next record the sink wants of an assigned
     * partition, as it is durable in the sink; -1 when the sink has seen none and the host's own
     * offset counts. The host reads from there on, whatever it committed itself: what the sink
     * stores together with its data happens exactly once. Called after assign and again after a
     * failed flush. NULL without the capability. */
    enum tidemill_status (*position)(struct tidemill_context *context, const char *topic,
                                     int32_t partition, int64_t *next_offset);
    /* Takes `count` records; those of one partition come in order of their offsets. verdicts[i]
     * tells what became of records[i]; all are OK beforehand.
     * OK: look at the verdicts. A record with RETRY is put again later; a sink that keeps order
     * gives RETRY to all later records of that partition too. REJECT: dead-lettered before the next
     * flush. FATAL ends the task. A rejected record counts for position.
     * RETRY: none of this call's records was taken; the same call is repeated after a while.
     * REJECT: none was taken, because of one the sink cannot name; the host puts the halves by
     * themselves until it stands alone, and dead-letters it; then it counts for position.
     * FATAL: the task ends. All three after host->fail. */
    enum tidemill_status (*put)(struct tidemill_context *context,
                                const struct tidemill_record *records, size_t count,
                                struct tidemill_verdict *verdicts);
    /* Also called now and then when nothing was put, so that a sink can act on time.
     * OK: everything put so far is durable, positions included; the host commits its offsets only
     * now. A sink with own offsets must not make a put durable earlier, because dead letters are
     * written between put and flush.
     * RETRY: what was put since the last OK is still held; flush is repeated.
     * FATAL: what was put since the last OK is forgotten; the task is closed, opened again, and the
     * records are put again from the position. */
    enum tidemill_status (*flush)(struct tidemill_context *context);
    /* Frees the instance; what was put since the last OK flush is forgotten or may be written, as
     * the sink likes: the host will put it again. May be NULL. */
    void (*close)(struct tidemill_context *context);
};

/* --- Transforms (since 1.1) ------------------------------------------------------------------- */

enum tidemill_clock { TIDEMILL_WALL_CLOCK = 0, TIDEMILL_STREAM_TIME = 1 };

/* One row of a table of timers. */
struct tidemill_timer {
    uint32_t clock;         /* enum tidemill_clock */
    uint32_t reserved_word; /* 0 */
    const char *option;     /* the DURATION option that says the interval; NULL: interval_ms does */
    int64_t interval_ms;
};

/* One instance for each task of a topology, that is for each partition. The calls: open; process
 * and tick in any order and number; close. Output and writes to stores of one call count together
 * or not at all, and with exactly once together with the input. What an instance remembers outside
 * of stores is forgotten when its task moves or begins anew. Except for tick and close every
 * function must be set. */
struct tidemill_transform {
    uint32_t size;
    uint32_t reserved_word; /* 0 */
    /* Prepares; looks up stores. OK, RETRY or FATAL (after host->fail). On failure close is not
     * called: leave nothing behind. */
    enum tidemill_status (*open)(struct tidemill_context *context);
    /* Takes `count` records in order; today always one.
     * OK: what was forwarded goes on; nothing forwarded means that the records end here.
     * REJECT: the policy of errors decides about them: dead letters, skip or stop.
     * RETRY, FATAL: the application ends and begins anew from its last commit. All three after
     * host->fail. */
    enum tidemill_status (*process)(struct tidemill_context *context,
                                    const struct tidemill_record *records, size_t count);
    /* A timer is due: its row in `timers` and the time it was set for. Returns as process. NULL
     * without timers. */
    enum tidemill_status (*tick)(struct tidemill_context *context, size_t timer,
                                 int64_t scheduled_ms);
    /* Frees the instance; the host's functions other than log are no longer there. May be NULL. */
    void (*close)(struct tidemill_context *context);
    const struct tidemill_timer *timers; /* NULL when timer_count is 0 */
    size_t timer_count;
    /* The names of the stores it cannot do without, which the script must then give; ends with
     * NULL. NULL: none. */
    const char *const *stores;
};

/* --- Aggregators (since 1.2) ------------------------------------------------------------------ */

enum tidemill_input_type {
    TIDEMILL_INTEGER = 1,
    TIDEMILL_REAL = 2,
    TIDEMILL_STRING = 3,
    TIDEMILL_BOOL = 4,
    TIDEMILL_ARRAY = 5,
    TIDEMILL_OBJECT = 6,
};

/* What the path of the aggregator leads to in a record's value; never null. */
struct tidemill_input {
    uint32_t size;
    uint32_t type;              /* enum tidemill_input_type */
    int64_t timestamp_ms;       /* of the record */
    int64_t integer;            /* INTEGER: exact; BOOL: 0 or 1; else 0 */
    double real;                /* INTEGER: the nearest; REAL; else 0 */
    struct tidemill_bytes text; /* STRING: its content, decoded; else the JSON as it was written.
                                 * Null without a path, when each record is the INTEGER 1 */
};

/* Which values an aggregator is given; a record with another one is rejected by the host. What is
 * absent or null is never given. */
enum tidemill_takes {
    TIDEMILL_TAKES_NUMBERS = 0, /* finite: INTEGER, REAL */
    TIDEMILL_TAKES_SCALARS = 1, /* and STRING, BOOL */
    TIDEMILL_TAKES_VALUES = 2,  /* and ARRAY, OBJECT */
};

/* Sums up values, for each key and window by themselves, in a state: bytes that only the aggregator
 * understands. The host keeps states in the store of the aggregate and hands them over in each
 * call; no bytes are the state that has seen nothing. One instance works for all keys and tasks of
 * an application, so it remembers nothing of them. A state must depend on the values and their
 * order alone, and what comes back from a store must be believed in nothing, since disks fail.
 *
 * A call makes a new state by host->write; what was not written is not in it. Each returns OK, or
 * after host->fail REJECT, which refuses the record and leaves the state as it was, or FATAL or
 * RETRY, which end the application: it begins anew from its last commit. Except for open, subtract
 * and close every function must be set. */
struct tidemill_aggregator {
    uint32_t size;
    uint32_t takes;         /* enum tidemill_takes */
    uint32_t state_version; /* of what states look like; with another one, and with other options
                             * in the script, the aggregate needs a new store */
    uint32_t reserved_word; /* 0 */
    /* Prepares what the options ask for, and touches nothing outside: also a plan that is only
     * looked at is opened. OK, or FATAL after host->fail; then close is not called. May be NULL. */
    enum tidemill_status (*open)(struct tidemill_context *context);
    /* Writes the state with one value more. */
    enum tidemill_status (*add)(struct tidemill_context *context,
                                const struct tidemill_input *input, struct tidemill_bytes state);
    /* Writes the state without a value that was added before. NULL: it cannot; then it cannot be
     * used on tables. */
    enum tidemill_status (*subtract)(struct tidemill_context *context,
                                     const struct tidemill_input *input,
                                     struct tidemill_bytes state);
    /* Writes the state of what both have seen; what the left has seen came first. */
    enum tidemill_status (*merge)(struct tidemill_context *context, struct tidemill_bytes left,
                                  struct tidemill_bytes right);
    /* Writes the result as one JSON text. `span_ms` is the length of the window, 0 without. */
    enum tidemill_status (*result)(struct tidemill_context *context, struct tidemill_bytes state,
                                   int64_t span_ms);
    /* Frees the instance. May be NULL. */
    void (*close)(struct tidemill_context *context);
};

/* --- Formats (since 1.2) ---------------------------------------------------------------------- */

/* Reads and writes values for value = { format = "NAME", options } of a script: scripts, paths and
 * native steps see the JSON that decode makes of a value, whatever its bytes look like. One
 * instance works for all tasks of an application; what it makes must depend on what it is given
 * alone. Except for decode every function may be NULL. */
struct tidemill_format {
    uint32_t size;
    uint32_t reserved_word; /* 0 */
    /* Prepares what the options ask for, and touches nothing outside: also a plan that is only
     * looked at is opened. OK, or FATAL after host->fail; then close is not called. */
    enum tidemill_status (*open)(struct tidemill_context *context);
    /* Writes what the value, which is not null, says as one JSON text. OK, or REJECT after
     * host->fail: "column 3 is missing". */
    enum tidemill_status (*decode)(struct tidemill_context *context, struct tidemill_bytes value);
    /* Writes a JSON text, which is well-formed, in this format. As decode. NULL: it can only be
     * read. */
    enum tidemill_status (*encode)(struct tidemill_context *context, struct tidemill_bytes json);
    /* Frees the instance. */
    void (*close)(struct tidemill_context *context);
};

/* --- What a library holds --------------------------------------------------------------------- */

enum tidemill_kind_type {
    TIDEMILL_SOURCE = 1,
    TIDEMILL_SINK = 2,
    TIDEMILL_TRANSFORM = 3,  /* since 1.1 */
    TIDEMILL_AGGREGATOR = 4, /* since 1.2 */
    TIDEMILL_FORMAT = 5,     /* since 1.2 */
};

enum {
    TIDEMILL_OWN_OFFSETS = 1,   /* sinks: keeps offsets in the same transaction as the data */
    TIDEMILL_SINGLE_TASK = 2,   /* the work cannot be divided: the host runs one task */
    TIDEMILL_KEEPS_KEY = 4,     /* transforms: what is forwarded has the key of the given record,
                                 * whatever the plugin says; so stores by key may stand behind it */
    TIDEMILL_PATH_OPTIONAL = 8, /* aggregators: without a path each record counts as 1 */
};

/* One kind of connector or step. Kinds of different types in one library may share a name. */
struct tidemill_kind {
    uint32_t size;
    uint32_t type;         /* enum tidemill_kind_type */
    uint64_t capabilities; /* TIDEMILL_OWN_OFFSETS, ... */
    const char *name;      /* "file": lower case letters, digits, - and _ */
    const char *help;      /* one sentence */
    const char *alias;     /* a Kafka Connect class name that people may write; NULL: none */
    const struct tidemill_option *options;
    size_t option_count;
    const struct tidemill_source *source; /* for TIDEMILL_SOURCE; else NULL */
    const struct tidemill_sink *sink;     /* for TIDEMILL_SINK; else NULL */
    /* Judges options that are well-formed one by one but may not fit together. Runs before open
     * and for a connector that is only being validated; touches nothing outside; instance is NULL.
     * OK, or FATAL after host->fail. May be NULL. */
    enum tidemill_status (*validate)(struct tidemill_context *context);
    const struct tidemill_transform *transform; /* for TIDEMILL_TRANSFORM; else NULL; since 1.1 */
    const struct tidemill_aggregator
        *aggregator;                      /* for TIDEMILL_AGGREGATOR; else NULL; since 1.2 */
    const struct tidemill_format *format; /* for TIDEMILL_FORMAT; else NULL; since 1.2 */
};

/* What a library is. Flat, without pointers, so that it can be read from the file. */
struct tidemill_identity {
    char magic[8];
    uint32_t size;
    uint16_t abi_major;
    uint16_t abi_minor;
    /* The sizes of the structs the plugin was compiled with. */
    uint32_t kind_size;
    uint32_t source_size;
    uint32_t sink_size;
    uint32_t host_size;
    uint32_t context_size;
    uint32_t option_size;
    uint32_t option_value_size;
    uint32_t record_size;
    uint32_t header_size;
    uint32_t verdict_size;
    uint32_t partition_size;
    uint32_t saved_offset_size;
    char name[32];    /* equals the file's name without ".so" */
    char version[32]; /* the plugin's own */
    char license[32]; /* SPDX */
    uint8_t reserved[32];
};

#define TIDEMILL_IDENTITY_SYMBOL "tidemill_plugin_v1"
#define TIDEMILL_KINDS_SYMBOL    "tidemill_kinds_v1"
#define TIDEMILL_EXPORT          __attribute__((visibility("default")))

#ifdef __cplusplus
#define TIDEMILL_LINKAGE extern "C"
#else
#define TIDEMILL_LINKAGE extern
#endif

/* Once per library: its name, version, SPDX license and the addresses of its kinds. */
#define TIDEMILL_PLUGIN(name_text, version_text, license_text, ...)                                \
    TIDEMILL_LINKAGE TIDEMILL_EXPORT const struct tidemill_identity tidemill_plugin_v1;            \
    TIDEMILL_LINKAGE TIDEMILL_EXPORT const struct tidemill_kind *const tidemill_kinds_v1[];        \
    const struct tidemill_identity tidemill_plugin_v1 = {{'T', 'I', 'D', 'E', 'M', 'I', 'L', 'L'}, \
                                                         sizeof(struct tidemill_identity),         \
                                                         TIDEMILL_ABI_MAJOR,                       \
                                                         TIDEMILL_ABI_MINOR,                       \
                                                         sizeof(struct tidemill_kind),             \
                                                         sizeof(struct tidemill_source),           \
                                                         sizeof(struct tidemill_sink),             \
                                                         sizeof(struct tidemill_host),             \
                                                         sizeof(struct tidemill_context),          \
                                                         sizeof(struct tidemill_option),           \
                                                         sizeof(struct tidemill_option_value),     \
                                                         sizeof(struct tidemill_record),           \
                                                         sizeof(struct tidemill_header),           \
                                                         sizeof(struct tidemill_verdict),          \
                                                         sizeof(struct tidemill_partition),        \
                                                         sizeof(struct tidemill_saved_offset),     \
                                                         name_text,                                \
                                                         version_text,                             \
                                                         license_text,                             \
                                                         {0}};                                     \
    const struct tidemill_kind *const tidemill_kinds_v1[] = {__VA_ARGS__, NULL}

/* --- Conveniences, compiled into the plugin --------------------------------------------------- */

#define TIDEMILL_INLINE static inline __attribute__((unused))

TIDEMILL_INLINE struct tidemill_bytes tidemill_bytes_make(const void *data, size_t size)
{
    struct tidemill_bytes bytes;
    bytes.data = data;
    bytes.size = size;
    return bytes;
}

TIDEMILL_INLINE struct tidemill_bytes tidemill_bytes_null(void)
{
    return tidemill_bytes_make(NULL, 0);
}

/* A record for the connector's topic: no headers, the key decides the partition, the time is now.
 */
TIDEMILL_INLINE struct tidemill_record tidemill_record_make(struct tidemill_bytes key,
                                                            struct tidemill_bytes value)
{
    struct tidemill_record record;
    memset(&record, 0, sizeof record);
    record.key = key;
    record.value = value;
    record.timestamp_ms = -1;
    record.offset = -1;
    record.partition = -1;
    return record;
}

/* The value of an option by its name in the table. Asking for a name that is not in the table is a
 * bug of the plugin and stops the process. */
TIDEMILL_INLINE const struct tidemill_option_value *
tidemill_option_get(const struct tidemill_context *context, const char *name)
{
    for (size_t i = 0; i < context->kind->option_count; i++) {
        if (strcmp(context->kind->options[i].name, name) == 0) {
            return &context->values[i];
        }
    }
    __builtin_trap();
}

/* NULL when unset. */
TIDEMILL_INLINE const char *tidemill_option_text(const struct tidemill_context *context,
                                                 const char *name)
{
    return tidemill_option_get(context, name)->text;
}

/* A number, a size, a span or the index of an enum; 0 when unset. */
TIDEMILL_INLINE int64_t tidemill_option_integer(const struct tidemill_context *context,
                                                const char *name)
{
    return tidemill_option_get(context, name)->integer;
}

TIDEMILL_INLINE bool tidemill_option_bool(const struct tidemill_context *context, const char *name)
{
    return tidemill_option_get(context, name)->integer != 0;
}

/* host->log with a format. */
__attribute__((format(printf, 3, 4), unused)) static void
tidemill_log(struct tidemill_context *context, enum tidemill_level level, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    context->host->log(context, level, text);
}

/* host->fail with a format: return tidemill_fail(context, TIDEMILL_FATAL, "cannot ...", ...). */
__attribute__((format(printf, 3, 4), unused)) static enum tidemill_status
tidemill_fail(struct tidemill_context *context, enum tidemill_status status, const char *format,
              ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    context->host->fail(context, text);
    return status;
}

/* Fills a verdict. */
__attribute__((format(printf, 3, 4), unused)) static void
tidemill_judge(struct tidemill_verdict *verdict, enum tidemill_status status, const char *format,
               ...)
{
    va_list arguments;
    verdict->status = (int32_t)status;
    va_start(arguments, format);
    vsnprintf(verdict->reason, sizeof verdict->reason, format, arguments);
    va_end(arguments);
}

#ifdef __cplusplus
}
#endif
#endif
