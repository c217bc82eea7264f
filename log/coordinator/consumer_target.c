/* What the members of a consumer group shall have; see consumer.h.
 *
 *  1. The topics that the group reads are gathered: the names its members give, and what their
 *     expressions stand for. A hash of them tells whether anything changed that matters: names come
 *     and go, topics grow.
 *  2. The dealer that most members ask for deals them out, starting from the present targets. */
#include "log/base/error.h"
#include "log/base/hash.h"
#include "log/base/memory.h"
#include "log/base/topic_regex.h"
#include "log/base/trace.h"
#include "log/coordinator/consumer.h"

#include <stdlib.h>
#include <string.h>

/* Expressions -------------------------------------------------------------------------------- */

int consumer_target_validate_regex(struct bytes text, struct arena *arena, struct bytes *message)
{
    struct topic_regex *regex = NULL;
    struct bytes reason = {0};
    int error = topic_regex_new(text, arena, &regex, &reason);
    topic_regex_free(regex);
    if (error != 0) {
        *message = bytes_from_string(arena_printf(
            arena, "SubscribedTopicRegex `%.*s` is not a valid regular expression: %.*s.",
            BYTES_FORMAT(text), BYTES_FORMAT(reason)));
        return ERROR_INVALID_REGULAR_EXPRESSION;
    }
    return 0;
}

struct consumer_resolution {
    struct topic_regex *regex;
    struct bytes *names; /* owned copies */
    int32_t count;
    int32_t capacity;
    int error;
};

static void consumer_target_match(void *context, const struct coordinator_topic *topic)
{
    struct consumer_resolution *resolution = (struct consumer_resolution *)context;
    if (topic->is_internal) {
        return;
    }
    int result = topic_regex_matches(resolution->regex, topic->name);
    if (result < 0) {
        resolution->error = result;
    }
    if (result != 1) {
        return;
    }
    if (resolution->count == resolution->capacity) {
        resolution->capacity = resolution->capacity == 0 ? 8 : resolution->capacity * 2;
        resolution->names = (struct bytes *)memory_resize(
            resolution->names, (size_t)resolution->capacity * sizeof *resolution->names);
    }
    resolution->names[resolution->count++] = bytes_copy(topic->name);
}

static int consumer_target_compare_names(const void *left, const void *right)
{
    return bytes_compare(*(const struct bytes *)left, *(const struct bytes *)right);
}

static bool consumer_target_is_same(const struct consumer_regex *regex,
                                    const struct consumer_resolution *resolution)
{
    bool is_same = regex->topic_count == resolution->count;
    for (int32_t i = 0; is_same && i < resolution->count; i++) {
        is_same = bytes_equal(regex->topics[i], resolution->names[i]);
    }
    return is_same;
}

/* True when it stands for other topics than before. */
static bool consumer_target_resolve(struct consumer *consumer, struct consumer_regex *regex)
{
    const struct group_host *host = consumer->group->host;
    struct consumer_resolution resolution = {0};
    struct arena arena;
    struct bytes reason = {0};
    arena_init(&arena, 0);
    /* It was judged when it came; a log of another broker may have brought one we refuse. */
    if (topic_regex_new(regex->text, &arena, &resolution.regex, &reason) == 0 &&
        host->events->each_topic != NULL) {
        host->events->each_topic(host->events_owner, consumer_target_match, &resolution);
    }
    if (resolution.error != 0 || !bytes_is_null(reason)) {
        trace(TRACE_WARN, "consumer.regex_failed", TRACE_BYTES("group", consumer->group->id),
              TRACE_BYTES("regex", regex->text));
    }
    topic_regex_free(resolution.regex);
    arena_fini(&arena);
    if (resolution.count > 1) {
        qsort(resolution.names, (size_t)resolution.count, sizeof(struct bytes),
              consumer_target_compare_names);
    }
    bool is_changed = !consumer_target_is_same(regex, &resolution);
    if (is_changed) {
        struct bytes *names = regex->topics;
        int32_t count = regex->topic_count;
        regex->topics = resolution.names;
        regex->topic_count = resolution.count;
        regex->timestamp_ms = io_wall_clock(host->io);
        regex->is_dirty = true;
        resolution.names = names;
        resolution.count = count;
    }
    for (int32_t i = 0; i < resolution.count; i++) {
        bytes_free(resolution.names[i]);
    }
    free(resolution.names);
    regex->is_resolved = true;
    return is_changed;
}

/* Topics ------------------------------------------------------------------------------------- */

/* The topics of the deal while they are gathered: by name. */
struct consumer_gathering {
    struct arena *arena;
    const struct group_host *host;
    struct map names; /* to struct deal_topic * with a partition count of -1 when there is none */
    struct deal *deal;
};

static struct deal_topic *consumer_target_topic(struct consumer_gathering *gathering,
                                                struct bytes name)
{
    struct deal_topic *topic = (struct deal_topic *)map_find(&gathering->names, name);
    struct coordinator_topic found;
    const struct group_host *host = gathering->host;
    if (topic != NULL) {
        return topic;
    }
    topic = arena_new(gathering->arena, struct deal_topic);
    topic->partition_count = -1;
    if (host->events->find_topic != NULL &&
        host->events->find_topic(host->events_owner, name, &found)) {
        topic->id = found.id;
        topic->partition_count = found.partition_count;
        gathering->deal->topic_count++;
    }
    map_put(&gathering->names, name, topic);
    return topic;
}

static const struct consumer_regex *consumer_target_regex(const struct consumer_member *member)
{
    return bytes_is_null(member->regex)
               ? NULL
               : (const struct consumer_regex *)map_find(&member->consumer->regexes, member->regex);
}

static int consumer_target_compare_topics(const void *left, const void *right)
{
    const struct deal_topic *a = *(const struct deal_topic *const *)left;
    const struct deal_topic *b = *(const struct deal_topic *const *)right;
    return memcmp(a->id.octets, b->id.octets, sizeof a->id.octets);
}

/* All names are looked up, and the topics that there are come into the order of their ids. */
static void consumer_target_gather_topics(const struct consumer *consumer,
                                          struct consumer_gathering *gathering)
{
    struct deal *deal = gathering->deal;
    for (map_each (&consumer->members, entry)) {
        const struct consumer_member *member = (const struct consumer_member *)entry->value;
        for (int32_t i = 0; i < member->topic_count; i++) {
            consumer_target_topic(gathering, member->topics[i]);
        }
    }
    for (map_each (&consumer->regexes, entry)) {
        const struct consumer_regex *regex = (const struct consumer_regex *)entry->value;
        for (int32_t i = 0; i < regex->topic_count; i++) {
            consumer_target_topic(gathering, regex->topics[i]);
        }
    }
    struct deal_topic **sorted =
        arena_array(gathering->arena, struct deal_topic *, deal->topic_count + 1);
    int32_t count = 0;
    for (map_each (&gathering->names, entry)) {
        struct deal_topic *topic = (struct deal_topic *)entry->value;
        if (topic->partition_count >= 0) {
            sorted[count++] = topic;
        }
    }
    if (count > 1) {
        qsort(sorted, (size_t)count, sizeof *sorted, consumer_target_compare_topics);
    }
    deal->topics = arena_array(gathering->arena, struct deal_topic, count + 1);
    for (int32_t i = 0; i < count; i++) {
        deal->topics[i] = *sorted[i];
        sorted[i]->first = i; /* where it stands now */
    }
}

static int consumer_target_compare_indexes(const void *left, const void *right)
{
    int32_t a = *(const int32_t *)left;
    int32_t b = *(const int32_t *)right;
    return (a > b) - (a < b);
}

static void consumer_target_add_names(struct consumer_gathering *gathering,
                                      struct deal_member *member, const struct bytes *names,
                                      int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        const struct deal_topic *topic = consumer_target_topic(gathering, names[i]);
        if (topic->partition_count >= 0) {
            member->topics[member->topic_count++] = topic->first;
        }
    }
}

static void consumer_target_gather_member(struct consumer_gathering *gathering,
                                          const struct consumer_member *from,
                                          struct deal_member *to)
{
    const struct consumer_regex *regex = consumer_target_regex(from);
    int32_t regex_count = regex == NULL ? 0 : regex->topic_count;
    int32_t kept = 0;
    to->id = from->id;
    to->instance_id = from->instance_id;
    to->topics = arena_array(gathering->arena, int32_t, from->topic_count + regex_count + 1);
    consumer_target_add_names(gathering, to, from->topics, from->topic_count);
    if (regex != NULL) {
        consumer_target_add_names(gathering, to, regex->topics, regex->topic_count);
    }
    if (to->topic_count > 1) {
        qsort(to->topics, (size_t)to->topic_count, sizeof *to->topics,
              consumer_target_compare_indexes);
    }
    for (int32_t i = 0; i < to->topic_count; i++) {
        if (kept == 0 || to->topics[kept - 1] != to->topics[i]) {
            to->topics[kept++] = to->topics[i];
        }
    }
    to->topic_count = kept;
}

/* 1. The deal without owners. */
static void consumer_target_gather(const struct consumer *consumer, struct arena *arena,
                                   struct deal *deal)
{
    struct consumer_gathering gathering = {
        .arena = arena, .host = consumer->group->host, .deal = deal};
    *deal = (struct deal){.arena = arena};
    map_init(&gathering.names);
    consumer_target_gather_topics(consumer, &gathering);
    deal->members = arena_array(arena, struct deal_member, consumer->members.size + 1);
    for (map_each (&consumer->members, entry)) {
        consumer_target_gather_member(&gathering, (const struct consumer_member *)entry->value,
                                      &deal->members[deal->member_count++]);
    }
    map_fini(&gathering.names, NULL);
}

static int64_t consumer_target_hash(const struct consumer *consumer)
{
    struct arena arena;
    struct deal deal;
    struct buffer text;
    arena_init(&arena, 0);
    buffer_init(&text);
    consumer_target_gather(consumer, &arena, &deal);
    for (int32_t i = 0; i < deal.topic_count; i++) {
        buffer_add(&text, deal.topics[i].id.octets, sizeof deal.topics[i].id.octets);
        buffer_add(&text, &deal.topics[i].partition_count, sizeof deal.topics[i].partition_count);
    }
    int64_t hash = deal.topic_count == 0 ? 0 : (int64_t)hash_bytes(buffer_bytes(&text));
    buffer_fini(&text);
    arena_fini(&arena);
    return hash;
}

void consumer_target_refresh(struct consumer *consumer, bool must_look, bool is_changed)
{
    int64_t version = consumer->group->host->topics_version;
    bool is_stale = consumer->topics_version != version;
    bool is_matching = false;
    if (!must_look && !is_stale) {
        return;
    }
    for (map_each (&consumer->regexes, entry)) {
        struct consumer_regex *regex = (struct consumer_regex *)entry->value;
        if (is_stale || !regex->is_resolved) {
            is_matching = consumer_target_resolve(consumer, regex) || is_matching;
        }
    }
    int64_t hash = consumer_target_hash(consumer);
    bool is_due = is_changed || is_matching || hash != consumer->metadata_hash;
    if (is_due && !is_changed) {
        group_remember(consumer->group, GROUP_CAUSE_TOPICS, NULL,
                       "topics it subscribes to were made, deleted or got more partitions");
    }
    consumer->topics_version = version;
    if (is_due) {
        consumer->metadata_hash = hash;
        consumer_bump(consumer);
    }
}

void consumer_target_adopt(struct consumer *consumer)
{
    consumer->metadata_hash = consumer_target_hash(consumer);
    consumer->topics_version = consumer->group->host->topics_version;
}

/* Targets ------------------------------------------------------------------------------------ */

/* Whether the broker offers the dealer (group.consumer.assignors). */
static bool consumer_target_offers(const struct group_host *host, const char *name)
{
    const char *list = host->options.consumer_assignors;
    size_t size = strlen(name);
    for (const char *at = strstr(list, name); at != NULL; at = strstr(at + 1, name)) {
        bool is_start = at == list || at[-1] == ',' || at[-1] == ' ';
        if (is_start && (at[size] == '\0' || at[size] == ',' || at[size] == ' ')) {
            return true;
        }
    }
    return false;
}

const struct deal_method *consumer_target_find_dealer(const struct group_host *host,
                                                      struct bytes name)
{
    const struct deal_method *dealer = deal_method_find(name);
    return dealer != NULL && consumer_target_offers(host, dealer->name) ? dealer : NULL;
}

const struct deal_method *consumer_target_dealer(const struct consumer *consumer)
{
    const struct group_host *host = consumer->group->host;
    size_t first_size = strcspn(host->options.consumer_assignors, ", ");
    const struct deal_method *best =
        deal_method_find(bytes_make(host->options.consumer_assignors, first_size));
    int32_t most = 0;
    check(best != NULL);
    for (const struct deal_method *dealer = deal_methods; dealer->name != NULL; dealer++) {
        int32_t votes = 0;
        for (map_each (&consumer->members, entry)) {
            const struct consumer_member *member = (const struct consumer_member *)entry->value;
            votes += bytes_equal_string(member->dealer, dealer->name);
        }
        if (votes > most && consumer_target_offers(host, dealer->name)) {
            best = dealer;
            most = votes;
        }
    }
    return best;
}

/* Who shall have it so far. */
static void consumer_target_put_owners(const struct consumer *consumer, struct deal *deal)
{
    int32_t index = 0;
    for (map_each (&consumer->members, entry)) {
        const struct partition_set *target = &((struct consumer_member *)entry->value)->target;
        for (int32_t i = 0; i < target->count; i++) {
            const struct deal_topic *topic = deal_find_topic(deal, target->items[i].topic);
            if (topic != NULL && target->items[i].index < topic->partition_count) {
                deal->owners[topic->first + target->items[i].index] = index;
            }
        }
        index++;
    }
}

/* False when a target is somebody else's too, or of a topic that the member does not read. */
static bool consumer_target_claim(struct deal *deal, const struct consumer_member *member,
                                  int32_t index)
{
    for (int32_t i = 0; i < member->target.count; i++) {
        const struct partition_set_item *item = &member->target.items[i];
        const struct deal_topic *topic = deal_find_topic(deal, item->topic);
        if (topic == NULL || item->index >= topic->partition_count) {
            continue; /* it is gone: the topics are looked at anyway */
        }
        int32_t *owner = &deal->owners[topic->first + item->index];
        if (*owner >= 0 || !deal_wants(&deal->members[index], (int32_t)(topic - deal->topics))) {
            return false;
        }
        *owner = index;
    }
    return true;
}

bool consumer_target_is_whole(const struct consumer *consumer)
{
    struct arena arena;
    struct deal deal;
    bool is_whole = true;
    int32_t index = 0;
    arena_init(&arena, 0);
    consumer_target_gather(consumer, &arena, &deal);
    deal_start(&deal);
    for (map_each (&consumer->members, entry)) {
        is_whole = is_whole && consumer_target_claim(
                                   &deal, (const struct consumer_member *)entry->value, index++);
    }
    for (int32_t i = 0; i < deal.partition_count; i++) {
        is_whole = is_whole && deal.owners[i] >= 0;
    }
    arena_fini(&arena);
    return is_whole;
}

static void consumer_target_take_owners(struct consumer *consumer, const struct deal *deal)
{
    struct partition_set *targets =
        arena_array(deal->arena, struct partition_set, deal->member_count + 1);
    for (int32_t i = 0; i < deal->topic_count; i++) {
        const struct deal_topic *topic = &deal->topics[i];
        for (int32_t j = 0; j < topic->partition_count; j++) {
            int32_t owner = deal->owners[topic->first + j];
            if (owner >= 0) {
                partition_set_add(&targets[owner], topic->id, j, 0);
            }
        }
    }
    int32_t index = 0;
    for (map_each (&consumer->members, entry)) {
        struct consumer_member *member = (struct consumer_member *)entry->value;
        if (!partition_set_equal(&member->target, &targets[index])) {
            partition_set_move(&member->target, &targets[index]);
            consumer_member_mark(member);
        }
        partition_set_fini(&targets[index++]);
    }
}

/* 2. */
void consumer_target_update(struct consumer *consumer)
{
    const struct group_host *host = consumer->group->host;
    int64_t now_ms = io_wall_clock(host->io);
    int64_t age_ms = now_ms - consumer->assignment_timestamp_ms;
    struct arena arena;
    struct deal deal;
    if (consumer->epoch == consumer->assignment_epoch ||
        (age_ms >= 0 && age_ms < host->options.consumer_assignment_interval_ms)) {
        return;
    }
    arena_init(&arena, 0);
    consumer_target_gather(consumer, &arena, &deal);
    deal_start(&deal);
    consumer_target_put_owners(consumer, &deal);
    const struct deal_method *dealer = consumer_target_dealer(consumer);
    dealer->run(&deal);
    deal_check(&deal);
    consumer_target_take_owners(consumer, &deal);
    arena_fini(&arena);
    consumer->assignment_epoch = consumer->epoch;
    consumer->assignment_timestamp_ms = now_ms;
    trace(TRACE_DEBUG, "consumer.targets_made", TRACE_BYTES("group", consumer->group->id),
          TRACE_INT("epoch", consumer->epoch), TRACE_STRING("assignor", dealer->name));
}
