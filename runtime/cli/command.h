/* One command of the program: a row with its flags and the function that does it.
 *
 * Each command is a file of this folder (topic_create.c) that ends in its row; command_all lists
 * them, runtime/main adds the two that need a broker.
 *
 * Owns:   nothing; a row is constant.
 * Thread: the main thread, whose loop is world->io. Commands wait by turning that loop. */
#pragma once

#include "log/io/io.h"
#include "runtime/cli/flag.h"

#include <stdio.h>

enum command_exit {
    COMMAND_OK = 0,
    COMMAND_FAILED = 1, /* asked rightly, but it did not work */
    COMMAND_MISUSED = 2,
};

struct command;
struct dialect;

/* All commands of the program. */
struct command_list {
    const struct command *const *items;
    size_t count;
};

/* Where a command runs: the real process, or a test. */
struct command_world {
    struct io *io;
    void (*run)(void *owner);  /* turns the loop until `stop` was called */
    void (*stop)(void *owner); /* may be called inside callbacks and before run */
    void *owner;
    FILE *out;
    FILE *errors;
    int input;               /* descriptor of standard input; -1: none */
    const char *brokers;     /* of the environment; NULL: none */
    const char *kcat_config; /* properties for those who call us kcat; NULL: none */
    bool is_interrupted;     /* a signal asked to end; set before `stop` is called for it */
    bool is_lenient;         /* unknown client properties are worth a warning only; of a shim */
    int output_error;        /* errno of the first write to `out` that failed */
    const char *version;     /* "0.1.0" */
    const struct command_list *commands; /* set by cli_run */
    const struct dialect *dialect;       /* of a shim, for its messages; NULL: our own words */
};

struct command {
    const char *noun; /* NULL: the verb stands alone */
    const char *verb;
    const char *arguments; /* "TOPIC..."; "" for none */
    const char *summary;   /* a fragment without full stop */
    const char *details;   /* lines for --help; may be NULL */
    const char *examples;  /* command lines for --help; may be NULL */
    const struct flag *flags;
    size_t flag_count;
    size_t values_size;
    const void *initial; /* the values before parsing; NULL: zeroes */
    int argument_min;
    int argument_max;          /* -1: any number */
    const char *argument_hint; /* for who gives too many: where they belong; may be NULL */
    int (*run)(struct command_world *world, const void *values, const struct flag_list *arguments);
};

#define COMMAND_FLAGS(table) .flags = (table), .flag_count = sizeof(table) / sizeof((table)[0])

extern const struct command command_app_describe;
extern const struct command command_app_logs;
extern const struct command command_app_ls;
extern const struct command command_app_pause;
extern const struct command command_app_reload;
extern const struct command command_app_resume;
extern const struct command command_cluster_describe;
extern const struct command command_completion;
extern const struct command command_config_get;
extern const struct command command_config_set;
extern const struct command command_consume;
extern const struct command command_dlq_ls;
extern const struct command command_dlq_replay;
extern const struct command command_dlq_show;
extern const struct command command_group_describe;
extern const struct command command_group_explain;
extern const struct command command_group_ls;
extern const struct command command_group_rm;
extern const struct command command_group_rm_offsets;
extern const struct command command_group_seek;
extern const struct command command_late_ls;
extern const struct command command_late_replay;
extern const struct command command_late_show;
extern const struct command command_log_dump;
extern const struct command command_log_repair;
extern const struct command command_log_verify;
extern const struct command command_manual;
extern const struct command command_perf_consume;
extern const struct command command_perf_e2e;
extern const struct command command_perf_produce;
extern const struct command command_produce;
extern const struct command command_quota_ls;
extern const struct command command_quota_set;
extern const struct command command_store_get;
extern const struct command command_store_ls;
extern const struct command command_store_range;
extern const struct command command_tap;
extern const struct command command_topic_alter;
extern const struct command command_topic_create;
extern const struct command command_topic_describe;
extern const struct command command_topic_ls;
extern const struct command command_topic_offsets;
extern const struct command command_topic_rm;
extern const struct command command_topic_trim;
extern const struct command command_txn_abort;
extern const struct command command_txn_describe;
extern const struct command command_txn_hanging;
extern const struct command command_txn_ls;
extern const struct command command_txn_producers;

/* Prints "tidemill: " and the sentence; returns COMMAND_FAILED. */
__attribute__((format(printf, 2, 3))) int command_fail(struct command_world *world,
                                                       const char *format, ...);
/* As command_fail for a misuse; returns COMMAND_MISUSED. */
__attribute__((format(printf, 2, 3))) int command_misuse(struct command_world *world,
                                                         const char *format, ...);
/* Writes and clears the buffer. False when nobody reads any more. */
bool command_print(struct command_world *world, struct buffer *out);
/* Pushes what was printed to its reader; false when it cannot be written. */
bool command_flush(struct command_world *world);
/* The flag of commands that print text or JSON without asking a broker. */
#define COMMAND_OUTPUT_FLAG(type, field)                                                           \
    FLAG('o', "output", STRING, type, field, "text|json", "how to print")
/* Its value, NULL being text: COMMAND_OK, or COMMAND_MISUSED after a complaint. */
must_use int command_read_output(struct command_world *world, const char *output, bool *is_json);
/* Appends a file's content: COMMAND_OK, or COMMAND_FAILED after a complaint. */
must_use int command_read_file(struct command_world *world, const char *path, uint64_t size_max,
                               struct buffer *out);
