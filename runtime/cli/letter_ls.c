/* tidemill dlq ls, tidemill late ls: what went wrong, how often, and where to look first. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/letter_topics.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LS_GROUP_MAX = 1000 };

struct ls_values {
    struct errand_flags errand;
    struct letter_choice_flags choice;
};

/* Letters that are alike but for their records. */
struct ls_group {
    const char *reason;
    const char *kind;
    const char *node;
    const char *place;
    const char *topic;
    int64_t count;
    int64_t replayed_count;
    int64_t newest_ms;
    int32_t partition; /* of the newest */
    int64_t offset;
};

struct ls {
    struct errand *errand;
    const char *topic; /* which is counted now */
    struct ls_group *groups;
    size_t count;
    int64_t untold_count; /* letters for which there was no group left */
};

static const struct grid_column columns[] = {
    {"REASON", "reason", false}, {"KIND", "kind", false},   {"NODE", "node", false},
    {"PLACE", "place", false},   {"COUNT", "count", true},  {"REPLAYED", "replayed", true},
    {"NEWEST", "newest", false}, {"TOPIC", "topic", false}, {"LETTER", "letter", false},
};

static bool is_word(const char *word, struct bytes text)
{
    return word == NULL ? text.size == 0 : bytes_equal_string(text, word);
}

static const char *keep_word(struct ls *ls, struct bytes text)
{
    return text.size == 0 ? NULL : arena_string(&ls->errand->arena, text);
}

/* Of late ones each has a window and a time of its own, which tell nothing when they are counted.
 */
static struct bytes reason_of(const struct letter *letter)
{
    return bytes_equal_string(letter->kind, "late") ? BYTES_LITERAL("too late for its window")
                                                    : letter->reason;
}

static struct ls_group *find_group(struct ls *ls, const struct letter *letter)
{
    struct bytes reason = reason_of(letter);
    for (size_t i = 0; i < ls->count; i++) {
        struct ls_group *group = &ls->groups[i];
        if (strcmp(group->topic, ls->topic) == 0 && is_word(group->reason, reason) &&
            is_word(group->kind, letter->kind) && is_word(group->node, letter->node) &&
            is_word(group->place, letter->place)) {
            return group;
        }
    }
    if (ls->count == LS_GROUP_MAX) {
        return NULL;
    }
    ls->groups[ls->count] = (struct ls_group){
        .reason = keep_word(ls, reason),
        .kind = keep_word(ls, letter->kind),
        .node = keep_word(ls, letter->node),
        .place = keep_word(ls, letter->place),
        .topic = ls->topic,
        .newest_ms = INT64_MIN,
    };
    return &ls->groups[ls->count++];
}

static int count_letter(void *owner, const struct letter_choice_letter *found)
{
    struct ls *ls = owner;
    const struct envelope *envelope = found->envelope;
    struct ls_group *group = find_group(ls, found->letter);
    if (group == NULL) {
        ls->untold_count++;
        return 0;
    }
    group->count++;
    group->replayed_count += found->is_replayed;
    if (envelope->record->timestamp_ms >= group->newest_ms) {
        group->newest_ms = envelope->record->timestamp_ms;
        group->partition = envelope->partition;
        group->offset = envelope->record->offset;
    }
    return 0;
}

static int compare_groups(const void *left, const void *right)
{
    const struct ls_group *one = left, *two = right;
    int order = (one->count < two->count) - (one->count > two->count);
    order = order != 0 ? order : strcmp(one->topic, two->topic);
    order =
        order != 0 ? order : (one->partition > two->partition) - (one->partition < two->partition);
    return order != 0 ? order : (one->offset > two->offset) - (one->offset < two->offset);
}

static void add_time(struct grid *grid, int64_t time_ms)
{
    char text[64];
    struct tm parts;
    time_t seconds = (time_t)(time_ms / 1000);
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    grid_add_string(grid, text);
}

static void print_groups(const struct ls *ls)
{
    struct grid grid;
    grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < ls->count; i++) {
        const struct ls_group *group = &ls->groups[i];
        grid_add_string(&grid, group->reason);
        grid_add_string(&grid, group->kind);
        grid_add_string(&grid, group->node);
        grid_add_string(&grid, group->place);
        grid_add_number(&grid, group->count);
        grid_add_number(&grid, group->replayed_count);
        add_time(&grid, group->newest_ms);
        grid_add_string(&grid, group->topic);
        grid_add_string(&grid, arena_printf(&ls->errand->arena, "%d:%lld", group->partition,
                                            (long long)group->offset));
    }
    grid_print(&grid, ls->errand->is_json, &ls->errand->out);
    grid_fini(&grid);
}

static int count_topic(struct ls *ls, const char *suffix, const char *topic,
                       const struct ls_values *values, const struct flag_list *words)
{
    struct letter_choice choice;
    ls->topic = topic;
    int code = letter_choice_open(&choice, ls->errand, suffix, topic, &values->choice, words);
    if (code == COMMAND_OK) {
        code = letter_choice_judge(&choice, letter_choice_each(&choice, count_letter, ls));
    }
    letter_choice_close(&choice);
    return code;
}

static int list(struct errand *errand, const char *suffix, const struct ls_values *values,
                const struct flag_list *words)
{
    struct flag_list topics = {0};
    struct ls ls = {.errand = errand};
    int code = letter_topics_find(errand, suffix, &values->choice, words, &topics);
    ls.groups = arena_array(&errand->arena, struct ls_group, LS_GROUP_MAX);
    for (size_t i = 0; i < topics.count && code == COMMAND_OK; i++) {
        code = count_topic(&ls, suffix, topics.items[i], values, words);
    }
    if (code == COMMAND_OK) {
        qsort(ls.groups, ls.count, sizeof(*ls.groups), compare_groups);
        print_groups(&ls);
    }
    if (ls.untold_count > 0) {
        fprintf(errand->world->errors,
                "tidemill: %lld letters more have other reasons; choose with --reason or --node\n",
                (long long)ls.untold_count);
    }
    return code;
}

static int run(struct command_world *world, const char *suffix, const struct ls_values *values,
               const struct flag_list *words)
{
    struct errand errand;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == COMMAND_OK) {
        code = list(&errand, suffix, values, words);
        errand_close(&errand);
    }
    return code;
}

static int run_dead(struct command_world *world, const void *given, const struct flag_list *words)
{
    return run(world, "dlq", given, words);
}

static int run_late(struct command_world *world, const void *given, const struct flag_list *words)
{
    return run(world, "late", given, words);
}

static const struct flag flags[] = {
    LETTER_CHOICE_FLAGS(struct ls_values),
    ERRAND_OUTPUT_FLAG(struct ls_values),
    ERRAND_FLAGS(struct ls_values),
};

const struct command command_dlq_ls = {
    .noun = "dlq",
    .verb = "ls",
    .arguments = "APP",
    .summary = "counts the dead letters of an application by what went wrong",
    .details =
        "LETTER is the newest of its kind, as 'dlq show' and 'dlq replay' take it. Counted are\n"
        "APP-dlq and all topics where APP or a connector of it has put one of the 16 newest\n"
        "records of a partition, whatever their names.\n",
    .examples = "tidemill dlq ls orders\n"
                "tidemill dlq ls orders --from @2026-11-01T00:00:00Z -o json\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct ls_values),
    .argument_min = 1,
    .argument_max = 1,
    .run = run_dead,
};

const struct command command_late_ls = {
    .noun = "late",
    .verb = "ls",
    .arguments = "APP",
    .summary = "counts the records that came after their window had closed",
    .details =
        "For each step that has windows. 'late show' has the window of each record, and the time\n"
        "that had come.\n",
    .examples = "tidemill late ls orders --node count\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct ls_values),
    .argument_min = 1,
    .argument_max = 1,
    .run = run_late,
};
