/* Equal counts, and as few hand-overs as they allow; see deal.h.
 *
 *  1. Owners keep what they had and still want. Where all subscribe to the same, shares are known:
 *     whoever has more lets go of the rest, and 2 is the end.
 *  2. What nobody has goes, topic by topic, to the subscriber that has least.
 *  3. As long as somebody can take from a chain of hand-overs that ends at a member with at least
 *     two more, one partition moves along each step of the shortest such chain. This is the search
 *     for augmenting paths in a semi-matching: when none is left, no other deal is more even.
 *
 * A search walks subscriptions and owners once. Its number is bounded: a very uneven group of many
 * different subscriptions ends less even, never wrong. */
#include "log/base/check.h"
#include "log/coordinator/deal.h"

#include <string.h>

enum { DEAL_WORK_MAX = 50000000 }; /* places looked at by all searches together */

/* What members own of each topic, as lists through partitions that hang at their subscriptions: a
 * hand-over moves the last of one list to another. */
struct deal_table {
    struct deal *deal;
    int32_t *row_start; /* by member: where its subscriptions begin in `first` */
    int32_t *first;     /* by subscription: the last partition it owns of the topic, or -1 */
    int32_t *owned;     /* by subscription: how many that are */
    int32_t *next;      /* by partition: the one before */
    /* Members by topic: who subscribes. */
    int32_t *readers;
    int32_t *reader_start; /* by topic, topic_count + 1 places */
    /* Of one search. */
    int32_t *taker; /* by member: who would take from it, or -1 */
    int32_t *queue;
    bool *is_topic_seen;
    int64_t work;
};

/* 1. */
static void deal_keep(struct deal *deal)
{
    for (int32_t i = 0; i < deal->member_count; i++) {
        deal->members[i].count = 0;
    }
    for (int32_t i = 0; i < deal->topic_count; i++) {
        const struct deal_topic *topic = &deal->topics[i];
        for (int32_t j = topic->first; j < topic->first + topic->partition_count; j++) {
            int32_t owner = deal->owners[j];
            if (owner >= 0 && deal_wants(&deal->members[owner], i)) {
                deal->members[owner].count++;
            } else {
                deal->owners[j] = -1;
            }
        }
    }
}

static void deal_index_readers(struct deal_table *table)
{
    struct deal *deal = table->deal;
    int32_t total = 0;
    table->reader_start = arena_array(deal->arena, int32_t, deal->topic_count + 2);
    for (int32_t i = 0; i < deal->member_count; i++) {
        for (int32_t j = 0; j < deal->members[i].topic_count; j++) {
            table->reader_start[deal->members[i].topics[j] + 1]++;
            total++;
        }
    }
    for (int32_t i = 0; i < deal->topic_count; i++) {
        table->reader_start[i + 1] += table->reader_start[i];
    }
    table->readers = arena_array(deal->arena, int32_t, total + 1);
    int32_t *fill = arena_array(deal->arena, int32_t, deal->topic_count + 1);
    for (int32_t i = 0; i < deal->member_count; i++) {
        for (int32_t j = 0; j < deal->members[i].topic_count; j++) {
            int32_t topic = deal->members[i].topics[j];
            table->readers[table->reader_start[topic] + fill[topic]++] = i;
        }
    }
}

/* The subscription of a member to a topic, as an index; -1 when there is none. */
static int32_t deal_subscription(const struct deal_table *table, int32_t member, int32_t topic)
{
    const struct deal_member *row = &table->deal->members[member];
    int32_t low = 0;
    int32_t high = row->topic_count;
    while (high - low > 1) {
        int32_t middle = low + (high - low) / 2;
        if (row->topics[middle] <= topic) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high > 0 && row->topics[low] == topic ? table->row_start[member] + low : -1;
}

static void deal_index_owned(struct deal_table *table)
{
    struct deal *deal = table->deal;
    int32_t total = 0;
    table->row_start = arena_array(deal->arena, int32_t, deal->member_count + 1);
    for (int32_t i = 0; i < deal->member_count; i++) {
        table->row_start[i] = total;
        total += deal->members[i].topic_count;
    }
    table->first = arena_array(deal->arena, int32_t, total + 1);
    table->owned = arena_array(deal->arena, int32_t, total + 1);
    table->next = arena_array(deal->arena, int32_t, deal->partition_count + 1);
    for (int32_t i = 0; i < total; i++) {
        table->first[i] = -1;
    }
    for (int32_t i = 0; i < deal->topic_count; i++) {
        const struct deal_topic *topic = &deal->topics[i];
        for (int32_t j = topic->first; j < topic->first + topic->partition_count; j++) {
            if (deal->owners[j] >= 0) {
                int32_t place = deal_subscription(table, deal->owners[j], i);
                table->next[j] = table->first[place];
                table->first[place] = j;
                table->owned[place]++;
            }
        }
    }
}

/* Whether `left` stands above `right` in a heap. */
typedef bool deal_order(const struct deal_table *table, int32_t left, int32_t right);

static void deal_sink(const struct deal_table *table, deal_order *is_before, int32_t *heap,
                      int32_t count, int32_t place)
{
    for (;;) {
        int32_t child = 2 * place + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && is_before(table, heap[child + 1], heap[child])) {
            child++;
        }
        if (!is_before(table, heap[child], heap[place])) {
            return;
        }
        int32_t moved = heap[place];
        heap[place] = heap[child];
        heap[child] = moved;
        place = child;
    }
}

static void deal_heap(const struct deal_table *table, deal_order *is_before, int32_t *heap,
                      int32_t count)
{
    for (int32_t i = count / 2 - 1; i >= 0; i--) {
        deal_sink(table, is_before, heap, count, i);
    }
}

/* Subscriptions of a member: the one that owns most on top; of equals the first. */
static bool deal_owns_more(const struct deal_table *table, int32_t left, int32_t right)
{
    int32_t left_count = table->owned[left];
    int32_t right_count = table->owned[right];
    return left_count != right_count ? left_count > right_count : left < right;
}

/* So many partitions, each of the topic of which it has most then. */
static void deal_let_go(struct deal_table *table, int32_t member, int32_t count, int32_t *heap)
{
    struct deal_member *row = &table->deal->members[member];
    for (int32_t i = 0; i < row->topic_count; i++) {
        heap[i] = table->row_start[member] + i;
    }
    deal_heap(table, deal_owns_more, heap, row->topic_count);
    for (int32_t i = 0; i < count; i++) {
        int32_t partition = table->first[heap[0]];
        table->first[heap[0]] = table->next[partition];
        table->owned[heap[0]]--;
        table->deal->owners[partition] = -1;
        deal_sink(table, deal_owns_more, heap, row->topic_count, 0);
    }
    row->count -= count;
}

/* 1., where all are alike: those who have more than their share first keep one more, as far as
 * there are such. */
static void deal_trim(struct deal_table *table)
{
    struct deal *deal = table->deal;
    int32_t share = deal->partition_count / deal->member_count;
    int32_t extra = deal->partition_count % deal->member_count;
    int32_t *heap = arena_array(deal->arena, int32_t, deal->topic_count + 1);
    deal_index_owned(table);
    for (int32_t i = 0; i < deal->member_count; i++) {
        if (deal->members[i].count > share) {
            bool may_keep = extra > 0;
            extra -= may_keep;
            deal_let_go(table, i, deal->members[i].count - share - may_keep, heap);
        }
    }
}

/* Whether all subscribe to every topic of the deal. */
static bool deal_is_alike(const struct deal *deal)
{
    for (int32_t i = 0; i < deal->member_count; i++) {
        if (deal->members[i].topic_count != deal->topic_count) {
            return false;
        }
    }
    return true;
}

/* Readers of a topic: the one with least on top; of equals the one that stands first. */
static bool deal_has_less(const struct deal_table *table, int32_t left, int32_t right)
{
    int32_t left_count = table->deal->members[left].count;
    int32_t right_count = table->deal->members[right].count;
    return left_count != right_count ? left_count < right_count : left < right;
}

/* 2. */
static void deal_spread(struct deal_table *table)
{
    struct deal *deal = table->deal;
    for (int32_t i = 0; i < deal->topic_count; i++) {
        const struct deal_topic *topic = &deal->topics[i];
        int32_t *heap = &table->readers[table->reader_start[i]];
        int32_t count = table->reader_start[i + 1] - table->reader_start[i];
        if (count == 0) {
            continue;
        }
        deal_heap(table, deal_has_less, heap, count);
        for (int32_t j = topic->first; j < topic->first + topic->partition_count; j++) {
            if (deal->owners[j] < 0) {
                deal->owners[j] = heap[0];
                deal->members[heap[0]].count++;
                deal_sink(table, deal_has_less, heap, count, 0);
            }
        }
    }
}

/* Adds to the queue whoever could give the member a partition of the topic. */
static int32_t deal_find_givers(struct deal_table *table, int32_t member, int32_t topic,
                                int32_t tail)
{
    for (int32_t i = table->reader_start[topic]; i < table->reader_start[topic + 1]; i++) {
        int32_t giver = table->readers[i];
        table->work++;
        if (table->taker[giver] < 0 && table->owned[deal_subscription(table, giver, topic)] > 0) {
            table->taker[giver] = member;
            table->queue[tail++] = giver;
        }
    }
    return tail;
}

/* Searches chains that end in a hand-over to `start`; whoever has most of all that can be reached,
 * if that is at least two more, else -1. */
static int32_t deal_search(struct deal_table *table, int32_t start)
{
    struct deal *deal = table->deal;
    int32_t most = -1;
    int32_t tail = 0;
    for (int32_t i = 0; i < deal->member_count; i++) {
        table->taker[i] = -1;
    }
    memset(table->is_topic_seen, 0, (size_t)deal->topic_count * sizeof *table->is_topic_seen);
    table->taker[start] = start;
    table->queue[tail++] = start;
    for (int32_t head = 0; head < tail; head++) {
        int32_t member = table->queue[head];
        int32_t count = deal->members[member].count;
        if (count >= deal->members[start].count + 2 &&
            (most < 0 || count > deal->members[most].count)) {
            most = member;
        }
        for (int32_t i = 0; i < deal->members[member].topic_count; i++) {
            int32_t topic = deal->members[member].topics[i];
            if (!table->is_topic_seen[topic]) {
                table->is_topic_seen[topic] = true;
                tail = deal_find_givers(table, member, topic, tail);
            }
        }
    }
    return most;
}

/* Of what both subscribe to, one partition of the topic of which the giver has most more. */
static void deal_hand_over(struct deal_table *table, int32_t giver, int32_t taker)
{
    const struct deal_member *row = &table->deal->members[taker];
    int32_t from = -1;
    int32_t to = -1;
    for (int32_t i = 0; i < row->topic_count; i++) {
        int32_t given = deal_subscription(table, giver, row->topics[i]);
        int32_t taken = table->row_start[taker] + i;
        if (given >= 0 && table->owned[given] > 0 &&
            (from < 0 ||
             table->owned[given] - table->owned[taken] > table->owned[from] - table->owned[to])) {
            from = given;
            to = taken;
        }
    }
    check(from >= 0);
    int32_t partition = table->first[from];
    table->first[from] = table->next[partition];
    table->next[partition] = table->first[to];
    table->first[to] = partition;
    table->owned[from]--;
    table->owned[to]++;
    table->deal->owners[partition] = taker;
    table->work += row->topic_count;
}

/* One partition goes along each step of the chain that ends at `giver`. */
static void deal_pass(struct deal_table *table, int32_t start, int32_t giver)
{
    table->deal->members[giver].count--;
    table->deal->members[start].count++;
    for (; giver != start; giver = table->taker[giver]) {
        deal_hand_over(table, giver, table->taker[giver]);
    }
}

/* Who has least of those that are not content, or -1. */
static int32_t deal_find_least(const struct deal_table *table, const bool *is_content)
{
    int32_t least = -1;
    for (int32_t i = 0; i < table->deal->member_count; i++) {
        if (!is_content[i] && (least < 0 || deal_has_less(table, i, least))) {
            least = i;
        }
    }
    return least;
}

/* 3. */
static void deal_even_out(struct deal_table *table)
{
    struct deal *deal = table->deal;
    bool *is_content = arena_array(deal->arena, bool, deal->member_count + 1);
    while (table->work < DEAL_WORK_MAX) {
        int32_t least = deal_find_least(table, is_content);
        if (least < 0) {
            return;
        }
        int32_t giver = deal_search(table, least);
        table->work += deal->member_count;
        if (giver >= 0) {
            deal_pass(table, least, giver);
        } else {
            /* What it can reach has at most one more than it, and stays like that: whoever could
             * take from there has at least as much, so nobody will. */
            is_content[least] = true;
        }
    }
}

void deal_uniform(struct deal *deal)
{
    struct deal_table table = {.deal = deal};
    if (deal->member_count == 0) {
        return;
    }
    bool is_alike = deal_is_alike(deal);
    deal_keep(deal);
    deal_index_readers(&table);
    if (is_alike) {
        deal_trim(&table);
    }
    deal_spread(&table);
    if (!is_alike) {
        deal_index_owned(&table);
        table.taker = arena_array(deal->arena, int32_t, deal->member_count);
        table.queue = arena_array(deal->arena, int32_t, deal->member_count);
        table.is_topic_seen = arena_array(deal->arena, bool, deal->topic_count + 1);
        deal_even_out(&table);
    }
}
