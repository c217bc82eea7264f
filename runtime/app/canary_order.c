/* Orders as JSON and back; see canary_order.h. */
#include "runtime/app/canary_order.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/json.h"
#include "runtime/format/json_writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const canary_order_state_names[] = {[CANARY_ORDER_RUNNING] = "running",
                                                       [CANARY_ORDER_ROLLED_BACK] = "rolled back",
                                                       [CANARY_ORDER_PROMOTED] = "promoted",
                                                       [CANARY_ORDER_REPLACED] = "replaced"};

void canary_order_init(struct canary_order *order)
{
    *order = (struct canary_order){0};
    app_bundle_init(&order->bundle);
}

void canary_order_fini(struct canary_order *order)
{
    app_bundle_fini(&order->bundle);
    free(order->why);
    canary_order_init(order);
}

void canary_order_copy(struct canary_order *to, const struct canary_order *from)
{
    *to = *from;
    to->why = memory_string(from->why);
    app_bundle_init(&to->bundle);
    app_bundle_copy(&to->bundle, &from->bundle);
}

void canary_order_end(struct canary_order *order, enum canary_order_state state, const char *why,
                      int64_t at_ms)
{
    char *kept = memory_string(why); /* which may be what it said before */
    free(order->why);
    order->why = kept;
    order->state = state;
    order->at_ms = at_ms;
}

const char *canary_order_state_name(enum canary_order_state state)
{
    return canary_order_state_names[state];
}

void canary_order_write(const struct canary_order *order, struct buffer *out)
{
    buffer_printf(out,
                  "{\"state\":\"%s\",\"at\":%" PRId64 ",\"share\":[%" PRId32 ",%" PRId32
                  "],\"for_ms\":%" PRId64 ",\"why\":",
                  canary_order_state_name(order->state), order->at_ms, order->share.part,
                  order->share.whole, order->for_ms);
    const char *why = order->why == NULL ? "" : order->why;
    if (json_writer_string(out, bytes_from_string(why)) != 0) {
        buffer_add_string(out, "\"\""); /* a sentence of ours is UTF-8 but for what it quotes */
    }
    buffer_add_string(out, ",\"version\":");
    app_bundle_write(&order->bundle, out);
    buffer_add_byte(out, '}');
}

static bool canary_order_read_state(struct canary_order *order, const struct json *json)
{
    uint32_t token = json_find(json, JSON_ROOT, BYTES_LITERAL("state"));
    if (token == JSON_ABSENT || json_token(json, token)->kind != JSON_STRING) {
        return false;
    }
    for (size_t i = 0; i < sizeof canary_order_state_names / sizeof *canary_order_state_names;
         i++) {
        if (json_equals(json, token, bytes_from_string(canary_order_state_names[i]))) {
            order->state = (enum canary_order_state)i;
            return true;
        }
    }
    return false;
}

static bool canary_order_read_number(const struct json *json, uint32_t token, int64_t least,
                                     int64_t most, int64_t *out)
{
    return token != JSON_ABSENT && json_int64(json, token, out) && *out >= least && *out <= most;
}

static bool canary_order_read_share(struct canary_order *order, const struct json *json)
{
    uint32_t share = json_find(json, JSON_ROOT, BYTES_LITERAL("share"));
    int64_t part = 0;
    int64_t whole = 0;
    if (share == JSON_ABSENT || json_token(json, share)->kind != JSON_ARRAY ||
        !canary_order_read_number(json, json_element(json, share, 0), 1, CANARY_WHOLE_MAX, &part) ||
        !canary_order_read_number(json, json_element(json, share, 1), part + 1, CANARY_WHOLE_MAX,
                                  &whole)) {
        return false;
    }
    order->share = (struct canary_share){.part = (int32_t)part, .whole = (int32_t)whole};
    return true;
}

static void canary_order_read_why(struct canary_order *order, const struct json *json)
{
    uint32_t token = json_find(json, JSON_ROOT, BYTES_LITERAL("why"));
    struct buffer scratch;
    buffer_init(&scratch);
    if (token != JSON_ABSENT && json_token(json, token)->kind == JSON_STRING) {
        struct bytes text = json_string(json, token, &scratch);
        order->why = text.size == 0 ? NULL : bytes_to_string(text);
    }
    buffer_fini(&scratch);
}

static bool canary_order_read_members(struct canary_order *order, const struct json *json)
{
    uint32_t at = json_find(json, JSON_ROOT, BYTES_LITERAL("at"));
    uint32_t span = json_find(json, JSON_ROOT, BYTES_LITERAL("for_ms"));
    uint32_t version = json_find(json, JSON_ROOT, BYTES_LITERAL("version"));
    struct report ignored = {0};
    canary_order_read_why(order, json);
    return canary_order_read_state(order, json) &&
           canary_order_read_number(json, at, 0, INT64_MAX, &order->at_ms) &&
           canary_order_read_number(json, span, 0, INT64_MAX, &order->for_ms) &&
           canary_order_read_share(order, json) && version != JSON_ABSENT &&
           app_bundle_read(&order->bundle, json_raw(json, version), &ignored) == 0;
}

int canary_order_read(struct canary_order *order, struct bytes text, struct report *report)
{
    struct json json;
    json_init(&json);
    bool is_fine = json_parse(&json, text) == 0 && canary_order_read_members(order, &json);
    json_fini(&json);
    if (!is_fine) {
        canary_order_fini(order);
        return report_add(report, NULL,
                          "this says nothing of a version on a part of the tasks; 'tidemill app "
                          "deploy --canary' does");
    }
    return 0;
}
