/* Which topics and partitions a person means: names, TOPIC:PARTITION, or a regular expression.
 *
 * Owns:   nothing; what is found lives in the errand's arena.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"

struct topic_choice_flags {
    const char *pattern; /* -r; NULL: none */
    bool may_miss;       /* nothing that matches is no mistake */
};

struct topic_choice_row {
    const char *topic;
    int32_t partition;
    int32_t leader; /* -1: none */
};

struct topic_choice {
    struct topic_choice_row *rows; /* by topic and partition */
    size_t count;
};

/* The names given, or those of all topics that match the pattern as a whole; both may be used.
 * COMMAND_OK, or an exit code after a complaint. */
must_use int topic_choice_names(struct errand *errand, const struct topic_choice_flags *flags,
                                const struct flag_list *words, const char *const **names,
                                size_t *count);
/* All partitions of "TOPIC", one of "TOPIC:PARTITION"; without words and pattern those of every
 * topic that is not internal. A topic that is not there is a complaint, unless flags->may_miss. */
must_use int topic_choice_partitions(struct errand *errand, const struct topic_choice_flags *flags,
                                     const struct flag_list *words, struct topic_choice *out);
/* By topic and partition, each once. */
void topic_choice_sort(struct topic_choice *choice);
size_t topic_choice_count_partitions(const struct metadata_response *metadata);
