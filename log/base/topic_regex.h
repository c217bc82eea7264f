/* Regular expressions over topic names, with RE2's syntax (KIP-848, KIP-1010), for groups and for
 * the streams of an application.
 *
 * The syntax is RE2's because Kafka's coordinator uses RE2: whatever it lacks (backreferences,
 * looking around, possessive quantifiers) is refused here too. What passes is translated and run by
 * PCRE2's algorithm for automata, which looks at each character once and never backtracks, so that
 * no pattern takes exponential time; a pattern that needs too many states at once is refused.
 *
 * Owns:   the compiled pattern and the memory of its states.
 * Keeps:  (1) a match is one of the whole name;
 *         (2) no step of a match looks at more than TOPIC_REGEX_STATES_MAX states.
 * Thread: the owner's. */
#pragma once

#include "log/base/arena.h"
#include "log/base/check.h"

struct topic_regex;

/* 0, or ERROR_INVALID with what is wrong and where in `reason`, which lives in the arena. */
must_use int topic_regex_new(struct bytes pattern, struct arena *arena, struct topic_regex **out,
                             struct bytes *reason);
void topic_regex_free(struct topic_regex *regex);
/* 1 or 0; ERROR_TOO_LARGE when the pattern needs too many states. */
must_use int topic_regex_matches(struct topic_regex *regex, struct bytes name);
