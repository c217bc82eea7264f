/* Looks at the ends of topics; see letter_topics.h. */
#include "runtime/cli/letter_topics.h"

#include "log/base/error.h"
#include "runtime/cli/offset_query.h"

#include <stdlib.h>
#include <string.h>

struct letter_topics {
    struct errand *errand;
    const char *application;
    const char **names;
    size_t count;
    struct arena arena; /* of one record */
};

static void letter_topics_add(struct letter_topics *topics, const char *name)
{
    for (size_t i = 0; i < topics->count; i++) {
        if (strcmp(topics->names[i], name) == 0) {
            return;
        }
    }
    topics->names[topics->count++] = name;
}

static int letter_topics_on_record(void *owner, const struct envelope *envelope)
{
    struct letter_topics *topics = owner;
    struct letter letter;
    if (letter_read(envelope->record, &topics->arena, &letter) == 0 &&
        bytes_equal_string(letter.application, topics->application)) {
        letter_topics_add(topics,
                          arena_string(&topics->errand->arena, bytes_from_string(envelope->topic)));
    }
    arena_clear(&topics->arena);
    return 0;
}

/* Changelogs and the like are named for what they are; nobody puts letters there. */
static bool letter_topics_may_have(const char *name)
{
    static const char *const endings[] = {"-changelog", "-repartition", "-clock"};
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending_size = strlen(endings[i]);
        if (size > ending_size && strcmp(name + size - ending_size, endings[i]) == 0) {
            return false;
        }
    }
    return true;
}

/* The newest records of every partition that has a leader; an open transaction is not waited for.
 */
static int letter_topics_choose(struct letter_topics *topics, const struct topic_choice *choice,
                                struct topic_sweep_range *ranges, size_t *count)
{
    struct errand *errand = topics->errand;
    struct offset_query *starts = arena_array(&errand->arena, struct offset_query, choice->count);
    struct offset_query *ends = arena_array(&errand->arena, struct offset_query, choice->count);
    for (size_t i = 0; i < choice->count; i++) {
        starts[i] = (struct offset_query){.topic = choice->rows[i].topic,
                                          .partition = choice->rows[i].partition,
                                          .timestamp_ms = OFFSET_QUERY_EARLIEST};
        ends[i] = starts[i];
        ends[i].timestamp_ms = OFFSET_QUERY_LATEST;
        ends[i].is_committed = true;
    }
    int error = offset_query_run(errand, starts, choice->count);
    error = error == 0 ? offset_query_run(errand, ends, choice->count) : error;
    for (size_t i = 0; i < choice->count && error == 0; i++) {
        int64_t start = ends[i].offset - LETTER_TOPICS_LOOK_COUNT;
        start = start > starts[i].offset ? start : starts[i].offset;
        if (starts[i].error == 0 && ends[i].error == 0 && start < ends[i].offset &&
            letter_topics_may_have(ends[i].topic)) {
            ranges[(*count)++] = (struct topic_sweep_range){.topic = ends[i].topic,
                                                            .partition = ends[i].partition,
                                                            .start = start,
                                                            .end = ends[i].offset};
        }
    }
    return error == 0 ? COMMAND_OK : errand_fail(errand, error, "looking for letters");
}

static int letter_topics_look(struct letter_topics *topics, const char *own)
{
    const struct topic_choice_flags flags = {0};
    const struct flag_list all = {0};
    struct topic_choice choice;
    size_t count = 0;
    int code = topic_choice_partitions(topics->errand, &flags, &all, &choice);
    if (code != COMMAND_OK) {
        return code;
    }
    struct arena *arena = &topics->errand->arena;
    struct topic_sweep_range *ranges =
        arena_array(arena, struct topic_sweep_range, choice.count + 1);
    topics->names = arena_array(arena, const char *, choice.count + 1);
    for (size_t i = 0; i < choice.count; i++) {
        if (strcmp(choice.rows[i].topic, own) == 0) {
            letter_topics_add(topics, own);
        }
    }
    code = letter_topics_choose(topics, &choice, ranges, &count);
    if (code != COMMAND_OK) {
        return code;
    }
    arena_init(&topics->arena, 64 << 20);
    int result = topic_sweep_run(topics->errand, ranges, count, letter_topics_on_record, topics);
    arena_fini(&topics->arena);
    return result >= 0 ? COMMAND_OK : errand_fail(topics->errand, result, "looking for letters");
}

static int letter_topics_compare(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* PARTITION:OFFSET of which of them? */
static int letter_topics_refuse_places(const struct letter_topics *topics)
{
    struct buffer names;
    buffer_init(&names);
    for (size_t i = 0; i < topics->count; i++) {
        buffer_printf(&names, "%s%s", i == 0 ? "" : ", ", topics->names[i]);
    }
    int code =
        command_misuse(topics->errand->world, "%s has letters in %s; say in which with --topic",
                       topics->application, buffer_string(&names));
    buffer_fini(&names);
    return code;
}

int letter_topics_find(struct errand *errand, const char *suffix,
                       const struct letter_choice_flags *flags, const struct flag_list *words,
                       struct flag_list *out)
{
    struct letter_topics topics = {.errand = errand, .application = words->items[0]};
    const char *own = flags->topic != NULL
                          ? flags->topic
                          : arena_printf(&errand->arena, "%s-%s", topics.application, suffix);
    bool is_looked_for = flags->topic == NULL && strcmp(suffix, "dlq") == 0;
    int code = is_looked_for ? letter_topics_look(&topics, own) : COMMAND_OK;
    if (code != COMMAND_OK) {
        return code;
    }
    if (topics.count == 0) {
        topics.names = arena_array(&errand->arena, const char *, 1);
        topics.names[topics.count++] = own;
    }
    qsort(topics.names, topics.count, sizeof *topics.names, letter_topics_compare);
    if (words->count > 1 && topics.count > 1) {
        return letter_topics_refuse_places(&topics);
    }
    *out = (struct flag_list){.items = topics.names, .count = topics.count};
    return COMMAND_OK;
}
