/* See doctor.h. First the broker as a client meets it: does it answer, which addresses does it
 * tell, can they be reached from here, is there room on its disk, does a record go through, what
 * time is it there. Then this machine and the data directory, if there is one here:
 * runtime/main/machine.c. */
#include "runtime/main/doctor.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/wire/batch.h"
#include "runtime/cli/answer.h"
#include "runtime/cli/histogram.h"
#include "runtime/main/diagnosis.h"
#include "runtime/main/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLOCK_NOTE_MS = 100,
    CLOCK_WRONG_MS = 5000,
    SLOW_NS = 100 * 1000 * 1000,
    PRODUCE_VERSION = 12
};

struct doctor_values {
    struct errand_flags errand;
    const char *data;
    const char *http; /* NULL: its usual place, of a broker on this machine */
    bool is_read_only;
};

struct doctor {
    struct command_world *world;
    const struct doctor_values *values;
    struct diagnosis diagnosis;
    struct errand *errand;
    char topic[40]; /* made for the visit; "" when none was */
    int32_t leader;
};

/* --- Addresses --- */

/* "host:port", an address of version 6 in brackets. */
static const char *address_of(struct doctor *doctor, const struct metadata_response_broker *broker)
{
    bool is_v6 = memchr(broker->host.data, ':', broker->host.size) != NULL;
    return arena_printf(&doctor->errand->arena, is_v6 ? "[%.*s]:%d" : "%.*s:%d",
                        BYTES_FORMAT(broker->host), broker->port);
}

static bool is_local_name(struct bytes host)
{
    return bytes_equal_string(host, "localhost") || bytes_has_prefix(host, BYTES_LITERAL("127.")) ||
           bytes_equal_string(host, "::1");
}

static bool is_asked_locally(const struct doctor *doctor)
{
    return strstr(doctor->errand->brokers, "localhost") != NULL ||
           strstr(doctor->errand->brokers, "127.0.0.1") != NULL ||
           strstr(doctor->errand->brokers, "[::1]") != NULL;
}

/* A broker that tells its clients "localhost" is found by those on its own machine alone. */
static void judge_address(struct doctor *doctor, const struct metadata_response_broker *broker)
{
    if (is_local_name(broker->host) && !is_asked_locally(doctor)) {
        diagnosis_add(
            &doctor->diagnosis, DIAGNOSIS_WRONG, "address",
            "start the broker with --advertise HOST:PORT, or advertised.listeners, a name "
            "that its clients can reach",
            "broker %d tells its clients %.*s:%d, which is their own machine", broker->node_id,
            BYTES_FORMAT(broker->host), broker->port);
    }
}

static void visit_broker(struct doctor *doctor, const struct metadata_response_broker *broker)
{
    struct api_versions_request request;
    const void *answer;
    wire_set_defaults(&api_versions_request_schema, &request);
    request.client_software_name = BYTES_LITERAL("tidemill");
    request.client_software_version = BYTES_LITERAL("1");
    uint64_t start_ns = io_now(doctor->world->io);
    int error =
        errand_call(doctor->errand, broker->node_id, API_API_VERSIONS, -1, &request, &answer);
    if (error != 0) {
        diagnosis_add(&doctor->diagnosis, DIAGNOSIS_WRONG, "address",
                      "let the broker tell an address that its clients can reach (--advertise "
                      "HOST:PORT), and look at names and firewalls on the way",
                      "broker %d tells its clients %s, which cannot be reached from here: %s",
                      broker->node_id, address_of(doctor, broker), error_text(error));
        return;
    }
    struct buffer delay;
    buffer_init(&delay);
    start_ns = io_now(doctor->world->io); /* the connection stands now */
    error = errand_call(doctor->errand, broker->node_id, API_API_VERSIONS, -1, &request, &answer);
    uint64_t delay_ns = io_now(doctor->world->io) - start_ns;
    histogram_print_ns(delay_ns, &delay);
    diagnosis_add(&doctor->diagnosis,
                  error != 0 || delay_ns > SLOW_NS ? DIAGNOSIS_NOTE : DIAGNOSIS_OK, "address",
                  delay_ns > SLOW_NS ? "the way there is long or the broker is busy" : NULL,
                  "broker %d tells its clients %s, and answers there in %s", broker->node_id,
                  address_of(doctor, broker), buffer_string(&delay));
    buffer_fini(&delay);
    judge_address(doctor, broker);
}

/* What a broker says of its directories (KIP-827 and later tell their room): the one way to see the
 * disk of another machine, or of a broker whose directory was not named. */
static void visit_directories(struct doctor *doctor, int32_t broker_id)
{
    struct describe_log_dirs_request request;
    const void *found;
    wire_set_defaults(&describe_log_dirs_request_schema, &request); /* of no partition */
    int error = errand_call(doctor->errand, broker_id, API_DESCRIBE_LOG_DIRS, -1, &request, &found);
    const struct describe_log_dirs_response *response = found;
    for (int32_t i = 0; error == 0 && i < response->results.count; i++) {
        const struct describe_log_dirs_response_result *result = &response->results.items[i];
        struct io_space space = {.total_size = result->total_bytes,
                                 .usable_size = result->usable_bytes};
        const char *place = arena_printf(&doctor->errand->arena, "%.*s of broker %d",
                                         BYTES_FORMAT(result->log_dir), (int)broker_id);
        if (result->error_code != 0) {
            diagnosis_add(&doctor->diagnosis, DIAGNOSIS_WRONG, "directory",
                          "look at the disk, and at the broker's own words; then start it again",
                          "%s cannot be used: %s", place,
                          error_text(error_from_code(result->error_code)));
        } else {
            machine_judge_space(place, &space, &doctor->diagnosis);
        }
    }
}

static void judge_partitions(struct doctor *doctor, const struct metadata_response *metadata)
{
    int64_t leaderless = 0, count = 0;
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        const struct metadata_response_topic *topic = &metadata->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            count++;
            leaderless += topic->partitions.items[j].leader_id < 0 ||
                          topic->partitions.items[j].error_code != 0;
        }
    }
    if (leaderless > 0) {
        diagnosis_add(
            &doctor->diagnosis, DIAGNOSIS_WRONG, "partitions",
            "tidemill topic describe --unavailable names them; damage is told by tidemill "
            "log verify DIR",
            "%lld of %lld partitions have no leader", (long long)leaderless, (long long)count);
    } else {
        diagnosis_add(&doctor->diagnosis, DIAGNOSIS_OK, "partitions", NULL,
                      "%d topics with %lld partitions, all have a leader",
                      (int)metadata->topics.count, (long long)count);
    }
}

/* --- A record through the broker --- */

static int make_topic(struct doctor *doctor)
{
    static struct create_topics_request_config configs[] = {
        {.name = BYTES_LITERAL("message.timestamp.type"), .value = BYTES_LITERAL("LogAppendTime")},
        {.name = BYTES_LITERAL("file.delete.delay.ms"), .value = BYTES_LITERAL("0")},
    };
    uint64_t number;
    struct create_topics_request_topic topic = {.partition_count = 1, .replication_factor = -1};
    struct create_topics_request request;
    const void *found;
    io_random(doctor->world->io, &number, sizeof number);
    snprintf(doctor->topic, sizeof doctor->topic, "tidemill-doctor-%016llx",
             (unsigned long long)number);
    topic.name = bytes_from_string(doctor->topic);
    topic.configs.items = configs;
    topic.configs.count = sizeof configs / sizeof configs[0];
    wire_set_defaults(&create_topics_request_schema, &request);
    request.timeout_ms = 10000;
    request.topics.items = &topic;
    request.topics.count = 1;
    int error =
        errand_call(doctor->errand, CLIENT_CONTROLLER, API_CREATE_TOPICS, -1, &request, &found);
    if (error == 0) {
        const struct create_topics_response *response = found;
        int16_t code = response->topics.count == 1 ? response->topics.items[0].error_code : 0;
        error = code == 0 ? 0 : error_from_code(code);
    }
    if (error != 0) {
        doctor->topic[0] = '\0';
    }
    return error;
}

static void remove_topic(struct doctor *doctor)
{
    struct bytes name = bytes_from_string(doctor->topic);
    struct delete_topics_request_topic topic = {.name = name};
    struct delete_topics_request request;
    const void *found;
    if (doctor->topic[0] == '\0') {
        return;
    }
    wire_set_defaults(&delete_topics_request_schema, &request);
    request.timeout_ms = 10000;
    request.topics.items = &topic;
    request.topic_names.items = &name;
    request.topics.count = request.topic_names.count = 1;
    int error =
        errand_call(doctor->errand, CLIENT_CONTROLLER, API_DELETE_TOPICS, -1, &request, &found);
    if (error != 0) {
        diagnosis_add(&doctor->diagnosis, DIAGNOSIS_NOTE, "record", "delete it: tidemill topic rm",
                      "the topic %s, made for this visit, could not be deleted", doctor->topic);
    }
}

static int find_leader(struct doctor *doctor)
{
    const char *name = doctor->topic;
    const struct metadata_response *metadata;
    int error = errand_read_metadata(doctor->errand, &name, 1, &metadata);
    if (error == 0 &&
        (metadata->topics.count != 1 || metadata->topics.items[0].partitions.count != 1)) {
        error = ERROR_LEADER_NOT_AVAILABLE;
    }
    if (error == 0) {
        doctor->leader = metadata->topics.items[0].partitions.items[0].leader_id;
    }
    return error;
}

/* Sends one record; *append_ms is the broker's time of it. */
static int send_record(struct doctor *doctor, int64_t *append_ms)
{
    struct batch_builder builder;
    struct buffer batch;
    const void *found = NULL;
    batch_builder_init(&builder, COMPRESS_NONE);
    buffer_init(&batch);
    batch_builder_add(&builder, io_wall_clock(doctor->world->io), bytes_make(NULL, 0),
                      BYTES_LITERAL("how are you?"), NULL, 0);
    int error = batch_builder_finish(&builder, &batch);
    struct produce_request_partition partition = {.index = 0, .records = buffer_bytes(&batch)};
    struct produce_request_topic topic = {.name = bytes_from_string(doctor->topic)};
    struct produce_request request;
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    wire_set_defaults(&produce_request_schema, &request);
    request.acks = -1;
    request.timeout_ms = 10000;
    request.topics.items = &topic;
    request.topics.count = 1;
    if (error == 0) {
        error = errand_call(doctor->errand, doctor->leader, API_PRODUCE, PRODUCE_VERSION, &request,
                            &found);
    }
    if (error == 0) {
        const struct produce_response *response = found;
        const struct produce_response_partition *answer =
            response->topics.items[0].partitions.items;
        error = answer->error_code == 0 ? 0 : error_from_code(answer->error_code);
        *append_ms = answer->log_append_time_ms;
    }
    batch_builder_fini(&builder);
    buffer_fini(&batch);
    return error;
}

static void judge_clock(struct doctor *doctor, int64_t difference_ms, int64_t doubt_ms)
{
    int64_t size = difference_ms < 0 ? -difference_ms : difference_ms;
    enum diagnosis_grade grade = size > CLOCK_WRONG_MS  ? DIAGNOSIS_WRONG
                                 : size > CLOCK_NOTE_MS ? DIAGNOSIS_NOTE
                                                        : DIAGNOSIS_OK;
    diagnosis_add(&doctor->diagnosis, grade, "clock",
                  grade == DIAGNOSIS_OK ? NULL
                                        : "let both machines follow a time server; timestamps, "
                                          "retention and windows depend on it",
                  "the broker's clock is %lld ms %s ours (give or take %lld ms)", (long long)size,
                  difference_ms < 0 ? "behind" : "ahead of", (long long)doubt_ms);
}

static void visit_with_record(struct doctor *doctor)
{
    int64_t append_ms = -1;
    int error = make_topic(doctor);
    if (error == 0) {
        error = find_leader(doctor);
    }
    if (error == 0) {
        error = send_record(doctor, &append_ms); /* the first one opens files */
    }
    int64_t before_ms = io_wall_clock(doctor->world->io);
    uint64_t start_ns = io_now(doctor->world->io);
    if (error == 0) {
        error = send_record(doctor, &append_ms);
    }
    uint64_t delay_ns = io_now(doctor->world->io) - start_ns;
    if (error != 0) {
        diagnosis_add(&doctor->diagnosis, DIAGNOSIS_WRONG, "record",
                      "the broker's own words tell why; --read-only leaves this out",
                      "a record could not be written: %s (%s)", error_text(error),
                      error_name(error));
    } else {
        struct buffer delay;
        buffer_init(&delay);
        histogram_print_ns(delay_ns, &delay);
        diagnosis_add(&doctor->diagnosis, DIAGNOSIS_OK, "record", NULL,
                      "a record was acknowledged (acks=all) in %s", buffer_string(&delay));
        buffer_fini(&delay);
        if (append_ms >= 0) {
            int64_t doubt_ms = (int64_t)(delay_ns / 2000000) + 1;
            judge_clock(doctor, append_ms - before_ms - doubt_ms + 1, doubt_ms);
        }
    }
    remove_topic(doctor);
}

/* --- What the process says of itself --- */

static void judge_health(struct doctor *doctor, const char *http, const struct answer *answer)
{
    struct bytes status = answer_text(answer, JSON_ROOT, "status");
    int64_t damaged = answer_number(answer, JSON_ROOT, "damaged_partitions");
    if (damaged > 0) {
        diagnosis_add(&doctor->diagnosis, DIAGNOSIS_WRONG, "damage",
                      "the broker's own words name it; stop it, then tidemill log verify DIR shows "
                      "the damage and tidemill log repair DIR what can be saved",
                      "the process at %s found damage in %lld partition%s", http,
                      (long long)damaged, damaged == 1 ? "" : "s");
    }
    if (bytes_equal_string(status, "full") || bytes_equal_string(status, "failed")) {
        diagnosis_add(&doctor->diagnosis, DIAGNOSIS_WRONG, "health",
                      "make room on its disk, or look at the disk and start it again",
                      "the process at %s takes no records: %.*s", http,
                      BYTES_FORMAT(answer_text(answer, JSON_ROOT, "message")));
    } else if (damaged == 0) {
        diagnosis_add(&doctor->diagnosis, DIAGNOSIS_OK, "health", NULL,
                      "the process at %s takes records and knows of no damage", http);
    }
}

/* Damage is not a matter of the protocol: whoever reads elsewhere notices nothing. Where the port
 * was not named it is looked for on this machine, and may be off. */
static void visit_health(struct doctor *doctor)
{
    const char *given = doctor->values->http;
    const char *http = given == NULL ? ANSWER_HTTP_DEFAULT : given;
    struct http_call call;
    if (given == NULL && !is_asked_locally(doctor)) {
        return;
    }
    int error = http_call(doctor->errand, http, "GET", "/health", &call);
    struct answer answer = {.errand = doctor->errand, .body = call.body};
    json_init(&answer.json);
    bool is_ours = error == 0 && json_parse(&answer.json, call.body) == 0 &&
                   json_token(&answer.json, JSON_ROOT)->kind == JSON_OBJECT &&
                   answer_text(&answer, JSON_ROOT, "status").size > 0;
    if (is_ours) {
        judge_health(doctor, http, &answer);
    } else if (given != NULL) {
        diagnosis_add(&doctor->diagnosis, DIAGNOSIS_NOTE, "health",
                      "--http takes the address that the broker's ready line names",
                      "%s does not tell how the broker is: %s", http,
                      error != 0 ? error_text(error) : "it is no HTTP port of tidemill");
    }
    json_fini(&answer.json);
}

/* --- The visit --- */

static void visit_cluster(struct doctor *doctor)
{
    const struct metadata_response *metadata;
    int error = errand_read_metadata(doctor->errand, NULL, 0, &metadata);
    if (error != 0) {
        diagnosis_add(&doctor->diagnosis, DIAGNOSIS_WRONG, "broker",
                      "start one with 'tidemill serve', or name another with -b HOST:PORT",
                      "no broker answers at %s: %s", doctor->errand->brokers, error_text(error));
        return;
    }
    diagnosis_add(&doctor->diagnosis, DIAGNOSIS_OK, "broker", NULL,
                  "%s answers; the cluster has %d brokers", doctor->errand->brokers,
                  (int)metadata->brokers.count);
    for (int32_t i = 0; i < metadata->brokers.count; i++) {
        visit_broker(doctor, &metadata->brokers.items[i]);
        visit_directories(doctor, metadata->brokers.items[i].node_id);
    }
    judge_partitions(doctor, metadata);
    visit_health(doctor);
    if (!doctor->values->is_read_only) {
        visit_with_record(doctor);
    }
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    struct doctor_values values = *(const struct doctor_values *)given;
    struct errand errand;
    if (arguments->count == 1) {
        values.errand.brokers = arguments->items[0];
    }
    int code = errand_open(&errand, world, &values.errand, NULL, NULL);
    if (code != COMMAND_OK) {
        return code;
    }
    struct doctor doctor = {.world = world, .values = &values, .errand = &errand};
    diagnosis_init(&doctor.diagnosis, errand.is_json);
    visit_cluster(&doctor);
    machine_visit(world->io, values.data, values.is_read_only, &doctor.diagnosis);
    diagnosis_finish(&doctor.diagnosis);
    buffer_add_bytes(&errand.out, buffer_bytes(&doctor.diagnosis.out));
    code = doctor.diagnosis.counts[DIAGNOSIS_WRONG] > 0 ? COMMAND_FAILED : COMMAND_OK;
    diagnosis_fini(&doctor.diagnosis);
    errand_close(&errand);
    return code;
}

static const struct flag flags[] = {
    FLAG('d', "data", STRING, struct doctor_values, data, "DIR",
         "the broker's data directory, if it is here (default: ./tidemill-data)"),
    FLAG(0, "http", STRING, struct doctor_values, http, "HOST:PORT",
         "the broker's HTTP port, which tells of damage (default: " ANSWER_HTTP_DEFAULT
         ", if the broker is here)"),
    FLAG(0, "read-only", BOOL, struct doctor_values, is_read_only, NULL,
         "make no topic and write no file: no clock, no disk times"),
    ERRAND_OUTPUT_FLAG(struct doctor_values),
    ERRAND_FLAGS(struct doctor_values),
};

const struct command doctor_command = {
    .verb = "doctor",
    .arguments = "[HOST:PORT]",
    .summary = "says what is wrong with a broker or this machine",
    .details =
        "The addresses that clients are told, whether they can be reached from here, the\n"
        "room on the brokers' disks, damage that was found, the clock, a record on its way;\n"
        "then disk times, space, file system, descriptors and memory of this machine. A topic is\n"
        "made for the visit and deleted again. Exit code 1 when something is wrong; notes are no "
        "fault.\n",
    .examples = "tidemill doctor\n"
                "tidemill doctor broker1.example.org:9092 --read-only\n"
                "tidemill doctor --data /var/lib/tidemill -o json\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct doctor_values),
    .argument_max = 1,
    .run = run,
};
