/* See letter_choice.h. */
#include "runtime/cli/letter_choice.h"

#include "log/base/error.h"
#include "log/base/text.h"
#include "runtime/cli/group_offsets.h"
#include "runtime/cli/offset_query.h"

#include <string.h>

struct letter_choice_walk {
    struct letter_choice *choice;
    struct arena arena; /* of one letter */
    int (*each)(void *owner, const struct letter_choice_letter *found);
    void *owner;
};

static struct letter_choice_partition *find_partition(struct letter_choice *choice,
                                                      int32_t partition)
{
    for (size_t i = 0; i < choice->count; i++) {
        if (choice->partitions[i].partition == partition) {
            return &choice->partitions[i];
        }
    }
    return NULL;
}

static int find_topic(struct letter_choice *choice)
{
    const struct topic_choice_flags may_miss = {.may_miss = true};
    const struct flag_list words = {.items = &choice->topic, .count = 1};
    struct errand *errand = choice->errand;
    struct topic_choice topic;
    struct topic_sweep_range *ranges;
    int code = topic_choice_partitions(errand, &may_miss, &words, &topic);
    if (code == COMMAND_OK && topic.count == 0) {
        return command_fail(errand->world,
                            "%s has no topic %s: it put nothing aside, or writes elsewhere; name "
                            "the topic with --topic",
                            choice->application, choice->topic);
    }
    code = code == COMMAND_OK ? topic_sweep_ranges(errand, &topic, &ranges) : code;
    if (code != COMMAND_OK) {
        return code;
    }
    choice->ranges = ranges;
    choice->count = topic.count;
    choice->partitions = arena_array(&errand->arena, struct letter_choice_partition, topic.count);
    for (size_t i = 0; i < topic.count; i++) {
        choice->partitions[i] = (struct letter_choice_partition){
            .partition = ranges[i].partition, .to = ranges[i].end, .next_offset = ranges[i].start};
        replay_marks_init(&choice->partitions[i].marks);
        replay_marks_add(&choice->partitions[i].marks, 0, ranges[i].start - 1);
    }
    return COMMAND_OK;
}

static int read_marks(struct letter_choice *choice)
{
    struct group_offsets offsets;
    int code = group_offsets_read(choice->errand, choice->group, &offsets);
    for (size_t i = 0; i < offsets.count && code == COMMAND_OK; i++) {
        const struct group_offsets_row *row = &offsets.rows[i];
        struct letter_choice_partition *partition = find_partition(choice, row->partition);
        if (strcmp(row->topic, choice->topic) != 0 || partition == NULL) {
            continue;
        }
        int64_t start = partition->marks.position;
        if (replay_marks_read(&partition->marks, row->offset, row->metadata) != 0) {
            code = command_fail(choice->errand->world,
                                "what group %s committed for %s:%d is not ours; 'tidemill group rm "
                                "%s' forgets which letters were replayed",
                                choice->group, choice->topic, row->partition, choice->group);
        }
        replay_marks_add(&partition->marks, 0, start - 1);
    }
    return code;
}

static int read_bound(struct letter_choice *choice, const char *text, const char *name, bool is_end)
{
    struct errand *errand = choice->errand;
    struct offset_spec spec = {0};
    struct report report = {0};
    if (text == NULL) {
        return COMMAND_OK;
    }
    if (offset_spec_parse(text, &spec, NULL, &report) != 0) {
        return command_misuse(errand->world, "%s: %s", name, report.text);
    }
    if (spec.kind == OFFSET_SPEC_STORED) {
        return command_misuse(errand->world, "%s takes N, -N or @TIME, not '%s'", name, text);
    }
    struct offset_query *rows = arena_array(&errand->arena, struct offset_query, choice->count);
    for (size_t i = 0; i < choice->count; i++) {
        rows[i] = (struct offset_query){.topic = choice->topic,
                                        .partition = choice->partitions[i].partition};
    }
    int error = offset_query_resolve(errand, &spec, rows, choice->count);
    for (size_t i = 0; i < choice->count && error == 0; i++) {
        error = rows[i].error;
        *(is_end ? &choice->partitions[i].to : &choice->partitions[i].from) = rows[i].offset;
    }
    return error == 0 ? COMMAND_OK : errand_fail(errand, error, "looking for offsets");
}

static bool read_place(const char *text, int64_t *partition, int64_t *offset)
{
    char words[64], *colon;
    snprintf(words, sizeof words, "%s", text);
    colon = strchr(words, ':');
    if (colon == NULL) {
        return false;
    }
    *colon = '\0';
    return text_parse_int64(words, partition) == 0 && text_parse_int64(colon + 1, offset) == 0 &&
           *partition >= 0 && *partition <= INT32_MAX && *offset >= 0;
}

static int judge_places(const struct letter_choice *choice)
{
    int64_t partition, offset;
    for (size_t i = 0; i < choice->places->count; i++) {
        if (!read_place(choice->places->items[i], &partition, &offset)) {
            return command_misuse(choice->errand->world,
                                  "a letter is PARTITION:OFFSET, as 'ls' shows it, not '%s'",
                                  choice->places->items[i]);
        }
    }
    return COMMAND_OK;
}

int letter_choice_open(struct letter_choice *choice, struct errand *errand, const char *suffix,
                       const char *topic, const struct letter_choice_flags *flags,
                       const struct flag_list *words)
{
    struct flag_list *places = arena_array(&errand->arena, struct flag_list, 1);
    *places = (struct flag_list){.items = words->items + 1, .count = words->count - 1};
    const char *name = words->items[0];
    *choice = (struct letter_choice){
        .errand = errand, .application = name, .topic = topic, .flags = flags, .places = places};
    choice->is_own = strcmp(topic, arena_printf(&errand->arena, "%s-%s", name, suffix)) == 0;
    choice->group = arena_printf(&errand->arena, "%s-%s-replay", name, suffix);
    int code = judge_places(choice);
    code = code == COMMAND_OK ? find_topic(choice) : code;
    code = code == COMMAND_OK ? read_marks(choice) : code;
    code = code == COMMAND_OK ? read_bound(choice, flags->from, "--from", false) : code;
    return code == COMMAND_OK ? read_bound(choice, flags->to, "--to", true) : code;
}

void letter_choice_close(struct letter_choice *choice)
{
    for (size_t i = 0; i < choice->count; i++) {
        replay_marks_check(&choice->partitions[i].marks);
        replay_marks_fini(&choice->partitions[i].marks);
    }
    choice->count = 0;
}

static bool has_text(struct bytes text, const char *wanted)
{
    return wanted == NULL ||
           (text.size > 0 && memmem(text.data, text.size, wanted, strlen(wanted)) != NULL);
}

static bool is_text(struct bytes text, const char *wanted)
{
    return wanted == NULL || (!bytes_is_null(text) && bytes_equal_string(text, wanted));
}

static bool is_at_place(const struct flag_list *places, int32_t partition, int64_t offset)
{
    int64_t place_partition, place_offset;
    for (size_t i = 0; i < places->count; i++) {
        if (read_place(places->items[i], &place_partition, &place_offset) &&
            place_partition == partition && place_offset == offset) {
            return true;
        }
    }
    return places->count == 0;
}

static bool is_meant(const struct letter_choice *choice,
                     const struct letter_choice_partition *partition, int64_t offset,
                     const struct letter *letter)
{
    const struct letter_choice_flags *flags = choice->flags;
    bool is_anyones = flags->topic != NULL || choice->is_own || bytes_is_null(letter->application);
    return offset >= partition->from && offset < partition->to &&
           (is_anyones || bytes_equal_string(letter->application, choice->application)) &&
           is_at_place(choice->places, partition->partition, offset) &&
           has_text(letter->reason, flags->reason) && is_text(letter->node, flags->node) &&
           is_text(letter->kind, flags->kind);
}

static int walk_on_record(void *owner, const struct envelope *envelope)
{
    struct letter_choice_walk *walk = owner;
    struct letter letter;
    struct letter_choice_partition *partition = find_partition(walk->choice, envelope->partition);
    int64_t offset = envelope->record->offset;
    int error = letter_read(envelope->record, &walk->arena, &letter);
    const struct letter_choice_letter found = {
        .letter = &letter,
        .envelope = envelope,
        .partition = partition,
        .first_offset = partition->next_offset,
        .is_replayed = replay_marks_has(&partition->marks, offset),
    };
    if (error == 0 && is_meant(walk->choice, partition, offset, &letter)) {
        error = walk->each(walk->owner, &found);
    }
    partition->next_offset = offset + 1;
    arena_clear(&walk->arena);
    return error;
}

int letter_choice_each(struct letter_choice *choice,
                       int (*each)(void *owner, const struct letter_choice_letter *found),
                       void *owner)
{
    struct letter_choice_walk walk = {.choice = choice, .each = each, .owner = owner};
    arena_init(&walk.arena, 64 << 20);
    int result =
        topic_sweep_run(choice->errand, choice->ranges, choice->count, walk_on_record, &walk);
    arena_fini(&walk.arena);
    return result;
}

int letter_choice_judge(struct letter_choice *choice, int result)
{
    return result >= 0 ? COMMAND_OK : errand_fail(choice->errand, result, choice->topic);
}
