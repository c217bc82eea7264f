/* Reads the plan, a JSON file; see trim_plan.h. */
#include "runtime/cli/trim_plan.h"

#include "runtime/format/json.h"

#include <string.h>

enum { TRIM_PLAN_SIZE_MAX = 64 << 20, TRIM_PLAN_VERSION = 1 };

const struct trim_plan_row *trim_plan_find(const struct trim_plan *plan, const char *topic,
                                           int32_t partition)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->rows[i].partition == partition && strcmp(plan->rows[i].topic, topic) == 0) {
            return &plan->rows[i];
        }
    }
    return NULL;
}

static bool read_number(const struct json *json, uint32_t object, struct bytes name, int64_t least,
                        int64_t most, int64_t *out)
{
    uint32_t token = json_find(json, object, name);
    return token != JSON_ABSENT && json_int64(json, token, out) && *out >= least && *out <= most;
}

static bool read_row(struct errand *errand, const struct json *json, uint32_t token,
                     struct trim_plan_row *out)
{
    uint32_t topic = json_find(json, token, BYTES_LITERAL("topic"));
    int64_t partition = 0;
    if (topic == JSON_ABSENT || json_token(json, topic)->kind != JSON_STRING ||
        !read_number(json, token, BYTES_LITERAL("partition"), 0, INT32_MAX, &partition) ||
        !read_number(json, token, BYTES_LITERAL("offset"), -1, INT64_MAX, &out->offset)) {
        return false;
    }
    struct buffer scratch;
    buffer_init(&scratch);
    out->topic = arena_string(&errand->arena, json_string(json, topic, &scratch));
    out->partition = (int32_t)partition;
    buffer_fini(&scratch);
    return true;
}

static int read_rows(struct errand *errand, const char *path, const struct json *json,
                     struct trim_plan *out)
{
    uint32_t list = json_find(json, JSON_ROOT, BYTES_LITERAL("partitions"));
    uint32_t version = json_find(json, JSON_ROOT, BYTES_LITERAL("version"));
    int64_t number = TRIM_PLAN_VERSION;
    if (version != JSON_ABSENT &&
        (!json_int64(json, version, &number) || number != TRIM_PLAN_VERSION)) {
        return command_fail(errand->world, "%s: the version of a plan is 1", path);
    }
    if (list == JSON_ABSENT || json_token(json, list)->kind != JSON_ARRAY) {
        return command_fail(errand->world, "%s: there is no list \"partitions\"", path);
    }
    size_t count = json_token(json, list)->count;
    *out = (struct trim_plan){.rows = arena_array(&errand->arena, struct trim_plan_row, count + 1)};
    uint32_t token = list + 1;
    for (size_t i = 0; i < count; i++, token = json_token(json, token)->next) {
        struct trim_plan_row *row = &out->rows[out->count];
        if (!read_row(errand, json, token, row)) {
            return command_fail(errand->world,
                                "%s: partitions[%zu] is {\"topic\": NAME, \"partition\": N, "
                                "\"offset\": N}, an offset of -1 is the end",
                                path, i);
        }
        if (trim_plan_find(out, row->topic, row->partition) != NULL) {
            return command_fail(errand->world, "%s: %s-%d is named twice", path, row->topic,
                                row->partition);
        }
        out->count++;
    }
    return COMMAND_OK;
}

int trim_plan_read(struct errand *errand, const char *path, struct trim_plan *out)
{
    struct buffer text;
    struct json json;
    buffer_init(&text);
    json_init(&json);
    int code = command_read_file(errand->world, path, TRIM_PLAN_SIZE_MAX, &text);
    if (code == COMMAND_OK && json_parse(&json, buffer_bytes(&text)) != 0) {
        code = command_fail(errand->world, "%s: no JSON: %s at byte %zu", path, json.error_text,
                            json.error_position);
    }
    if (code == COMMAND_OK) {
        code = read_rows(errand, path, &json, out);
    }
    json_fini(&json);
    buffer_fini(&text);
    return code;
}
