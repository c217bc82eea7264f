/* tidemill log dump FILE|DIR: prints what the files of a log say: the batches of segments, with
 * --deep their records, and the small files beside them.
 *
 * A line has the fields and names of Kafka's own dump tool, because scripts look for them. */
#include "log/base/error.h"
#include "runtime/cli/audit.h"
#include "runtime/cli/command.h"
#include "runtime/cli/envelope.h"
#include "runtime/cli/file_dump.h"
#include "runtime/cli/record_decoder.h"
#include "runtime/cli/segment_reader.h"

#include <string.h>

enum { INFLATED_MAX = 512 << 20, PRINT_SIZE = 64 << 10, SMALL_FILE_MAX = 256 << 20 };

struct dump_values {
    bool is_deep;
};

/* One run. */
struct dump {
    struct command_world *world;
    bool is_deep;
    struct bytes topic; /* of the file that is dumped */
    struct buffer out;
};

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static void print_batch(struct dump *dump, const struct batch *batch, uint64_t position)
{
    bool has_time = (batch->attributes & BATCH_LOG_APPEND_TIME) != 0;
    bool has_horizon = (batch->attributes & BATCH_DELETE_HORIZON) != 0;
    const char *codec = compress_codec_name(batch_codec(batch));
    int32_t last_sequence = batch->base_sequence < 0 ? -1 : batch_last_sequence(batch);
    buffer_printf(&dump->out,
                  "baseOffset: %lld lastOffset: %lld count: %d baseSequence: %d lastSequence: %d "
                  "producerId: %lld producerEpoch: %d partitionLeaderEpoch: %d isTransactional: %s "
                  "isControl: %s deleteHorizonMs: ",
                  (long long)batch->base_offset, (long long)batch_last_offset(batch),
                  batch->record_count, batch->base_sequence, last_sequence,
                  (long long)batch->producer_id, batch->producer_epoch, batch->leader_epoch,
                  truth(batch_is_transactional(batch)), truth(batch_is_control(batch)));
    if (has_horizon) {
        buffer_printf(&dump->out, "OptionalLong[%lld]", (long long)batch->base_timestamp);
    } else {
        buffer_add_string(&dump->out, "OptionalLong.empty");
    }
    buffer_printf(&dump->out,
                  " position: %llu %s: %lld size: %zu magic: %d compresscodec: %s crc: %u "
                  "isvalid: %s\n",
                  (unsigned long long)position, has_time ? "LogAppendTime" : "CreateTime",
                  (long long)batch->max_timestamp, batch->bytes.size, BATCH_MAGIC,
                  codec == NULL ? "unknown" : codec, batch->crc, truth(batch_crc_matches(batch)));
}

static long long length_of(struct bytes view)
{
    return bytes_is_null(view) ? -1 : (long long)view.size;
}

static void print_record(struct dump *dump, bool is_control, const struct batch_record *record)
{
    struct buffer *out = &dump->out;
    buffer_printf(out, "| offset: %lld CreateTime: %lld keySize: %lld valueSize: %lld headers: ",
                  (long long)record->offset, (long long)record->timestamp_ms,
                  length_of(record->key), length_of(record->value));
    envelope_write_headers(record, "=", "NULL", out);
    if (!record_decoder_print(dump->topic, is_control, record, out)) {
        buffer_add_string(out, " key: ");
        envelope_write_text(record->key, out);
        buffer_add_string(out, " payload: ");
        envelope_write_text(record->value, out);
    }
    buffer_add_byte(out, '\n');
}

static int print_records(struct dump *dump, const struct batch *batch)
{
    struct batch_iterator iterator;
    struct batch_record record;
    int result = batch_iterator_open(&iterator, batch, INFLATED_MAX);
    if (result != 0) {
        return result;
    }
    while ((result = batch_iterator_next(&iterator, &record)) == 1) {
        print_record(dump, batch_is_control(batch), &record);
        if (dump->out.size > PRINT_SIZE) {
            command_print(dump->world, &dump->out);
        }
    }
    batch_iterator_close(&iterator);
    return result;
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
    buffer_printf(&dump->out, "Dumping %s\n", path);
    while ((result = segment_reader_next(&reader, &batch, &position)) == 1) {
        print_batch(dump, &batch, position);
        int error = dump->is_deep ? print_records(dump, &batch) : 0;
        if (error != 0) {
            buffer_printf(&dump->out, "| %s\n", error_text(error));
        }
        if (dump->out.size > PRINT_SIZE && !command_print(dump->world, &dump->out)) {
            break;
        }
    }
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
        buffer_printf(&dump->out, "Dumping %s\n", path);
        int error = file_dump_print(path, buffer_bytes(&content), &dump->out);
        if (error == ERROR_NOT_FOUND) {
            buffer_clear(&dump->out);
            code = command_fail(dump->world,
                                "%s: no file of a log by its name; known are .log, .index, "
                                ".timeindex, .txnindex, .snapshot and the checkpoints",
                                path);
        } else if (error != 0) {
            command_print(dump->world, &dump->out);
            code = command_fail(dump->world, "%s: %s", path, error_text(error));
        }
        command_print(dump->world, &dump->out);
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
    int code = COMMAND_OK;
    buffer_init(&dump.out);
    for (size_t i = 0; i < arguments->count; i++) {
        const char *path = arguments->items[i];
        struct io_file_info info;
        int error = io_path_info(world->io, path, &info);
        int result = error != 0          ? command_fail(world, "%s: %s", path, error_text(error))
                     : info.is_directory ? dump_directory(&dump, path)
                                         : dump_file(&dump, path);
        code = result != COMMAND_OK ? result : code;
    }
    buffer_fini(&dump.out);
    return code;
}

static const struct flag flags[] = {
    FLAG('d', "deep", BOOL, struct dump_values, is_deep, NULL, "the records too"),
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
