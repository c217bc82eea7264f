/* The host that remembers. See mock.h. */
#include "tests/connectors/mock.h"

#include "log/base/memory.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct mock *mock_of(struct tidemill_context *context)
{
    return context->host_data;
}

static void host_log(struct tidemill_context *context, enum tidemill_level level, const char *text)
{
    (void)level;
    snprintf(mock_of(context)->log, sizeof mock_of(context)->log, "%s", text);
}

static void host_fail(struct tidemill_context *context, const char *text)
{
    snprintf(mock_of(context)->failure, sizeof mock_of(context)->failure, "%s", text);
}

static double *metric_place(struct mock *mock, const char *name)
{
    for (size_t i = 0; i < MOCK_METRIC_MAX; i++) {
        if (mock->metrics[i].name[0] == '\0') {
            snprintf(mock->metrics[i].name, sizeof mock->metrics[i].name, "%s", name);
        }
        if (strcmp(mock->metrics[i].name, name) == 0) {
            return &mock->metrics[i].value;
        }
    }
    fail_msg("too many metrics");
    return NULL;
}

static void host_metric_add(struct tidemill_context *context, const char *name, double amount)
{
    *metric_place(mock_of(context), name) += amount;
}

static void host_metric_set(struct tidemill_context *context, const char *name, double value)
{
    *metric_place(mock_of(context), name) = value;
}

static int64_t host_now_ms(struct tidemill_context *context)
{
    return mock_of(context)->now_ms;
}

static char *copy_text(struct tidemill_bytes bytes)
{
    return bytes_to_string(bytes_make(bytes.data, bytes.size));
}

static char *copy_headers(const struct tidemill_record *record)
{
    struct buffer text;
    buffer_init(&text);
    for (size_t i = 0; i < record->header_count; i++) {
        buffer_add(&text, record->headers[i].name.data, record->headers[i].name.size);
        buffer_add_byte(&text, '=');
        buffer_add(&text, record->headers[i].value.data, record->headers[i].value.size);
        buffer_add_byte(&text, ';');
    }
    char *copy = memory_string(buffer_string(&text));
    buffer_fini(&text);
    return copy;
}

static struct mock_record *add_record(struct mock *mock, const struct tidemill_record *record)
{
    assert_true(mock->record_count < MOCK_RECORD_MAX);
    struct mock_record *copy = &mock->records[mock->record_count++];
    *copy = (struct mock_record){
        .key = copy_text(record->key),
        .value = copy_text(record->value),
        .value_size = record->value.size,
        .headers = copy_headers(record),
    };
    return copy;
}

static enum tidemill_status host_emit(struct tidemill_context *context,
                                      const struct tidemill_record *records, size_t count)
{
    struct mock *mock = mock_of(context);
    if (mock->refuses) {
        return TIDEMILL_AGAIN;
    }
    assert_true(count > 0);
    assert_non_null(records[count - 1].source_offset);
    assert_non_null(records[count - 1].source_partition);
    for (size_t i = 0; i < count; i++) {
        struct mock_record *copy = add_record(mock, &records[i]);
        copy->source_partition = memory_string(records[i].source_partition);
        copy->source_offset = memory_string(records[i].source_offset);
    }
    mock->batch_end = mock->record_count;
    return TIDEMILL_OK;
}

static enum tidemill_status host_reject(struct tidemill_context *context,
                                        const struct tidemill_record *record, const char *reason)
{
    (void)reason;
    return host_emit(context, record, 1);
}

static enum tidemill_status host_forward(struct tidemill_context *context,
                                         const struct tidemill_record *record)
{
    (void)add_record(mock_of(context), record);
    return TIDEMILL_OK;
}

static void host_wake(struct tidemill_context *context)
{
    (void)context;
}

static void parse_settings(struct mock *mock, const struct tidemill_kind *kind,
                           const char *const *settings)
{
    struct plugin_setting parsed[32];
    size_t count = 0;
    for (; settings[count] != NULL; count++) {
        char *name = memory_string(settings[count]);
        char *equals = strchr(name, '=');
        assert_non_null(equals);
        *equals = '\0';
        parsed[count] = (struct plugin_setting){.name = name, .value = equals + 1};
    }
    struct report report = {.text = ""};
    if (plugin_options_parse(kind, parsed, count, &mock->options, &report) != 0) {
        fail_msg("%s: %s", report.place, report.text);
    }
    for (size_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)parsed[i].name);
    }
}

void mock_open(struct mock *mock, const char *library, enum tidemill_kind_type type,
               const char *const *settings)
{
    static const char *const folders[] = {CONNECTORS_FOLDER};
    struct report report = {.text = ""};
    *mock = (struct mock){
        .host = {.size = sizeof mock->host,
                 .abi_major = TIDEMILL_ABI_MAJOR,
                 .abi_minor = TIDEMILL_ABI_MINOR,
                 .log = host_log,
                 .fail = host_fail,
                 .metric_add = host_metric_add,
                 .metric_set = host_metric_set,
                 .now_ms = host_now_ms,
                 .emit = host_emit,
                 .reject = host_reject,
                 .wake = host_wake,
                 .forward = host_forward},
        .now_ms = 1764000000000,
    };
    mock->records = memory_zero(MOCK_RECORD_MAX, sizeof *mock->records);
    if (plugin_open(library, folders, 1, &mock->plugin, &report) != 0) {
        fail_msg("%s: %s", report.place, report.text);
    }
    const struct tidemill_kind *kind = plugin_find_kind(mock->plugin, type, library);
    assert_non_null(kind);
    parse_settings(mock, kind, settings);
    mock->context = (struct tidemill_context){
        .size = sizeof mock->context,
        .task_count = 1,
        .connector = "test",
        .host = &mock->host,
        .kind = kind,
        .values = plugin_options_values(mock->options),
        .host_data = mock,
    };
}

void mock_close(struct mock *mock)
{
    mock_forget(mock, 0);
    free(mock->records);
    plugin_options_free(mock->options);
    plugin_close(mock->plugin);
}

void mock_forget(struct mock *mock, size_t count)
{
    for (size_t i = count; i < mock->record_count; i++) {
        struct mock_record *record = &mock->records[i];
        free(record->key);
        free(record->value);
        free(record->headers);
        free(record->source_partition);
        free(record->source_offset);
    }
    mock->record_count = count < mock->record_count ? count : mock->record_count;
}

void mock_start_source(struct mock *mock)
{
    struct tidemill_saved_offset saved[64];
    size_t count = 0;
    for (size_t i = mock->record_count; i > 0 && count < 64; i--) {
        const struct mock_record *record = &mock->records[i - 1];
        bool is_known = record->source_offset == NULL;
        for (size_t j = 0; j < count && !is_known; j++) {
            is_known = strcmp(saved[j].source_partition, record->source_partition) == 0;
        }
        if (!is_known) {
            saved[count++] =
                (struct tidemill_saved_offset){record->source_partition, record->source_offset};
        }
    }
    mock->context.instance = NULL;
    assert_int_equal(mock->context.kind->source->open(&mock->context, saved, count), TIDEMILL_OK);
}

void mock_stop_source(struct mock *mock)
{
    mock->context.kind->source->close(&mock->context);
}

enum tidemill_status mock_poll(struct mock *mock, size_t max_records)
{
    return mock->context.kind->source->poll(&mock->context, max_records, 1 << 20, 0);
}

void mock_drain(struct mock *mock)
{
    for (int idle_count = 0; idle_count < 3;) {
        size_t before = mock->record_count;
        assert_true(mock_poll(mock, 1000) <= TIDEMILL_AGAIN);
        idle_count = mock->record_count > before ? 0 : idle_count + 1;
        mock->now_ms += mock->record_count > before ? 1 : 1001;
    }
}

double mock_metric(const struct mock *mock, const char *name)
{
    for (size_t i = 0; i < MOCK_METRIC_MAX; i++) {
        if (strcmp(mock->metrics[i].name, name) == 0) {
            return mock->metrics[i].value;
        }
    }
    return 0;
}

void mock_folder(char *out, size_t size, const char *name)
{
    snprintf(out, size, "%s/%s.%d", SCRATCH_FOLDER, name, (int)getpid());
    char command[1200];
    snprintf(command, sizeof command, "rm -rf '%s'", out);
    assert_int_equal(system(command), 0);
    assert_int_equal(mkdir(out, 0755), 0);
}

void mock_write(const char *path, const char *mode, const void *data, size_t size)
{
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}
