/* tidemill why: what became of one record, as a tree of the nodes that it passed.
 *
 * All inputs up to the record are played, so that the stores are what they were; then the record,
 * with a trail. */
#include "runtime/main/play_why.h"

#include "log/base/error.h"
#include "log/base/text.h"
#include "runtime/main/play.h"

#include <inttypes.h>
#include <string.h>

struct play_why_values {
    struct errand_flags errand;
    const char *from;
    struct flag_list plugins;
};

struct play_why {
    struct errand *errand;
    struct play play;
    struct play_slice slice;
    struct driver_trail trail;
    const char *topic;
    int64_t partition;
    int64_t offset;
    bool has_begun; /* a record came that belongs to the slice, not only to a table */
    bool is_found;
};

/* --- The tree as text ------------------------------------------------------------------------- */

static void play_why_add_value(struct buffer *out, struct bytes value)
{
    if (bytes_is_null(value)) {
        buffer_add_string(out, "nothing");
    } else {
        envelope_write_text(value, out);
    }
}

static void play_why_add_window(struct buffer *out, const struct record *record)
{
    if (record->is_windowed) {
        buffer_printf(out, " of window %" PRId64 ",%" PRId64, record->window_start_ms,
                      record->window_end_ms);
    }
}

static void play_why_add_record(struct buffer *out, const struct record *record)
{
    buffer_add_string(out, "key ");
    play_why_add_value(out, record->key);
    play_why_add_window(out, record);
    buffer_add_string(out, ", value ");
    play_why_add_value(out, record->value);
    buffer_printf(out, ", time %" PRId64, record->timestamp_ms);
}

/* What it does, and where the script says so, unless that is where its parent stands. */
static void play_why_add_plan(struct buffer *out, const struct driver_trail_row *row)
{
    const struct topology_node *plan = row->plan, *above = row->parent->plan;
    buffer_add_string(out, row->name);
    if (plan == NULL) {
        return;
    }
    if (plan->detail != NULL) {
        buffer_printf(out, " (%s)", plan->detail);
    }
    if (plan->place != NULL &&
        (above == NULL || above->place == NULL || strcmp(above->place, plan->place) != 0)) {
        buffer_printf(out, " at %s", plan->place);
    }
}

static bool play_why_is_same(const struct record *left, const struct record *right)
{
    return bytes_equal(left->key, right->key) && bytes_equal(left->value, right->value) &&
           left->timestamp_ms == right->timestamp_ms && left->is_windowed == right->is_windowed;
}

/* The record, unless its parent had the same. */
static void play_why_add_change(struct buffer *out, const struct driver_trail_row *row)
{
    const struct driver_trail_row *parent = row->parent;
    bool is_root = parent->name == NULL;
    if (is_root || !play_why_is_same(&row->record, &parent->record)) {
        buffer_add_string(out, ": ");
        play_why_add_record(out, &row->record);
    }
}

static void play_why_add_row(struct buffer *out, const struct driver_trail_row *row)
{
    switch (row->kind) {
    case DRIVER_TRAIL_RECORD:
        buffer_printf(out, "read from %s:%" PRId32, row->name, row->record.partition);
        play_why_add_change(out, row);
        break;
    case DRIVER_TRAIL_NODE:
        play_why_add_plan(out, row);
        play_why_add_change(out, row);
        break;
    case DRIVER_TRAIL_TIMER:
        play_why_add_plan(out, row);
        buffer_printf(out, ": its timer was due at %" PRId64, row->record.timestamp_ms);
        break;
    case DRIVER_TRAIL_WRITE:
        buffer_printf(out, "store %s, key ", row->name);
        play_why_add_value(out, row->record.key);
        play_why_add_window(out, &row->record);
        buffer_add_string(out, ": ");
        play_why_add_value(out, row->before);
        buffer_add_string(out, " -> ");
        play_why_add_value(out, row->record.value);
        break;
    case DRIVER_TRAIL_EMIT:
    case DRIVER_TRAIL_LATE:
        buffer_printf(out, "=> %s:%" PRId32, row->name, row->record.partition);
        play_why_add_change(out, row);
        if (row->text != NULL) {
            buffer_printf(out, "; %s", row->text);
        }
        break;
    case DRIVER_TRAIL_FAILURE:
        buffer_printf(out, "FAILED%s%s%s%s: %s; nothing of the above counts",
                      row->name[0] == 0 ? "" : " in ", row->name, row->place[0] == 0 ? "" : " at ",
                      row->place, row->text);
        break;
    }
}

static bool play_why_is_end(const struct driver_trail_row *row)
{
    return row->kind == DRIVER_TRAIL_NODE && row->first == NULL;
}

/* A record that failed was not dropped where nothing follows. */
static bool play_why_has_failed(const struct driver_trail_row *row)
{
    for (; row != NULL; row = row->parent) {
        if (row->kind == DRIVER_TRAIL_RECORD) {
            for (const struct driver_trail_row *child = row->first; child != NULL;
                 child = child->next) {
                if (child->kind == DRIVER_TRAIL_FAILURE) {
                    return true;
                }
            }
            return false;
        }
    }
    return false;
}

/* A record that met nothing in a join of streams: it may yet. Who came too late has a row. */
static const char *play_why_waits_in(const struct driver_trail_row *row)
{
    bool is_waiting = play_why_is_end(row) && row->plan != NULL && row->plan->store_count > 0 &&
                      strcmp(row->plan->kind, "meeting") == 0 && !bytes_is_null(row->record.key) &&
                      !bytes_is_null(row->record.value) && !play_why_has_failed(row);
    return is_waiting ? row->plan->stores[0] : NULL;
}

static void play_why_add_tree(struct buffer *out, const struct driver_trail_row *row,
                              struct buffer *indent)
{
    for (const struct driver_trail_row *child = row->first; child != NULL; child = child->next) {
        size_t size = indent->size;
        bool is_last = child->next == NULL;
        buffer_add_bytes(out, buffer_bytes(indent));
        buffer_add_string(out, is_last ? "└─ " : "├─ ");
        play_why_add_row(out, child);
        if (play_why_waits_in(child) != NULL) {
            buffer_printf(out, "; met nothing yet, and is kept in %s", play_why_waits_in(child));
        } else if (play_why_is_end(child) && !play_why_has_failed(child)) {
            buffer_add_string(out, "; dropped");
        }
        buffer_add_byte(out, '\n');
        buffer_add_string(indent, is_last ? "   " : "│  ");
        play_why_add_tree(out, child, indent);
        indent->size = size;
    }
}

/* --- The tree as JSON ------------------------------------------------------------------------- */

static void play_why_add_text(struct buffer *out, const char *name, const char *text)
{
    if (text != NULL && text[0] != 0) {
        buffer_printf(out, ",\"%s\":", name);
        envelope_write_json_string(bytes_from_string(text), out);
    }
}

static void play_why_add_bytes(struct buffer *out, const char *name, struct bytes bytes)
{
    buffer_printf(out, ",\"%s\":", name);
    envelope_write_json_string(bytes, out);
}

static void play_why_add_json(struct buffer *out, const struct driver_trail_row *row)
{
    static const char *const kinds[] = {
        [DRIVER_TRAIL_RECORD] = "read",    [DRIVER_TRAIL_NODE] = "node",
        [DRIVER_TRAIL_TIMER] = "timer",    [DRIVER_TRAIL_WRITE] = "store",
        [DRIVER_TRAIL_EMIT] = "output",    [DRIVER_TRAIL_LATE] = "late",
        [DRIVER_TRAIL_FAILURE] = "failure"};
    const struct record *record = &row->record;
    buffer_printf(out, "{\"what\":\"%s\"", kinds[row->kind]);
    play_why_add_text(out, "name", row->name);
    play_why_add_text(out, "reason", row->text);
    play_why_add_text(out, "place", row->plan == NULL ? row->place : row->plan->place);
    play_why_add_text(out, "detail", row->plan == NULL ? NULL : row->plan->detail);
    play_why_add_text(out, "kept_in", play_why_waits_in(row));
    if (row->kind != DRIVER_TRAIL_FAILURE && row->kind != DRIVER_TRAIL_TIMER) {
        play_why_add_bytes(out, "key", record->key);
        play_why_add_bytes(out, row->kind == DRIVER_TRAIL_WRITE ? "after" : "value", record->value);
    }
    if (row->kind == DRIVER_TRAIL_WRITE) {
        play_why_add_bytes(out, "before", row->before);
    } else if (row->kind != DRIVER_TRAIL_FAILURE) {
        buffer_printf(out, ",\"ts\":%" PRId64, record->timestamp_ms);
    }
    if (row->kind == DRIVER_TRAIL_EMIT || row->kind == DRIVER_TRAIL_LATE ||
        row->kind == DRIVER_TRAIL_RECORD) {
        buffer_printf(out, ",\"partition\":%" PRId32, record->partition);
    }
    if (record->is_windowed) {
        buffer_printf(out, ",\"window_start\":%" PRId64 ",\"window_end\":%" PRId64,
                      record->window_start_ms, record->window_end_ms);
    }
    buffer_add_string(out, ",\"then\":[");
    for (const struct driver_trail_row *child = row->first; child != NULL; child = child->next) {
        play_why_add_json(out, child);
        buffer_add_string(out, child->next == NULL ? "" : ",");
    }
    buffer_add_string(out, "]}");
}

/* --- The command ------------------------------------------------------------------------------ */

static void play_why_tell(struct play_why *why)
{
    struct buffer *out = &why->errand->out;
    struct buffer indent;
    const char *notes[PLAY_NOTE_MAX];
    play_notes(&why->play, &why->slice, notes);
    if (why->errand->is_json) {
        for (const struct driver_trail_row *row = why->trail.root.first; row != NULL;
             row = row->next) {
            play_why_add_json(out, row);
            buffer_add_byte(out, '\n');
        }
        return;
    }
    buffer_init(&indent);
    buffer_printf(out, "%s:%" PRId64 ":%" PRId64 "\n", why->topic, why->partition, why->offset);
    play_why_add_tree(out, &why->trail.root, &indent);
    for (size_t i = 0; notes[i] != NULL; i++) {
        buffer_printf(out, "note: %s\n", notes[i]);
    }
    buffer_fini(&indent);
}

static bool play_why_is_meant(const struct play_why *why, const struct record *record)
{
    return record->offset == why->offset && record->partition == why->partition &&
           strcmp(record->topic, why->topic) == 0;
}

static int play_why_feed(struct play_why *why, const struct record *record, int64_t time_ms)
{
    bool is_meant = play_why_is_meant(why, record);
    int code = COMMAND_OK;
    if (!why->has_begun && (why->slice.is_from_start || !play_is_prelude(&why->slice, record))) {
        why->has_begun = true;
        code = play_begin(&why->play, &why->slice, time_ms);
    }
    if (code == COMMAND_OK) {
        why->is_found = why->is_found || is_meant;
        code = play_feed(&why->play, record, is_meant ? &why->trail : NULL);
        driver_forget(why->play.driver);
    }
    return code;
}

/* Why it was not met: the topic is none of its inputs, or the record is not there. */
static int play_why_complain(const struct play_why *why)
{
    struct command_world *world = why->errand->world;
    bool is_compacted = false, is_there = false, is_input = false;
    for (size_t i = 0; i < why->slice.count; i++) {
        const struct topic_sweep_range *range = &why->slice.ranges[i];
        is_input = is_input || strcmp(range->topic, why->topic) == 0;
        if (strcmp(range->topic, why->topic) == 0 && range->partition == why->partition) {
            is_there = true;
            is_compacted = why->offset >= range->start && why->offset < range->end;
        }
    }
    if (!is_input) {
        return command_fail(world,
                            "%s does not read the topic %s; 'tidemill app plan %s' tells what it "
                            "reads",
                            why->play.path, why->topic, why->play.path);
    }
    if (is_compacted) {
        return command_fail(
            world,
            "%s:%" PRId64 ":%" PRId64
            " holds no record: it was compacted away, is a marker of a transaction, "
            "or belongs to one that was aborted; 'tidemill consume %s -p %" PRId64 " -o %" PRId64
            " -c 1' shows the next",
            why->topic, why->partition, why->offset, why->topic, why->partition, why->offset);
    }
    return command_fail(
        world, "%s has no %s %" PRId64 "%s; 'tidemill topic offsets %s' shows what is there",
        why->topic, is_there ? "record at offset" : "partition",
        is_there ? why->offset : why->partition,
        is_there ? arena_printf(&why->errand->arena, " in partition %" PRId64, why->partition) : "",
        why->topic);
}

/* It, or what it caused, may have to wait for others, behind a decision about time. */
static bool play_why_is_over(const struct play_why *why)
{
    return why->is_found && !driver_is_holding(why->play.driver);
}

static int play_why_run(struct play_why *why)
{
    struct record record;
    int64_t time_ms;
    int more = 0, code = COMMAND_OK;
    struct slice_reader *reader = slice_reader_new(why->errand, why->slice.ranges, why->slice.count,
                                                   play_order_ms, &why->play);
    while (code == COMMAND_OK && !play_why_is_over(why) &&
           (more = slice_reader_next(reader, INT64_MAX, &record, &time_ms)) == 1) {
        code = play_why_feed(why, &record, time_ms);
    }
    if (more == 0 && code == COMMAND_OK && why->is_found) {
        code = play_end(&why->play, true);
    }
    slice_reader_free(reader);
    if (more < 0) {
        return errand_fail(why->errand, more, "reading the inputs");
    }
    if (why->is_found) {
        play_why_tell(why); /* also of a record that stopped the application */
        return code;
    }
    return code != COMMAND_OK ? code : play_why_complain(why);
}

static int play_why_explain(struct play_why *why, const char *path, const struct flag_list *plugins,
                            const struct offset_spec *from)
{
    const struct offset_spec end = {.kind = OFFSET_SPEC_END};
    int code = play_open(&why->play, why->errand, path, plugins);
    if (code == COMMAND_OK) {
        driver_trail_init(&why->trail, why->play.topology);
        code = play_choose(&why->play, 1, from, &end, &why->slice);
        code = code != COMMAND_OK ? code : play_why_run(why);
        driver_trail_fini(&why->trail);
    }
    play_close(&why->play);
    return code;
}

/* "TOPIC:PARTITION:OFFSET". */
static bool play_why_read_place(struct play_why *why, const char *text, char topic[256])
{
    const char *last = strrchr(text, ':'), *first = last;
    while (first != NULL && first > text && *--first != ':') {}
    size_t size = first == NULL ? 0 : (size_t)(first - text);
    char partition[24] = {0};
    if (size == 0 || size > 249 || last - first - 1 >= (ptrdiff_t)sizeof partition) {
        return false;
    }
    memcpy(topic, text, size);
    topic[size] = 0;
    memcpy(partition, first + 1, (size_t)(last - first - 1));
    why->topic = topic;
    return text_parse_int64(partition, &why->partition) == 0 &&
           text_parse_int64(last + 1, &why->offset) == 0 && why->partition >= 0 && why->offset >= 0;
}

static int play_why_main(struct command_world *world, const void *given,
                         const struct flag_list *arguments)
{
    const struct play_why_values *values = given;
    struct errand errand;
    struct play_why why = {.errand = &errand};
    struct offset_spec from;
    char topic[256];
    if (!play_why_read_place(&why, arguments->items[1], topic)) {
        return command_misuse(world, "a record is TOPIC:PARTITION:OFFSET, not '%s'",
                              arguments->items[1]);
    }
    int code = play_read_spec(world, "--from", values->from, OFFSET_SPEC_BEGINNING, &from);
    code = code != COMMAND_OK ? code : errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == COMMAND_OK) {
        code = play_why_explain(&why, arguments->items[0], &values->plugins, &from);
        errand_close(&errand);
    }
    return code;
}

static const struct flag play_why_flags[] = {
    FLAG(0, "from", STRING, struct play_why_values, from, "OFFSET",
         "where the inputs before it begin, as of 'consume -o' (default: beginning)"),
    FLAG(0, "plugins", LIST, struct play_why_values, plugins, "DIR", "more places for plugins"),
    ERRAND_OUTPUT_FLAG(struct play_why_values),
    ERRAND_FLAGS(struct play_why_values),
};

const struct command play_why_command = {
    .verb = "why",
    .arguments = "APP|APP.lua TOPIC:PARTITION:OFFSET",
    .summary = "tells what an application made of one record",
    .examples = "tidemill why words.lua lines:0:17\n"
                "tidemill why words lines:0:17     # as it is deployed\n"
                "tidemill why words.lua lines:0:17 --from @2026-11-24T12:00:00Z -o json\n",
    .details =
        "A tree of the steps that the record passed: with what key, value and time, what they\n"
        "wrote to stores (before -> after) and topics (=>), why it failed or came too late, and\n"
        "through repartition topics on. All inputs before it are played first, without a broker\n"
        "and without writing anything; --from plays fewer of them, with stores that begin empty.\n",
    COMMAND_FLAGS(play_why_flags),
    .values_size = sizeof(struct play_why_values),
    .argument_min = 2,
    .argument_max = 2,
    .run = play_why_main,
};
