/* What the coordinator remembers of a group, as JSON; see explanation.h. */
#include "runtime/main/explanation.h"

#include "log/base/error.h"
#include "runtime/admin/http.h"
#include "runtime/format/json_writer.h"

#include <inttypes.h>

enum { EXPLANATION_OK = 200, EXPLANATION_NOT_FOUND = 404, EXPLANATION_UNAVAILABLE = 503 };

/* Names that are no text are told as empty. */
static void explanation_add_text(struct buffer *out, const char *name, struct bytes text)
{
    buffer_printf(out, "\"%s\":", name);
    if (bytes_is_null(text) || json_writer_string(out, text) != 0) {
        buffer_add_string(out, "\"\"");
    }
}

static void explanation_add_cause(struct buffer *out, const struct coordinator_cause *cause)
{
    buffer_printf(out, "{\"kind\":\"%s\",\"at_ms\":%" PRId64 ",", cause->kind, cause->at_ms);
    explanation_add_text(out, "member", cause->member);
    buffer_add_byte(out, ',');
    explanation_add_text(out, "client_id", cause->client_id);
    buffer_add_byte(out, ',');
    explanation_add_text(out, "client_host", cause->client_host);
    buffer_add_byte(out, ',');
    explanation_add_text(out, "detail", cause->detail);
    buffer_add_byte(out, '}');
}

static void explanation_add_rebalance(struct buffer *out, const struct coordinator_rebalance *from,
                                      int64_t now_ms)
{
    bool is_over = from->ended_ms >= 0;
    buffer_printf(out, "{\"began_ms\":%" PRId64, from->began_ms);
    if (is_over) {
        buffer_printf(out,
                      ",\"ended_ms\":%" PRId64 ",\"generation\":%" PRId32 ",\"members\":%" PRId32,
                      from->ended_ms, from->generation, from->member_count);
    }
    buffer_printf(out, ",\"duration_ms\":%" PRId64 ",\"causes\":[",
                  (is_over ? from->ended_ms : now_ms) - from->began_ms);
    for (int32_t i = 0; i < from->cause_count; i++) {
        buffer_add_string(out, i > 0 ? "," : "");
        explanation_add_cause(out, &from->causes[i]);
    }
    buffer_printf(out, "],\"more_causes\":%" PRId64 "}", from->more_count);
}

unsigned explanation_write(struct broker *broker, struct bytes group, struct buffer *out)
{
    struct coordinator_explanation explanation;
    struct arena arena;
    arena_init(&arena, 0);
    int error = broker_explain_group(broker, group, &arena, &explanation);
    if (error != 0) {
        arena_fini(&arena);
        return error == ERROR_GROUP_ID_NOT_FOUND
                   ? http_refuse(out, EXPLANATION_NOT_FOUND,
                                 "%.*s: no such group; 'tidemill group ls' lists them",
                                 BYTES_FORMAT(group))
                   : http_refuse(out, EXPLANATION_UNAVAILABLE, "%.*s: %s", BYTES_FORMAT(group),
                                 error_text(error));
    }
    buffer_add_byte(out, '{');
    explanation_add_text(out, "group", group);
    buffer_printf(out,
                  ",\"kind\":\"%s\",\"state\":\"%s\",\"generation\":%" PRId32
                  ",\"members\":%" PRId32 ",\"rebalances\":[",
                  explanation.kind, explanation.state, explanation.generation,
                  explanation.member_count);
    for (int32_t i = 0; i < explanation.rebalance_count; i++) {
        buffer_add_string(out, i > 0 ? "," : "");
        explanation_add_rebalance(out, &explanation.rebalances[i], explanation.now_ms);
    }
    buffer_add_string(out, "]}\n");
    arena_fini(&arena);
    return EXPLANATION_OK;
}
