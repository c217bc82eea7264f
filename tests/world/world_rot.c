/* Damages one file of a data directory, starts a broker on it, and judges what it says.
 *
 *     world_rot SEED [COUNT]        COUNT wounds; prints each finding, and a table of the outcomes
 *     world_rot SEED 1 verbose      traces what the broker says
 *
 * Directories are made once: of a broker that was stopped, of one that was killed, and of some that
 * were killed while a compacted file took its place (log/store/cleaner_swap.h), with what that
 * leaves. Each wound is one flipped bit, or 4 KiB of zeroes or garbage, in one file of a kind.
 * Then: (1) the broker starts or says why not; it neither dies nor hangs, and later stops; (2) no
 * record is given that was not written, each at its own offset, and none is left out between two
 * others; (3) what was acknowledged is there, or its partition answers with an error, or (only what
 * lay behind the recovery point) the cut was traced; (4) nothing leaves by retention that is not
 * due, and a search by time finds what is there; (5) a commit is the last one, or an error, or the
 * damage of its log was traced; (6) a producer's batch that was acknowledged is not taken twice,
 * and a log that is whole takes it; (7) of transactions and of a compacted topic see rot_table.h. A
 * finding is one line and the exit code 1. */
#include "tests/unit/log/server/node.h"
#include "tests/world/rot_disk.h"
#include "tests/world/rot_table.h"

#include <inttypes.h>

enum {
    ROT_PARTITION_COUNT = 3,
    ROT_TABLE_COUNT = 2,
    ROT_BATCH_COUNT = 40,
    ROT_RECORD_MAX = 4 * ROT_BATCH_COUNT,
    ROT_DEFAULT_COUNT = 300,
    ROT_SECONDS = 120,
    ROT_SWAP_FIRST = 2, /* ends from here on are within a swap */
};

/* How the broker of a directory ended: in a swap before one of the changes of names. */
static const struct rot_end {
    const char *name;
    int change;
} rot_ends[] = {
    {"killed", -1},          {"stopped", -1},         {"killed in swap 0", 0},
    {"killed in swap 1", 1}, {"killed in swap 4", 4}, {"killed in swap 7", 7},
};

enum rot_outcome { ROT_WHOLE, ROT_REFUSED, ROT_PARTLY, ROT_CUT, ROT_OUTCOME_COUNT };

static const char *const outcome_names[ROT_OUTCOME_COUNT] = {
    [ROT_WHOLE] = "whole", [ROT_REFUSED] = "no start", [ROT_PARTLY] = "offline", [ROT_CUT] = "cut"};

/* What one partition holds: the value and time of each offset. */
struct rot_partition {
    const char *topic;
    int32_t index;
    int64_t end_offset;
    uint64_t values[ROT_RECORD_MAX];
    int64_t times[ROT_RECORD_MAX];
    struct bytes last_batch; /* of producer 1, to be sent once more */
    int64_t last_offset;
};

struct rot_world {
    uint64_t random;
    uint64_t seed;
    struct rot_disk disk;
    struct rot_partition partitions[ROT_PARTITION_COUNT];
    struct rot_table tables[ROT_TABLE_COUNT];
    struct rot_wound wound;
    const struct rot_end *end;
    bool has_failed; /* the broker said that it cannot go on */
    enum rot_outcome outcome;
    int64_t counts[ROT_KIND_COUNT][ROT_OUTCOME_COUNT];
    int finding_count;
};

static uint64_t rot_chance(void *owner, uint64_t below)
{
    struct rot_world *world = owner;
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return world->random % below;
}

__attribute__((format(printf, 2, 3))) static void find(struct rot_world *world, const char *format,
                                                       ...)
{
    static const char *const damages[] = {"bit", "zeroes", "garbage"};
    va_list arguments;
    va_start(arguments, format);
    printf("seed %" PRIu64 ", %s, %s at %" PRIu64 " bit %d of %s: ", world->seed, world->end->name,
           damages[world->wound.damage], world->wound.position, world->wound.bit,
           world->wound.path);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    world->finding_count++;
}

/* --- The broker --- */

static void on_ready(void *owner)
{
    ((struct node *)owner)->is_ready = true;
}

static struct rot_world *the_world; /* of the callback that has no place for it */

static void on_failed(void *owner, const struct report *report)
{
    struct node *node = owner;
    (void)report;
    the_world->has_failed = true;
    node->is_ready = true;
}

static bool is_ready(void *owner)
{
    return ((struct node *)owner)->is_ready;
}

static struct node *make_node(void)
{
    struct node *node = node_new();
    node_set(node, "log.retention.check.interval.ms", "20000");
    node_set(node, "log.segment.delete.delay.ms", "0");
    node_set(node, "log.index.interval.bytes", "200");
    node_set(node, "log.cleaner.backoff.ms", "500");
    node_set(node, "transaction.state.log.num.partitions", "1");
    return node;
}

/* False when it does not start, which it says. */
static bool start(struct rot_world *world, struct node *node)
{
    static const struct broker_events events = {.ready = on_ready, .failed = on_failed};
    struct broker_settings settings = {.path = "/data", .listen = {":9092"}, .file = &node->file};
    struct report report = {0};
    world->has_failed = node->is_ready = node->is_stopped = false;
    if (broker_start(node->io, &settings, &events, node, &node->broker, &report) != 0) {
        if (report.text[0] == 0) {
            find(world, "it does not start and does not say why");
        }
        node->is_stopped = true;
        node_run_ms(node, 1000);
        return false;
    }
    if (!sim_run_until(node->sim, is_ready, node, 60 * UINT64_C(1000000000))) {
        find(world, "it hangs in its start");
    }
    node->peer = node_connect(node);
    return !world->has_failed;
}

/* --- Questions --- */

static const struct fetch_response_partition *fetch(struct node *node, const char *topic,
                                                    int32_t index, int64_t offset)
{
    struct fetch_request_partition part = {
        .index = index, .fetch_offset = offset, .partition_max_bytes = 3000};
    part.current_leader_epoch = part.last_fetched_epoch = -1;
    struct fetch_request_topic asked = {.name = node_text(topic),
                                        .partitions = {.items = &part, .count = 1}};
    struct fetch_request request = {.replica_id = -1,
                                    .max_bytes = 1 << 20,
                                    .session_epoch = -1,
                                    .topics = {.items = &asked, .count = 1}};
    const struct fetch_response *response = node_ask(node, API_FETCH, 11, &request);
    return response == NULL ? NULL : &response->topics.items[0].partitions.items[0];
}

/* The offset, or a negative Kafka error; -1000 without an answer. */
static int64_t list_offset(struct node *node, const struct rot_partition *partition, int64_t time)
{
    struct list_offsets_request_partition part = {
        .index = partition->index, .current_leader_epoch = -1, .timestamp_ms = time};
    struct list_offsets_request_topic asked = {.name = node_text(partition->topic),
                                               .partitions = {.items = &part, .count = 1}};
    struct list_offsets_request request = {.replica_id = -1,
                                           .topics = {.items = &asked, .count = 1}};
    const struct list_offsets_response *response = node_ask(node, API_LIST_OFFSETS, 4, &request);
    if (response == NULL) {
        return -1000;
    }
    const struct list_offsets_response_partition *answer =
        &response->topics.items[0].partitions.items[0];
    return answer->error_code != 0 ? -100 - answer->error_code : answer->offset;
}

static uint64_t value_of(struct bytes value)
{
    uint64_t hash = 14695981039346656037U;
    for (size_t i = 0; i < value.size; i++) {
        hash = (hash ^ value.data[i]) * 1099511628211U;
    }
    return hash;
}

/* Calls `take` for each record of the answer; moves the offset behind the last. False when a batch
 * is not what it must be. */
static bool take_records(struct bytes records, int64_t *offset,
                         void (*take)(void *owner, const struct batch_record *record), void *owner)
{
    while (records.size > 0) {
        struct batch batch;
        struct batch_iterator iterator;
        struct batch_record record;
        if (batch_read_header(records, &batch, NULL) != 0 || !batch_crc_matches(&batch) ||
            batch_iterator_open(&iterator, &batch, 1 << 20) != 0) {
            return false;
        }
        while (batch_iterator_next(&iterator, &record) == 1) {
            if (record.offset >= *offset) {
                take(owner, &record);
            }
        }
        batch_iterator_close(&iterator);
        if (batch_next_offset(&batch) > *offset) {
            *offset = batch_next_offset(&batch);
        }
        records = bytes_make(records.data + batch.bytes.size, records.size - batch.bytes.size);
    }
    return true;
}

/* --- The directory --- */

static void learn(void *owner, const struct batch_record *record)
{
    struct rot_partition *partition = owner;
    check(record->offset == partition->end_offset && record->offset < ROT_RECORD_MAX);
    partition->values[record->offset] = value_of(record->value);
    partition->times[record->offset] = record->timestamp_ms;
    partition->end_offset++;
}

static struct bytes make_batch(struct node *node, struct rot_partition *partition, int number)
{
    struct batch_builder builder;
    batch_builder_init(&builder, number % 4 == 3 ? COMPRESS_LZ4 : COMPRESS_NONE);
    builder.producer_id = 1 + partition->index;
    builder.producer_epoch = 0;
    builder.base_sequence = number * 3;
    for (int i = 0; i < 3; i++) {
        char value[80];
        snprintf(value, sizeof value, "%s-%d batch %d record %d", partition->topic,
                 (int)partition->index, number, i);
        batch_builder_add(&builder, node_wall_ms(node), BYTES_LITERAL("key"), node_text(value),
                          NULL, 0);
    }
    struct buffer out;
    buffer_init(&out);
    check(batch_builder_finish(&builder, &out) == 0);
    struct bytes batch = arena_copy(&node->arena, buffer_bytes(&out));
    buffer_fini(&out);
    batch_builder_fini(&builder);
    return batch;
}

static void fill(struct rot_world *world, struct node *node)
{
    for (int number = 0; number < ROT_BATCH_COUNT; number++) {
        for (int i = 0; i < ROT_PARTITION_COUNT; i++) {
            struct rot_partition *partition = &world->partitions[i];
            struct bytes batch = make_batch(node, partition, number);
            if (number + 1 == ROT_BATCH_COUNT) {
                partition->last_batch = bytes_copy(batch);
            }
            struct produce_response_partition answer =
                node_produce(node, partition->topic, partition->index, batch);
            check(answer.error_code == 0);
            partition->last_offset = answer.base_offset;
        }
        for (int i = 0; i < ROT_TABLE_COUNT; i++) {
            rot_table_write(&world->tables[i], node, number);
        }
        node_run_ms(node, 900);
    }
}

static void commit(struct node *node, int64_t offset)
{
    struct offset_commit_request_partition part = {.index = 0, .committed_offset = offset};
    struct offset_commit_request_topic topic = {.name = BYTES_LITERAL("orders"),
                                                .partitions = {.items = &part, .count = 1}};
    struct offset_commit_request request = {.group_id = BYTES_LITERAL("g"),
                                            .generation_id_or_member_epoch = -1,
                                            .topics = {.items = &topic, .count = 1}};
    check(node_ask(node, API_OFFSET_COMMIT, 7, &request) != NULL);
}

/* The commit; -1 for none, below that an error. */
static int64_t committed(struct node *node)
{
    int32_t index = 0;
    struct offset_fetch_request_topic topic = {.name = BYTES_LITERAL("orders"),
                                               .partition_indexes = {&index, 1}};
    struct offset_fetch_request request = {.group_id = BYTES_LITERAL("g"),
                                           .topics = {.items = &topic, .count = 1}};
    const struct offset_fetch_response *response = node_ask(node, API_OFFSET_FETCH, 7, &request);
    if (response == NULL) {
        return -1000;
    }
    if (response->error_code != 0) {
        return -100 - response->error_code;
    }
    return response->topics.items[0].partitions.items[0].committed_offset;
}

/* Takes the directory as it is before one of the changes of names of a swap. */
struct rot_moment {
    struct rot_world *world;
    struct node *node;
    int change; /* counts from the decision; -1 before it */
    bool is_busy;
    bool is_over;
};

static enum sim_verdict on_operation(void *owner, const struct sim_call *call)
{
    struct rot_moment *moment = owner;
    bool is_name = call->operation == SIM_PATH_RENAME || call->operation == SIM_DIR_SYNC;
    if (moment->is_busy || moment->is_over || !is_name || strstr(call->path, "/table-0") == NULL ||
        (moment->change < 0 && strstr(call->path, ".log.cleaned") == NULL)) {
        return SIM_GO_ON;
    }
    if (++moment->change == moment->world->end->change) {
        moment->is_busy = true; /* reading is an operation too */
        rot_disk_read(&moment->world->disk, moment->node->io, "/data");
        moment->is_busy = false;
        moment->is_over = true;
    }
    return SIM_GO_ON;
}

static void take_disk_in_swap(struct rot_world *world, struct node *node)
{
    struct rot_moment moment = {.world = world, .node = node, .change = -1};
    node_run_ms(node, 7000); /* its segment is full */
    sim_on_operation(node->sim, on_operation, &moment);
    rot_table_write(&world->tables[0], node, ROT_BATCH_COUNT);
    node_run_ms(node, 20000);
    sim_on_operation(node->sim, NULL, NULL);
    check(moment.is_over);
}

static void make_disk(struct rot_world *world, const struct rot_end *end)
{
    static const char *const configs[] = {
        "segment.ms", "10000", "retention.ms", "3600000", "file.delete.delay.ms", "0", NULL};
    struct node *node = make_node();
    static const struct rot_partition partitions[ROT_PARTITION_COUNT] = {
        {.topic = "orders"}, {.topic = "bills", .index = 0}, {.topic = "bills", .index = 1}};
    memcpy(world->partitions, partitions, sizeof partitions);
    world->end = end;
    check(start(world, node));
    node_make_topic(node, "orders", 1, configs);
    node_make_topic(node, "bills", 2, configs);
    node_find_coordinator(node);
    rot_table_init(&world->tables[0], node, "table", true);
    rot_table_init(&world->tables[1], node, "trade", false);
    for (int64_t i = 1; i <= 20; i++) {
        commit(node, i);
    }
    fill(world, node);
    for (int i = 0; i < ROT_PARTITION_COUNT; i++) {
        struct rot_partition *partition = &world->partitions[i];
        while (partition->end_offset < 3 * ROT_BATCH_COUNT) {
            int64_t offset = partition->end_offset;
            const struct fetch_response_partition *answer =
                fetch(node, partition->topic, partition->index, offset);
            check(answer != NULL && take_records(answer->records, &offset, learn, partition));
        }
    }
    if (end->change >= 0) {
        take_disk_in_swap(world, node);
    } else {
        if (end == &rot_ends[1]) {
            node_stop(node);
        }
        rot_disk_read(&world->disk, node->io, "/data");
    }
    node_free(node);
}

/* --- The judgement --- */

struct rot_reading {
    struct rot_world *world;
    const struct rot_partition *partition;
    int64_t next_offset;
};

static void judge_record(void *owner, const struct batch_record *record)
{
    struct rot_reading *reading = owner;
    const struct rot_partition *partition = reading->partition;
    struct rot_world *world = reading->world;
    if (record->offset != reading->next_offset) {
        find(world, "%s-%d gives %" PRId64 " where %" PRId64 " comes", partition->topic,
             (int)partition->index, record->offset, reading->next_offset);
    } else if (record->offset >= partition->end_offset ||
               partition->values[record->offset] != value_of(record->value) ||
               partition->times[record->offset] != record->timestamp_ms) {
        find(world, "%s-%d gives another record at %" PRId64, partition->topic,
             (int)partition->index, record->offset);
    }
    reading->next_offset = record->offset + 1;
}

static void note(struct rot_world *world, enum rot_outcome outcome)
{
    world->outcome = outcome > world->outcome ? outcome : world->outcome;
}

static bool was_cut_aloud(void)
{
    return trace_count("recovery.tail_cut") + trace_count("recovery.segment_removed") > 0;
}

/* All of it from `offset` on, until an error or the end. */
static void judge_partition(struct rot_world *world, struct node *node,
                            const struct rot_partition *partition, int64_t offset)
{
    struct rot_reading reading = {world, partition, offset};
    for (;;) {
        int64_t at = reading.next_offset;
        const struct fetch_response_partition *answer =
            fetch(node, partition->topic, partition->index, at);
        if (answer == NULL) { /* the connection was closed under a batch that is not good */
            node->peer = node_connect(node);
            note(world, ROT_PARTLY);
            return;
        }
        if (answer->error_code != 0) {
            note(world, ROT_PARTLY);
            return;
        }
        if (!take_records(answer->records, &at, judge_record, &reading)) {
            find(world, "%s-%d gives a damaged batch behind %" PRId64, partition->topic,
                 (int)partition->index, reading.next_offset);
            return;
        }
        if (answer->records.size > 0) {
            continue;
        }
        if (at < partition->end_offset) {
            note(world, ROT_CUT);
            if (!was_cut_aloud()) {
                find(world, "%s-%d ends at %" PRId64 " of %" PRId64 " without a word",
                     partition->topic, (int)partition->index, at, partition->end_offset);
            }
        }
        return;
    }
}

static void judge_times(struct rot_world *world, struct node *node,
                        const struct rot_partition *partition)
{
    for (int i = 0; i < 4; i++) {
        int64_t offset = (int64_t)rot_chance(world, 3 * ROT_BATCH_COUNT);
        int64_t wanted = offset;
        while (wanted > 0 && partition->times[wanted - 1] >= partition->times[offset]) {
            wanted--;
        }
        int64_t seen = list_offset(node, partition, partition->times[offset]);
        if (seen == -1000) {
            node->peer = node_connect(node);
        } else if (seen >= -1 && seen != wanted && world->outcome != ROT_CUT) {
            find(world, "%s-%d finds time %" PRId64 " at %" PRId64 ", not %" PRId64,
                 partition->topic, (int)partition->index, partition->times[offset], seen, wanted);
        }
    }
}

static void judge_twice(struct rot_world *world, struct node *node,
                        const struct rot_partition *partition)
{
    struct bytes batch = arena_copy(&node->arena, partition->last_batch);
    struct produce_request_partition part = {.index = partition->index, .records = batch};
    struct produce_request_topic asked = {.name = node_text(partition->topic),
                                          .partitions = {.items = &part, .count = 1}};
    struct produce_request request = {
        .acks = -1, .timeout_ms = 30000, .topics = {.items = &asked, .count = 1}};
    const struct produce_response *response = node_ask(node, API_PRODUCE, 9, &request);
    if (response == NULL) {
        find(world, "the connection ends when a batch is sent");
        node->peer = node_connect(node);
        return;
    }
    const struct produce_response_partition *answer =
        &response->topics.items[0].partitions.items[0];
    if (answer->error_code != 0 && world->outcome == ROT_WHOLE) {
        find(world, "%s-%d takes nothing any more: error %d", partition->topic,
             (int)partition->index, answer->error_code);
    }
    if (answer->error_code == 0 && answer->base_offset != partition->last_offset &&
        world->outcome != ROT_CUT) {
        find(world, "%s-%d took the batch of %" PRId64 " again, at %" PRId64, partition->topic,
             (int)partition->index, partition->last_offset, answer->base_offset);
    }
}

static void judge_commit(struct rot_world *world, struct node *node)
{
    int64_t seen = committed(node);
    if (seen == -1000) {
        node->peer = node_connect(node);
    } else if (seen < -1) {
        note(world, ROT_PARTLY);
    } else if (seen != 20) {
        note(world, ROT_CUT);
        if (!was_cut_aloud()) {
            find(world, "the commit is %" PRId64, seen);
        }
    }
}

static void judge_table(struct rot_world *world, struct node *node, const struct rot_table *table,
                        bool is_committed)
{
    struct rot_table_reading reading;
    rot_table_read(table, node, is_committed, &reading);
    if (reading.fault[0] != 0) {
        find(world, "%s %s", table->topic, reading.fault);
    } else if (!reading.is_answered) {
        node->peer = node_connect(node);
        note(world, ROT_PARTLY);
    } else if (reading.has_error) {
        note(world, ROT_PARTLY);
    } else if (reading.lost_offset >= 0) {
        note(world, ROT_CUT);
        if (reading.lost_offset < reading.end_offset || !was_cut_aloud()) {
            find(world, "%s does not give %" PRId64 ", ends at %" PRId64, table->topic,
                 reading.lost_offset, reading.end_offset);
        }
    }
}

static void judge_identity(struct rot_world *world, struct node *node,
                           const struct rot_table *table)
{
    bool is_forgotten = false;
    int16_t code = rot_table_take_over(table, node, &is_forgotten);
    if (code == error_code(ERROR_CLOSED)) {
        node->peer = node_connect(node);
    }
    if (code != 0) {
        note(world, ROT_PARTLY);
    } else if (is_forgotten) {
        note(world, ROT_CUT);
        if (!was_cut_aloud()) {
            find(world, "the transactional id of %s is forgotten", table->topic);
        }
    }
}

static void judge_growth(struct rot_world *world, struct node *node, const struct rot_table *table)
{
    int16_t code = 0;
    if (world->outcome == ROT_WHOLE && !rot_table_extend(table, node, &code)) {
        find(world, "%s takes nothing any more: error %d", table->topic, code);
    }
}

static void judge(struct rot_world *world, struct node *node)
{
    for (int i = 0; i < ROT_TABLE_COUNT; i++) {
        judge_table(world, node, &world->tables[i], false);
        judge_table(world, node, &world->tables[i], true);
        judge_identity(world, node, &world->tables[i]);
    }
    for (int i = 0; i < ROT_PARTITION_COUNT; i++) {
        const struct rot_partition *partition = &world->partitions[i];
        judge_partition(world, node, partition, 0);
        judge_partition(world, node, partition,
                        (int64_t)rot_chance(world, 3 * ROT_BATCH_COUNT)); /* through an index */
        judge_times(world, node, partition);
    }
    judge_commit(world, node);
}

static bool is_stopped(void *owner)
{
    return ((struct node *)owner)->is_stopped;
}

static void on_stopped(void *owner)
{
    ((struct node *)owner)->is_stopped = true;
}

static void stop(struct rot_world *world, struct node *node)
{
    if (node->is_stopped) {
        return;
    }
    broker_stop(node->broker, on_stopped, node);
    if (!sim_run_until(node->sim, is_stopped, node, 60 * UINT64_C(1000000000))) {
        find(world, "it does not stop");
        exit(1); /* nothing can be freed */
    }
    node_run_ms(node, 1000);
}

static void run_wound(struct rot_world *world)
{
    struct node *node = make_node();
    trace_reset();
    rot_disk_write(&world->disk, node->io, &world->wound, rot_chance, world);
    world->outcome = ROT_WHOLE;
    if (start(world, node)) {
        judge(world, node);
        node_run_ms(node, ROT_SECONDS * 1000); /* retention looks */
        judge(world, node);
        for (int i = 0; i < ROT_PARTITION_COUNT; i++) {
            judge_twice(world, node, &world->partitions[i]);
        }
        for (int i = 0; i < ROT_TABLE_COUNT; i++) {
            judge_growth(world, node, &world->tables[i]);
        }
        stop(world, node);
        if (start(world, node)) {
            judge(world, node);
        } else {
            find(world, "it does not start a second time");
        }
    } else {
        note(world, ROT_REFUSED);
    }
    stop(world, node);
    node->is_stopped = true;
    node_free(node);
    world->counts[world->wound.kind][world->outcome]++;
}

static void print_table(const struct rot_world *world)
{
    int64_t total = 0;
    printf("%-24s", "damaged");
    for (int outcome = 0; outcome < ROT_OUTCOME_COUNT; outcome++) {
        printf("%9s", outcome_names[outcome]);
    }
    for (int kind = 0; kind < ROT_KIND_COUNT; kind++) {
        printf("\n%-24s", rot_kind_name((enum rot_kind)kind));
        for (int outcome = 0; outcome < ROT_OUTCOME_COUNT; outcome++) {
            printf("%9" PRId64, world->counts[kind][outcome]);
            total += world->counts[kind][outcome];
        }
    }
    printf("\n%" PRId64 " wounds, %d findings\n", total, world->finding_count);
}

static void world_fini(struct rot_world *world)
{
    rot_disk_fini(&world->disk);
    for (int i = 0; i < ROT_PARTITION_COUNT; i++) {
        bytes_free(world->partitions[i].last_batch);
    }
}

int main(int argument_count, char **arguments)
{
    if (argument_count < 2) {
        fprintf(stderr, "usage: world_rot SEED [COUNT [verbose]]\n");
        return 2;
    }
    uint64_t first = strtoull(arguments[1], NULL, 10);
    uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : ROT_DEFAULT_COUNT;
    static const enum rot_kind in_swap[] = {ROT_SWAP, ROT_CLEANED, ROT_TXN_INDEX, ROT_RECORDS};
    struct rot_world world = {.random = 1};
    the_world = &world;
    for (size_t k = 0; k < sizeof rot_ends / sizeof *rot_ends; k++) {
        make_disk(&world, &rot_ends[k]);
        if (argument_count > 3) {
            setenv("TRACE", "1", 1);
            trace_set_stream(stderr);
        }
        for (uint64_t i = 0; i < (k < ROT_SWAP_FIRST ? count : count / 4); i++) {
            world.seed = first + i;
            world.random = world.seed * 2654435761U + 88172645463325252U;
            enum rot_kind kind = k < ROT_SWAP_FIRST
                                     ? (enum rot_kind)(i % ROT_KIND_COUNT)
                                     : in_swap[i % (sizeof in_swap / sizeof *in_swap)];
            enum rot_damage damage =
                (enum rot_damage)(rot_chance(&world, 2) == 0 ? 0 : 1 + rot_chance(&world, 2));
            if (rot_disk_choose(&world.disk, kind, damage, rot_chance, &world, &world.wound)) {
                run_wound(&world);
            }
        }
        world_fini(&world);
    }
    print_table(&world);
    return world.finding_count > 0;
}
