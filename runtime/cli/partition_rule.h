/* Rules that choose partitions: "REGEX", "REGEX:1", "REGEX:1-3" (without 3), "REGEX:2-",
 * "REGEX:-2". Without a REGEX every topic is meant. The whole name must match.
 *
 * Owns:   the compiled pattern, until partition_rule_fini.
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

#include <regex.h>

struct partition_rule {
    regex_t pattern;
    int64_t first;
    int64_t end; /* the first one past it */
};

/* ERROR_INVALID where the text is no rule; then there is nothing to free. */
must_use int partition_rule_parse(const char *text, struct partition_rule *out);
void partition_rule_fini(struct partition_rule *rule);
bool partition_rule_matches(const struct partition_rule *rule, struct bytes topic,
                            int32_t partition);
