/* Puts records into output files and commits them with their positions. See sink.h and ledger.h.
 *
 * flush is a commit in three steps: (1) every output is written and synced; (2) the ledger is
 * replaced; (3) finished files get their last names. A crash before (2) undoes everything since the
 * last flush, a crash after it is finished at the next start. */
#include "connectors/file/sink.h"

#include "connectors/file/format.h"
#include "connectors/file/ledger.h"
#include "connectors/file/naming.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PENDING_SIZE_MAX = 1024 * 1024 };

struct sink {
    const char *form;
    bool is_appending;
    enum format format;
    struct format_fields fields;
    int64_t rotate_bytes; /* 0: never */
    int64_t rotate_rows;
    int64_t rotate_interval_ms;
    size_t max_open;
    struct output **outputs; /* in order of opening */
    size_t output_count;
    struct ledger ledger;
    bool is_dirty; /* something was put since the last flush */
    struct builder scratch;
};

static enum tidemill_status fail(struct tidemill_context *context, int error, const char *doing,
                                 const char *path)
{
    bool may_pass = error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE;
    return tidemill_fail(context, may_pass ? TIDEMILL_RETRY : TIDEMILL_FATAL, "%s %s failed: %s",
                         doing, path, strerror(error));
}

static void add_output(struct sink *sink, struct output *output)
{
    sink->outputs = builder_resize(sink->outputs, sink->output_count + 1, sizeof *sink->outputs);
    sink->outputs[sink->output_count++] = output;
}

/* --- Putting ---------------------------------------------------------------------------------- */

static struct output *find_output(struct sink *sink, const char *key)
{
    for (size_t i = 0; i < sink->output_count; i++) {
        if (!sink->outputs[i]->is_finished && strcmp(sink->outputs[i]->key, key) == 0) {
            return sink->outputs[i];
        }
    }
    return NULL;
}

/* Makes room for one more open file: the one that has been open longest is finished. */
static void finish_oldest(struct sink *sink)
{
    size_t open_count = 0;
    struct output *oldest = NULL;
    for (size_t i = 0; i < sink->output_count; i++) {
        if (!sink->outputs[i]->is_finished) {
            oldest = oldest == NULL ? sink->outputs[i] : oldest;
            open_count++;
        }
    }
    if (open_count >= sink->max_open && !sink->is_appending) {
        oldest->is_finished = true;
    }
}

/* A new file; when appending, the existing one, behind what it holds. */
static struct output *begin_output(struct tidemill_context *context, const char *key,
                                   const struct tidemill_record *record)
{
    struct sink *sink = context->instance;
    struct builder path = {.data = NULL};
    struct stat status;
    naming_write_path(sink->form, record, &path);
    bool exists = stat(builder_text(&path), &status) == 0;
    struct output *output = NULL;
    if (exists && !sink->is_appending) {
        errno = EEXIST;
    } else {
        finish_oldest(sink);
        output = output_open(key, path.data, sink->is_appending, exists ? status.st_size : 0);
    }
    if (output == NULL) {
        (void)fail(context, errno, "opening", path.data);
    } else {
        output->opened_ms = context->host->now_ms(context);
        if (output->size == 0) {
            format_write_header(sink->format, sink->fields, &output->pending);
        }
        add_output(sink, output);
    }
    builder_fini(&path);
    return output;
}

static bool is_full(const struct sink *sink, const struct output *output, int64_t now_ms)
{
    int64_t size = output->size + (int64_t)output->pending.size;
    return !sink->is_appending &&
           ((sink->rotate_bytes > 0 && size >= sink->rotate_bytes) ||
            (sink->rotate_rows > 0 && output->row_count >= sink->rotate_rows) ||
            (sink->rotate_interval_ms > 0 &&
             now_ms - output->opened_ms >= sink->rotate_interval_ms));
}

static enum tidemill_status put_record(struct tidemill_context *context,
                                       const struct tidemill_record *record,
                                       struct tidemill_verdict *verdict)
{
    struct sink *sink = context->instance;
    struct builder line = {.data = NULL};
    const char *reason = format_write(sink->format, sink->fields, record, &line);
    if (reason != NULL) {
        tidemill_judge(verdict, TIDEMILL_REJECT, "%s", reason);
        builder_fini(&line);
        return TIDEMILL_OK;
    }
    builder_clear(&sink->scratch);
    naming_write_key(sink->form, record, sink->is_appending, &sink->scratch);
    struct output *output = find_output(sink, builder_text(&sink->scratch));
    if (output == NULL) {
        output = begin_output(context, sink->scratch.data, record);
    }
    if (output != NULL) {
        builder_add(&output->pending, line.data, line.size);
        output->row_count++;
        output->is_finished = is_full(sink, output, context->host->now_ms(context));
    }
    builder_fini(&line);
    return output == NULL ? TIDEMILL_FATAL : TIDEMILL_OK;
}

/* Keeps memory bounded: what waits is written, but not synced. */
static enum tidemill_status spill(struct tidemill_context *context, struct sink *sink)
{
    for (size_t i = 0; i < sink->output_count; i++) {
        struct output *output = sink->outputs[i];
        int error = output->pending.size > PENDING_SIZE_MAX ? output_write(output) : 0;
        if (error != 0) {
            return fail(context, error, "writing", output->working);
        }
    }
    return TIDEMILL_OK;
}

static enum tidemill_status sink_put(struct tidemill_context *context,
                                     const struct tidemill_record *records, size_t count,
                                     struct tidemill_verdict *verdicts)
{
    struct sink *sink = context->instance;
    enum tidemill_status status = spill(context, sink);
    for (size_t i = 0; i < count && status == TIDEMILL_OK; i++) {
        sink->is_dirty = true;
        status = put_record(context, &records[i], &verdicts[i]);
        if (status == TIDEMILL_OK) {
            ledger_set_position(&sink->ledger, records[i].topic, records[i].partition,
                                records[i].offset + 1);
        }
    }
    return status;
}

/* --- Flushing --------------------------------------------------------------------------------- */

/* Gives finished files their last names and forgets them. */
static enum tidemill_status publish(struct tidemill_context *context, struct sink *sink)
{
    enum tidemill_status status = TIDEMILL_OK;
    size_t kept = 0;
    for (size_t i = 0; i < sink->output_count; i++) {
        struct output *output = sink->outputs[i];
        int error = 0;
        if (output->is_finished && status == TIDEMILL_OK) {
            error = output_publish(output->working, output->path);
        }
        if (error != 0) {
            status = fail(context, error, "renaming", output->working);
        }
        if (output->is_finished && status == TIDEMILL_OK) {
            context->host->metric_add(context, "files_total", 1);
            output_close(output);
        } else {
            sink->outputs[kept++] = output;
        }
    }
    sink->output_count = kept;
    return status;
}

static enum tidemill_status sink_flush(struct tidemill_context *context)
{
    struct sink *sink = context->instance;
    int64_t now_ms = context->host->now_ms(context);
    for (size_t i = 0; i < sink->output_count; i++) {
        struct output *output = sink->outputs[i];
        bool was_finished = output->is_finished;
        output->is_finished = was_finished || is_full(sink, output, now_ms);
        sink->is_dirty = sink->is_dirty || output->is_finished;
    }
    if (!sink->is_dirty) {
        return TIDEMILL_OK;
    }
    for (size_t i = 0; i < sink->output_count; i++) {
        int error = output_sync(sink->outputs[i]);
        if (error == 0) {
            error = output_sync_folder(sink->outputs[i]->working);
        }
        if (error != 0) {
            /* After a failed fsync nobody knows what the disk holds: start over from the ledger. */
            enum tidemill_status status =
                fail(context, error, "writing", sink->outputs[i]->working);
            return sink->outputs[i]->pending.size > 0 ? status : TIDEMILL_FATAL;
        }
    }
    int error = ledger_write(&sink->ledger, sink->outputs, sink->output_count);
    if (error != 0) {
        return fail(context, error, "writing", sink->ledger.path);
    }
    sink->is_dirty = false;
    return publish(context, sink);
}

static enum tidemill_status sink_position(struct tidemill_context *context, const char *topic,
                                          int32_t partition, int64_t *next_offset)
{
    struct sink *sink = context->instance;
    *next_offset = ledger_position(&sink->ledger, topic, partition);
    return TIDEMILL_OK;
}

/* --- Life ------------------------------------------------------------------------------------- */

static void free_sink(struct sink *sink)
{
    for (size_t i = 0; i < sink->output_count; i++) {
        output_close(sink->outputs[i]);
    }
    free(sink->outputs);
    ledger_fini(&sink->ledger);
    builder_fini(&sink->scratch);
    free(sink);
}

static char *read_text(struct json_value object, const char *name)
{
    struct json_value value;
    struct builder text = {.data = NULL};
    if (json_find(object, name, &value) && value.type == JSON_STRING) {
        json_decode(value, &text);
    }
    (void)builder_text(&text);
    return text.data;
}

/* Opens a file of the ledger again and cuts off what was not committed. */
static enum tidemill_status resume_output(struct tidemill_context *context, struct sink *sink,
                                          struct json_value object)
{
    enum tidemill_status status = TIDEMILL_OK;
    char *path = read_text(object, "path");
    char *key = read_text(object, "key");
    char *working = sink->is_appending ? builder_copy(path) : output_working_name(path);
    int64_t size = json_find_integer(object, "size", 0);
    struct stat found;
    if (stat(working, &found) != 0 || found.st_size < size) {
        tidemill_log(context, TIDEMILL_ERROR,
                     "%s is gone or shorter than the %lld bytes that were committed", working,
                     (long long)size);
    } else {
        struct output *output = output_open(key, path, sink->is_appending, size);
        if (output == NULL) {
            status = fail(context, errno, "opening", working);
        } else {
            output->row_count = json_find_integer(object, "rows", 0);
            output->opened_ms = json_find_integer(object, "opened", 0);
            add_output(sink, output);
        }
    }
    free(working);
    free(key);
    free(path);
    return status;
}

static enum tidemill_status finish_output(struct tidemill_context *context,
                                          struct json_value object)
{
    char *path = read_text(object, "path");
    char *working = output_working_name(path);
    int error = output_publish(working, path);
    if (error == ENOENT) {
        tidemill_log(context, TIDEMILL_WARN, "%s was finished and is gone", path);
        error = 0;
    }
    enum tidemill_status status =
        error == 0 ? TIDEMILL_OK : fail(context, error, "renaming", working);
    free(working);
    free(path);
    return status;
}

static enum tidemill_status recover(struct tidemill_context *context, struct sink *sink)
{
    struct builder text = {.data = NULL};
    struct json_value object;
    struct json_value list;
    struct json_value item;
    enum tidemill_status status = TIDEMILL_OK;
    int error = ledger_read(&sink->ledger, &text, &object);
    if (error != 0 && error != ENOENT) {
        status = fail(context, error, "reading", sink->ledger.path);
    }
    if (error == 0 && json_find(object, "finished", &list) && list.type == JSON_ARRAY) {
        struct json_cursor cursor = json_start(list);
        while (status == TIDEMILL_OK && json_next(&cursor, NULL, &item)) {
            status = finish_output(context, item);
        }
    }
    if (error == 0 && json_find(object, "open", &list) && list.type == JSON_ARRAY) {
        struct json_cursor cursor = json_start(list);
        while (status == TIDEMILL_OK && json_next(&cursor, NULL, &item)) {
            status = resume_output(context, sink, item);
        }
    }
    builder_fini(&text);
    return status;
}

static void init_ledger(struct tidemill_context *context, struct sink *sink)
{
    struct builder path = {.data = NULL};
    naming_write_root(sink->form, &path);
    builder_add_text(&path, ".tidemill-");
    builder_add_text(&path, context->connector);
    builder_add_text(&path, ".ledger");
    ledger_init(&sink->ledger, builder_text(&path));
    builder_fini(&path);
}

static enum tidemill_status sink_open(struct tidemill_context *context)
{
    struct sink *sink = builder_alloc(1, sizeof *sink);
    const struct tidemill_option_value *fields = tidemill_option_get(context, "fields");
    sink->form = tidemill_option_text(context, "path");
    sink->is_appending = tidemill_option_integer(context, "mode") == 1;
    sink->format = (enum format)tidemill_option_integer(context, "format");
    sink->fields = (struct format_fields){.names = fields->items, .count = fields->item_count};
    sink->rotate_bytes = tidemill_option_integer(context, "rotate_bytes");
    sink->rotate_rows = tidemill_option_integer(context, "rotate_rows");
    sink->rotate_interval_ms = tidemill_option_integer(context, "rotate_interval");
    sink->max_open = (size_t)tidemill_option_integer(context, "max_open");
    init_ledger(context, sink);
    enum tidemill_status status = recover(context, sink);
    if (status != TIDEMILL_OK) {
        free_sink(sink);
        return status;
    }
    context->instance = sink;
    return TIDEMILL_OK;
}

static void sink_close(struct tidemill_context *context)
{
    free_sink(context->instance);
    context->instance = NULL;
}

static enum tidemill_status sink_validate(struct tidemill_context *context)
{
    const char *form = tidemill_option_text(context, "path");
    bool is_appending = tidemill_option_integer(context, "mode") == 1;
    bool has_start = strstr(form, "{start_offset}") != NULL;
    if (!is_appending && (!has_start || strstr(form, "{partition}") == NULL)) {
        return tidemill_fail(context, TIDEMILL_FATAL,
                             "path must have {partition} and {start_offset}, so that no file "
                             "replaces another, unless mode=append");
    }
    if (is_appending && (has_start || strchr(form, '%') != NULL)) {
        return tidemill_fail(context, TIDEMILL_FATAL,
                             "path cannot have {start_offset} or a time with mode=append");
    }
    if (tidemill_option_integer(context, "format") == FORMAT_CSV &&
        tidemill_option_get(context, "fields")->item_count == 0) {
        return tidemill_fail(context, TIDEMILL_FATAL, "format=csv needs fields, the columns");
    }
    return TIDEMILL_OK;
}

static const struct tidemill_option options[] = {
    {.name = "path",
     .type = TIDEMILL_OPTION_STRING,
     .flags = TIDEMILL_OPTION_REQUIRED,
     .help = "Where to write: {topic}, {partition}, {start_offset} and strftime letters (%Y %m %d "
             "%H ..., record time, UTC) are filled in.",
     .alias = "file"},
    {.name = "mode",
     .type = TIDEMILL_OPTION_ENUM,
     .fallback = "rotate",
     .allowed = "rotate|append",
     .help = "rotate: files that appear under their names when they are complete. append: the file "
             "grows for ever; nobody else may write to it."},
    {.name = "format",
     .type = TIDEMILL_OPTION_ENUM,
     .fallback = "lines",
     .allowed = "lines|jsonl|csv",
     .help = "lines: the value and a newline. jsonl: the same, checked to be JSON. csv: fields of "
             "JSON objects."},
    {.name = "fields",
     .type = TIDEMILL_OPTION_LIST,
     .help = "The columns of CSV, also its first row."},
    {.name = "rotate_bytes",
     .type = TIDEMILL_OPTION_SIZE,
     .fallback = "128MiB",
     .allowed = "0..",
     .help = "A file of this size is complete; 0: no limit."},
    {.name = "rotate_rows",
     .type = TIDEMILL_OPTION_INT,
     .fallback = "0",
     .allowed = "0..",
     .help = "A file with this many records is complete; 0: no limit.",
     .alias = "flush.size"},
    {.name = "rotate_interval",
     .type = TIDEMILL_OPTION_DURATION,
     .fallback = "0",
     .allowed = "0..",
     .help = "A file is complete this long after it was begun, by the clock; 0: no limit.",
     .alias = "rotate.schedule.interval.ms"},
    {.name = "max_open",
     .type = TIDEMILL_OPTION_INT,
     .fallback = "64",
     .allowed = "1..10000",
     .help = "How many files may be incomplete; beyond it the oldest is completed."},
};

static const struct tidemill_sink functions = {
    .size = sizeof functions,
    .open = sink_open,
    .position = sink_position,
    .put = sink_put,
    .flush = sink_flush,
    .close = sink_close,
};

const struct tidemill_kind sink_kind = {
    .size = sizeof sink_kind,
    .type = TIDEMILL_SINK,
    .capabilities = TIDEMILL_OWN_OFFSETS | TIDEMILL_SINGLE_TASK,
    .name = "file",
    .help = "Writes records to files as lines, JSON or CSV, exactly once.",
    .alias = "org.apache.kafka.connect.file.FileStreamSinkConnector",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sink = &functions,
    .validate = sink_validate,
};
