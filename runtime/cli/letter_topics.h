/* Where the letters of an application are: its own topic, and every other one in which it, or a
 * connector of it, was the one to put one of the newest records. A topic may have any name: the
 * script says it, and a cluster knows no scripts; but a dead letter says whose it is.
 *
 * Owns:   nothing; what is found lives in the errand's arena.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/letter_choice.h"

/* How far back from its end each partition is looked at. */
enum { LETTER_TOPICS_LOOK_COUNT = 16 };

/* The topic of flags->topic alone, if there is one. Late letters do not say whose they are: of them
 * it is APP-late. `words` as of letter_choice_open: with places it must be one topic. COMMAND_OK
 * with at least one, or an exit code after a complaint. */
must_use int letter_topics_find(struct errand *errand, const char *suffix,
                                const struct letter_choice_flags *flags,
                                const struct flag_list *words, struct flag_list *out);
