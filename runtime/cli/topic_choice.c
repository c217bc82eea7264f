/* See topic_choice.h. */
#include "runtime/cli/topic_choice.h"

#include "log/base/error.h"
#include "log/base/text.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* A word cut at its colon. */
struct choice_word {
    const char *topic;
    int64_t partition; /* -1: all */
};

/* The whole name must match, as everywhere where people name topics by patterns. */
static int pattern_compile(struct errand *errand, const char *text, regex_t *out)
{
    const char *whole = arena_printf(&errand->arena, "^(%s)$", text);
    return regcomp(out, whole, REG_EXTENDED | REG_NOSUB) == 0
               ? COMMAND_OK
               : command_misuse(errand->world, "'%s' is no regular expression", text);
}

static bool pattern_matches(const regex_t *pattern, struct bytes name)
{
    regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)name.size};
    return regexec(pattern, (const char *)name.data, 1, &range, REG_STARTEND) == 0;
}

static int add_matches(struct errand *errand, const char *text, const char **names, size_t *count,
                       const struct metadata_response *metadata)
{
    regex_t pattern;
    int code = pattern_compile(errand, text, &pattern);
    if (code != COMMAND_OK) {
        return code;
    }
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        struct bytes name = metadata->topics.items[i].name;
        if (pattern_matches(&pattern, name)) {
            names[(*count)++] = arena_string(&errand->arena, name);
        }
    }
    regfree(&pattern);
    return COMMAND_OK;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

int topic_choice_names(struct errand *errand, const struct topic_choice_flags *flags,
                       const struct flag_list *words, const char *const **out, size_t *count)
{
    const struct metadata_response *metadata;
    size_t found = 0;
    *out = words->items;
    *count = words->count;
    if (flags->pattern == NULL) {
        return COMMAND_OK;
    }
    int error = errand_read_metadata(errand, NULL, 0, &metadata);
    if (error != 0) {
        return errand_fail(errand, error, "looking for topics");
    }
    const char **names = arena_array(&errand->arena, const char *,
                                     words->count + (size_t)metadata->topics.count + 1);
    for (size_t i = 0; i < words->count; i++) {
        names[found++] = words->items[i];
    }
    int code = add_matches(errand, flags->pattern, names, &found, metadata);
    if (code == COMMAND_OK && found == 0 && !flags->may_miss) {
        return command_fail(errand->world, "no topic matches '%s'; 'tidemill topic ls' lists them",
                            flags->pattern);
    }
    if (found > words->count) {
        qsort(names + words->count, found - words->count, sizeof(*names), compare_names);
    }
    *out = names;
    *count = found;
    return code;
}

static int cut_word(struct errand *errand, const char *word, struct choice_word *out)
{
    const char *colon = strrchr(word, ':');
    *out = (struct choice_word){.topic = word, .partition = -1};
    if (colon == NULL) {
        return COMMAND_OK;
    }
    if (text_parse_int64(colon + 1, &out->partition) != 0 || out->partition < 0) {
        return command_misuse(errand->world, "'%s' is no TOPIC or TOPIC:PARTITION", word);
    }
    out->topic = arena_string(&errand->arena, bytes_make(word, (size_t)(colon - word)));
    return COMMAND_OK;
}

static const struct metadata_response_topic *find_topic(const struct metadata_response *metadata,
                                                        const char *name)
{
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        if (bytes_equal_string(metadata->topics.items[i].name, name)) {
            return &metadata->topics.items[i];
        }
    }
    return NULL;
}

static size_t add_partitions(const struct metadata_response_topic *topic, const char *name,
                             int64_t partition, struct topic_choice *out)
{
    size_t before = out->count;
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        const struct metadata_response_partition *row = &topic->partitions.items[i];
        if (partition < 0 || partition == row->index) {
            out->rows[out->count++] = (struct topic_choice_row){
                .topic = name, .partition = row->index, .leader = row->leader_id};
        }
    }
    return out->count - before;
}

static int add_word(struct errand *errand, const struct topic_choice_flags *flags,
                    const struct metadata_response *metadata, const char *word,
                    struct topic_choice *out)
{
    struct choice_word cut;
    int code = cut_word(errand, word, &cut);
    if (code != COMMAND_OK) {
        return code;
    }
    const struct metadata_response_topic *topic = find_topic(metadata, cut.topic);
    if (topic == NULL && flags->may_miss) {
        return COMMAND_OK;
    }
    if (topic == NULL) {
        return command_fail(errand->world, "%s: no such topic; 'tidemill topic ls' lists them",
                            cut.topic);
    }
    if (add_partitions(topic, cut.topic, cut.partition, out) == 0) {
        return command_fail(errand->world, "%s has no partition %lld, only 0 to %d", cut.topic,
                            (long long)cut.partition, (int)topic->partitions.count - 1);
    }
    return COMMAND_OK;
}

static int compare_rows(const void *left, const void *right)
{
    const struct topic_choice_row *one = left, *two = right;
    int order = strcmp(one->topic, two->topic);
    return order != 0 ? order
                      : (one->partition > two->partition) - (one->partition < two->partition);
}

/* Each partition once, whatever was named twice. */
void topic_choice_sort(struct topic_choice *choice)
{
    size_t kept = 0;
    if (choice->count > 0) {
        qsort(choice->rows, choice->count, sizeof(*choice->rows), compare_rows);
    }
    for (size_t i = 0; i < choice->count; i++) {
        if (kept == 0 || compare_rows(&choice->rows[kept - 1], &choice->rows[i]) != 0) {
            choice->rows[kept++] = choice->rows[i];
        }
    }
    choice->count = kept;
}

size_t topic_choice_count_partitions(const struct metadata_response *metadata)
{
    size_t count = 0;
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        count += (size_t)metadata->topics.items[i].partitions.count;
    }
    return count;
}

int topic_choice_partitions(struct errand *errand, const struct topic_choice_flags *flags,
                            const struct flag_list *words, struct topic_choice *out)
{
    const struct metadata_response *metadata;
    const char *const *names;
    size_t count;
    int code = topic_choice_names(errand, flags, words, &names, &count);
    if (code != COMMAND_OK) {
        return code;
    }
    int error = errand_read_metadata(errand, NULL, 0, &metadata);
    if (error != 0) {
        return errand_fail(errand, error, "looking for topics");
    }
    *out = (struct topic_choice){0};
    out->rows = arena_array(&errand->arena, struct topic_choice_row,
                            topic_choice_count_partitions(metadata) * (count + 1) + 1);
    for (size_t i = 0; i < count && code == COMMAND_OK; i++) {
        code = add_word(errand, flags, metadata, names[i], out);
    }
    bool is_everything = words->count == 0 && flags->pattern == NULL;
    for (int32_t i = 0; is_everything && i < metadata->topics.count; i++) {
        const struct metadata_response_topic *topic = &metadata->topics.items[i];
        if (!topic->is_internal) {
            add_partitions(topic, arena_string(&errand->arena, topic->name), -1, out);
        }
    }
    topic_choice_sort(out);
    return code;
}
