/* The table of functions that transforms call; see transform_host.h. */
#include "runtime/transform/transform_host.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/format/headers.h"

#include <stdlib.h>
#include <string.h>

enum { TOPIC_SIZE_MAX = 249 };

struct tidemill_store {
    struct kv *kv;
    struct transform_host *host;
};

static struct transform_host *host_of(struct tidemill_context *context)
{
    return (struct transform_host *)(void *)context;
}

static struct bytes view_of(struct tidemill_bytes bytes)
{
    return bytes_make(bytes.data, bytes.size);
}

static struct tidemill_bytes bytes_of(struct bytes view)
{
    return tidemill_bytes_make(view.data, view.size);
}

void transform_host_log(struct tidemill_context *context, enum tidemill_level level,
                        const char *text)
{
    static const enum trace_level levels[] = {[TIDEMILL_ERROR] = TRACE_ERROR,
                                              [TIDEMILL_WARN] = TRACE_WARN,
                                              [TIDEMILL_INFO] = TRACE_INFO,
                                              [TIDEMILL_DEBUG] = TRACE_DEBUG};
    trace(levels[level], "transform.plugin", TRACE_STRING("step", context->connector),
          TRACE_STRING("text", text));
}

static void host_fail(struct tidemill_context *context, const char *text)
{
    struct transform_host *host = host_of(context);
    snprintf(host->failure, sizeof host->failure, "%s", text);
}

void transform_host_metric(struct tidemill_context *context, const char *name, double value)
{
    trace(TRACE_DEBUG, "transform.metric", TRACE_STRING("step", context->connector),
          TRACE_STRING("name", name), TRACE_INT("value", (int64_t)value));
}

static int64_t host_now_ms(struct tidemill_context *context)
{
    struct node_context *call = host_of(context)->call;
    return call == NULL ? -1 : node_wall_clock_ms(call);
}

static int64_t host_stream_time_ms(struct tidemill_context *context)
{
    const struct node_context *call = host_of(context)->call;
    return call == NULL ? -1 : call->stream_time_ms;
}

__attribute__((format(printf, 2, 3))) static enum tidemill_status
refuse(struct transform_host *host, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(host->failure, sizeof host->failure, format, arguments);
    va_end(arguments);
    host->has_failed = true;
    return TIDEMILL_REJECT;
}

/* --- Output ----------------------------------------------------------------------------------- */

static bool is_within(struct bytes view, struct bytes whole)
{
    return view.size <= whole.size && (uintptr_t)view.data >= (uintptr_t)whole.data &&
           (uintptr_t)view.data - (uintptr_t)whole.data <= whole.size - view.size;
}

/* The view, or a copy that lives as long as the record; false past the limit. */
static bool keep(struct transform_host *host, struct bytes view, struct bytes *out)
{
    const struct record *given = host->record;
    *out = view;
    if (bytes_is_null(view) ||
        (given != NULL && (is_within(view, given->key) || is_within(view, given->value)))) {
        return true;
    }
    host->output_size += view.size;
    uint8_t *copy = host->output_size > TRANSFORM_OUTPUT_SIZE_MAX
                        ? NULL
                        : arena_try(host->call->arena, view.size + 1);
    if (copy == NULL) {
        return false;
    }
    if (view.size > 0) {
        memcpy(copy, view.data, view.size);
    }
    *out = bytes_make(copy, view.size);
    return true;
}

static bool keep_headers(struct transform_host *host, const struct tidemill_record *from,
                         struct record *out)
{
    const struct record *given = host->record;
    size_t given_count = given == NULL ? 0 : (size_t)given->header_count;
    if (from->header_count == 0) {
        out->headers_encoded = (struct bytes){0};
        out->header_count = 0;
        return true;
    }
    if (from->headers == host->headers && from->header_count == given_count) {
        out->headers_encoded = given->headers_encoded;
        out->header_count = given->header_count;
        return true;
    }
    struct buffer encoded;
    buffer_init(&encoded);
    for (size_t i = 0; i < from->header_count; i++) {
        headers_append(&encoded, view_of(from->headers[i].name), view_of(from->headers[i].value));
    }
    bool is_kept = keep(host, buffer_bytes(&encoded), &out->headers_encoded);
    out->header_count = (int32_t)from->header_count;
    buffer_fini(&encoded);
    return is_kept;
}

/* What every output begins with: the given record, or nothing in a timer. */
static struct record output_base(const struct transform_host *host)
{
    if (host->record == NULL) {
        return (struct record){.offset = -1, .timestamp_ms = node_wall_clock_ms(host->call)};
    }
    struct record base = *host->record;
    base.is_change = false;
    base.old_value = (struct bytes){0};
    return base;
}

static enum tidemill_status take(struct transform_host *host, const struct tidemill_record *from,
                                 struct record *out)
{
    if (host->call == NULL) {
        return refuse(host, "the transform wrote a record outside of process and tick");
    }
    *out = output_base(host);
    if (from->timestamp_ms >= 0) {
        out->timestamp_ms = from->timestamp_ms;
    }
    if (++host->output_count > TRANSFORM_OUTPUT_COUNT_MAX) {
        return refuse(host, "the transform wrote more than %d records", TRANSFORM_OUTPUT_COUNT_MAX);
    }
    if (from->header_count > INT16_MAX || !keep(host, view_of(from->key), &out->key) ||
        !keep(host, view_of(from->value), &out->value) || !keep_headers(host, from, out)) {
        return refuse(host, "the transform wrote more than %d bytes", TRANSFORM_OUTPUT_SIZE_MAX);
    }
    return TIDEMILL_OK;
}

static enum tidemill_status host_forward(struct tidemill_context *context,
                                         const struct tidemill_record *record)
{
    struct transform_host *host = host_of(context);
    struct record out;
    enum tidemill_status status = take(host, record, &out);
    if (status != TIDEMILL_OK) {
        return status;
    }
    if ((context->kind->capabilities & TIDEMILL_KEEPS_KEY) != 0 && host->record != NULL) {
        out.key = host->record->key;
    }
    if (transform_format(host->transform) != NULL) {
        out.value_format = transform_format(host->transform);
    }
    if (host->pending_count == host->pending_capacity) {
        host->pending_capacity = host->pending_capacity * 2 + 8;
        host->pending =
            memory_resize(host->pending, host->pending_capacity * sizeof *host->pending);
    }
    host->pending[host->pending_count++] = out;
    return TIDEMILL_OK;
}

static bool is_topic(const char *topic)
{
    size_t size = strlen(topic);
    return size > 0 && size <= TOPIC_SIZE_MAX &&
           strspn(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               size;
}

static enum tidemill_status host_emit_to(struct tidemill_context *context, const char *topic,
                                         const struct tidemill_record *record)
{
    struct transform_host *host = host_of(context);
    struct record out;
    if (!is_topic(topic)) {
        return refuse(host, "'%.100s' cannot be the name of a topic", topic);
    }
    enum tidemill_status status = take(host, record, &out);
    if (status != TIDEMILL_OK) {
        return status;
    }
    out.partition = record->partition;
    out.partition_key = (struct bytes){0};
    /* The name may be the plugin's scratch. */
    const char *name = arena_string(host->call->arena, bytes_from_string(topic));
    int error = host->call->emit(host->call, name, &out);
    return error == 0 ? TIDEMILL_OK
                      : refuse(host, "cannot write to %s: %s", topic, error_text(error));
}

/* --- Stores ----------------------------------------------------------------------------------- */

static struct tidemill_store *host_store(struct tidemill_context *context, const char *name)
{
    struct transform_host *host = host_of(context);
    for (size_t i = 0; i < transform_store_count(host->transform); i++) {
        const char *alias;
        (void)transform_store(host->transform, i, &alias);
        if (strcmp(alias, name) == 0) {
            return host->stores[i].kv == NULL ? NULL : &host->stores[i];
        }
    }
    return NULL;
}

static bool host_store_get(struct tidemill_store *store, struct tidemill_bytes key,
                           struct tidemill_bytes *value)
{
    struct bytes found;
    if (!kv_get(store->kv, view_of(key), &found)) {
        return false;
    }
    *value = bytes_of(found);
    return true;
}

static enum tidemill_status host_store_put(struct tidemill_store *store, struct tidemill_bytes key,
                                           struct tidemill_bytes value)
{
    if (store->host->call == NULL) {
        return refuse(store->host, "the transform wrote to a store outside of process and tick");
    }
    int error = kv_put(store->kv, view_of(key), view_of(value));
    return error == 0 ? TIDEMILL_OK
                      : refuse(store->host, "the entry does not fit the store %s: %s",
                               kv_name(store->kv), error_text(error));
}

static void
host_store_range(struct tidemill_store *store, struct tidemill_bytes from, struct tidemill_bytes to,
                 bool (*each)(void *owner, struct tidemill_bytes key, struct tidemill_bytes value),
                 void *owner)
{
    struct bytes key;
    struct bytes value;
    struct kv_iterator *iterator = kv_iterate(store->kv, view_of(from), view_of(to));
    while (kv_iterator_next(iterator, &key, &value)) {
        if (!each(owner, bytes_of(key), bytes_of(value))) {
            break;
        }
    }
    kv_iterator_free(iterator);
}

/* --- The instance ----------------------------------------------------------------------------- */

static const struct tidemill_host host_functions = {.size = sizeof host_functions,
                                                    .abi_major = TIDEMILL_ABI_MAJOR,
                                                    .abi_minor = TIDEMILL_ABI_MINOR,
                                                    .log = transform_host_log,
                                                    .fail = host_fail,
                                                    .metric_add = transform_host_metric,
                                                    .metric_set = transform_host_metric,
                                                    .now_ms = host_now_ms,
                                                    .forward = host_forward,
                                                    .emit_to = host_emit_to,
                                                    .stream_time_ms = host_stream_time_ms,
                                                    .store = host_store,
                                                    .store_get = host_store_get,
                                                    .store_put = host_store_put,
                                                    .store_range = host_store_range};

void transform_host_init(struct transform_host *host, const char *name, struct transform *transform)
{
    size_t count = transform_store_count(transform);
    *host = (struct transform_host){.context = {.size = sizeof host->context,
                                                .task_count = 1,
                                                .connector = name,
                                                .host = &host_functions,
                                                .kind = transform_kind(transform),
                                                .values = transform_values(transform)},
                                    .transform = transform,
                                    .stores = memory_zero(count, sizeof *host->stores)};
}

void transform_host_fini(struct transform_host *host)
{
    free(host->stores);
    free(host->pending);
}

bool transform_host_start(struct transform_host *host, struct node_context *context)
{
    for (size_t i = 0; i < transform_store_count(host->transform); i++) {
        const char *alias;
        const char *name = transform_store(host->transform, i, &alias);
        host->stores[i] =
            (struct tidemill_store){.kv = context->store(context, name), .host = host};
        if (host->stores[i].kv == NULL) {
            return false;
        }
    }
    return true;
}

void transform_host_begin(struct transform_host *host, struct node_context *context,
                          const struct record *record)
{
    check(host->call == NULL);
    host->call = context;
    host->record = record;
    host->headers = NULL;
    host->pending_count = 0;
    host->output_count = 0;
    host->output_size = 0;
    host->has_failed = false;
    host->failure[0] = 0;
}

void transform_host_end(struct transform_host *host)
{
    host->call = NULL;
    host->record = NULL;
}

int transform_host_show(struct transform_host *host, struct tidemill_record *out)
{
    const struct record *record = host->record;
    const uint8_t *at = record->headers_encoded.data;
    const uint8_t *end = at + record->headers_encoded.size;
    struct tidemill_header *headers =
        arena_array(host->call->arena, struct tidemill_header, record->header_count);
    for (int32_t i = 0; i < record->header_count; i++) {
        struct headers_entry entry;
        if (headers_next(&at, end, &entry) != 1) {
            return ERROR_MALFORMED;
        }
        headers[i] =
            (struct tidemill_header){.name = bytes_of(entry.key), .value = bytes_of(entry.value)};
    }
    *out = tidemill_record_make(bytes_of(record->key), bytes_of(record->value));
    out->topic = record->topic;
    out->partition = record->partition;
    out->offset = record->offset;
    out->timestamp_ms = record->timestamp_ms;
    out->header_count = (size_t)record->header_count;
    out->headers = host->headers = out->header_count == 0 ? NULL : headers;
    return 0;
}
