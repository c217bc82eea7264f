/* tidemill consume: prints the records of topics, with the flags of kcat -C.
 *
 * Batches are taken as they come, their records formatted into one buffer, which is written when
 * it is large or when nothing more is at hand. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/cli/errand.h"
#include "runtime/cli/group_reader.h"
#include "runtime/cli/offset_query.h"
#include "runtime/cli/token_format.h"
#include "runtime/cli/topic_choice.h"
#include "runtime/cli/unpack.h"
#include "runtime/client/fetcher.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PRINT_SIZE = 64 << 10, INFLATED_MAX = 512 << 20 };

struct consume_values {
    struct errand_flags errand;
    const char *topic;
    struct topic_choice_flags choice;
    const char *group;
    int64_t partition;
    struct flag_list offsets;
    int64_t count;
    bool ends;
    bool is_quiet;
    const char *format;
    bool is_json;
    const char *delimiter;
    const char *key_delimiter;
    bool is_null_named;
    const char *null_text;
    const char *header_separator;
    int64_t timeout_ms;
    bool is_unbuffered;
    bool is_committed;
    bool may_create;
    struct flag_list packs;
    bool goes_on;
};

/* One partition that is read. */
struct reading {
    const char *topic;
    int32_t partition;
    int32_t broker_id;
    int64_t next_offset; /* everything below was printed */
    int64_t end_offset;  /* of -e: where to stop; -1: nowhere */
    bool is_done;
};

/* One run. */
struct consume {
    struct errand *errand;
    const struct consume_values *values;
    struct fetcher_options options;
    struct fetcher *fetcher;
    struct token_format format;
    const char *key_pack; /* of -s; NULL: as it is */
    const char *value_pack;
    struct buffer key_text; /* of the record that is printed */
    struct buffer value_text;
    struct offset_spec start;
    struct offset_spec stop;
    struct group_reader *group; /* of -G; then readings are what was met so far */
    struct reading *readings;
    struct offset_query *queries;
    size_t count;
    size_t done_count;
    int64_t printed_count;
    bool is_ready;
    bool is_closed;
    bool is_unread; /* nobody reads our output any more */
    struct io_timer timer;
    bool is_uncommitting; /* of a group: nothing is committed */
    bool is_silent;       /* nothing came for --timeout */
    struct buffer blame;  /* the place of what went wrong; empty: no partition's fault */
};

static void on_ready(void *owner)
{
    struct consume *consume = owner;
    consume->is_ready = true;
    errand_wake(consume->errand);
}

static void on_silence(struct io_timer *timer)
{
    struct consume *consume = timer->owner;
    consume->is_silent = true;
    on_ready(consume);
}

/* Something came, or we have just begun. */
static void expect_more(struct consume *consume)
{
    if (consume->values->timeout_ms > 0) {
        consume->timer.fired = on_silence;
        consume->timer.owner = consume;
        io_timer_start(consume->errand->world->io, &consume->timer,
                       (uint64_t)consume->values->timeout_ms * 1000000);
    }
}

static bool is_enough(const struct consume *consume)
{
    return consume->is_unread || consume->is_silent ||
           (consume->values->count > 0 && consume->printed_count >= consume->values->count) ||
           (consume->group == NULL && consume->done_count == consume->count);
}

static void print_out(struct consume *consume)
{
    if (consume->errand->out.size > 0 &&
        (!command_print(consume->errand->world, &consume->errand->out) ||
         !command_flush(consume->errand->world))) {
        consume->is_unread = true;
    }
}

static void finish_reading(struct consume *consume, struct reading *reading)
{
    if (reading->is_done) {
        return;
    }
    reading->is_done = true;
    consume->done_count++;
    fetcher_remove(consume->fetcher, reading->topic, reading->partition);
    const struct consume_values *values = consume->values;
    if (values->ends && !values->is_quiet) {
        print_out(consume);
        fprintf(consume->errand->world->errors, "%% Reached end of topic %s [%d]\n", reading->topic,
                reading->partition);
    }
}

/* Null stays null. */
static int unpack(struct consume *consume, const struct envelope *envelope, const char *pack,
                  struct buffer *text)
{
    bool is_key = text == &consume->key_text;
    const struct batch_record *record = envelope->record;
    struct bytes content = is_key ? record->key : record->value;
    struct report report = {0};
    text->size = 0;
    if (pack == NULL || bytes_is_null(content) || unpack_write(pack, content, text, &report) == 0) {
        return 0;
    }
    consume->blame.size = 0;
    buffer_printf(&consume->blame, "%s [%d] at offset %lld: the %s is not '%s': %s",
                  envelope->topic, envelope->partition, (long long)record->offset,
                  is_key ? "key" : "value", pack, report.text);
    return ERROR_INVALID;
}

/* As print_plain, with text in the place of numbers. */
static int print_unpacked(struct consume *consume, const struct envelope *envelope,
                          struct buffer *out)
{
    const struct batch_record *record = envelope->record;
    int error = unpack(consume, envelope, consume->key_pack, &consume->key_text);
    error =
        error == 0 ? unpack(consume, envelope, consume->value_pack, &consume->value_text) : error;
    struct bytes key = bytes_is_null(record->key) ? record->key : buffer_bytes(&consume->key_text);
    struct bytes value =
        bytes_is_null(record->value) ? record->value : buffer_bytes(&consume->value_text);
    struct envelope unpacked = *envelope;
    unpacked.key_text = consume->key_pack == NULL ? NULL : &key;
    unpacked.value_text = consume->value_pack == NULL ? NULL : &value;
    if (error == 0) {
        token_format_apply(&consume->format, &unpacked, out);
    }
    return error;
}

/* Only a record that -s cannot read fails, and without -E. */
static int print_record(struct consume *consume, const struct envelope *envelope)
{
    struct buffer *out = &consume->errand->out;
    int error = 0;
    if (consume->values->is_json) {
        envelope_write_json(envelope, out);
        buffer_add_byte(out, '\n');
    } else if (consume->key_pack != NULL || consume->value_pack != NULL) {
        error = print_unpacked(consume, envelope, out);
    } else {
        token_format_apply(&consume->format, envelope, out);
    }
    if (error != 0 && consume->values->goes_on) {
        fprintf(consume->errand->world->errors, "%% %s\n", buffer_string(&consume->blame));
        consume->blame.size = 0;
        error = 0;
    }
    consume->printed_count++;
    if (out->size >= PRINT_SIZE || consume->values->is_unbuffered) {
        print_out(consume);
    }
    return error;
}

/* False when the record is past where to stop. */
static bool is_wanted(const struct consume *consume, const struct reading *reading,
                      const struct batch_record *record)
{
    if (reading->end_offset >= 0 && record->offset >= reading->end_offset) {
        return false;
    }
    return consume->stop.kind != OFFSET_SPEC_TIME || record->timestamp_ms < consume->stop.value;
}

static int print_batch(struct consume *consume, struct reading *reading,
                       const struct fetcher_batch *taken)
{
    struct batch_iterator iterator;
    struct batch_record record;
    bool is_append_time = (taken->batch.attributes & BATCH_LOG_APPEND_TIME) != 0;
    const struct envelope envelope = {
        .topic = reading->topic,
        .partition = reading->partition,
        .broker_id = reading->broker_id,
        .is_append_time = is_append_time,
        .record = &record,
    };
    int result = batch_iterator_open(&iterator, &taken->batch, INFLATED_MAX);
    if (result != 0) {
        return result;
    }
    while (!is_enough(consume) && (result = batch_iterator_next(&iterator, &record)) == 1) {
        if (record.offset < taken->position) {
            continue;
        }
        if (is_append_time) {
            record.timestamp_ms = taken->batch.max_timestamp;
        }
        if (!is_wanted(consume, reading, &record)) {
            result = 0;
            finish_reading(consume, reading);
            break;
        }
        int error = print_record(consume, &envelope);
        if (error != 0) {
            result = error;
            break;
        }
        reading->next_offset = record.offset + 1;
    }
    batch_iterator_close(&iterator);
    if (result == 0 && !is_enough(consume) && !reading->is_done) {
        reading->next_offset = batch_next_offset(&taken->batch);
    }
    return result < 0 ? result : 0;
}

static struct reading *find_reading(struct consume *consume, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < consume->count; i++) {
        struct reading *reading = &consume->readings[i];
        if (reading->partition == partition && strcmp(reading->topic, topic) == 0) {
            return reading;
        }
    }
    return NULL;
}

static struct reading *add_reading(struct consume *consume, const char *topic, int32_t partition,
                                   int32_t broker_id)
{
    size_t size = consume->count + 1;
    consume->readings = memory_resize(consume->readings, size * sizeof(*consume->readings));
    struct reading *reading = &consume->readings[consume->count++];
    *reading = (struct reading){
        .topic = topic,
        .partition = partition,
        .broker_id = broker_id,
        .end_offset = -1,
    };
    return reading;
}

/* A partition that the group was given is met for the first time. */
static struct reading *meet_reading(struct consume *consume, const struct fetcher_batch *batch)
{
    const struct client_topic *topic = client_find_topic(consume->errand->client, batch->topic);
    bool is_known = topic != NULL && batch->partition < topic->partition_count;
    const char *name = arena_string(&consume->errand->arena, bytes_from_string(batch->topic));
    return add_reading(consume, name, batch->partition,
                       is_known ? topic->partitions[batch->partition].leader_id : -1);
}

/* What a partition answered, with its place: the fetcher names it in the batch it could not give.
 */
static void blame(struct consume *consume, const struct fetcher_batch *batch, int64_t offset,
                  int error)
{
    struct buffer *text = &consume->blame;
    if (text->size > 0) { /* it was said */
        return;
    }
    buffer_printf(text, "consuming %s [%d]", batch->topic, (int)batch->partition);
    if (offset >= 0) {
        buffer_printf(text, " at offset %lld", (long long)offset);
    }
    buffer_printf(text, ": %s (%s)", error_text(error), error_name(error));
    if (error == ERROR_CORRUPT_MESSAGE) {
        buffer_printf(
            text, "; -o OFFSET reads on behind it, 'tidemill log verify DIR' shows on the broker's "
                  "machine how much is damaged");
    }
}

static int take_batches(struct consume *consume)
{
    struct fetcher_batch batch;
    int result = 0;
    while (!is_enough(consume) && (result = fetcher_take(consume->fetcher, NULL, 0, &batch)) == 1) {
        struct reading *reading = find_reading(consume, batch.topic, batch.partition);
        int error = 0;
        if (reading == NULL && consume->group != NULL) {
            reading = meet_reading(consume, &batch);
        }
        if (reading != NULL && !reading->is_done) {
            error = print_batch(consume, reading, &batch);
        }
        if (error != 0) {
            blame(consume, &batch, batch.batch.base_offset, error);
        }
        fetcher_release(consume->fetcher, &batch);
        if (error != 0) {
            return error;
        }
        if (consume->group != NULL) {
            group_reader_note(consume->group, reading->topic, reading->partition,
                              reading->next_offset);
        }
    }
    if (result < 0) {
        blame(consume, &batch, fetcher_position(consume->fetcher, batch.topic, batch.partition),
              result);
    }
    return result < 0 ? result : 0;
}

/* Partitions whose end, as it was at the start, was reached. */
static void look_for_ends(struct consume *consume)
{
    for (size_t i = 0; i < consume->count; i++) {
        struct reading *reading = &consume->readings[i];
        if (reading->end_offset >= 0 && !reading->is_done &&
            fetcher_position(consume->fetcher, reading->topic, reading->partition) >=
                reading->end_offset) {
            finish_reading(consume, reading);
        }
    }
}

/* 0, or why a group cannot be read any more; *is_over when all of it was. */
static int look_at_group(const struct consume *consume, bool *is_over)
{
    *is_over = consume->values->ends && group_reader_is_at_end(consume->group);
    return consume->group->error;
}

static int read_records(struct consume *consume)
{
    int error = 0;
    bool is_over = false;
    int64_t before = 0;
    look_for_ends(consume);
    expect_more(consume);
    while (error == 0 && !is_enough(consume) && !is_over) {
        consume->is_ready = false;
        error = take_batches(consume);
        if (consume->printed_count > before) {
            expect_more(consume);
            before = consume->printed_count;
        }
        look_for_ends(consume);
        print_out(consume);
        if (error == 0 && consume->group != NULL) {
            error = look_at_group(consume, &is_over);
            if (error != 0 || is_over) {
                break;
            }
        }
        if (error == 0 && !is_enough(consume)) {
            error = errand_wait(consume->errand, &consume->is_ready);
        }
    }
    io_timer_stop(consume->errand->world->io, &consume->timer);
    print_out(consume);
    return error;
}

static void add_partition(struct consume *consume, const char *topic,
                          const struct metadata_response_partition *partition)
{
    add_reading(consume, topic, partition->index, partition->leader_id);
    consume->queries = memory_resize(consume->queries, consume->count * sizeof(*consume->queries));
    consume->queries[consume->count - 1] = (struct offset_query){
        .topic = topic,
        .partition = partition->index,
    };
}

static int find_partitions(struct consume *consume, const char *const *topics, size_t topic_count)
{
    struct errand *errand = consume->errand;
    const struct metadata_response *metadata;
    int error = consume->values->may_create ? errand_make_topics(errand, topics, topic_count) : 0;
    if (error == 0) {
        error = errand_read_metadata(errand, topics, topic_count, &metadata);
    }
    if (error != 0) {
        return errand_fail(errand, error, "looking for the topic");
    }
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        const struct metadata_response_topic *topic = &metadata->topics.items[i];
        const char *name = arena_string(&errand->arena, topic->name);
        if (topic->error_code != 0) {
            return errand_refuse_topic(errand, name, topic->error_code);
        }
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            int32_t index = topic->partitions.items[j].index;
            if (consume->values->partition < 0 || consume->values->partition == index) {
                add_partition(consume, name, &topic->partitions.items[j]);
            }
        }
    }
    if (consume->count == 0) {
        return command_fail(errand->world, "%s has no partition %lld", topics[0],
                            (long long)consume->values->partition);
    }
    return COMMAND_OK;
}

static int blame_query(struct consume *consume, int error)
{
    for (size_t i = 0; i < consume->count && error == 0; i++) {
        error = consume->queries[i].error;
    }
    return error == 0 ? COMMAND_OK : errand_fail(consume->errand, error, "looking for offsets");
}

/* Asks where to stop and where to begin. */
static int find_offsets(struct consume *consume)
{
    int code = COMMAND_OK;
    if (consume->values->ends || consume->stop.kind == OFFSET_SPEC_TIME) {
        const struct offset_spec end = {.kind = OFFSET_SPEC_END};
        code = blame_query(
            consume, offset_query_resolve(consume->errand, &end, consume->queries, consume->count));
        for (size_t i = 0; i < consume->count && code == COMMAND_OK; i++) {
            consume->readings[i].end_offset = consume->queries[i].offset;
        }
    }
    if (code == COMMAND_OK) {
        code = blame_query(consume, offset_query_resolve(consume->errand, &consume->start,
                                                         consume->queries, consume->count));
    }
    return code;
}

static void on_closed(void *owner)
{
    struct consume *consume = owner;
    consume->is_closed = true;
    errand_wake(consume->errand);
}

static void close_fetcher(struct consume *consume)
{
    struct command_world *world = consume->errand->world;
    fetcher_close(consume->fetcher, on_closed, consume);
    while (!consume->is_closed) {
        world->run(world->owner);
    }
}

static int judge(struct consume *consume, int error)
{
    struct errand *errand = consume->errand;
    bool is_asked = error == ERROR_CANCELLED && errand->world->is_interrupted;
    if (error == 0 || is_asked) {
        return COMMAND_OK;
    }
    return consume->blame.size > 0
               ? command_fail(errand->world, "%s", buffer_string(&consume->blame))
               : errand_fail(errand, error, "consuming");
}

static int read_all(struct consume *consume)
{
    consume->fetcher = fetcher_new(consume->errand->client, &consume->options);
    fetcher_on_ready(consume->fetcher, on_ready, consume);
    for (size_t i = 0; i < consume->count; i++) {
        const struct offset_query *query = &consume->queries[i];
        fetcher_add(consume->fetcher, query->topic, query->partition, query->offset);
    }
    int error = read_records(consume);
    close_fetcher(consume);
    return judge(consume, error);
}

/* As a member of a group: from what is committed on, and committing what was printed. */
static int read_group(struct consume *consume, const char *const *topics, size_t topic_count)
{
    bool is_end = consume->start.kind == OFFSET_SPEC_END;
    consume->fetcher = fetcher_new(consume->errand->client, &consume->options);
    fetcher_on_ready(consume->fetcher, on_ready, consume);
    struct group_reader group = {
        .errand = consume->errand,
        .fetcher = consume->fetcher,
        .start_offset = is_end ? FETCHER_OFFSET_LATEST : FETCHER_OFFSET_EARLIEST,
        .is_uncommitting = consume->is_uncommitting,
        .changed = on_ready,
        .owner = consume,
    };
    consume->group = &group;
    group_reader_start(&group, consume->values->group, topics, topic_count);
    int error = read_records(consume);
    group_reader_stop(&group);
    close_fetcher(consume);
    return judge(consume, error);
}

/* As librdkafka: where to begin without a committed offset, and where an offset is not in the log.
 */
static bool take_reset(struct consume *consume, const char *value)
{
    static const struct {
        const char *name;
        enum fetcher_reset reset;
        enum offset_spec_kind start;
    } known[] = {
        {"earliest", FETCHER_RESET_EARLIEST, OFFSET_SPEC_BEGINNING},
        {"smallest", FETCHER_RESET_EARLIEST, OFFSET_SPEC_BEGINNING},
        {"beginning", FETCHER_RESET_EARLIEST, OFFSET_SPEC_BEGINNING},
        {"latest", FETCHER_RESET_LATEST, OFFSET_SPEC_END},
        {"largest", FETCHER_RESET_LATEST, OFFSET_SPEC_END},
        {"end", FETCHER_RESET_LATEST, OFFSET_SPEC_END},
        {"error", FETCHER_RESET_ERROR, OFFSET_SPEC_BEGINNING},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(value, known[i].name) == 0) {
            consume->options.reset = known[i].reset;
            if (consume->values->group != NULL && consume->values->offsets.count == 0) {
                consume->start.kind = known[i].start;
            }
            return true;
        }
    }
    return false;
}

static enum errand_property take_number(int32_t *field, const char *value)
{
    int64_t number;
    if (text_parse_int64(value, &number) != 0 || number < 0 || number > INT32_MAX) {
        return ERRAND_PROPERTY_WRONG;
    }
    *field = (int32_t)number;
    return ERRAND_PROPERTY_TAKEN;
}

static enum errand_property take_property(void *owner, const char *name, const char *value)
{
    struct consume *consume = owner;
    struct fetcher_options *options = &consume->options;
    if (strcmp(name, "isolation.level") == 0) {
        options->is_read_committed = strcmp(value, "read_committed") == 0;
        return errand_property_of(options->is_read_committed ||
                                  strcmp(value, "read_uncommitted") == 0);
    }
    if (strcmp(name, "auto.offset.reset") == 0) {
        return errand_property_of(take_reset(consume, value));
    }
    if (strcmp(name, "enable.auto.commit") == 0) {
        bool is_on = true;
        enum errand_property answer = errand_property_of(text_parse_bool(value, &is_on) == 0);
        consume->is_uncommitting = !is_on;
        return answer;
    }
    if (strcmp(name, "check.crcs") == 0) {
        return errand_property_of(text_parse_bool(value, &options->is_crc_checked) == 0);
    }
    if (strcmp(name, "fetch.wait.max.ms") == 0 || strcmp(name, "fetch.max.wait.ms") == 0) {
        int32_t wait_ms = 0;
        enum errand_property answer = take_number(&wait_ms, value);
        options->wait_max_ms = answer == ERRAND_PROPERTY_TAKEN ? wait_ms : options->wait_max_ms;
        return answer;
    }
    if (strcmp(name, "fetch.min.bytes") == 0) {
        return take_number(&options->size_min, value);
    }
    if (strcmp(name, "fetch.max.bytes") == 0) {
        return take_number(&options->size_max, value);
    }
    if (strcmp(name, "max.partition.fetch.bytes") == 0 ||
        strcmp(name, "fetch.message.max.bytes") == 0) {
        return take_number(&options->partition_size_max, value);
    }
    return ERRAND_PROPERTY_UNKNOWN;
}

/* One -s: for keys, for values, or for both. */
static int read_pack(struct consume *consume, struct command_world *world, const char *text)
{
    struct report report = {0};
    bool is_key = strncmp(text, "key=", 4) == 0, is_value = strncmp(text, "value=", 6) == 0;
    const char *pack = text + (is_key ? 4 : is_value ? 6 : 0);
    if (strcmp(pack, "avro") == 0) {
        return command_misuse(world, "-s avro: there is no registry of schemas here");
    }
    if (unpack_validate(pack, &report) != 0) {
        return command_misuse(world, "-s: %s", report.text);
    }
    consume->key_pack = is_value ? consume->key_pack : pack;
    consume->value_pack = is_key ? consume->value_pack : pack;
    return COMMAND_OK;
}

/* Reads -o and the format. */
static int prepare(struct consume *consume, struct command_world *world)
{
    const struct consume_values *values = consume->values;
    struct report report = {0};
    consume->start = (struct offset_spec){.kind = OFFSET_SPEC_BEGINNING};
    for (size_t i = 0; i < values->offsets.count; i++) {
        if (offset_spec_parse(values->offsets.items[i], &consume->start, &consume->stop, &report) !=
            0) {
            return command_misuse(world, "%s", report.text);
        }
    }
    bool is_place = consume->start.kind == OFFSET_SPEC_BEGINNING ||
                    consume->start.kind == OFFSET_SPEC_END ||
                    consume->start.kind == OFFSET_SPEC_STORED;
    if (values->group == NULL && consume->start.kind == OFFSET_SPEC_STORED) {
        return command_misuse(world, "-o stored needs a group: -G GROUP");
    }
    if (values->group != NULL && (!is_place || consume->stop.kind != OFFSET_SPEC_NONE)) {
        return command_misuse(world, "with -G, -o takes beginning, end or stored; 'tidemill group "
                                     "seek' moves a group");
    }
    if (values->group != NULL && values->partition >= 0) {
        return command_misuse(world, "-p has no meaning with -G: the group gives out partitions");
    }
    for (size_t i = 0; i < values->packs.count; i++) {
        int code = read_pack(consume, world, values->packs.items[i]);
        if (code != COMMAND_OK) {
            return code;
        }
    }
    consume->options = fetcher_options_default();
    consume->options.is_read_committed = values->is_committed;
    const char *null_text = values->is_null_named ? "NULL" : values->null_text;
    if (values->format == NULL) {
        token_format_init_plain(&consume->format, values->key_delimiter, values->delimiter,
                                null_text);
    } else if (token_format_init(&consume->format, values->format, null_text, &report) != 0) {
        return command_misuse(world, "%s", report.text);
    }
    consume->format.header_separator = values->header_separator;
    return COMMAND_OK;
}

static int run_prepared(struct consume *consume, struct command_world *world,
                        const struct flag_list *words)
{
    struct errand errand;
    const char *const *topics;
    size_t topic_count;
    int code = errand_open(&errand, world, &consume->values->errand, take_property, consume);
    if (code != 0) {
        return code;
    }
    consume->errand = &errand;
    code = topic_choice_names(&errand, &consume->values->choice, words, &topics, &topic_count);
    if (code != COMMAND_OK) {
        errand_close(&errand);
        return code;
    }
    if (consume->values->group != NULL) {
        int error =
            consume->values->may_create ? errand_make_topics(&errand, topics, topic_count) : 0;
        code = error != 0 ? errand_fail(&errand, error, "looking for the topic")
                          : read_group(consume, topics, topic_count);
        errand_close(&errand);
        return code;
    }
    code = find_partitions(consume, topics, topic_count);
    code = code == COMMAND_OK ? find_offsets(consume) : code;
    code = code == COMMAND_OK ? read_all(consume) : code;
    errand_close(&errand);
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct consume_values *values = given;
    struct consume consume = {.values = values};
    buffer_init(&consume.blame);
    buffer_init(&consume.key_text);
    buffer_init(&consume.value_text);
    struct flag_list topics = {0};
    if (values->topic != NULL) {
        flag_list_add(&topics, values->topic);
    }
    for (size_t i = 0; i < arguments->count; i++) {
        flag_list_add(&topics, arguments->items[i]);
    }
    int code;
    if (topics.count == 0 && values->choice.pattern == NULL) {
        code = command_misuse(world, "name a topic: tidemill consume -t TOPIC");
    } else {
        code = prepare(&consume, world);
        if (code == COMMAND_OK) {
            code = run_prepared(&consume, world, &topics);
            token_format_fini(&consume.format);
        }
    }
    free(topics.items);
    buffer_fini(&consume.blame);
    buffer_fini(&consume.key_text);
    buffer_fini(&consume.value_text);
    free(consume.readings);
    free(consume.queries);
    return code;
}

static const struct consume_values initial = {.partition = -1, .delimiter = "\\n"};

static const struct flag flags[] = {
    FLAG('t', "topic", STRING, struct consume_values, topic, "TOPIC", "what to read"),
    FLAG('r', "regex", STRING, struct consume_values, choice.pattern, "REGEX",
         "topics that are there now and whose names match"),
    FLAG('G', "group", STRING, struct consume_values, group, "GROUP",
         "as a member of a group, which remembers how far it read"),
    FLAG('p', "partition", INT, struct consume_values, partition, "N", "only this partition"),
    FLAG('o', "offset", LIST, struct consume_values, offsets, "OFFSET",
         "beginning (default), end, N, -N, s@TIME; e@TIME to stop"),
    FLAG('c', "count", INT, struct consume_values, count, "N", "stop after so many records"),
    FLAG('n', NULL, INT, struct consume_values, count, "N", "as -c"),
    FLAG('e', "exit", BOOL, struct consume_values, ends, NULL, "stop at the end"),
    FLAG('q', "quiet", BOOL, struct consume_values, is_quiet, NULL, "say nothing but records"),
    FLAG('f', "format", STRING, struct consume_values, format, "FORMAT",
         "such as '%t [%p] %o %k %s\\n'"),
    FLAG('J', "json", BOOL, struct consume_values, is_json, NULL, "one JSON object per record"),
    FLAG('s', "unpack", LIST, struct consume_values, packs, "[key=|value=]PACK",
         "print numbers in keys and values, such as value='>q$'"),
    FLAG('E', "go-on", BOOL, struct consume_values, goes_on, NULL,
         "leave out a record that -s cannot read, and say so"),
    FLAG('D', "delimiter", STRING, struct consume_values, delimiter, "DELIM",
         "what follows a record (default: \\n)"),
    FLAG('K', "key-delimiter", STRING, struct consume_values, key_delimiter, "DELIM",
         "print the key and this first"),
    FLAG('Z', "null", BOOL, struct consume_values, is_null_named, NULL, "print null as NULL"),
    FLAG(0, "null-as", STRING, struct consume_values, null_text, "TEXT", "print null as this"),
    FLAG(0, "header-separator", STRING, struct consume_values, header_separator, "TEXT",
         "what stands between headers (%H; default: a comma)"),
    FLAG(0, "timeout", DURATION, struct consume_values, timeout_ms, "TIME",
         "stop when nothing came for so long"),
    FLAG('u', "unbuffered", BOOL, struct consume_values, is_unbuffered, NULL,
         "write each record at once"),
    FLAG(0, "committed", BOOL, struct consume_values, is_committed, NULL,
         "leave out what transactions have not committed"),
    FLAG(0, "create", BOOL, struct consume_values, may_create, NULL,
         "have the topic made when it is not there, and wait for records"),
    ERRAND_FLAGS(struct consume_values),
};

const struct command command_consume = {
    .verb = "consume",
    .arguments = "[TOPIC...]",
    .summary = "prints records, with the flags of kcat -C",
    .details =
        "Format: %s value, %S its size, %R the size in four bytes, %k key, %K its size,\n"
        "%T timestamp, %y what it is of, %h headers, %H as NAME:VALUE, %t topic, %p "
        "partition, %o offset, %% percent.\n"
        "Of -s: < and > little- and big-endian; b h i q a number of 8, 16, 32, 64 bits, B H I Q\n"
        "one without a sign; f d a float and a double, ? a boolean, c a character, s the rest,\n"
        "$ the end, a space. -J prints keys and values as they are.\n"
        "With -G, -o says where to begin only while the group has committed nothing.\n"
        "Times are milliseconds or 2026-11-24T12:00:00Z.\n"
        "Properties for -X: isolation.level, auto.offset.reset, enable.auto.commit, check.crcs,\n"
        "fetch.wait.max.ms, fetch.min.bytes, fetch.max.bytes, max.partition.fetch.bytes.\n",
    .examples = "tidemill consume logs -o -10 -e\n"
                "tidemill consume logs -o s@2026-11-24T12:00:00Z -f '%T %k %s\\n' -c 100\n"
                "tidemill consume logs audit -G reader -J\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct consume_values),
    .initial = &initial,
    .argument_max = -1,
    .run = run,
};
