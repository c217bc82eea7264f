/* tidemill produce: records from standard input or a file to a topic, with the flags of kcat -P.
 *
 * Input is read in chunks off the loop, cut at the delimiter, and sent; while the producer's
 * buffer is full nothing is read. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/cli/producer_property.h"
#include "runtime/cli/sending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CHUNK_SIZE = 256 << 10,
    RECORD_SIZE_MAX = PRODUCER_PROPERTY_RECORD_MAX,
    LINGER_NS = 5 * 1000 * 1000,
    TOPIC_NOTICE_MS = 1500,
    TOPIC_WAIT_MS_MAX = 30 * 1000, /* as kcat */
};

struct produce_values {
    struct errand_flags errand;
    const char *topic;
    int64_t partition;
    const char *key;
    const char *key_delimiter;
    struct flag_list headers;
    const char *codec;
    const char *file;
    const char *delimiter;
    int64_t count;
    bool is_null_named;
    const char *null_text;
    const char *headers_delimiter;
    const char *header_separator;
    const char *header_pair;
    bool has_empty;
    bool is_strict;
    bool is_tee;
    bool is_quiet;
};

/* One run. */
struct produce {
    struct errand *errand;
    const struct produce_values *values;
    struct producer_options options;
    const char *transactional_id; /* NULL: no transaction */
    struct sending sending;
    struct buffer delimiter;
    struct buffer key_delimiter;
    struct buffer headers_delimiter;
    struct batch_header *headers; /* of every record, then room for those of the line */
    size_t line_header_count;
    struct io_file *file; /* NULL: standard input */
    uint64_t position;
    struct buffer input; /* what was read and not sent */
    size_t scanned;      /* of the input: no delimiter begins here or before */
    struct io_request request;
    uint8_t *chunk; /* filled on another thread */
    int64_t chunk_size;
    int64_t sent_count;
    int64_t bad_line; /* the record that could not be cut; 0: none */
    int64_t failed_count;
    int first_error;
    bool is_read; /* the chunk is there */
    bool has_room;
    int flush_error;
};

static void on_delivered(void *owner, int error, int32_t partition, int64_t offset)
{
    (void)partition;
    (void)offset;
    struct produce *produce = owner;
    if (error != 0) {
        produce->failed_count++;
        produce->first_error = produce->first_error == 0 ? error : produce->first_error;
    }
}

static void on_room(void *owner)
{
    struct produce *produce = owner;
    produce->has_room = true;
    errand_wake(produce->errand);
}

static struct bytes find_bytes(struct bytes text, struct bytes part)
{
    const void *found = memmem(text.data, text.size, part.data, part.size);
    return found == NULL ? bytes_make(NULL, 0) : bytes_make(found, part.size);
}

enum { LINE_HEADER_MAX = 1000 };

static struct bytes name_null(const struct produce_values *values, struct bytes content)
{
    bool is_null = (values->is_null_named && content.size == 0) ||
                   (values->null_text != NULL && bytes_equal_string(content, values->null_text));
    return is_null ? bytes_make(NULL, 0) : content;
}

/* "NAME:VALUE" of a line; without --strict a name may stand alone. */
static int cut_header(struct produce *produce, struct bytes text)
{
    const struct produce_values *values = produce->values;
    struct bytes cut = find_bytes(text, bytes_from_string(values->header_pair));
    struct batch_header *header =
        &produce->headers[values->headers.count + produce->line_header_count];
    if (produce->line_header_count == LINE_HEADER_MAX ||
        (bytes_is_null(cut) && values->is_strict)) {
        return ERROR_MALFORMED;
    }
    produce->line_header_count++;
    if (bytes_is_null(cut)) {
        *header = (struct batch_header){.key = text};
        return 0;
    }
    const uint8_t *start = cut.data + cut.size;
    *header = (struct batch_header){
        .key = bytes_make(text.data, (size_t)(cut.data - text.data)),
        .value = name_null(values, bytes_make(start, (size_t)(text.data + text.size - start))),
    };
    return 0;
}

/* "NAME:VALUE,NAME:VALUE" in front of the line; what names null has none. */
static int cut_headers(struct produce *produce, struct bytes *line)
{
    struct bytes cut = find_bytes(*line, buffer_bytes(&produce->headers_delimiter));
    produce->line_header_count = 0;
    if (bytes_is_null(cut)) {
        return produce->values->is_strict ? ERROR_MALFORMED : 0;
    }
    struct bytes rest = bytes_make(line->data, (size_t)(cut.data - line->data));
    struct bytes separator = bytes_from_string(produce->values->header_separator);
    int error = 0;
    bool has_headers = !bytes_is_null(name_null(produce->values, rest));
    while (error == 0 && has_headers && rest.size > 0) {
        struct bytes end = find_bytes(rest, separator);
        size_t size = bytes_is_null(end) ? rest.size : (size_t)(end.data - rest.data);
        size_t used = bytes_is_null(end) ? size : size + end.size;
        error = cut_header(produce, bytes_make(rest.data, size));
        rest = bytes_make(rest.data + used, rest.size - used);
    }
    if (error != 0) {
        return error;
    }
    const uint8_t *start = cut.data + cut.size;
    *line = bytes_make(start, line->size - (size_t)(start - line->data));
    return 0;
}

/* Cuts headers, key and value apart. */
static int fill_record(struct produce *produce, struct bytes line, struct producer_record *record)
{
    const struct produce_values *values = produce->values;
    int error = values->headers_delimiter == NULL ? 0 : cut_headers(produce, &line);
    record->header_count = (int32_t)(values->headers.count + produce->line_header_count);
    record->key = bytes_from_string(values->key);
    record->value = line;
    if (error == 0 && produce->key_delimiter.size > 0) {
        struct bytes cut = find_bytes(line, buffer_bytes(&produce->key_delimiter));
        if (!bytes_is_null(cut)) {
            record->key = bytes_make(line.data, (size_t)(cut.data - line.data));
            const uint8_t *start = cut.data + cut.size;
            record->value = bytes_make(start, line.size - (size_t)(start - line.data));
        } else if (values->is_strict) {
            error = ERROR_MALFORMED;
        }
    }
    record->key = name_null(values, record->key);
    record->value = name_null(values, record->value);
    return error;
}

/* Waits for room when the buffer is full. */
static int send_line(struct produce *produce, struct bytes line)
{
    struct producer_record record = {
        .topic = produce->values->topic,
        .partition = (int32_t)produce->values->partition,
        .timestamp_ms = -1,
        .headers = produce->headers,
        .done = on_delivered,
        .owner = produce,
    };
    int error = fill_record(produce, line, &record);
    if (error != 0) {
        produce->bad_line = produce->sent_count + 1;
        return error;
    }
    produce->has_room = false;
    error = sending_send(&produce->sending, &record);
    while (error == ERROR_AGAIN) {
        error = errand_wait(produce->errand, &produce->has_room);
        if (error != 0) {
            return error;
        }
        produce->has_room = false;
        error = sending_send(&produce->sending, &record);
    }
    produce->sent_count += error == 0;
    if (error == 0 && produce->values->is_tee) {
        buffer_add_bytes(&produce->errand->out, line);
        buffer_add_bytes(&produce->errand->out, buffer_bytes(&produce->delimiter));
    }
    return error;
}

static bool is_enough(const struct produce *produce)
{
    return (produce->values->count > 0 && produce->sent_count >= produce->values->count) ||
           produce->first_error != 0;
}

/* Sends every whole line of the input. */
static int send_lines(struct produce *produce)
{
    struct bytes delimiter = buffer_bytes(&produce->delimiter);
    size_t start = 0;
    int error = 0;
    while (error == 0 && !is_enough(produce)) {
        size_t from = produce->scanned > start ? produce->scanned : start;
        struct bytes rest = bytes_make(produce->input.data + from, produce->input.size - from);
        struct bytes cut = find_bytes(rest, delimiter);
        if (bytes_is_null(cut)) {
            break;
        }
        size_t end = (size_t)(cut.data - produce->input.data);
        if (end > start ||
            produce->values->has_empty) { /* an empty line is no record, as in kcat */
            error = send_line(produce, bytes_make(produce->input.data + start, end - start));
        }
        start = end + cut.size;
        produce->scanned = start;
    }
    buffer_remove(&produce->input, start);
    produce->scanned =
        produce->input.size < delimiter.size ? 0 : produce->input.size - delimiter.size + 1;
    return error;
}

/* On another thread: touches only the chunk. */
static void read_input(void *owner)
{
    struct produce *produce = owner;
    do {
        produce->chunk_size = read(produce->errand->world->input, produce->chunk, CHUNK_SIZE);
    } while (produce->chunk_size < 0 && errno == EINTR);
}

static void on_read(struct io_request *request, int64_t result)
{
    struct produce *produce = request->owner;
    if (produce->file != NULL) {
        produce->chunk_size = result;
    }
    produce->is_read = true;
    errand_wake(produce->errand);
}

/* Bytes read, 0 at the end, or an error. */
static int64_t read_chunk(struct produce *produce)
{
    struct io *io = produce->errand->world->io;
    produce->is_read = false;
    produce->request = (struct io_request){.done = on_read, .owner = produce};
    if (produce->file == NULL) {
        io_work(io, &produce->request, read_input);
    } else {
        io_file_read_async(io, &produce->request, produce->file, produce->chunk, CHUNK_SIZE,
                           produce->position);
    }
    int error = errand_wait(produce->errand, &produce->is_read);
    if (error != 0) {
        return error;
    }
    if (produce->chunk_size < 0) {
        return ERROR_IO;
    }
    produce->position += (uint64_t)produce->chunk_size;
    buffer_add(&produce->input, produce->chunk, (size_t)produce->chunk_size);
    return produce->chunk_size;
}

static int send_all(struct produce *produce)
{
    while (!is_enough(produce)) {
        int64_t size = read_chunk(produce);
        if (size < 0) {
            return (int)size;
        }
        int error = send_lines(produce);
        if (error != 0) {
            return error;
        }
        if (size == 0) {
            struct bytes rest = buffer_bytes(&produce->input);
            return rest.size == 0 || is_enough(produce) ? 0 : send_line(produce, rest);
        }
        if (produce->input.size > RECORD_SIZE_MAX) {
            return ERROR_MESSAGE_TOO_LARGE;
        }
        if (produce->errand->out.size > 0) {
            command_print(produce->errand->world, &produce->errand->out);
        }
    }
    return 0;
}

static int judge(struct produce *produce, int error)
{
    struct errand *errand = produce->errand;
    if (error != 0 && produce->first_error == 0) {
        produce->first_error = error;
    }
    if (produce->first_error == 0) {
        produce->first_error = produce->flush_error;
    }
    if (produce->first_error == ERROR_CANCELLED && errand->world->is_interrupted) {
        return COMMAND_FAILED;
    }
    if (produce->bad_line > 0) {
        return command_fail(
            errand->world, "record %lld has no %s; without --strict it would be a value alone",
            (long long)produce->bad_line,
            produce->values->headers_delimiter != NULL ? "headers or no key" : "key");
    }
    if (produce->first_error == ERROR_TIMEOUT) { /* it was there when we began */
        return command_fail(errand->world,
                            "%s: the brokers at %s did not take %lld of %lld records in time "
                            "(delivery.timeout.ms); what they say themselves tells why",
                            produce->values->topic, errand->brokers,
                            (long long)produce->failed_count, (long long)produce->sent_count);
    }
    if (produce->first_error == ERROR_REFUSED) {
        return errand_fail(errand, produce->first_error, "producing");
    }
    if (produce->first_error != 0) {
        return command_fail(errand->world, "%s: %s (%s); %lld of %lld records failed",
                            produce->values->topic, error_text(produce->first_error),
                            error_name(produce->first_error), (long long)produce->failed_count,
                            (long long)produce->sent_count);
    }
    return COMMAND_OK;
}

/* An interrupt stops the reading; what was sent is still waited for. */
static int transfer(struct produce *produce)
{
    struct command_world *world = produce->errand->world;
    int error = send_all(produce);
    bool was_interrupted = world->is_interrupted;
    world->is_interrupted = false;
    produce->flush_error =
        sending_finish(&produce->sending, error == 0 && produce->first_error == 0);
    int stop = world->is_interrupted ? ERROR_CANCELLED : 0;
    sending_close(&produce->sending);
    if (error == ERROR_CANCELLED && was_interrupted && stop == 0) {
        error = 0; /* everything read was sent */
    }
    world->is_interrupted |= was_interrupted;
    int code = judge(produce, error != 0 ? error : stop);
    if (code != COMMAND_OK && produce->transactional_id != NULL) {
        command_fail(world, "the transaction of %s was aborted: none of its records counts",
                     produce->transactional_id);
    }
    return code;
}

static enum errand_property take_property(void *owner, const char *name, const char *value)
{
    struct produce *produce = owner;
    if (strcmp(name, "transactional.id") == 0) {
        produce->transactional_id = value;
        return errand_property_of(*value != '\0');
    }
    return producer_property_take(&produce->options, name, value);
}

static int read_headers(struct produce *produce, struct command_world *world)
{
    const struct flag_list *list = &produce->values->headers;
    produce->headers = memory_zero(list->count + LINE_HEADER_MAX + 1, sizeof(*produce->headers));
    for (size_t i = 0; i < list->count; i++) {
        const char *text = list->items[i], *cut = strpbrk(text, "=:");
        size_t size = cut == NULL ? strlen(text) : (size_t)(cut - text);
        if (size == 0) {
            return command_misuse(world, "-H takes NAME=VALUE, not '%s'", text);
        }
        produce->headers[i].key = bytes_make(text, size);
        produce->headers[i].value =
            cut == NULL ? (struct bytes){NULL, 0} : bytes_from_string(cut + 1);
    }
    return COMMAND_OK;
}

/* Reads the flags that are no plain values. */
static int prepare(struct produce *produce, struct command_world *world)
{
    const struct produce_values *values = produce->values;
    produce->options = producer_options_default();
    produce->options.linger_ns = LINGER_NS;
    if (values->codec != NULL &&
        compress_codec_parse(values->codec, &produce->options.codec) != 0) {
        return command_misuse(world, "-z takes none, gzip, snappy, lz4 or zstd, not '%s'",
                              values->codec);
    }
    if (values->partition < -1 || values->partition > INT32_MAX) {
        return command_misuse(world, "-p takes the number of a partition");
    }
    flag_unescape(values->delimiter, &produce->delimiter);
    if (values->key_delimiter != NULL) {
        flag_unescape(values->key_delimiter, &produce->key_delimiter);
    }
    if (values->headers_delimiter != NULL) {
        flag_unescape(values->headers_delimiter, &produce->headers_delimiter);
        if (produce->headers_delimiter.size == 0) {
            return command_misuse(world, "--headers may not be empty");
        }
    }
    if (values->header_separator[0] == '\0' || values->header_pair[0] == '\0') {
        return command_misuse(world, "what stands between headers may not be empty");
    }
    if (produce->delimiter.size == 0) {
        return command_misuse(world, "-D may not be empty");
    }
    if (values->file != NULL) {
        int error = io_file_open(world->io, values->file, IO_OPEN_READ, &produce->file);
        if (error != 0) {
            return command_fail(world, "%s: %s", values->file, error_text(error));
        }
    }
    return read_headers(produce, world);
}

static int error_of_topic(const struct metadata_response *metadata)
{
    return metadata->topics.count != 1 ? ERROR_UNKNOWN_TOPIC_OR_PARTITION
           : metadata->topics.items[0].error_code == 0
               ? 0
               : error_from_code(metadata->topics.items[0].error_code);
}

static bool is_missing(const struct metadata_response *metadata)
{
    return error_of_topic(metadata) == ERROR_UNKNOWN_TOPIC_OR_PARTITION;
}

/* A broker that makes no topics by itself: somebody else may still make this one, so we wait, but
 * not in silence and not for ever. */
static int await_topic(struct produce *produce, struct errand *errand,
                       const struct metadata_response **metadata)
{
    const char *topic = produce->values->topic;
    int64_t limit_ms = produce->options.delivery_timeout_ms;
    limit_ms = limit_ms == 0 || limit_ms > TOPIC_WAIT_MS_MAX ? TOPIC_WAIT_MS_MAX : limit_ms;
    uint64_t start = io_now(errand->world->io);
    bool is_told = false;
    int error = errand_make_topics(errand, &topic, 1);
    while (error == 0) {
        error = errand_read_metadata(errand, &topic, 1, metadata);
        if (error != 0 || !is_missing(*metadata)) {
            break;
        }
        int64_t waited_ms = (int64_t)((io_now(errand->world->io) - start) / 1000000);
        if (waited_ms >= limit_ms) {
            return command_fail(
                errand->world,
                "%s: no such topic after %lld s, and nothing was sent; make it with "
                "'tidemill topic create %s' and try again",
                topic, (long long)limit_ms / 1000, topic);
        }
        if (!is_told && waited_ms >= TOPIC_NOTICE_MS) {
            is_told = true;
            command_fail(errand->world,
                         "%s: no such topic, and the broker at %s makes none by itself; waiting "
                         "for 'tidemill topic create %s'",
                         topic, errand->brokers, topic);
        }
        error = errand_pause(errand);
    }
    return error == 0 ? COMMAND_OK : errand_fail(errand, error, "looking for the topic");
}

/* Somebody must be there to take what is read, and have the partition that was asked for. A topic
 * that is not there yet will be made, by the broker or by somebody else. */
static int look_for_topic(struct produce *produce, struct errand *errand)
{
    const struct produce_values *values = produce->values;
    const struct metadata_response *metadata;
    int error = errand_read_metadata(errand, &values->topic, 1, &metadata);
    if (error != 0) {
        return errand_fail(errand, error, "looking for the topic");
    }
    if (is_missing(metadata)) {
        int code = await_topic(produce, errand, &metadata);
        if (code != COMMAND_OK) {
            return code;
        }
    }
    error = error_of_topic(metadata);
    if (error != 0 && !error_is_retriable(error)) {
        return errand_refuse_topic(errand, values->topic, metadata->topics.items[0].error_code);
    }
    if (error == 0 && values->partition >= metadata->topics.items[0].partitions.count) {
        return command_fail(errand->world, "%s has no partition %lld, only 0 to %d", values->topic,
                            (long long)values->partition,
                            (int)metadata->topics.items[0].partitions.count - 1);
    }
    return COMMAND_OK;
}

static int run_prepared(struct produce *produce, struct command_world *world)
{
    struct errand errand;
    int code = errand_open(&errand, world, &produce->values->errand, take_property, produce);
    if (code != 0) {
        return code;
    }
    code = look_for_topic(produce, &errand);
    if (code != COMMAND_OK) {
        errand_close(&errand);
        return code;
    }
    produce->errand = &errand;
    if (produce->transactional_id != NULL && !produce->options.is_idempotent) {
        errand_close(&errand);
        return command_misuse(world, "transactional.id needs acks=all and enable.idempotence=true");
    }
    int error =
        sending_open(&produce->sending, &errand, &produce->options, produce->transactional_id);
    if (error != 0) {
        sending_close(&produce->sending);
        code = errand_fail(&errand, error, "beginning the transaction");
        errand_close(&errand);
        return code;
    }
    producer_on_room(produce->sending.producer, on_room, produce);
    produce->chunk = memory_alloc(CHUNK_SIZE);
    code = transfer(produce);
    if (code == COMMAND_OK && !produce->values->is_quiet && isatty(fileno(world->errors))) {
        fprintf(world->errors, "%lld records sent to %s\n", (long long)produce->sent_count,
                produce->values->topic);
    }
    errand_close(&errand);
    if (!world->is_interrupted) {
        free(produce->chunk); /* else another thread may still wait to fill it */
    }
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    struct produce_values values = *(const struct produce_values *)given;
    if (values.topic == NULL && arguments->count == 1) {
        values.topic = arguments->items[0];
    } else if (values.topic == NULL || arguments->count > 0) {
        return command_misuse(world, "name one topic: tidemill produce -t TOPIC");
    }
    struct produce *produce = memory_new(struct produce);
    produce->values = &values;
    buffer_init(&produce->delimiter);
    buffer_init(&produce->key_delimiter);
    buffer_init(&produce->headers_delimiter);
    buffer_init(&produce->input);
    int code = prepare(produce, world);
    code = code == 0 ? run_prepared(produce, world) : code;
    io_file_close(world->io, produce->file);
    buffer_fini(&produce->delimiter);
    buffer_fini(&produce->key_delimiter);
    buffer_fini(&produce->headers_delimiter);
    buffer_fini(&produce->input);
    free(produce->headers);
    if (!world->is_interrupted) {
        free(produce);
    }
    return code;
}

static const struct produce_values initial = {
    .partition = PRODUCER_PARTITION_BY_KEY,
    .delimiter = "\\n",
    .header_separator = ",",
    .header_pair = ":",
};

static const struct flag flags[] = {
    FLAG('t', "topic", STRING, struct produce_values, topic, "TOPIC", "where to send"),
    FLAG('p', "partition", INT, struct produce_values, partition, "N",
         "this partition (default: by key)"),
    FLAG('k', "key", STRING, struct produce_values, key, "KEY", "the key of every record"),
    FLAG('K', "key-delimiter", STRING, struct produce_values, key_delimiter, "DELIM",
         "what stands between key and value"),
    FLAG('H', "header", LIST, struct produce_values, headers, "NAME=VALUE",
         "a header; NAME alone: null"),
    FLAG('z', "compress", STRING, struct produce_values, codec, "CODEC",
         "none, gzip, snappy, lz4 or zstd"),
    FLAG('l', "file", STRING, struct produce_values, file, "FILE", "read it instead of stdin"),
    FLAG('D', "delimiter", STRING, struct produce_values, delimiter, "DELIM",
         "what ends a record (default: \\n)"),
    FLAG('c', "count", INT, struct produce_values, count, "N", "stop after so many records"),
    FLAG('Z', "null", BOOL, struct produce_values, is_null_named, NULL,
         "send empty keys and values as null"),
    FLAG(0, "null-as", STRING, struct produce_values, null_text, "TEXT",
         "a key or value of this text is sent as null"),
    FLAG(0, "headers", STRING, struct produce_values, headers_delimiter, "DELIM",
         "lines begin with NAME:VALUE,... and this"),
    FLAG(0, "header-separator", STRING, struct produce_values, header_separator, "TEXT",
         "what stands between these (default: a comma)"),
    FLAG(0, "header-pair", STRING, struct produce_values, header_pair, "TEXT",
         "what stands between NAME and VALUE (default: a colon)"),
    FLAG(0, "empty", BOOL, struct produce_values, has_empty, NULL, "an empty line is a record too"),
    FLAG(0, "strict", BOOL, struct produce_values, is_strict, NULL,
         "a line without its key or headers is a mistake"),
    FLAG('T', "tee", BOOL, struct produce_values, is_tee, NULL, "print what is sent"),
    FLAG('q', "quiet", BOOL, struct produce_values, is_quiet, NULL, "say nothing but errors"),
    ERRAND_FLAGS(struct produce_values),
};

const struct command command_produce = {
    .verb = "produce",
    .arguments = "[TOPIC]",
    .summary = "sends lines as records, with the flags of kcat -P",
    .details = "Properties for -X: acks, linger.ms, batch.size, compression.type,\n"
               "message.max.bytes, delivery.timeout.ms, enable.idempotence,\n"
               "transactional.id (all records are one transaction).\n"
               "Returns when the broker has acknowledged every record.\n",
    .examples = "echo 'hello tide' | tidemill produce greetings\n"
                "tidemill produce users -K: -l users.txt -z zstd -X acks=all\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct produce_values),
    .initial = &initial,
    .argument_max = 1,
    .run = run,
};
