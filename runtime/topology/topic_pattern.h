/* A pattern of topics as scripts have it: a regular expression (log/base/topic_regex.h) that leaves
 * alone what belongs to the log or to an application.
 *
 * Owns:   the compiled expression.
 * Keeps:  (1) it matches whole names;
 *         (2) never one that begins with "__" or ends with -changelog or -repartition.
 * Thread: the owner's. */
#pragma once

#include "log/base/check.h"
#include "log/base/report.h"

enum { TOPIC_PATTERN_COUNT_MAX = 1000 }; /* topics that one pattern may stand for */

struct topic_pattern;

/* ERROR_INVALID with the report filled when the text is no expression. */
must_use int topic_pattern_new(const char *text, const char *place, struct topic_pattern **out,
                               struct report *report);
void topic_pattern_free(struct topic_pattern *pattern);
bool topic_pattern_matches(struct topic_pattern *pattern, const char *name);
