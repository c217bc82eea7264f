/* Answers of an HTTP port; see answer.h. */
#include "runtime/cli/answer.h"

#include "log/base/error.h"

enum { ANSWER_STATUS_OK = 200 };

/* {"error_code":404,"message":"…"} */
static int answer_complain(const struct answer *answer, unsigned status)
{
    struct bytes message = answer_text(answer, JSON_ROOT, "message");
    return message.size == 0
               ? command_fail(answer->errand->world, "the HTTP port answered %u", status)
               : command_fail(answer->errand->world, "%.*s", BYTES_FORMAT(message));
}

int answer_ask(struct answer *answer, struct errand *errand, const char *http, const char *method,
               const char *path)
{
    struct http_call call;
    http = http == NULL ? ANSWER_HTTP_DEFAULT : http;
    *answer = (struct answer){.errand = errand};
    json_init(&answer->json);
    int error = http_call(errand, http, method, path, &call);
    if (error != 0) {
        return command_fail(errand->world,
                            "%s: %s; is this the HTTP port of the process? --http HOST:PORT "
                            "chooses it",
                            http, error_text(error));
    }
    answer->body = call.body;
    if (json_parse(&answer->json, call.body) != 0 ||
        json_token(&answer->json, JSON_ROOT)->kind != JSON_OBJECT) {
        return command_fail(errand->world, "%s answered %u and no JSON; is it a tidemill?", http,
                            call.status);
    }
    return call.status == ANSWER_STATUS_OK ? COMMAND_OK : answer_complain(answer, call.status);
}

void answer_fini(struct answer *answer)
{
    json_fini(&answer->json);
}

struct bytes answer_text(const struct answer *answer, uint32_t object, const char *name)
{
    struct buffer out;
    const struct json *json = &answer->json;
    uint32_t token = json_find(json, object, bytes_from_string(name));
    if (token == JSON_ABSENT || json_token(json, token)->kind != JSON_STRING) {
        return BYTES_LITERAL("");
    }
    buffer_init(&out);
    struct bytes text = arena_copy(&answer->errand->arena, json_string(json, token, &out));
    buffer_fini(&out);
    return text;
}

int64_t answer_number(const struct answer *answer, uint32_t object, const char *name)
{
    int64_t value = 0;
    uint32_t token = json_find(&answer->json, object, bytes_from_string(name));
    return token != JSON_ABSENT && json_int64(&answer->json, token, &value) ? value : 0;
}

uint32_t answer_list(const struct answer *answer, uint32_t object, const char *name,
                     uint32_t *count)
{
    uint32_t token = json_find(&answer->json, object, bytes_from_string(name));
    bool is_list = token != JSON_ABSENT && json_token(&answer->json, token)->kind == JSON_ARRAY;
    *count = is_list ? json_token(&answer->json, token)->count : 0;
    return token;
}

void answer_make_path(struct buffer *path, const char *const *parts)
{
    for (; *parts != NULL; parts++) {
        buffer_add_byte(path, '/');
        http_call_add_name(path, *parts);
    }
}

int answer_run(struct command_world *world, const struct answer_flags *flags, const char *method,
               const char *path, void (*print)(const struct answer *answer))
{
    const struct errand_flags errand_flags = {.output = flags->output};
    struct errand errand;
    struct answer answer;
    bool is_json;
    int code = command_read_output(world, flags->output, &is_json);
    code = code == COMMAND_OK ? errand_open(&errand, world, &errand_flags, NULL, NULL) : code;
    if (code != COMMAND_OK) {
        return code;
    }
    code = answer_ask(&answer, &errand, flags->http, method, path);
    if (code == COMMAND_OK && is_json) {
        buffer_add_bytes(&errand.out, answer.body);
    } else if (code == COMMAND_OK) {
        print(&answer);
    }
    answer_fini(&answer);
    errand_close(&errand);
    return code;
}
