/* See partition_rule.h. */
#include "runtime/cli/partition_rule.h"

#include "log/base/error.h"
#include "log/base/text.h"

#include <stdlib.h>
#include <string.h>

static bool read_number(struct bytes text, int64_t *out)
{
    char *number = bytes_to_string(text);
    bool is_good = text_parse_int64(number, out) == 0 && *out >= 0 && *out <= INT32_MAX;
    free(number);
    return is_good;
}

/* "", "1", "1-3", "1-", "-3" */
static bool read_range(const char *text, int64_t *first, int64_t *end)
{
    const char *dash = strchr(text, '-');
    *first = 0;
    *end = (int64_t)INT32_MAX + 1;
    if (dash == NULL) {
        bool is_good = *text == '\0' || read_number(bytes_from_string(text), first);
        *end = *text == '\0' ? *end : *first + 1;
        return is_good;
    }
    bool has_first = dash > text, has_end = dash[1] != '\0';
    return (has_first || has_end) &&
           (!has_first || read_number(bytes_make(text, (size_t)(dash - text)), first)) &&
           (!has_end || read_number(bytes_from_string(dash + 1), end));
}

int partition_rule_parse(const char *text, struct partition_rule *out)
{
    const char *colon = strrchr(text, ':');
    size_t size = colon == NULL ? strlen(text) : (size_t)(colon - text);
    if (!read_range(colon == NULL ? "" : colon + 1, &out->first, &out->end)) {
        return ERROR_INVALID;
    }
    struct buffer pattern;
    buffer_init(&pattern);
    buffer_printf(&pattern, "^(%.*s)$", size == 0 ? 2 : (int)size, size == 0 ? ".*" : text);
    int error = regcomp(&out->pattern, buffer_string(&pattern), REG_EXTENDED | REG_NOSUB) == 0
                    ? 0
                    : ERROR_INVALID;
    buffer_fini(&pattern);
    return error;
}

void partition_rule_fini(struct partition_rule *rule)
{
    regfree(&rule->pattern);
}

bool partition_rule_matches(const struct partition_rule *rule, struct bytes topic,
                            int32_t partition)
{
    regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)topic.size};
    return partition >= rule->first && partition < rule->end &&
           regexec(&rule->pattern, (const char *)topic.data, 1, &range, REG_STARTEND) == 0;
}
