/* Conditions of filters and branches; see plan_condition.h. */
#include "runtime/lua/plan_condition.h"

/* The condition in the table on top, judged if it is a text. */
struct plan_condition plan_condition_read(struct plan_reader *reader, const char *place)
{
    struct plan_condition condition = {.text = plan_reader_string(reader, "text")};
    struct predicate *predicate = NULL;
    if (condition.text != NULL) {
        plan_reader_check(reader, predicate_new(condition.text, place, reader->report, &predicate));
        predicate_free(predicate);
    } else if (!plan_reader_boolean(reader, "is_always")) {
        condition.plan = plan_reader_script(reader, SCRIPT_NODE_PEEK);
    }
    return condition;
}

struct judge plan_condition_judge(const struct plan_condition *condition)
{
    if (condition->plan != NULL) {
        return script_node_judge(condition->plan);
    }
    if (condition->text == NULL) {
        return (struct judge){0};
    }
    struct predicate *predicate = NULL;
    struct report report = {{0}, {0}};
    check(predicate_new(condition->text, NULL, &report, &predicate) == 0);
    return judge_from_predicate(predicate);
}
