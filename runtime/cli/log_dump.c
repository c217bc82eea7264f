/* tidemill log dump FILE|DIR: prints what the files of a log say: the batches of segments, with
 * --deep their records, and the small files beside them.
 *
 * A line has the fields and names of Kafka's own dump tool, because scripts look for them. */
#include "log/base/error.h"
#include "runtime/cli/audit.h"
#include "runtime/cli/command.h"
#include "runtime/cli/file_dump.h"
#include "runtime/cli/record_decoder.h"
#include "runtime/cli/segment_reader.h"

#include <string.h>

enum { INFLATED_MAX = 512 << 20, PRINT_SIZE = 64 << 10, SMALL_FILE_MAX = 256 << 20 };

struct dump_values {
    const char *output;
    bool is_deep;
};

/* One run. */
struct dump {
    struct command_world *world;
    bool is_deep;
    struct bytes topic; /* of the file that is dumped */
    struct buffer out;
    struct dump_writer writer;
};

static void print_batch(struct dump *dump, const struct batch *batch, uint64_t position)
{
    struct dump_writer *writer = &dump->writer;
    bool has_time = (batch->attributes & BATCH_LOG_APPEND_TIME) != 0;
    bool has_horizon = (batch->attributes & BATCH_DELETE_HORIZON) != 0;
    const char *codec = compress_codec_name(batch_codec(batch));
    dump_writer_add_number(writer, "baseOffset", batch->base_offset);
    dump_writer_add_number(writer, "lastOffset", batch_last_offset(batch));
    dump_writer_add_number(writer, "count", batch->record_count);
    dump_writer_add_number(writer, "baseSequence", batch->base_sequence);
    dump_writer_add_number(writer, "lastSequence",
                           batch->base_sequence < 0 ? -1 : batch_last_sequence(batch));
    dump_writer_add_number(writer, "producerId", batch->producer_id);
    dump_writer_add_number(writer, "producerEpoch", batch->producer_epoch);
    dump_writer_add_number(writer, "partitionLeaderEpoch", batch->leader_epoch);
    dump_writer_add_bool(writer, "isTransactional", batch_is_transactional(batch));
    dump_writer_add_bool(writer, "isControl", batch_is_control(batch));
    dump_writer_add_optional(writer, "deleteHorizonMs", has_horizon, batch->base_timestamp);
    dump_writer_add_number(writer, "position", (int64_t)position);
    dump_writer_add_number(writer, has_time ? "LogAppendTime" : "CreateTime", batch->max_timestamp);
    dump_writer_add_number(writer, "size", (int64_t)batch->bytes.size);
    dump_writer_add_number(writer, "magic", BATCH_MAGIC);
    dump_writer_add_word(writer, "compresscodec", codec == NULL ? "unknown" : codec);
    dump_writer_add_number(writer, "crc", batch->crc);
    dump_writer_add_bool(writer, "isvalid", batch_crc_matches(batch));
}

static int64_t length_of(struct bytes view)
{
    return bytes_is_null(view) ? -1 : (int64_t)view.size;
}

static void print_record(struct dump *dump, bool is_control, const struct batch_record *record)
{
    struct dump_writer *writer = &dump->writer;
    dump_writer_open_record(writer);
    dump_writer_add_number(writer, "offset", record->offset);
    dump_writer_add_number(writer, "CreateTime", record->timestamp_ms);
    dump_writer_add_number(writer, "keySize", length_of(record->key));
    dump_writer_add_number(writer, "valueSize", length_of(record->value));
    dump_writer_add_headers(writer, record);
    if (!record_decoder_print(dump->topic, is_control, record, writer)) {
        dump_writer_add_bytes(writer, "key", record->key);
        dump_writer_add_bytes(writer, "payload", record->value);
    }
    dump_writer_close_record(writer);
}

static void print_records(struct dump *dump, const struct batch *batch)
{
    struct batch_iterator iterator;
    struct batch_record record;
    dump_writer_open_records(&dump->writer);
    int result = batch_iterator_open(&iterator, batch, INFLATED_MAX);
    bool is_open = result == 0;
    while (is_open && (result = batch_iterator_next(&iterator, &record)) == 1) {
        print_record(dump, batch_is_control(batch), &record);
        if (dump->out.size > PRINT_SIZE) {
            command_print(dump->world, &dump->out);
        }
    }
    if (is_open) {
        batch_iterator_close(&iterator);
    }
    if (result != 0) {
        dump_writer_open_record(&dump->writer);
        dump_writer_add_word(&dump->writer, "error", error_text(result));
        dump_writer_close_record(&dump->writer);
    }
    dump_writer_close_records(&dump->writer);
}

static int dump_segment(struct dump *dump, const char *path)
{
    struct segment_reader reader;
    int result = segment_reader_open(&reader, dump->world->io, path);
    if (result != 0) {
        return command_fail(dump->world, "%s: %s", path, error_text(result));
    }
    struct batch batch;
    uint64_t position;
    dump->topic = record_decoder_topic(path);
    dump_writer_open_file(&dump->writer, path);
    while ((result = segment_reader_next(&reader, &batch, &position)) == 1) {
        dump_writer_open_entry(&dump->writer);
        print_batch(dump, &batch, position);
        if (dump->is_deep) {
            print_records(dump, &batch);
        }
        dump_writer_close_entry(&dump->writer);
        if (dump->out.size > PRINT_SIZE && !command_print(dump->world, &dump->out)) {
            break;
        }
    }
    dump_writer_close_file(&dump->writer, result < 0 ? error_text(result) : NULL);
    command_print(dump->world, &dump->out);
    int code = COMMAND_OK;
    if (result < 0) {
        code = command_fail(dump->world, "%s: no whole batch at %llu of %llu bytes: %s", path,
                            (unsigned long long)reader.position, (unsigned long long)reader.size,
                            error_text(result));
    }
    segment_reader_close(&reader);
    return code;
}

static int dump_small_file(struct dump *dump, const char *path)
{
    struct buffer content;
    buffer_init(&content);
    int code = command_read_file(dump->world, path, SMALL_FILE_MAX, &content);
    if (code == COMMAND_OK) {
        const char *problem = NULL;
        bool is_known = file_dump_print(path, buffer_bytes(&content), &dump->writer, &problem);
        command_print(dump->world, &dump->out);
        if (!is_known) {
            code = command_fail(dump->world,
                                "%s: no file of a log by its name; known are .log, .index, "
                                ".timeindex, .txnindex, .snapshot and the checkpoints",
                                path);
        } else if (problem != NULL) {
            code = command_fail(dump->world, "%s: not valid: %s", path, problem);
        }
    }
    buffer_fini(&content);
    return code;
}

static int dump_file(struct dump *dump, const char *path)
{
    size_t size = strlen(path);
    return size > 4 && strcmp(path + size - 4, ".log") == 0 ? dump_segment(dump, path)
                                                            : dump_small_file(dump, path);
}

static int dump_directory(struct dump *dump, const char *path)
{
    struct audit_names names;
    int error = audit_list(dump->world->io, path, &names);
    if (error != 0) {
        return command_fail(dump->world, "%s: %s", path, error_text(error));
    }
    int code = COMMAND_OK;
    bool has_segment = false;
    for (size_t i = 0; i < names.count; i++) {
        int64_t base_offset;
        if (audit_is_segment_file(names.items[i], ".log", &base_offset)) {
            struct buffer file;
            buffer_init(&file);
            buffer_printf(&file, "%s/%s", path, names.items[i]);
            int result = dump_file(dump, buffer_string(&file));
            code = result != COMMAND_OK ? result : code;
            buffer_fini(&file);
            has_segment = true;
        }
    }
    audit_names_free(&names);
    return has_segment ? code
                       : command_fail(dump->world,
                                      "%s: no segment files here; name the directory "
                                      "of one log, such as data/orders-0",
                                      path);
}

static int run(struct command_world *world, const void *values, const struct flag_list *arguments)
{
    const struct dump_values *options = values;
    struct dump dump = {.world = world, .is_deep = options->is_deep};
    int code = command_read_output(world, options->output, &dump.writer.is_json);
    if (code != COMMAND_OK) {
        return code;
    }
    buffer_init(&dump.out);
    dump.writer.out = &dump.out;
    for (size_t i = 0; i < arguments->count; i++) {
        const char *path = arguments->items[i];
        struct io_file_info info;
        int error = io_path_info(world->io, path, &info);
        int result = error != 0          ? command_fail(world, "%s: %s", path, error_text(error))
                     : info.is_directory ? dump_directory(&dump, path)
                                         : dump_file(&dump, path);
        code = result != COMMAND_OK ? result : code;
    }
    dump_writer_close(&dump.writer);
    command_print(world, &dump.out);
    buffer_fini(&dump.out);
    return code;
}

static const struct flag flags[] = {
    FLAG('d', "deep", BOOL, struct dump_values, is_deep, NULL, "the records too"),
    COMMAND_OUTPUT_FLAG(struct dump_values, output),
};

const struct command command_log_dump = {
    .noun = "log",
    .verb = "dump",
    .arguments = "FILE|DIR...",
    .summary = "prints what the files of a log say",
    .details = "Segments (.log), indexes, producer snapshots and checkpoints, by their names, in\n"
               "the words of kafka-dump-log. With --deep also the records, those of\n"
               "__consumer_offsets, __transaction_state and __cluster_metadata decoded.\n",
    .examples = "tidemill log dump tidemill-data/orders-0\n"
                "tidemill log dump --deep tidemill-data/__consumer_offsets-7\n"
                "tidemill log dump tidemill-data/orders-0/00000000000000000000.index\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct dump_values),
    .argument_min = 1,
    .argument_max = -1,
    .run = run,
};
