/* Reads lists of NAME=PATTERN and holds clients against them; see client_match.h. */
#include "log/meta/client_match.h"

#include "log/base/error.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

enum { CLIENT_MATCH_PATTERN_SIZE_MAX = 255 };

static const char *const client_match_names[CLIENT_MATCH_NAMES] = {
    [CLIENT_MATCH_INSTANCE_ID] = "client_instance_id",
    [CLIENT_MATCH_ID] = "client_id",
    [CLIENT_MATCH_SOFTWARE_NAME] = "client_software_name",
    [CLIENT_MATCH_SOFTWARE_VERSION] = "client_software_version",
    [CLIENT_MATCH_SOURCE_ADDRESS] = "client_source_address",
    [CLIENT_MATCH_SOURCE_PORT] = "client_source_port",
};

struct client_match_item {
    enum client_match_name name;
    char pattern[CLIENT_MATCH_PATTERN_SIZE_MAX + sizeof "^()$"];
};

static bool client_match_find_name(struct bytes text, enum client_match_name *out)
{
    for (int name = 0; name < CLIENT_MATCH_NAMES; name++) {
        if (bytes_equal_string(text, client_match_names[name])) {
            *out = (enum client_match_name)name;
            return true;
        }
    }
    return false;
}

/* What regcomp could grow without bound from, or regexec run long with. */
static bool client_match_is_costly(struct bytes pattern)
{
    for (size_t i = 0; i < pattern.size; i++) {
        bool is_escaped = i > 0 && pattern.data[i - 1] == '\\';
        if ((pattern.data[i] == '{' && !is_escaped) || (is_escaped && isdigit(pattern.data[i]))) {
            return true;
        }
    }
    return pattern.size > CLIENT_MATCH_PATTERN_SIZE_MAX;
}

/* Moves over one item; false when it is none. */
static bool client_match_read(const char **list, struct client_match_item *item)
{
    size_t size = strcspn(*list, ",");
    const char *equals = memchr(*list, '=', size);
    if (equals == NULL) {
        return false;
    }
    size_t name_size = (size_t)(equals - *list);
    struct bytes pattern = bytes_make(equals + 1, size - name_size - 1);
    if (!client_match_find_name(bytes_make(*list, name_size), &item->name) ||
        client_match_is_costly(pattern)) {
        return false;
    }
    snprintf(item->pattern, sizeof item->pattern, "^(%.*s)$", BYTES_FORMAT(pattern));
    *list += size + ((*list)[size] == ',');
    return true;
}

static bool client_match_fits_item(const struct client_match_item *item, const char *text)
{
    regex_t regex;
    if (regcomp(&regex, item->pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        return false;
    }
    bool is_match = regexec(&regex, text == NULL ? "" : text, 0, NULL, 0) == 0;
    regfree(&regex);
    return is_match;
}

int client_match_validate(const char *list, struct report *report)
{
    while (*list != 0) {
        struct client_match_item item;
        regex_t regex;
        const char *start = list;
        bool is_good = client_match_read(&list, &item);
        if (is_good && regcomp(&regex, item.pattern, REG_EXTENDED | REG_NOSUB) == 0) {
            regfree(&regex);
            continue;
        }
        report_add(
            report, NULL,
            "Illegal client matching pattern: %.*s; it is NAME=PATTERN, a regular expression "
            "of at most %d bytes without {} and \\1, of client_instance_id, client_id, "
            "client_software_name, client_software_version, client_source_address or "
            "client_source_port",
            (int)strcspn(start, ","), start, CLIENT_MATCH_PATTERN_SIZE_MAX);
        return ERROR_INVALID_CONFIG;
    }
    return 0;
}

bool client_match_fits(const char *list, const struct client_match_facts *facts)
{
    struct client_match_item item;
    while (*list != 0) {
        if (!client_match_read(&list, &item) ||
            !client_match_fits_item(&item, facts->values[item.name])) {
            return false;
        }
    }
    return true;
}
