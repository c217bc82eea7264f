/* See errand.h. Answers are copied into the arena by writing and reading them again. */
#include "runtime/cli/errand.h"

#include "log/base/error.h"
#include "log/base/text.h"
#include "runtime/cli/property_file.h"

#include <stdlib.h>
#include <string.h>

enum {
    ANSWER_SIZE_MAX = 256 << 20,
    RETRY_COUNT_MAX = 50,
    RETRY_DELAY_NS = 100 * 1000 * 1000,
    TIMEOUT_MS = 10000,
};

/* A call that is waited for. */
struct errand_answer {
    struct errand *errand;
    const struct wire_schema *schema;
    const void *message;
    int error;
    bool is_done;
};

/* -b, then the file of properties, then the environment. */
static const char *find_brokers(const struct command_world *world, const struct errand_flags *flags,
                                const char *of_file)
{
    const char *brokers = flags->brokers != NULL ? flags->brokers
                          : of_file != NULL      ? of_file
                                                 : world->brokers;
    return brokers != NULL && brokers[0] != '\0' ? brokers : "localhost:9092";
}

static bool is_port(struct bytes text)
{
    int64_t port = 0;
    char *copy = bytes_to_string(text);
    bool is_good = text_parse_int64(copy, &port) == 0 && port > 0 && port <= UINT16_MAX;
    free(copy);
    return is_good;
}

/* "host", "host:port", "[v6]" or "[v6]:port". */
static bool add_broker(struct buffer *out, struct bytes broker)
{
    const uint8_t *colon = memrchr(broker.data, ':', broker.size);
    bool has_port = colon != NULL && broker.data[broker.size - 1] != ']';
    size_t host_size = has_port ? (size_t)(colon - broker.data) : broker.size;
    if (host_size == 0 ||
        (has_port && !is_port(bytes_make(colon + 1, broker.size - host_size - 1)))) {
        return false;
    }
    buffer_printf(out, "%s%.*s%s", out->size > 0 ? "," : "", BYTES_FORMAT(broker),
                  has_port ? "" : ":9092");
    return true;
}

int errand_read_brokers(struct command_world *world, const char *brokers, struct buffer *out)
{
    while (*brokers != '\0') {
        size_t size = strcspn(brokers, ",");
        if (size > 0 && !add_broker(out, bytes_make(brokers, size))) {
            return command_misuse(world, "a broker is HOST:PORT, not '%.*s'", (int)size, brokers);
        }
        brokers += size + (brokers[size] == ',');
    }
    return out->size > 0 ? COMMAND_OK : command_misuse(world, "a broker is HOST:PORT, not ''");
}

/* Whom a command asks besides itself for the meaning of a property. */
struct property_taker {
    struct client_options *options;
    enum errand_property (*known)(void *owner, const char *name, const char *value);
    void *owner;
};

enum errand_property errand_property_of(bool is_taken)
{
    return is_taken ? ERRAND_PROPERTY_TAKEN : ERRAND_PROPERTY_WRONG;
}

static enum errand_property try_property(const struct property_taker *taker, const char *name,
                                         const char *value)
{
    if (strcmp(name, "client.id") == 0) {
        taker->options->client_id = value;
        return ERRAND_PROPERTY_TAKEN;
    }
    if (strcmp(name, "request.timeout.ms") == 0 || strcmp(name, "socket.timeout.ms") == 0) {
        int64_t timeout_ms;
        if (text_parse_int64(value, &timeout_ms) != 0 || timeout_ms <= 0 ||
            timeout_ms > INT32_MAX) {
            return ERRAND_PROPERTY_WRONG;
        }
        taker->options->request_timeout_ms = timeout_ms;
        return ERRAND_PROPERTY_TAKEN;
    }
    if (strcmp(name, "security.protocol") == 0) {
        return errand_property_of(strcasecmp(value, "plaintext") == 0);
    }
    return taker->known == NULL ? ERRAND_PROPERTY_UNKNOWN : taker->known(taker->owner, name, value);
}

#define NO_SECURITY "there is no TLS and no SASL; only PLAINTEXT"

/* Its value may be a password, which is not repeated. */
static bool is_of_security(const char *name)
{
    return strcmp(name, "security.protocol") == 0 || strncmp(name, "sasl.", 5) == 0 ||
           strncmp(name, "ssl.", 4) == 0;
}

/* One -X. */
static int take_property(struct errand *errand, const struct property_taker *taker,
                         const char *property)
{
    const char *equals = strchr(property, '=');
    if (equals == NULL) {
        return command_misuse(errand->world, "-X takes NAME=VALUE, not '%s'", property);
    }
    const char *name =
        arena_string(&errand->arena, bytes_make(property, (size_t)(equals - property)));
    enum errand_property answer = try_property(taker, name, equals + 1);
    if (answer == ERRAND_PROPERTY_TAKEN) {
        return COMMAND_OK;
    }
    if (is_of_security(name)) {
        return command_misuse(errand->world, "-X %s: " NO_SECURITY, name);
    }
    if (answer == ERRAND_PROPERTY_UNKNOWN && errand->world->is_lenient) {
        fprintf(errand->world->errors, "tidemill: the property '%s' means nothing here\n", name);
        return COMMAND_OK;
    }
    return command_misuse(errand->world, "unknown property or value '%s=%s'", name, equals + 1);
}

/* A file may hold what other clients know, as long as it asks for nothing that we cannot do. */
static int take_file(struct errand *errand, const struct property_taker *taker, const char *path,
                     const char **brokers)
{
    struct property_file file;
    int code = property_file_read(errand->world, path, &errand->arena, &file);
    for (size_t i = 0; i < file.count && code == COMMAND_OK; i++) {
        const struct property_file_row *row = &file.rows[i];
        enum errand_property answer = try_property(taker, row->name, row->value);
        if (strcmp(row->name, "bootstrap.servers") == 0 ||
            strcmp(row->name, "metadata.broker.list") == 0) {
            *brokers = row->value;
        } else if (answer != ERRAND_PROPERTY_TAKEN && strcmp(row->name, "security.protocol") == 0) {
            code = command_misuse(errand->world, "%s: security.protocol=%s: " NO_SECURITY, path,
                                  row->value);
        }
    }
    return code;
}

static int take_properties(struct errand *errand, const struct errand_flags *flags,
                           const struct property_taker *taker, const char **brokers)
{
    int code = flags->file == NULL ? COMMAND_OK : take_file(errand, taker, flags->file, brokers);
    for (size_t i = 0; i < flags->properties.count && code == COMMAND_OK; i++) {
        code = take_property(errand, taker, flags->properties.items[i]);
    }
    return code;
}

int errand_open(struct errand *errand, struct command_world *world,
                const struct errand_flags *flags,
                enum errand_property (*known)(void *owner, const char *name, const char *value),
                void *owner)
{
    *errand = (struct errand){.world = world};
    const char *output = flags->output == NULL ? "text" : flags->output;
    errand->is_json = strcmp(output, "json") == 0;
    errand->is_kafka = strcmp(output, "kafka") == 0;
    if (!errand->is_json && !errand->is_kafka && strcmp(output, "text") != 0) {
        return command_misuse(world, "-o takes text, json or kafka, not '%s'", output);
    }
    arena_init(&errand->arena, ANSWER_SIZE_MAX);
    struct client_options options = client_options_default();
    options.client_id = "tidemill";
    options.request_timeout_ms = TIMEOUT_MS;
    const struct property_taker taker = {.options = &options, .known = known, .owner = owner};
    const char *of_file = NULL;
    int judged = take_properties(errand, flags, &taker, &of_file);
    if (judged != COMMAND_OK) {
        arena_fini(&errand->arena);
        return judged;
    }
    struct buffer brokers = {0};
    judged = errand_read_brokers(world, find_brokers(world, flags, of_file), &brokers);
    errand->brokers = arena_string(&errand->arena, buffer_bytes(&brokers));
    buffer_fini(&brokers);
    if (judged != COMMAND_OK) {
        arena_fini(&errand->arena);
        return judged;
    }
    options.bootstrap = errand->brokers;
    errand->client = client_new(world->io, &options);
    buffer_init(&errand->out);
    return 0;
}

void errand_wake(struct errand *errand)
{
    errand->world->stop(errand->world->owner);
}

static void on_closed(void *owner)
{
    struct errand_answer *answer = owner;
    answer->is_done = true;
    errand_wake(answer->errand);
}

void errand_close(struct errand *errand)
{
    struct errand_answer answer = {.errand = errand};
    command_print(errand->world, &errand->out);
    client_close(errand->client, on_closed, &answer);
    while (!answer.is_done) {
        errand->world->run(errand->world->owner);
    }
    buffer_fini(&errand->out);
    arena_fini(&errand->arena);
}

int errand_wait(struct errand *errand, const bool *is_done)
{
    struct command_world *world = errand->world;
    while (!*is_done && !world->is_interrupted) {
        world->run(world->owner);
    }
    return *is_done ? 0 : ERROR_CANCELLED;
}

/* Copies a response into the arena: written and read again at its own version. */
static int copy_response(struct errand_answer *answer, int16_t version, const void *response)
{
    struct arena *arena = &answer->errand->arena;
    struct buffer bytes;
    buffer_init(&bytes);
    wire_write(&bytes, answer->schema, version, response);
    struct bytes kept = arena_copy(arena, buffer_bytes(&bytes));
    buffer_fini(&bytes);
    struct wire_reader reader = {kept.data, kept.data + kept.size};
    void *message = arena_try(arena, answer->schema->size);
    int error = message == NULL ? ERROR_TOO_LARGE
                                : wire_read(&reader, answer->schema, version, arena, message);
    answer->message = message;
    return error;
}

static void on_answer(struct client_call *call, int error, int16_t version, const void *response)
{
    struct errand_answer *answer = call->owner;
    answer->error = error != 0 ? error : copy_response(answer, version, response);
    answer->is_done = true;
    errand_wake(answer->errand);
}

int errand_call(struct errand *errand, int32_t target, int16_t api_key, int16_t version_max,
                const void *request, const void **response)
{
    struct errand_answer answer = {
        .errand = errand,
        .schema = frame_api_find(api_key)->response,
    };
    struct client_call call = {
        .target = target,
        .api_key = api_key,
        .version_max = version_max,
        .request = request,
        .done = on_answer,
        .owner = &answer,
    };
    client_send(errand->client, &call);
    int error = errand_wait(errand, &answer.is_done);
    if (error != 0) {
        client_cancel(errand->client, &call);
        return error;
    }
    if (answer.error == 0) {
        *response = answer.message;
    }
    return answer.error;
}

static void on_fired(struct io_timer *timer)
{
    on_closed(timer->owner);
}

/* Waits before an answer that heals is asked for again. */
static int pause_before_retry(struct errand *errand)
{
    struct errand_answer answer = {.errand = errand};
    struct io_timer timer = {.fired = on_fired, .owner = &answer};
    io_timer_start(errand->world->io, &timer, RETRY_DELAY_NS);
    int error = errand_wait(errand, &answer.is_done);
    io_timer_stop(errand->world->io, &timer);
    return error;
}

enum { COORDINATOR_OF_GROUP = 0, COORDINATOR_OF_TRANSACTIONS = 1 };

static int ask_coordinator(struct errand *errand, const char *name, int8_t key_type,
                           int32_t *node_id)
{
    struct bytes key = bytes_from_string(name);
    struct find_coordinator_request request = {.key = key, .key_type = key_type};
    request.coordinator_keys.items = &key;
    request.coordinator_keys.count = 1;
    const void *found;
    int error = errand_call(errand, CLIENT_ANY, API_FIND_COORDINATOR, -1, &request, &found);
    if (error != 0) {
        return error;
    }
    const struct find_coordinator_response *response = found;
    int16_t code = response->error_code;
    *node_id = response->node_id;
    if (response->coordinators.count > 0) {
        code = response->coordinators.items[0].error_code;
        *node_id = response->coordinators.items[0].node_id;
    }
    return code == 0 ? 0 : error_from_code(code);
}

static int find_coordinator(struct errand *errand, const char *name, int8_t key_type,
                            int32_t *node_id)
{
    int error = ask_coordinator(errand, name, key_type, node_id);
    for (int i = 0; i < RETRY_COUNT_MAX && error != 0 && error_is_retriable(error) &&
                    error != ERROR_CANCELLED && error != ERROR_TIMEOUT && error != ERROR_REFUSED;
         i++) {
        int stop = pause_before_retry(errand);
        if (stop != 0) {
            return stop;
        }
        error = ask_coordinator(errand, name, key_type, node_id);
    }
    if (error != 0) {
        return error;
    }
    /* So that the client knows where the node listens. */
    const struct metadata_response *metadata;
    return errand_read_metadata(errand, NULL, 0, &metadata);
}

int errand_find_coordinator(struct errand *errand, const char *group, int32_t *node_id)
{
    return find_coordinator(errand, group, COORDINATOR_OF_GROUP, node_id);
}

int errand_find_transaction_coordinator(struct errand *errand, const char *id, int32_t *node_id)
{
    return find_coordinator(errand, id, COORDINATOR_OF_TRANSACTIONS, node_id);
}

int errand_pause(struct errand *errand)
{
    return pause_before_retry(errand);
}

static void on_refreshed(struct client_refresh *refresh, int error)
{
    struct errand_answer *answer = refresh->owner;
    answer->error = error;
    answer->is_done = true;
    errand_wake(answer->errand);
}

int errand_read_metadata(struct errand *errand, const char *const *topics, size_t count,
                         const struct metadata_response **response)
{
    /* The client's own picture, with which it finds leaders by their ids. */
    struct errand_answer answer = {.errand = errand};
    struct client_refresh refresh = {
        .topics = topics,
        .topic_count = count,
        .done = on_refreshed,
        .owner = &answer,
    };
    client_refresh_metadata(errand->client, &refresh);
    int error = errand_wait(errand, &answer.is_done);
    if (error != 0 || answer.error != 0) {
        client_refresh_cancel(&refresh);
        return error != 0 ? error : answer.error;
    }
    struct metadata_request request;
    wire_set_defaults(&metadata_request_schema, &request);
    request.allow_auto_topic_creation = false;
    request.topics.count = topics == NULL ? -1 : (int32_t)count;
    request.topics.items = arena_array(&errand->arena, struct metadata_request_topic, count + 1);
    for (size_t i = 0; i < count; i++) {
        request.topics.items[i].name = bytes_from_string(topics[i]);
    }
    const void *found;
    error = errand_call(errand, CLIENT_ANY, API_METADATA, -1, &request, &found);
    if (error == 0) {
        *response = found;
    }
    return error;
}

int errand_make_topics(struct errand *errand, const char *const *topics, size_t count)
{
    struct metadata_request request;
    wire_set_defaults(&metadata_request_schema, &request);
    request.allow_auto_topic_creation = true;
    request.topics.count = (int32_t)count;
    request.topics.items = arena_array(&errand->arena, struct metadata_request_topic, count + 1);
    for (size_t i = 0; i < count; i++) {
        request.topics.items[i].name = bytes_from_string(topics[i]);
    }
    const void *found;
    int error = errand_call(errand, CLIENT_ANY, API_METADATA, -1, &request, &found);
    for (int i = 0; i < RETRY_COUNT_MAX && error == 0; i++) {
        const struct metadata_response *response = found;
        bool is_complete = true;
        for (int32_t j = 0; j < response->topics.count; j++) {
            int16_t code = response->topics.items[j].error_code;
            is_complete = is_complete &&
                          (code == 0 || !error_is_retriable(error_from_code(code)) ||
                           (i > 0 && error_from_code(code) == ERROR_UNKNOWN_TOPIC_OR_PARTITION));
        }
        if (is_complete) {
            return 0;
        }
        error = pause_before_retry(errand);
        if (error == 0) {
            error = errand_call(errand, CLIENT_ANY, API_METADATA, -1, &request, &found);
        }
    }
    return error;
}

int errand_fail(struct errand *errand, int error, const char *action)
{
    struct command_world *world = errand->world;
    command_print(world, &errand->out);
    if (error == ERROR_CANCELLED && world->is_interrupted) {
        return COMMAND_FAILED;
    }
    if (error == ERROR_REFUSED || error == ERROR_TIMEOUT || error == ERROR_CLOSED) {
        return command_fail(world,
                            "%s: no broker answers at %s (%s); is one running there? Name another "
                            "with -b HOST:PORT",
                            action, errand->brokers, error_text(error));
    }
    if (error == ERROR_UNKNOWN_HOST) {
        return command_fail(world,
                            "%s: no machine is known by the name in %s; is it spelled right? Name "
                            "another with -b HOST:PORT",
                            action, errand->brokers);
    }
    return command_fail(world, "%s: %s (%s)", action, error_text(error), error_name(error));
}

int errand_refuse(struct errand *errand, const char *subject, int16_t code, struct bytes message)
{
    int error = error_from_code(code);
    command_print(errand->world, &errand->out);
    /* What Kafka says of a topic that is not there speaks of hosts. */
    if (message.size > 0 && error != ERROR_UNKNOWN_TOPIC_OR_PARTITION) {
        return command_fail(errand->world, "%s: %.*s (%s)", subject, BYTES_FORMAT(message),
                            error_name(error));
    }
    return command_fail(errand->world, "%s: %s (%s)", subject, error_text(error),
                        error_name(error));
}

int errand_refuse_topic(struct errand *errand, const char *name, int16_t code)
{
    const char *colon = strrchr(name, ':');
    bool is_place = colon != NULL && colon != name && colon[1] != '\0' &&
                    strspn(colon + 1, "0123456789") == strlen(colon + 1);
    if (error_from_code(code) == ERROR_INVALID_TOPIC && is_place) {
        command_print(errand->world, &errand->out);
        return command_fail(
            errand->world,
            "%s: the topic name is not valid; a partition is given with -p: '%.*s -p "
            "%s'",
            name, (int)(colon - name), name, colon + 1);
    }
    return errand_refuse(errand, name, code, bytes_make(NULL, 0));
}
