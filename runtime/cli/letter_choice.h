/* Which letters of an application are meant: the flags that dlq and late commands share, and the
 * way through the letters.
 *
 * Owns:   nothing; what is found lives in the errand's arena.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/letter.h"
#include "runtime/cli/replay_marks.h"
#include "runtime/cli/topic_sweep.h"

struct letter_choice_flags {
    const char *topic; /* NULL: all that letter_topics.h finds */
    const char *reason;
    const char *node;
    const char *kind;
    const char *from;
    const char *to;
};

/* Of values that have a member `choice`. */
#define LETTER_CHOICE_FLAGS(type)                                                                  \
    FLAG('r', "reason", STRING, type, choice.reason, "TEXT", "letters whose reason has it"),       \
        FLAG('n', "node", STRING, type, choice.node, "NODE", "letters of this step"),              \
        FLAG('k', "kind", STRING, type, choice.kind, "KIND", "process, decode, timer, late, ..."), \
        FLAG(0, "from", STRING, type, choice.from, "OFFSET", "N, -N or @TIME: the first letter"),  \
        FLAG(0, "to", STRING, type, choice.to, "OFFSET", "N, -N or @TIME: where to stop"),         \
        FLAG('t', "topic", STRING, type, choice.topic, "TOPIC",                                    \
             "where the letters are (default: APP-late; where APP and its connectors put dead "    \
             "ones)")

struct letter_choice_partition {
    int32_t partition;
    struct replay_marks marks; /* what was replayed before */
    int64_t from;
    int64_t to;
    int64_t next_offset; /* behind the letter that was seen last */
};

struct letter_choice {
    struct errand *errand;
    const char *application;
    const char *topic;
    const char *group; /* <app>-dlq-replay */
    bool is_own;       /* APP-dlq or APP-late */
    const struct letter_choice_flags *flags;
    const struct flag_list *places; /* PARTITION:OFFSET...; none: all */
    const struct topic_sweep_range *ranges;
    struct letter_choice_partition *partitions; /* as `ranges` */
    size_t count;
};

/* One letter on its way through `each`. */
struct letter_choice_letter {
    const struct letter *letter;
    const struct envelope *envelope;
    struct letter_choice_partition *partition;
    int64_t first_offset; /* the letter, and what lies between it and the one before */
    bool is_replayed;
};

/* Finds the letters of a topic (letter_topics.h) and what was replayed; those that say that they
 * are another application's are not meant, unless the topic was asked for or is APP-dlq. `words`:
 * the application, then places. COMMAND_OK, or an exit code after a complaint; letter_choice_close
 * is due in both cases. */
must_use int letter_choice_open(struct letter_choice *choice, struct errand *errand,
                                const char *suffix, const char *topic,
                                const struct letter_choice_flags *flags,
                                const struct flag_list *words);
void letter_choice_close(struct letter_choice *choice);
/* Each letter that is meant, in the order of its partition. What `each` returns other than 0 (1
 * for enough, or an error) ends it and is returned. The arena is cleared after each letter. */
must_use int letter_choice_each(struct letter_choice *choice,
                                int (*each)(void *owner, const struct letter_choice_letter *found),
                                void *owner);
/* Complains of what letter_choice_each returned; COMMAND_OK if it is no error. */
int letter_choice_judge(struct letter_choice *choice, int result);
