/* Opens a script, and finds the slice that it is fed; see play.h. */
#include "runtime/main/play.h"

#include "log/base/error.h"
#include "runtime/cli/offset_query.h"
#include "runtime/main/play_clock.h"
#include "runtime/main/play_emits.h"
#include "runtime/topology/topology_match.h"

#include <stdlib.h>
#include <string.h>

static int play_complain(struct play *play, const struct report *report)
{
    return command_fail(play->errand->world, "%s%s%s", report->place,
                        report->place[0] == 0 ? "" : ": ", report->text);
}

static int32_t play_count_partitions(const struct metadata_response *metadata, const char *topic)
{
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        if (bytes_equal_string(metadata->topics.items[i].name, topic) &&
            metadata->topics.items[i].error_code == 0) {
            return metadata->topics.items[i].partitions.count;
        }
    }
    return 0;
}

static const struct topology_topic *play_find_topic(const struct topology *topology,
                                                    const char *name)
{
    for (size_t i = 0; i < topology_topic_count(topology); i++) {
        if (strcmp(topology_topic_at(topology, i)->name, name) == 0) {
            return topology_topic_at(topology, i);
        }
    }
    return NULL;
}

static bool play_is_internal(const struct topology *topology, const char *name)
{
    const struct topology_topic *topic = play_find_topic(topology, name);
    return topic != NULL && topic->is_internal;
}

static bool play_is_listed(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

void play_add_output(struct play *play, const char *name)
{
    if (play_is_internal(play->topology, name) ||
        play_is_listed(play->outputs, play->output_count, name)) {
        return;
    }
    if (play->output_count == play->output_capacity) {
        play->output_capacity = play->output_capacity * 2 + 16;
        const char **outputs =
            arena_array(&play->errand->arena, const char *, play->output_capacity);
        for (size_t i = 0; i < play->output_count; i++) {
            outputs[i] = play->outputs[i];
        }
        play->outputs = outputs;
    }
    play->outputs[play->output_count++] = name;
}

static void play_add_optional(struct play *play, const char *name)
{
    if (name != NULL) {
        play_add_output(play, name);
    }
}

bool play_is_read(const struct topology *topology, const char *name)
{
    for (size_t i = 0; i < topology_part_count(topology); i++) {
        const struct topology_part *part = topology_part_at(topology, i);
        if (play_is_listed(part->topics, part->topic_count, name)) {
            return true;
        }
    }
    return false;
}

static void play_find_outputs(struct play *play)
{
    size_t count = topology_node_count(play->topology);
    const struct topology_errors *errors = topology_errors(play->topology);
    for (size_t i = 0; i < count; i++) {
        const struct topology_node *node = topology_node_at(play->topology, (int)i);
        play_add_optional(play, node->sink_topic);
        play_add_optional(play, node->late_topic);
    }
    for (size_t i = 0; i < topology_topic_count(play->topology); i++) { /* of emit, perhaps */
        const char *name = topology_topic_at(play->topology, i)->name;
        play_add_optional(play, play_is_read(play->topology, name) ? NULL : name);
    }
    if (errors->policy == TOPOLOGY_DEAD_LETTER) {
        play_add_optional(play, errors->topic);
    }
}

void play_find_written(struct play *play)
{
    struct arena *arena = &play->errand->arena;
    for (; play->seen_count < driver_written_count(play->driver); play->seen_count++) {
        const char *name = driver_written_at(play->driver, play->seen_count);
        if (!play_is_read(play->topology, name)) {
            play_add_output(play, arena_string(arena, bytes_from_string(name)));
        } else if (!play_is_written(play, name)) {
            const char **looped = arena_array(arena, const char *, play->looped_count + 1);
            for (size_t i = 0; i < play->looped_count; i++) {
                looped[i] = play->looped[i];
            }
            looped[play->looped_count++] = arena_string(arena, bytes_from_string(name));
            play->looped = looped;
        }
    }
}

const char **play_uncompared(struct play *play)
{
    size_t count = 0;
    const char **names =
        arena_array(&play->errand->arena, const char *, play->named_count + play->looped_count + 1);
    for (size_t i = 0; play->is_open && i < play->named_count; i++) {
        if (!play_is_written(play, play->named[i])) {
            names[count++] = play->named[i];
        }
    }
    for (size_t i = 0; i < play->looped_count; i++) {
        names[count++] = play->looped[i];
    }
    names[count] = NULL;
    return names;
}

/* With the global tables, behind the others. */
static size_t play_part_count(const struct play *play)
{
    return topology_part_count(play->topology) + topology_global_count(play->topology);
}

static const struct topology_part *play_part_at(const struct play *play, size_t index)
{
    size_t count = topology_part_count(play->topology);
    return index < count ? topology_part_at(play->topology, index)
                         : topology_global_at(play->topology, index - count);
}

/* Every topic that is read from outside has to be there. */
static int play_set_inputs(struct play *play, const struct metadata_response *metadata,
                           int32_t *largest)
{
    for (size_t i = 0; i < play_part_count(play); i++) {
        const struct topology_part *part = play_part_at(play, i);
        for (size_t j = 0; j < part->topic_count; j++) {
            int32_t partitions = play_count_partitions(metadata, part->topics[j]);
            if (partitions > 0) {
                driver_set_partitions(play->driver, part->topics[j], partitions);
                *largest = partitions > *largest ? partitions : *largest;
            } else if (!play_is_internal(play->topology, part->topics[j])) {
                return command_fail(play->errand->world,
                                    "%s: no such topic, which %s reads; 'tidemill topic ls' lists "
                                    "them",
                                    part->topics[j], play->path);
            }
        }
    }
    return COMMAND_OK;
}

/* What the application writes; repartition topics that were never made are as wide as the plan
 * says, or as the widest input. */
static void play_set_others(struct play *play, const struct metadata_response *metadata,
                            int32_t largest)
{
    for (size_t i = 0; i < topology_topic_count(play->topology); i++) {
        const struct topology_topic *topic = topology_topic_at(play->topology, i);
        int32_t partitions = play_count_partitions(metadata, topic->name);
        partitions = partitions > 0 ? partitions : topic->partitions;
        driver_set_partitions(play->driver, topic->name, partitions > 0 ? partitions : largest);
    }
}

/* Streams by pattern read what is there. */
static int play_match(struct play *play, const struct metadata_response *metadata)
{
    struct arena *arena = &play->errand->arena;
    size_t count = (size_t)metadata->topics.count;
    const char **names = arena_array(arena, const char *, count);
    struct report report = {0};
    for (size_t i = 0; i < count; i++) {
        names[i] = arena_string(arena, metadata->topics.items[i].name);
    }
    int error = topology_match_is_needed(play->topology)
                    ? script_match_topics(play->script, names, count, &report)
                    : 0;
    return error == 0 ? COMMAND_OK : play_complain(play, &report);
}

static int play_start(struct play *play, const struct app_bundle *files)
{
    const struct metadata_response *metadata;
    struct report report = {0};
    int32_t largest = 1;
    int error = errand_read_metadata(play->errand, NULL, 0, &metadata);
    if (error != 0) {
        return errand_fail(play->errand, error, "looking for topics");
    }
    int matched = play_match(play, metadata);
    if (matched != COMMAND_OK) {
        return matched;
    }
    play_emits_find(play, files, metadata);
    play->driver = driver_new(&(struct driver_options){.partitions = 1});
    int code = play_set_inputs(play, metadata, &largest);
    if (code != COMMAND_OK) {
        return code;
    }
    play_set_others(play, metadata, largest);
    error = driver_start(play->driver, play->topology, &report);
    return error == 0 ? COMMAND_OK : play_complain(play, &report);
}

int play_open(struct play *play, struct errand *errand, const char *path,
              const struct flag_list *plugins)
{
    *play = (struct play){.errand = errand, .path = path};
    int code = named_script_open(&play->source, errand, path, plugins);
    if (code == COMMAND_OK) {
        play->script = play->source.script;
        play->topology = script_topology(play->script);
        play_find_outputs(play);
        code = play_start(play, play->source.files);
    }
    return code;
}

void play_close(struct play *play)
{
    if (play->driver != NULL) {
        driver_crash(play->driver);
        driver_free(play->driver);
    }
    named_script_close(&play->source);
    *play = (struct play){0};
}

int play_begin(struct play *play, const struct play_slice *slice, int64_t first_ms)
{
    return play_clock_read(play, slice, first_ms);
}

int play_end(struct play *play, bool is_whole)
{
    struct report report = {0};
    int error = is_whole ? driver_repeat_rest(play->driver, &report)
                         : driver_repeat(play->driver, INT64_MAX, &report);
    return error == 0 ? COMMAND_OK : play_complain(play, &report);
}

/* A record that was made after a decision was processed behind it, too. */
int play_feed(struct play *play, const struct record *record, struct driver_trail *trail)
{
    struct report report = {0};
    int error = driver_repeat(play->driver, record->timestamp_ms, &report);
    if (error == 0) {
        error = trail == NULL ? driver_feed(play->driver, record, &report)
                              : driver_watch(play->driver, record, trail, &report);
    }
    return error == 0 ? COMMAND_OK : play_complain(play, &report);
}

int64_t play_order_ms(void *owner, const struct record *record)
{
    return driver_order_ms(((struct play *)owner)->driver, record);
}

int play_read_spec(struct command_world *world, const char *flag, const char *text,
                   enum offset_spec_kind kind, struct offset_spec *out)
{
    struct report report = {0};
    *out = (struct offset_spec){.kind = kind};
    if (text != NULL && offset_spec_parse(text, out, NULL, &report) != 0) {
        return command_misuse(world, "%s: %s", flag, report.text);
    }
    if (out->kind == OFFSET_SPEC_STORED) {
        return command_misuse(world, "%s: a replay has no group whose offsets are stored", flag);
    }
    return COMMAND_OK;
}

/* --- The slice -------------------------------------------------------------------------------- */

/* Whether a source leads into a table: what stood in its topic before the slice is part of it. */
static bool play_is_table(const struct topology *topology, const char *topic)
{
    for (size_t i = 0; i < topology_node_count(topology); i++) {
        const struct topology_node *node = topology_node_at(topology, (int)i);
        for (size_t j = 0; strcmp(node->kind, "table") == 0 && j < node->parent_count; j++) {
            const struct topology_source *source = topology_source_at(topology, node->parents[j]);
            for (size_t k = 0; source != NULL && k < source->topic_count; k++) {
                if (strcmp(source->topics[k], topic) == 0) {
                    return true;
                }
            }
        }
    }
    return false;
}

bool play_is_written(const struct play *play, const char *topic)
{
    return play_is_internal(play->topology, topic) ||
           play_is_listed(play->outputs, play->output_count, topic);
}

/* The topics from outside, of all plays, each once; what an application writes itself it plays
 * itself; tables and others apart. */
static size_t play_list_inputs(const struct play *plays, size_t count, bool is_table,
                               const char **out)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < play_part_count(&plays[i]); j++) {
            const struct topology_part *part = play_part_at(&plays[i], j);
            for (size_t k = 0; k < part->topic_count; k++) {
                const char *name = part->topics[k];
                if (!play_is_written(&plays[i], name) &&
                    play_is_table(plays[i].topology, name) == is_table &&
                    !play_is_listed(out, found, name)) {
                    out[found++] = name;
                }
            }
        }
    }
    return found;
}

static size_t play_count_topics(const struct play *plays, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < play_part_count(&plays[i]); j++) {
            sum += play_part_at(&plays[i], j)->topic_count;
        }
    }
    return sum;
}

static int play_resolve(struct errand *errand, const struct offset_spec *spec,
                        struct offset_query *rows, size_t count)
{
    int error = offset_query_resolve(errand, spec, rows, count);
    for (size_t i = 0; i < count && error == 0; i++) {
        error = rows[i].error;
    }
    return error == 0 ? COMMAND_OK : errand_fail(errand, error, "looking for offsets");
}

static struct offset_query *play_ask(struct errand *errand, const struct topic_sweep_range *ranges,
                                     size_t count)
{
    struct offset_query *rows = arena_array(&errand->arena, struct offset_query, count + 1);
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct offset_query){.topic = ranges[i].topic, .partition = ranges[i].partition};
    }
    return rows;
}

int play_move_starts(struct errand *errand, const struct offset_spec *from,
                     struct topic_sweep_range *ranges, size_t count)
{
    struct offset_query *rows = play_ask(errand, ranges, count);
    int code = play_resolve(errand, from, rows, count);
    for (size_t i = 0; i < count && code == COMMAND_OK; i++) {
        ranges[i].start = rows[i].offset;
    }
    return code;
}

static int play_move_ends(struct errand *errand, const struct offset_spec *to,
                          struct topic_sweep_range *ranges, size_t count)
{
    struct offset_query *rows = play_ask(errand, ranges, count);
    int code = play_resolve(errand, to, rows, count);
    for (size_t i = 0; i < count && code == COMMAND_OK; i++) {
        ranges[i].end = rows[i].offset;
    }
    return code;
}

/* All of the topics is narrowed down to what is meant. */
static int play_narrow(struct errand *errand, const struct offset_spec *from,
                       const struct offset_spec *to, struct topic_sweep_range *ranges, size_t count,
                       bool *is_from_start)
{
    int64_t *starts = arena_array(&errand->arena, int64_t, count + 1);
    int code = COMMAND_OK;
    for (size_t i = 0; i < count; i++) {
        starts[i] = ranges[i].start;
    }
    if (from->kind != OFFSET_SPEC_BEGINNING) {
        code = play_move_starts(errand, from, ranges, count);
    }
    for (size_t i = 0; i < count; i++) {
        *is_from_start = *is_from_start && ranges[i].start <= starts[i];
    }
    return code != COMMAND_OK || to->kind == OFFSET_SPEC_END
               ? code
               : play_move_ends(errand, to, ranges, count);
}

static int play_add_ranges(struct errand *errand, const char **names, size_t count,
                           const struct offset_spec *from, const struct offset_spec *to,
                           struct play_slice *out)
{
    const struct topic_choice_flags flags = {0};
    const struct flag_list words = {.items = names, .count = count};
    struct topic_choice choice;
    struct topic_sweep_range *ranges;
    if (count == 0) {
        return COMMAND_OK;
    }
    int code = topic_choice_partitions(errand, &flags, &words, &choice);
    code = code != COMMAND_OK ? code : topic_sweep_ranges(errand, &choice, &ranges);
    code = code != COMMAND_OK
               ? code
               : play_narrow(errand, from, to, ranges, choice.count, &out->is_from_start);
    if (code == COMMAND_OK) {
        struct topic_sweep_range *all =
            arena_array(&errand->arena, struct topic_sweep_range, out->count + choice.count);
        if (out->count > 0) {
            memcpy(all, out->ranges, out->count * sizeof *all);
        }
        memcpy(all + out->count, ranges, choice.count * sizeof *all);
        out->ranges = all;
        out->count += choice.count;
    }
    return code;
}

/* Of equal times a task takes the first by topic. */
static int play_compare_ranges(const void *left, const void *right)
{
    const struct topic_sweep_range *one = left, *two = right;
    int order = strcmp(one->topic, two->topic);
    return order != 0 ? order
                      : (one->partition > two->partition) - (one->partition < two->partition);
}

int play_choose(struct play *plays, size_t count, const struct offset_spec *from,
                const struct offset_spec *to, struct play_slice *out)
{
    static const struct offset_spec beginning = {.kind = OFFSET_SPEC_BEGINNING};
    struct errand *errand = plays[0].errand;
    const char **names =
        arena_array(&errand->arena, const char *, play_count_topics(plays, count) + 1);
    *out = (struct play_slice){.is_from_start = true};
    out->tables = names;
    out->table_count = play_list_inputs(plays, count, true, names);
    int code = play_add_ranges(errand, names, out->table_count, &beginning, to, out);
    if (code == COMMAND_OK) {
        names += out->table_count;
        size_t found = play_list_inputs(plays, count, false, names);
        code = play_add_ranges(errand, names, found, from, to, out);
    }
    if (code == COMMAND_OK && out->count > 0) {
        qsort(out->ranges, out->count, sizeof *out->ranges, play_compare_ranges);
    }
    return code;
}

bool play_is_prelude(const struct play_slice *slice, const struct record *record)
{
    return play_is_listed(slice->tables, slice->table_count, record->topic);
}

/* --- What cannot be shown --------------------------------------------------------------------- */

static bool play_has_wall_clock(const struct topology *topology)
{
    for (size_t i = 0; i < topology_node_count(topology); i++) {
        const struct topology_node *node = topology_node_at(topology, (int)i);
        for (size_t j = 0; j < node->timer_count; j++) {
            if (node->timers[j].clock == TOPOLOGY_WALL_CLOCK) {
                return true;
            }
        }
    }
    return false;
}

bool play_has_idle(const struct play *play)
{
    for (size_t i = 0; i < topology_part_count(play->topology); i++) {
        if (topology_part_has_idle(play->topology, topology_part_at(play->topology, i))) {
            return true;
        }
    }
    return false;
}

void play_notes(const struct play *play, const struct play_slice *slice,
                const char *out[PLAY_NOTE_MAX])
{
    size_t count = 0;
    if (!slice->is_from_start && topology_store_count(play->topology) > 0) {
        out[count++] = "the stores are empty at the start of the slice, but for tables: what the "
                       "application remembered from before is missing, and outputs may differ";
    }
    if (play_has_wall_clock(play->topology)) {
        out[count++] = "timers of the wall clock do not fire in a replay";
    }
    if (play_has_idle(play) && play->decision_count == 0) {
        out[count++] = "windows with idle close where the application closed them because nothing "
                       "came; it closed none here";
    }
    if (play->has_lost_places) {
        out[count++] = "a repartition topic has lost its first records: windows may close too "
                       "early where nothing came";
    }
    if (play->is_open) {
        out[count++] = "emit may write to topics that it did not write to here: one of them is "
                       "compared when app:topic or --also names it";
    }
    out[count] = NULL;
}
