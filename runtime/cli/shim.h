/* Other programs' command lines: called as kafka-topics or kcat, this program takes their flags.
 *
 * A shim is a table: each flag of the tool is translated into words of a command of ours, and a
 * function at the end adds what depends on several of them. Nothing is done twice: the command
 * that the words make is run like any other.
 *
 * Owns:   the words, until shim_fini.
 * Keeps:  a flag that is not in the table is refused; one that is dropped has a row that says so.
 * Thread: the main thread. */
#pragma once

#include "log/base/arena.h"
#include "runtime/cli/command.h"
#include "runtime/cli/dialect.h"

struct shim;

enum shim_kind {
    SHIM_SWITCH,   /* takes no value */
    SHIM_VALUE,    /* takes one, and stands once */
    SHIM_LIST,     /* takes one, and may stand several times */
    SHIM_OPTIONAL, /* takes the next word unless that is a flag */
    SHIM_ACTION,   /* a switch that says what to do; `words` is the command */
    SHIM_DROP,     /* a value that has no meaning here */
    SHIM_REFUSE,   /* a switch or value we do not have; `words` says why */
};

struct shim_flag {
    const char *name; /* "--topic" */
    enum shim_kind kind;
    /* What is put on our command line, before the value. NULL: only kept, for `finish`. */
    const char *words;
};

/* A flag that goes with some actions only. */
struct shim_rule {
    const char *flag;
    const char *actions; /* with spaces between and around them */
    const char *instead; /* what to do elsewhere; may be NULL */
};

struct shim_tool {
    const char *name;    /* "kafka-topics" */
    const char *command; /* "topic ls"; NULL: an action must be given */
    const char *actions; /* for the sentence that misses one */
    const struct shim_flag *flags;
    size_t flag_count;
    bool has_verbs;     /* actions are words without dashes */
    bool is_brokerless; /* brokers may be named otherwise than with --bootstrap-server */
    bool repeats;       /* of a flag that stands several times, the last counts */
    /* Words of ours that our messages say, and what the tool's user can type in their place. Those
     * of the flags' rows and of shim_add_for need no row here. */
    const struct dialect_row *phrases;
    size_t phrase_count;
    const struct shim_rule *rules;
    size_t rule_count;
    /* May say it all itself, without a broker and a command: true, with *code. NULL: never. */
    bool (*answer)(struct shim *shim, int *code);
    /* Adds what depends on more than one flag. COMMAND_OK, or an exit code after a complaint. */
    int (*finish)(struct shim *shim);
};

struct shim_given {
    const char *flag;
    const char *value; /* NULL: a switch */
};

struct shim {
    struct command_world *world;
    const struct shim_tool *tool;
    struct arena arena;
    const char *action;       /* that was given: "--list" */
    const char *command;      /* of that action */
    struct flag_list words;   /* of our command line */
    struct shim_given *given; /* every flag, in order */
    size_t given_count;
    const char *const *arguments; /* that belong to no flag */
    size_t argument_count;
    bool is_silent; /* what our command prints is not what the tool would */
    struct dialect dialect;
};

/* Rows of most tools. */
#define SHIM_COMMON                                                                                \
    {"--bootstrap-server", SHIM_VALUE, "-b"}, {"--help", SHIM_SWITCH, NULL},                       \
        {"--version", SHIM_SWITCH, NULL},                                                          \
    {                                                                                              \
        "--command-config", SHIM_VALUE, "-F"                                                       \
    }
#define SHIM_FLAGS(table)   .flags = (table), .flag_count = sizeof(table) / sizeof((table)[0])
#define SHIM_PHRASES(table) .phrases = (table), .phrase_count = sizeof(table) / sizeof((table)[0])
#define SHIM_RULES(table)   .rules = (table), .rule_count = sizeof(table) / sizeof((table)[0])

/* The tools, which live in their own files. */
extern const struct shim_tool shim_topics;
extern const struct shim_tool shim_console_producer;
extern const struct shim_tool shim_console_consumer;
extern const struct shim_tool shim_consumer_groups;
extern const struct shim_tool shim_configs;
extern const struct shim_tool shim_delete_records;
extern const struct shim_tool shim_dump_log;
extern const struct shim_tool shim_get_offsets;
extern const struct shim_tool shim_producer_perf_test;
extern const struct shim_tool shim_transactions;

/* The tool that argv[0] names, with or without a folder and ".sh"; NULL: none. */
const struct shim_tool *shim_find(const char *program);
/* Whether argv[0] is the name of a tool of Apache Kafka's that is none of ours. */
bool shim_is_foreign(const char *program);
/* Says which there are; the exit code. */
int shim_refuse_foreign(struct command_world *world, const char *program);
/* Translates and runs; `run` is given a command line whose first word is the program. */
int shim_run(struct command_world *world, const struct shim_tool *tool, int argc,
             const char *const *argv,
             int (*run)(struct command_world *world, void *owner, int argc,
                        const char *const *argv),
             void *owner);

/* For `finish`. The last value of a flag, or NULL. */
const char *shim_value(const struct shim *shim, const char *flag);
bool shim_has(const struct shim *shim, const char *flag);
/* Of NAME=VALUE after one of two spellings of a flag: the last value of NAME, or NULL. */
const char *shim_property(const struct shim *shim, const char *flag, const char *other,
                          const char *name);
/* Puts the properties of the file that `file_flag` names in front of what was given, each as if it
 * stood after `flag`. COMMAND_OK, also without a file, or an exit code after a complaint. */
must_use int shim_read_file(struct shim *shim, const char *file_flag, const char *flag);
void shim_add(struct shim *shim, const char *word);
void shim_add_pair(struct shim *shim, const char *flag, const char *value);
/* As shim_add_pair; our messages about it name the tool's flag. */
void shim_add_for(struct shim *shim, const char *theirs, const char *flag, const char *value);
/* "one", or what has signs of a regular expression as -r. */
void shim_add_topic(struct shim *shim, const char *topic);
/* What Java writes and POSIX does not know, such as \d. */
const char *shim_expression(struct shim *shim, const char *pattern);
/* Kafka's pattern of topics in our words: a comma means "or", quotes and spaces mean nothing. */
const char *shim_pattern(struct shim *shim, const char *topic);
__attribute__((format(printf, 2, 3))) int shim_refuse(struct shim *shim, const char *format, ...);
/* "topic ls" among the commands, which may be NULL; NULL: there is none. */
const struct command *shim_find_command(const struct command_list *book, const char *words);
/* kcat has single letters instead of a table of words; see shim_kcat.c. */
bool shim_kcat_is(const char *program);
int shim_kcat_run(struct command_world *world, int argc, const char *const *argv,
                  int (*run)(struct command_world *world, void *owner, int argc,
                             const char *const *argv),
                  void *owner);
