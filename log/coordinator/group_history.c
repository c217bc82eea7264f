/* The ring of rebalances; see group_history.h. */
#include "log/coordinator/group_history.h"

#include "log/base/check.h"
#include "log/base/memory.h"

#include <stdlib.h>

static const char *const group_cause_names[] = {
    [GROUP_CAUSE_JOINED] = "joined",         [GROUP_CAUSE_LEFT] = "left",
    [GROUP_CAUSE_SILENT] = "silent",         [GROUP_CAUSE_SLOW] = "slow",
    [GROUP_CAUSE_SUBSCRIBED] = "subscribed", [GROUP_CAUSE_REJOINED] = "rejoined",
    [GROUP_CAUSE_REPLACED] = "replaced",     [GROUP_CAUSE_TOPICS] = "topics",
    [GROUP_CAUSE_CONVERTED] = "converted",   [GROUP_CAUSE_LOG] = "log",
};

const char *group_history_cause_name(enum group_cause cause)
{
    return group_cause_names[cause];
}

void group_history_init(struct group_history *history, int32_t capacity)
{
    *history = (struct group_history){.capacity = capacity};
}

static void group_history_free(struct group_history_rebalance *rebalance)
{
    for (int32_t i = 0; i < rebalance->cause_count; i++) {
        bytes_free(rebalance->causes[i].member);
        bytes_free(rebalance->causes[i].client_id);
        bytes_free(rebalance->causes[i].client_host);
        bytes_free(rebalance->causes[i].detail);
    }
    free(rebalance->causes);
    free(rebalance);
}

void group_history_fini(struct group_history *history)
{
    for (int32_t i = 0; i < history->count; i++) {
        group_history_free(history->rebalances[(history->first + i) % history->capacity]);
    }
    free(history->rebalances);
}

/* The newest if it is under way, else NULL. */
static struct group_history_rebalance *group_history_open(const struct group_history *history)
{
    struct group_history_rebalance *newest =
        history->count == 0
            ? NULL
            : history->rebalances[(history->first + history->count - 1) % history->capacity];
    return newest != NULL && newest->ended_ms < 0 ? newest : NULL;
}

static struct group_history_rebalance *group_history_begin(struct group_history *history,
                                                           int64_t now_ms)
{
    if (history->rebalances == NULL) {
        history->rebalances = (struct group_history_rebalance **)memory_zero(
            (size_t)history->capacity, sizeof *history->rebalances);
    }
    if (history->count == history->capacity) {
        group_history_free(history->rebalances[history->first]);
        history->first = (history->first + 1) % history->capacity;
        history->count--;
    }
    int32_t place = (history->first + history->count++) % history->capacity;
    history->rebalances[place] = memory_new(struct group_history_rebalance);
    history->rebalances[place]->began_ms = now_ms;
    history->rebalances[place]->ended_ms = -1;
    return history->rebalances[place];
}

void group_history_add(struct group_history *history, const struct group_history_cause *cause)
{
    if (history->capacity == 0) {
        return;
    }
    struct group_history_rebalance *rebalance = group_history_open(history);
    if (rebalance == NULL) {
        rebalance = group_history_begin(history, cause->at_ms);
    }
    if (rebalance->cause_count == GROUP_HISTORY_CAUSE_MAX) {
        rebalance->more_count++;
        return;
    }
    rebalance->causes = (struct group_history_cause *)memory_resize(
        rebalance->causes, ((size_t)rebalance->cause_count + 1) * sizeof *rebalance->causes);
    rebalance->causes[rebalance->cause_count++] = (struct group_history_cause){
        .cause = cause->cause,
        .at_ms = cause->at_ms,
        .member = bytes_copy(cause->member),
        .client_id = bytes_copy(cause->client_id),
        .client_host = bytes_copy(cause->client_host),
        .detail = bytes_copy(cause->detail),
    };
}

void group_history_end(struct group_history *history, int64_t now_ms, int32_t generation,
                       int32_t member_count)
{
    struct group_history_rebalance *rebalance = group_history_open(history);
    if (rebalance != NULL) {
        rebalance->ended_ms = now_ms < rebalance->began_ms ? rebalance->began_ms : now_ms;
        rebalance->generation = generation;
        rebalance->member_count = member_count;
    }
}

const struct group_history_rebalance *group_history_at(const struct group_history *history,
                                                       int32_t index)
{
    check(index >= 0 && index < history->count);
    return history->rebalances[(history->first + history->count - 1 - index) % history->capacity];
}

void group_history_check(const struct group_history *history)
{
    check(history->count <= history->capacity); /* (1) */
    for (int32_t i = 1; i < history->count; i++) {
        check(group_history_at(history, i)->ended_ms >= 0); /* (2) */
    }
}
