/* Reads, chooses and translates; see play_clock.h. */
#include "runtime/main/play_clock.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/cli/topic_sweep.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct play_clock {
    struct play *play;
    const struct play_slice *slice;
    int64_t first_ms;
    bool is_whole; /* the slice has all that ever was */
    struct driver_decision *rows;
    size_t count;
    bool is_corrupt;
};

static void play_clock_fini(struct play_clock *clock)
{
    for (size_t i = 0; i < clock->count; i++) {
        state_position_fini(&clock->rows[i].at);
    }
    free(clock->rows);
}

/* --- Choosing --------------------------------------------------------------------------------- */

static const struct topic_sweep_range *play_clock_range(const struct play_clock *clock,
                                                        const struct state_position_row *input)
{
    for (size_t i = 0; i < clock->slice->count; i++) {
        const struct topic_sweep_range *range = &clock->slice->ranges[i];
        if (range->partition == input->partition && strcmp(range->topic, input->name) == 0) {
            return range;
        }
    }
    return NULL;
}

/* Places at the start are places at nothing: what lies before them does not come. */
static bool play_clock_lies_in(const struct play_clock *clock, struct driver_decision *decision)
{
    bool is_before = false, is_behind = false;
    for (size_t i = 0; i < decision->at.input_count; i++) {
        struct state_position_row *input = &decision->at.inputs[i];
        const struct topic_sweep_range *range = play_clock_range(clock, input);
        if (range == NULL) {
            is_behind = is_behind || play_is_written(clock->play, input->name);
            continue;
        }
        if (input->offset > range->end) {
            return false;
        }
        is_before = is_before || input->offset < range->start;
        is_behind = is_behind || input->offset > range->start;
        input->offset = input->offset <= range->start ? 0 : input->offset;
    }
    return is_behind || !is_before;
}

static int play_clock_add(void *owner, const struct envelope *envelope)
{
    struct play_clock *clock = owner;
    struct errand *errand = clock->play->errand;
    const struct batch_record *record = envelope->record;
    struct driver_decision decision = {.partition = envelope->partition,
                                       .made_ms = record->timestamp_ms};
    state_position_init(&decision.at);
    if (bytes_is_null(record->key) || state_position_parse(&decision.at, record->value) != 0) {
        (void)!command_fail(errand->world, "%s:%" PRId32 ":%" PRId64 " is no decision about time",
                            envelope->topic, envelope->partition, record->offset);
        clock->is_corrupt = true;
        return ERROR_CORRUPT;
    }
    decision.node = arena_string(&errand->arena, record->key);
    if (!play_clock_lies_in(clock, &decision)) {
        state_position_fini(&decision.at);
        return 0;
    }
    clock->rows = memory_resize(clock->rows, (clock->count + 1) * sizeof *clock->rows);
    clock->rows[clock->count++] = decision;
    return 0;
}

/* --- Counting --------------------------------------------------------------------------------- */

/* One partition that the application writes and reads. */
struct play_clock_cursor {
    const struct topic_sweep_range *range;
    int64_t count; /* of its records so far */
    size_t next;   /* decision whose place is not known yet; their places rise */
};

struct play_clock_counting {
    struct play_clock *clock;
    struct play_clock_cursor *cursors;
    size_t count;
};

/* Places up to `offset` are known now. */
static void play_clock_pass(struct play_clock *clock, struct play_clock_cursor *cursor,
                            int64_t offset)
{
    for (; cursor->next < clock->count; cursor->next++) {
        struct state_position *at = &clock->rows[cursor->next].at;
        const struct topic_sweep_range *range = cursor->range;
        int64_t place = state_position_input(at, range->topic, range->partition);
        if (place > offset) {
            return;
        }
        if (place >= 0) {
            state_position_set_input(at, range->topic, range->partition, cursor->count);
        }
    }
}

static int play_clock_count(void *owner, const struct envelope *envelope)
{
    const struct play_clock_counting *counting = owner;
    struct play_clock *clock = counting->clock;
    for (size_t i = 0; i < counting->count; i++) {
        struct play_clock_cursor *cursor = &counting->cursors[i];
        if (cursor->range->partition == envelope->partition &&
            strcmp(cursor->range->topic, envelope->topic) == 0) {
            play_clock_pass(clock, cursor, envelope->record->offset);
            cursor->count += clock->is_whole || envelope->record->timestamp_ms >= clock->first_ms;
        }
    }
    return 0;
}

/* The topics of places that were written by the application. */
static size_t play_clock_list_written(const struct play_clock *clock, const char **out)
{
    size_t count = 0;
    for (size_t i = 0; i < clock->count; i++) {
        const struct state_position *at = &clock->rows[i].at;
        for (size_t j = 0; j < at->input_count; j++) {
            const char *name = at->inputs[j].name;
            bool is_new = play_is_written(clock->play, name);
            for (size_t k = 0; k < count && is_new; k++) {
                is_new = strcmp(out[k], name) != 0;
            }
            if (is_new) {
                out[count++] = name;
            }
        }
    }
    return count;
}

static int play_clock_sweep(struct play_clock *clock, const char *const *names, size_t count,
                            struct topic_sweep_range **ranges, size_t *range_count)
{
    struct errand *errand = clock->play->errand;
    const struct topic_choice_flags flags = {.may_miss = true};
    const struct flag_list words = {.items = (void *)(uintptr_t)names, .count = count};
    struct topic_choice choice = {0};
    int code = topic_choice_partitions(errand, &flags, &words, &choice);
    code = code != COMMAND_OK ? code : topic_sweep_ranges(errand, &choice, ranges);
    *range_count = choice.count;
    return code;
}

static int play_clock_translate(struct play_clock *clock)
{
    struct errand *errand = clock->play->errand;
    struct play_clock_counting counting = {.clock = clock};
    struct topic_sweep_range *ranges;
    size_t input_count = 0;
    for (size_t i = 0; i < clock->count; i++) {
        input_count += clock->rows[i].at.input_count;
    }
    const char **names = arena_array(&errand->arena, const char *, input_count + 1);
    size_t count = play_clock_list_written(clock, names);
    if (count == 0) {
        return COMMAND_OK;
    }
    int code = play_clock_sweep(clock, names, count, &ranges, &counting.count);
    if (code != COMMAND_OK) {
        return code;
    }
    counting.cursors = arena_array(&errand->arena, struct play_clock_cursor, counting.count + 1);
    for (size_t i = 0; i < counting.count; i++) {
        counting.cursors[i] = (struct play_clock_cursor){.range = &ranges[i]};
        clock->play->has_lost_places =
            clock->play->has_lost_places || (clock->is_whole && ranges[i].start > 0);
    }
    int error = topic_sweep_run(errand, ranges, counting.count, play_clock_count, &counting);
    for (size_t i = 0; i < counting.count; i++) {
        play_clock_pass(clock, &counting.cursors[i], INT64_MAX);
    }
    return error == 0 ? COMMAND_OK : errand_fail(errand, error, "reading repartition topics");
}

/* --- Public ----------------------------------------------------------------------------------- */

static int play_clock_read_topic(struct play_clock *clock)
{
    struct errand *errand = clock->play->errand;
    struct topic_sweep_range *ranges;
    struct buffer name;
    size_t count;
    buffer_init(&name);
    topology_clock_name(clock->play->topology, &name);
    const char *topic = arena_string(&errand->arena, buffer_bytes(&name));
    buffer_fini(&name);
    int code = play_clock_sweep(clock, &topic, 1, &ranges, &count);
    if (code != COMMAND_OK) {
        return code;
    }
    int error = topic_sweep_run(errand, ranges, count, play_clock_add, clock);
    if (error != 0 && !clock->is_corrupt) {
        return errand_fail(errand, error, "reading decisions about time");
    }
    return error == 0 ? COMMAND_OK : COMMAND_FAILED;
}

int play_clock_read(struct play *play, const struct play_slice *slice, int64_t first_ms)
{
    struct play_clock clock = {.play = play, .slice = slice, .first_ms = first_ms};
    if (!play_has_idle(play)) {
        return COMMAND_OK;
    }
    clock.is_whole = slice->is_from_start;
    for (size_t i = 0; i < slice->count; i++) {
        clock.is_whole = clock.is_whole && slice->ranges[i].start == 0;
    }
    int code = play_clock_read_topic(&clock);
    code = code != COMMAND_OK ? code : play_clock_translate(&clock);
    for (size_t i = 0; i < clock.count && code == COMMAND_OK; i++) {
        play->decision_count += driver_decide(play->driver, &clock.rows[i]);
    }
    play_clock_fini(&clock);
    return code;
}
