/* tidemill group explain: why the last rebalances of a group happened. The coordinator remembers
 * them, and its HTTP port tells. */
#include "log/base/error.h"
#include "runtime/cli/http_get.h"
#include "runtime/format/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define EXPLAIN_HTTP_DEFAULT "127.0.0.1:8080"

enum { EXPLAIN_STATUS_OK = 200, EXPLAIN_STATUS_NOT_FOUND = 404 };

struct explain_values {
    struct errand_flags errand;
    const char *http;
};

static int64_t number_of(const struct json *json, uint32_t object, const char *name)
{
    int64_t value = 0;
    uint32_t token = json_find(json, object, bytes_from_string(name));
    return token != JSON_ABSENT && json_int64(json, token, &value) ? value : 0;
}

static struct bytes text_of(struct errand *errand, const struct json *json, uint32_t object,
                            const char *name)
{
    struct buffer out;
    uint32_t token = json_find(json, object, bytes_from_string(name));
    if (token == JSON_ABSENT || json_token(json, token)->kind != JSON_STRING) {
        return BYTES_LITERAL("");
    }
    buffer_init(&out);
    struct bytes text = arena_copy(&errand->arena, json_string(json, token, &out));
    buffer_fini(&out);
    return text;
}

static const char *members_of(struct errand *errand, const struct json *json, uint32_t object)
{
    int64_t count = number_of(json, object, "members");
    return arena_printf(&errand->arena, "%" PRId64 " member%s", count, count == 1 ? "" : "s");
}

static void print_time(struct buffer *out, int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    char text[40];
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    buffer_printf(out, "%s.%03d UTC", text, (int)(time_ms % 1000));
}

/* What each kind of cause says of a member; a row without words says it in its detail. */
static const char *words_of(struct bytes kind)
{
    static const char *const words[][2] = {
        {"joined", "joined"},        {"left", "left"},
        {"silent", "is gone"},       {"slow", "was removed"},
        {"rejoined", "joined anew"}, {"subscribed", "changed"},
        {"replaced", "came back"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (bytes_equal_string(kind, words[i][0])) {
            return words[i][1];
        }
    }
    return NULL;
}

static void print_cause(struct errand *errand, const struct json *json, uint32_t cause)
{
    struct buffer *out = &errand->out;
    struct bytes kind = text_of(errand, json, cause, "kind");
    struct bytes member = text_of(errand, json, cause, "member");
    struct bytes detail = text_of(errand, json, cause, "detail");
    const char *words = words_of(kind);
    buffer_add_string(out, "    ");
    if (member.size > 0) {
        struct bytes client_id = text_of(errand, json, cause, "client_id");
        struct bytes host = text_of(errand, json, cause, "client_host");
        buffer_printf(out, "%.*s (%.*s, %.*s) %s", BYTES_FORMAT(member), BYTES_FORMAT(client_id),
                      BYTES_FORMAT(host), words != NULL ? words : "");
        if (detail.size > 0 && !bytes_equal(detail, kind)) {
            buffer_printf(out, ": %.*s", BYTES_FORMAT(detail));
        }
    } else {
        buffer_printf(out, "%.*s", BYTES_FORMAT(detail.size > 0 ? detail : kind));
    }
    buffer_add_string(out, "\n");
}

static void print_rebalance(struct errand *errand, const struct json *json, uint32_t rebalance,
                            const char *epoch_word)
{
    struct buffer *out = &errand->out;
    int64_t began_ms = number_of(json, rebalance, "began_ms");
    int64_t duration_ms = number_of(json, rebalance, "duration_ms");
    uint32_t causes = json_find(json, rebalance, BYTES_LITERAL("causes"));
    print_time(out, began_ms);
    if (number_of(json, rebalance, "ended_ms") == 0) {
        buffer_printf(out, "  under way for %" PRId64 " ms\n", duration_ms);
    } else {
        buffer_printf(out, "  %s %" PRId64 ", %s, after %" PRId64 " ms\n", epoch_word,
                      number_of(json, rebalance, "generation"), members_of(errand, json, rebalance),
                      duration_ms);
    }
    for (uint32_t i = 0; causes != JSON_ABSENT && i < json_token(json, causes)->count; i++) {
        print_cause(errand, json, json_element(json, causes, i));
    }
    int64_t more = number_of(json, rebalance, "more_causes");
    if (more > 0) {
        buffer_printf(out, "    and %" PRId64 " more\n", more);
    }
}

static int print_group(struct errand *errand, struct bytes body)
{
    struct json json;
    json_init(&json);
    if (json_parse(&json, body) != 0) {
        json_fini(&json);
        return command_fail(errand->world, "the HTTP port answered something that is no JSON");
    }
    struct bytes kind = text_of(errand, &json, JSON_ROOT, "kind");
    const char *epoch_word = bytes_equal_string(kind, "consumer") ? "epoch" : "generation";
    uint32_t rebalances = json_find(&json, JSON_ROOT, BYTES_LITERAL("rebalances"));
    uint32_t count = rebalances == JSON_ABSENT ? 0 : json_token(&json, rebalances)->count;
    struct bytes group = text_of(errand, &json, JSON_ROOT, "group");
    struct bytes state = text_of(errand, &json, JSON_ROOT, "state");
    buffer_printf(&errand->out, "%.*s: %.*s group, %.*s, %s %" PRId64 ", %s\n", BYTES_FORMAT(group),
                  BYTES_FORMAT(kind), BYTES_FORMAT(state), epoch_word,
                  number_of(&json, JSON_ROOT, "generation"), members_of(errand, &json, JSON_ROOT));
    if (count == 0) {
        buffer_add_string(&errand->out, "no rebalance since the broker started\n");
    }
    for (uint32_t i = 0; i < count; i++) {
        print_rebalance(errand, &json, json_element(&json, rebalances, i), epoch_word);
    }
    json_fini(&json);
    return COMMAND_OK;
}

static int explain(struct errand *errand, const char *http, const char *group)
{
    struct http_get answer;
    struct buffer path;
    buffer_init(&path);
    buffer_add_string(&path, "/groups/");
    http_get_add_name(&path, group);
    int error = http_get(errand, http, buffer_string(&path), &answer);
    buffer_fini(&path);
    if (error != 0) {
        return command_fail(errand->world,
                            "%s: %s; is this the broker's HTTP port? --http HOST:PORT chooses it",
                            http, error_text(error));
    }
    if (answer.status == EXPLAIN_STATUS_NOT_FOUND) {
        return command_fail(errand->world, "%s: no such group; 'tidemill group ls' lists them",
                            group);
    }
    if (answer.status != EXPLAIN_STATUS_OK) {
        return command_fail(errand->world, "%s: the HTTP port answered %u: %.*s", group,
                            answer.status, BYTES_FORMAT(answer.body));
    }
    if (errand->is_json) {
        buffer_add_bytes(&errand->out, answer.body);
        return COMMAND_OK;
    }
    return print_group(errand, answer.body);
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct explain_values *values = given;
    struct errand errand;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != 0) {
        return code;
    }
    code = explain(&errand, values->http == NULL ? EXPLAIN_HTTP_DEFAULT : values->http,
                   arguments->items[0]);
    errand_close(&errand);
    return code;
}

static const struct flag flags[] = {
    FLAG(0, "http", STRING, struct explain_values, http, "HOST:PORT",
         "the coordinator's HTTP port (default: " EXPLAIN_HTTP_DEFAULT ")"),
    ERRAND_OUTPUT_FLAG(struct explain_values),
};

const struct command command_group_explain = {
    .noun = "group",
    .verb = "explain",
    .arguments = "GROUP",
    .summary = "tells why the last rebalances happened",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct explain_values),
    .argument_min = 1,
    .argument_max = 1,
    .examples = "tidemill group explain billing\n"
                "tidemill group explain billing --http 10.0.0.5:8080 -o json\n",
    .run = run,
};
