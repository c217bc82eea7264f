/* Asking a judge; see judge.h. */
#include "runtime/operators/judge.h"

static int ask_predicate(void *owner, struct node *node, struct node_context *context,
                         const struct record *record)
{
    struct predicate *predicate = owner;
    int result = predicate_judge(predicate, record, node_shared(context, record));
    return result >= 0 ? result
                       : node_fail(node, context, result, "decode", "%s; '%s' needs it",
                                   predicate_error_text(predicate), predicate_text(predicate));
}

static void free_predicate(void *owner)
{
    predicate_free(owner);
}

struct judge judge_from_predicate(struct predicate *predicate)
{
    return (struct judge){.ask = ask_predicate, .free = free_predicate, .owner = predicate};
}

int judge_ask(const struct judge *judge, struct node *node, struct node_context *context,
              const struct record *record)
{
    return judge->ask == NULL ? 1 : judge->ask(judge->owner, node, context, record);
}

void judge_free(const struct judge *judge)
{
    if (judge->free != NULL) {
        judge->free(judge->owner);
    }
}
