/* tidemill group explain: why the last rebalances of a group happened. The coordinator remembers
 * them, and its HTTP port tells. */
#include "runtime/cli/answer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

struct explain_values {
    struct answer_flags answer;
};

static const char *members_of(const struct answer *answer, uint32_t object)
{
    int64_t count = answer_number(answer, object, "members");
    return arena_printf(&answer->errand->arena, "%" PRId64 " member%s", count,
                        count == 1 ? "" : "s");
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

static void print_cause(const struct answer *answer, uint32_t cause)
{
    struct buffer *out = &answer->errand->out;
    struct bytes kind = answer_text(answer, cause, "kind");
    struct bytes member = answer_text(answer, cause, "member");
    struct bytes detail = answer_text(answer, cause, "detail");
    const char *words = words_of(kind);
    buffer_add_string(out, "    ");
    if (member.size > 0) {
        struct bytes client_id = answer_text(answer, cause, "client_id");
        struct bytes host = answer_text(answer, cause, "client_host");
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

static void print_rebalance(const struct answer *answer, uint32_t rebalance, const char *epoch_word)
{
    struct buffer *out = &answer->errand->out;
    int64_t began_ms = answer_number(answer, rebalance, "began_ms");
    int64_t duration_ms = answer_number(answer, rebalance, "duration_ms");
    uint32_t count = 0;
    uint32_t causes = answer_list(answer, rebalance, "causes", &count);
    print_time(out, began_ms);
    if (answer_number(answer, rebalance, "ended_ms") == 0) {
        buffer_printf(out, "  under way for %" PRId64 " ms\n", duration_ms);
    } else {
        buffer_printf(out, "  %s %" PRId64 ", %s, after %" PRId64 " ms\n", epoch_word,
                      answer_number(answer, rebalance, "generation"), members_of(answer, rebalance),
                      duration_ms);
    }
    for (uint32_t i = 0; i < count; i++) {
        print_cause(answer, json_element(&answer->json, causes, i));
    }
    int64_t more = answer_number(answer, rebalance, "more_causes");
    if (more > 0) {
        buffer_printf(out, "    and %" PRId64 " more\n", more);
    }
}

static void print_group(const struct answer *answer)
{
    struct buffer *out = &answer->errand->out;
    struct bytes kind = answer_text(answer, JSON_ROOT, "kind");
    const char *epoch_word = bytes_equal_string(kind, "consumer") ? "epoch" : "generation";
    uint32_t count = 0;
    uint32_t rebalances = answer_list(answer, JSON_ROOT, "rebalances", &count);
    struct bytes group = answer_text(answer, JSON_ROOT, "group");
    struct bytes state = answer_text(answer, JSON_ROOT, "state");
    buffer_printf(out, "%.*s: %.*s group, %.*s, %s %" PRId64 ", %s\n", BYTES_FORMAT(group),
                  BYTES_FORMAT(kind), BYTES_FORMAT(state), epoch_word,
                  answer_number(answer, JSON_ROOT, "generation"), members_of(answer, JSON_ROOT));
    if (count == 0) {
        buffer_add_string(out, "no rebalance since the broker started\n");
    }
    for (uint32_t i = 0; i < count; i++) {
        print_rebalance(answer, json_element(&answer->json, rebalances, i), epoch_word);
    }
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct explain_values *values = given;
    const char *const parts[] = {"groups", arguments->items[0], NULL};
    struct buffer path;
    buffer_init(&path);
    answer_make_path(&path, parts);
    int code = answer_run(world, &values->answer, "GET", buffer_string(&path), print_group);
    buffer_fini(&path);
    return code;
}

static const struct flag flags[] = {
    ANSWER_FLAGS(struct explain_values),
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
