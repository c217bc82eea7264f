/* Fills in the template of an output path. See naming.h. */
#include "connectors/file/naming.h"

#include <time.h>

/* A topic's name is harmless in a path (letters, digits, . _ -) except for the two dots. */
static void add_topic(struct builder *out, const char *topic)
{
    bool is_dots = strcmp(topic, ".") == 0 || strcmp(topic, "..") == 0;
    builder_add_text(out, is_dots ? "_" : "");
    for (const char *at = topic; *at != '\0'; at++) {
        builder_add_byte(out, *at == '/' ? '_' : *at);
    }
}

static void add_time(struct builder *out, char letter, int64_t timestamp_ms)
{
    char form[3] = {'%', letter, '\0'};
    char text[64];
    struct tm parts;
    time_t seconds = (time_t)((timestamp_ms < 0 ? 0 : timestamp_ms) / 1000);
    if (gmtime_r(&seconds, &parts) != NULL) {
        builder_add(out, text, strftime(text, sizeof text, form, &parts));
    }
}

/* Appends what stands for the placeholder at `at`; returns its size, 0 when there is none. */
static size_t add_placeholder(struct builder *out, const char *at,
                              const struct tidemill_record *record, bool has_start)
{
    if (strncmp(at, "{topic}", 7) == 0) {
        add_topic(out, record->topic);
        return 7;
    }
    if (strncmp(at, "{partition}", 11) == 0) {
        builder_add_integer(out, record->partition);
        return 11;
    }
    if (strncmp(at, "{start_offset}", 14) == 0) {
        if (has_start) {
            builder_add_integer(out, record->offset);
        }
        return 14;
    }
    if (at[0] == '%' && at[1] != '\0') {
        add_time(out, at[1], record->timestamp_ms);
        return 2;
    }
    return 0;
}

static void fill(const char *form, const struct tidemill_record *record, bool has_start,
                 struct builder *out)
{
    for (const char *at = form; *at != '\0';) {
        size_t size = add_placeholder(out, at, record, has_start);
        if (size == 0) {
            builder_add_byte(out, *at++);
        }
        at += size;
    }
}

void naming_write_path(const char *form, const struct tidemill_record *record, struct builder *out)
{
    fill(form, record, true, out);
}

void naming_write_key(const char *form, const struct tidemill_record *record, bool is_appending,
                      struct builder *out)
{
    if (!is_appending) {
        builder_add_text(out, record->topic);
        builder_add_byte(out, '/');
        builder_add_integer(out, record->partition);
        builder_add_byte(out, '/');
    }
    fill(form, record, false, out);
}

void naming_write_root(const char *form, struct builder *out)
{
    size_t size = strcspn(form, "{%");
    while (size > 0 && form[size - 1] != '/') {
        size--;
    }
    builder_add(out, form, size);
}
