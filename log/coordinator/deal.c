/* The table of dealers and what they share; see deal.h. */
#include "log/coordinator/deal.h"

#include "log/base/check.h"

#include <string.h>

const struct deal_method deal_methods[] = {
    {"uniform", deal_uniform},
    {"range", deal_range},
    {NULL, NULL},
};

const struct deal_method *deal_method_find(struct bytes name)
{
    for (const struct deal_method *dealer = deal_methods; dealer->name != NULL; dealer++) {
        if (bytes_equal_string(name, dealer->name)) {
            return dealer;
        }
    }
    return NULL;
}

void deal_start(struct deal *deal)
{
    deal->partition_count = 0;
    for (int32_t i = 0; i < deal->topic_count; i++) {
        struct deal_topic *topic = &deal->topics[i];
        check(i == 0 || memcmp(topic[-1].id.octets, topic->id.octets, sizeof topic->id) < 0);
        check(topic->partition_count <= INT32_MAX - deal->partition_count);
        topic->first = deal->partition_count;
        deal->partition_count += topic->partition_count;
    }
    deal->owners = arena_array(deal->arena, int32_t, deal->partition_count + 1);
    for (int32_t i = 0; i < deal->partition_count; i++) {
        deal->owners[i] = -1;
    }
}

const struct deal_topic *deal_find_topic(const struct deal *deal, struct wire_uuid id)
{
    int32_t low = 0;
    int32_t high = deal->topic_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = memcmp(deal->topics[middle].id.octets, id.octets, sizeof id.octets);
        if (order == 0) {
            return &deal->topics[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

bool deal_wants(const struct deal_member *member, int32_t topic)
{
    int32_t low = 0;
    int32_t high = member->topic_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (member->topics[middle] == topic) {
            return true;
        }
        if (member->topics[middle] < topic) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

void deal_check(const struct deal *deal)
{
    for (int32_t i = 0; i < deal->topic_count; i++) {
        const struct deal_topic *topic = &deal->topics[i];
        bool is_wanted = false;
        for (int32_t j = 0; j < deal->member_count; j++) {
            is_wanted = is_wanted || deal_wants(&deal->members[j], i);
        }
        for (int32_t j = topic->first; j < topic->first + topic->partition_count; j++) {
            int32_t owner = deal->owners[j];
            check(is_wanted == (owner >= 0)); /* (1) */
            check(owner < deal->member_count);
            check(owner < 0 || deal_wants(&deal->members[owner], i));
        }
    }
}
