/* Writes transactions and reads what is left of them; see rot_table.h. */
#include "tests/world/rot_table.h"

#include <inttypes.h>
#include <stdio.h>

enum { ROT_TABLE_RECORDS = 3, ROT_TABLE_ABORT_MAX = 256 };

/* --- Writing --- */

static struct bytes table_id(const struct rot_table *table)
{
    return bytes_from_string(table->topic);
}

void rot_table_init(struct rot_table *table, struct node *node, const char *topic,
                    bool is_compacted)
{
    static const char *const compacted[] = {
        "cleanup.policy",       "compact", "segment.ms", "6000", "min.cleanable.dirty.ratio", "0",
        "file.delete.delay.ms", "0",       NULL};
    static const char *const kept[] = {"segment.ms", "6000", NULL};
    *table = (struct rot_table){.topic = topic, .is_compacted = is_compacted};
    node_make_topic(node, topic, 1, is_compacted ? compacted : kept);
    struct find_coordinator_request find = {.key = table_id(table), .key_type = 1};
    check(node_ask(node, API_FIND_COORDINATOR, 3, &find) != NULL);
    struct init_producer_id_request request = {.transactional_id = table_id(table),
                                               .transaction_timeout_ms = 600000,
                                               .producer_id = -1,
                                               .producer_epoch = -1};
    const struct init_producer_id_response *response = NULL;
    do { /* its coordinator is being made */
        node_run_ms(node, 100);
        response = node_ask(node, API_INIT_PRODUCER_ID, 4, &request);
    } while (response != NULL && response->error_code != 0);
    check(response != NULL);
    table->producer_id = response->producer_id;
    table->producer_epoch = response->producer_epoch;
}

static struct bytes table_batch(struct rot_table *table, struct node *node, int round)
{
    struct batch_builder builder;
    struct buffer out;
    batch_builder_init(&builder, round % 4 == 3 ? COMPRESS_LZ4 : COMPRESS_NONE);
    builder.producer_id = table->producer_id;
    builder.producer_epoch = table->producer_epoch;
    builder.base_sequence = 0;
    builder.attributes = BATCH_TRANSACTIONAL;
    for (int i = 0; i < ROT_TABLE_RECORDS; i++) {
        char key[8];
        char value[40];
        struct rot_row *row = &table->rows[table->end_offset + i];
        row->number = round * ROT_TABLE_RECORDS + i;
        row->key = (round * 5 + i * 7) % ROT_TABLE_KEYS;
        snprintf(key, sizeof key, "%d", row->key);
        snprintf(value, sizeof value, "value %d", row->number);
        batch_builder_add(&builder, node_wall_ms(node), bytes_from_string(key),
                          bytes_from_string(value), NULL, 0);
    }
    buffer_init(&out);
    check(batch_builder_finish(&builder, &out) == 0);
    struct bytes batch = arena_copy(&node->arena, buffer_bytes(&out));
    buffer_fini(&out);
    batch_builder_fini(&builder);
    return batch;
}

static void table_end(struct rot_table *table, struct node *node, bool is_commit)
{
    struct end_txn_request request = {.transactional_id = table_id(table),
                                      .producer_id = table->producer_id,
                                      .producer_epoch = table->producer_epoch,
                                      .is_committed = is_commit};
    const struct end_txn_response *response = node_ask(node, API_END_TXN, 5, &request);
    check(response != NULL && response->error_code == 0);
    table->producer_id = response->producer_id;
    table->producer_epoch = response->producer_epoch;
}

void rot_table_write(struct rot_table *table, struct node *node, int round)
{
    bool is_commit = round % 3 != 1;
    struct produce_request_partition part = {.records = table_batch(table, node, round)};
    struct produce_request_topic topic = {.name = table_id(table), .partitions = {&part, 1}};
    struct produce_request request = {.transactional_id = table_id(table),
                                      .acks = -1,
                                      .timeout_ms = 30000,
                                      .topics = {&topic, 1}};
    const struct produce_response_partition *answer;
    do { /* the markers of the transaction before are on their way */
        const struct produce_response *response = node_ask(node, API_PRODUCE, 12, &request);
        check(response != NULL);
        answer = &response->topics.items[0].partitions.items[0];
        node_run_ms(node, 20);
    } while (answer->error_code == error_code(ERROR_CONCURRENT_TRANSACTIONS));
    check(answer->error_code == 0 && answer->base_offset == table->end_offset);
    for (int i = 0; i < ROT_TABLE_RECORDS; i++) {
        table->rows[table->end_offset++].is_committed = is_commit;
    }
    table->rows[table->end_offset++].key = -1;
    check(table->end_offset + ROT_TABLE_RECORDS < ROT_TABLE_ROW_MAX);
    table_end(table, node, is_commit);
}

int16_t rot_table_take_over(const struct rot_table *table, struct node *node, bool *is_forgotten)
{
    struct init_producer_id_request request = {.transactional_id = table_id(table),
                                               .transaction_timeout_ms = 600000,
                                               .producer_id = -1,
                                               .producer_epoch = -1};
    const struct init_producer_id_response *response =
        node_ask(node, API_INIT_PRODUCER_ID, 4, &request);
    *is_forgotten = false;
    if (response == NULL || response->error_code != 0) {
        return response == NULL ? error_code(ERROR_CLOSED) : response->error_code;
    }
    *is_forgotten = response->producer_id != table->producer_id ||
                    response->producer_epoch <= table->producer_epoch;
    return 0;
}

bool rot_table_extend(const struct rot_table *table, struct node *node, int16_t *code)
{
    struct bytes batch = node_batch(node, 1, "more", node_wall_ms(node));
    struct produce_request_partition part = {.records = batch};
    struct produce_request_topic topic = {.name = table_id(table), .partitions = {&part, 1}};
    struct produce_request request = {.acks = -1, .timeout_ms = 30000, .topics = {&topic, 1}};
    const struct produce_response *response = node_ask(node, API_PRODUCE, 9, &request);
    if (response != NULL) {
        *code = response->topics.items[0].partitions.items[0].error_code;
    }
    return response != NULL && *code == 0;
}

/* --- Reading --- */

struct table_reader {
    const struct rot_table *table;
    struct rot_table_reading *out;
    bool is_committed;
    const struct fetch_response_partition *part;
    bool is_over[ROT_TABLE_ABORT_MAX]; /* of the rows of aborts */
    bool is_given[ROT_TABLE_ROW_MAX];
    int64_t offset;
};

static const struct fetch_response_partition *table_fetch(const struct table_reader *reader,
                                                          struct node *node)
{
    struct fetch_request_partition part = {.fetch_offset = reader->offset,
                                           .current_leader_epoch = -1,
                                           .last_fetched_epoch = -1,
                                           .partition_max_bytes = 3000};
    struct fetch_request_topic asked = {.name = table_id(reader->table), .partitions = {&part, 1}};
    struct fetch_request request = {.replica_id = -1,
                                    .max_bytes = 1 << 20,
                                    .isolation_level = reader->is_committed ? 1 : 0,
                                    .session_epoch = -1,
                                    .topics = {&asked, 1}};
    const struct fetch_response *response = node_ask(node, API_FETCH, 11, &request);
    return response == NULL ? NULL : &response->topics.items[0].partitions.items[0];
}

static void table_take_record(struct table_reader *reader, const struct batch_record *record)
{
    const struct rot_table *table = reader->table;
    const struct rot_row *row =
        record->offset < table->end_offset ? &table->rows[record->offset] : NULL;
    char key[8] = "";
    char value[40] = "";
    if (row == NULL && bytes_equal_string(record->value, "more")) {
        return;
    }
    if (row != NULL) {
        snprintf(key, sizeof key, "%d", row->key);
        snprintf(value, sizeof value, "value %d", row->number);
    }
    if (row == NULL || row->key < 0 || !bytes_equal_string(record->key, key) ||
        !bytes_equal_string(record->value, value)) {
        snprintf(reader->out->fault, sizeof reader->out->fault, "gives another record at %" PRId64,
                 record->offset);
    } else if (reader->is_committed && !row->is_committed) {
        snprintf(reader->out->fault, sizeof reader->out->fault,
                 "shows the aborted record at %" PRId64, record->offset);
    } else {
        reader->is_given[record->offset] = true;
    }
}

static bool table_is_skipped(const struct table_reader *reader, const struct batch *batch)
{
    const struct fetch_response_partition *part = reader->part;
    for (int32_t i = 0; reader->is_committed && i < part->aborted_transactions.count; i++) {
        if (!reader->is_over[i] &&
            part->aborted_transactions.items[i].producer_id == batch->producer_id &&
            part->aborted_transactions.items[i].first_offset <= batch->base_offset) {
            return true;
        }
    }
    return false;
}

static void table_take_marker(struct table_reader *reader, const struct batch *batch,
                              const struct batch_record *record)
{
    const struct fetch_response_partition *part = reader->part;
    bool is_commit = true;
    int32_t epoch = 0;
    if (!batch_record_read_marker(record, &is_commit, &epoch) || is_commit) {
        return;
    }
    for (int32_t i = 0; i < part->aborted_transactions.count; i++) {
        reader->is_over[i] |=
            part->aborted_transactions.items[i].producer_id == batch->producer_id &&
            part->aborted_transactions.items[i].first_offset <= batch->base_offset;
    }
}

static bool table_take_batch(struct table_reader *reader, const struct batch *batch)
{
    struct batch_iterator iterator;
    struct batch_record record;
    int result = 0;
    bool is_skipped = table_is_skipped(reader, batch);
    if (!batch_crc_matches(batch) || batch_iterator_open(&iterator, batch, 1 << 20) != 0) {
        return false;
    }
    while ((result = batch_iterator_next(&iterator, &record)) == 1) {
        if (batch_is_control(batch)) {
            table_take_marker(reader, batch, &record);
        } else if (record.offset >= reader->offset && !is_skipped) {
            table_take_record(reader, &record);
        }
    }
    batch_iterator_close(&iterator);
    return result == 0;
}

static void table_take_answer(struct table_reader *reader,
                              const struct fetch_response_partition *part)
{
    struct bytes records = part->records;
    struct batch batch;
    reader->part = part;
    memset(reader->is_over, 0, sizeof reader->is_over);
    check(part->aborted_transactions.count <= ROT_TABLE_ABORT_MAX);
    while (records.size > 0) {
        if (batch_read_header(records, &batch, NULL) != 0 ||
            batch_next_offset(&batch) <= reader->offset || !table_take_batch(reader, &batch)) {
            snprintf(reader->out->fault, sizeof reader->out->fault,
                     "gives a damaged batch behind %" PRId64, reader->offset);
            return;
        }
        reader->offset = batch_next_offset(&batch);
        records = bytes_make(records.data + batch.bytes.size, records.size - batch.bytes.size);
    }
}

/* Whether a newer committed record makes this one superfluous. */
static bool table_is_superseded(const struct rot_table *table, int64_t offset)
{
    for (int64_t i = offset + 1; table->is_compacted && i < table->end_offset; i++) {
        if (table->rows[i].key == table->rows[offset].key && table->rows[i].is_committed) {
            return true;
        }
    }
    return false;
}

static int64_t table_find_lost(const struct table_reader *reader)
{
    const struct rot_table *table = reader->table;
    for (int64_t i = 0; i < table->end_offset; i++) {
        const struct rot_row *row = &table->rows[i];
        bool may_lack = row->key < 0 || table_is_superseded(table, i) ||
                        (!row->is_committed && (reader->is_committed || table->is_compacted));
        if (!may_lack && !reader->is_given[i]) {
            return i;
        }
    }
    return -1;
}

void rot_table_read(const struct rot_table *table, struct node *node, bool is_committed,
                    struct rot_table_reading *out)
{
    struct table_reader reader = {.table = table, .out = out, .is_committed = is_committed};
    *out = (struct rot_table_reading){.lost_offset = -1};
    for (;;) {
        const struct fetch_response_partition *part = table_fetch(&reader, node);
        out->is_answered = part != NULL;
        out->has_error = part != NULL && part->error_code != 0;
        out->end_offset = reader.offset;
        if (part == NULL || part->error_code != 0 || part->records.size == 0) {
            break;
        }
        table_take_answer(&reader, part);
        if (out->fault[0] != 0) {
            return;
        }
    }
    if (out->is_answered && !out->has_error) {
        out->lost_offset = table_find_lost(&reader);
    }
}
