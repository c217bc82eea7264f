/* What transactions have told; see node_ledger.h. */
#include "tests/world/node_ledger.h"

#include "log/base/memory.h"
#include "tests/world/node_rest.h"
#include "tests/world/node_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NODE_LEDGER_ABORT_MAX = 4096, NODE_LEDGER_INFLATED_MAX = 1 << 20 };

void node_ledger_init(struct node_ledger *ledger, struct node_world *world)
{
    *ledger = (struct node_ledger){.world = world};
    ledger->policy = node_world_chance(world, 25)   ? NODE_POLICY_DELETE
                     : node_world_chance(world, 65) ? NODE_POLICY_COMPACT
                                                    : NODE_POLICY_BOTH;
    ledger->delete_retention_ms = 200 + (int64_t)node_world_random(world, 6000);
    ledger->retention_ms = 30000 + (int64_t)node_world_random(world, 30000);
    ledger->deals = memory_resize(NULL, NODE_LEDGER_DEAL_MAX * sizeof *ledger->deals);
    for (int i = 0; i < NODE_LEDGER_IDS; i++) {
        ledger->found[i] = -1;
    }
}

const char *node_ledger_group(int id)
{
    static const char *const groups[NODE_LEDGER_IDS] = {"trade.0", "trade.1"};
    return groups[id];
}

/* --- Deals --- */

int node_ledger_begin(struct node_ledger *ledger, int id, int64_t ends_ms)
{
    if (ledger->deal_count == NODE_LEDGER_DEAL_MAX) {
        return -1;
    }
    struct node_deal *deal = &ledger->deals[ledger->deal_count];
    *deal = (struct node_deal){.id = id, .ends_ms = ends_ms};
    memset(deal->offsets, -1, sizeof deal->offsets);
    return ledger->deal_count++;
}

int node_ledger_begin_plain(struct node_ledger *ledger)
{
    int64_t now_ms = io_wall_clock(sim_io(ledger->world->sim, NODE_WORLD_CLIENT));
    int number = node_ledger_begin(ledger, -1, now_ms);
    if (number >= 0) {
        ledger->deals[number].is_plain = true;
        ledger->deals[number].fate = NODE_FATE_MAY_COMMIT;
    }
    return number;
}

void node_ledger_threaten(struct node_ledger *ledger, int id)
{
    for (int i = 0; i < ledger->deal_count; i++) {
        struct node_deal *deal = &ledger->deals[i];
        deal->may_be_ended = deal->may_be_ended || deal->id == id;
    }
}

void node_ledger_take_over(struct node_ledger *ledger, int id)
{
    for (int i = 0; i < ledger->deal_count; i++) {
        struct node_deal *deal = &ledger->deals[i];
        if (deal->id == id && deal->fate == NODE_FATE_OPEN && deal->may_be_ended) {
            deal->fate = NODE_FATE_ABORTED;
        }
    }
}

static uint32_t node_ledger_mix(int deal, int index)
{
    return ((uint32_t)deal * UINT32_C(2654435761) + (uint32_t)index * UINT32_C(2246822519)) >> 12;
}

int node_ledger_key(int deal, int index)
{
    return (int)(node_ledger_mix(deal, index) % NODE_LEDGER_KEYS);
}

bool node_ledger_is_tombstone(int deal, int index)
{
    return node_ledger_mix(deal, index) / NODE_LEDGER_KEYS % 4 == 0;
}

/* The parts of a record; the header says which it is, and outlives the value of a tombstone. */
struct node_ledger_content {
    char key[8];
    char text[40];
    struct bytes value;
    struct batch_header header;
};

static void node_ledger_content(int deal, int32_t partition, int index,
                                struct node_ledger_content *out)
{
    snprintf(out->key, sizeof out->key, "%d", node_ledger_key(deal, index));
    snprintf(out->text, sizeof out->text, "%d:%d:%d", deal, (int)partition, index);
    out->value =
        node_ledger_is_tombstone(deal, index) ? (struct bytes){0} : bytes_from_string(out->text);
    out->header = (struct batch_header){BYTES_LITERAL("id"), bytes_from_string(out->text)};
}

void node_ledger_write(struct node_ledger *ledger, int deal, int32_t partition, int index,
                       struct batch_builder *builder)
{
    struct node_ledger_content content;
    int64_t *sent_ms = &ledger->deals[deal].sent_ms[partition][index];
    if (*sent_ms == 0) {
        *sent_ms = io_wall_clock(sim_io(ledger->world->sim, NODE_WORLD_CLIENT));
    }
    node_ledger_content(deal, partition, index, &content);
    batch_builder_add(builder, ledger->deals[deal].ends_ms, bytes_from_string(content.key),
                      content.value, &content.header, 1);
}

int node_ledger_holder(const struct node_ledger *ledger, int32_t partition, int64_t *offset)
{
    int64_t now_ms = io_wall_clock(sim_io(ledger->world->sim, NODE_WORLD_CLIENT));
    for (int i = 0; i < ledger->deal_count; i++) {
        const struct node_deal *deal = &ledger->deals[i];
        if (deal->fate == NODE_FATE_OPEN && !deal->may_be_ended && now_ms < deal->ends_ms &&
            deal->offsets[partition][0] >= 0) {
            *offset = deal->offsets[partition][0];
            return i;
        }
    }
    return -1;
}

/* --- Records --- */

static void node_ledger_put(struct node_ledger *ledger, int number, int32_t partition, int index,
                            int64_t offset)
{
    struct node_ledger_page *page = &ledger->pages[partition];
    struct node_deal *deal = &ledger->deals[number];
    int64_t entry = (int64_t)number * NODE_LEDGER_RECORD_MAX + index;
    if ((int64_t)page->count <= offset) {
        page->entries = memory_resize(page->entries, ((size_t)offset + 1) * sizeof *page->entries);
        while ((int64_t)page->count <= offset) {
            page->entries[page->count++] = (struct node_ledger_entry){.record = -1};
        }
    }
    int64_t known = deal->offsets[partition][index];
    if (known >= 0 && known != offset) {
        node_world_fail(ledger->world,
                        "trade-%d: record %d of deal %d stands at %" PRId64 " and at %" PRId64,
                        (int)partition, index, number, known, offset);
    }
    if (page->entries[offset].record >= 0 && page->entries[offset].record != entry) {
        node_world_fail(ledger->world,
                        "trade-%d: record %d of deal %d stands at %" PRId64 ", where another was",
                        (int)partition, index, number, offset);
    }
    if (index > 0 && deal->offsets[partition][index - 1] >= offset) {
        node_world_fail(ledger->world, "trade-%d: deal %d has record %d at %" PRId64 " before %d",
                        (int)partition, number, index, offset, index - 1);
    }
    deal->offsets[partition][index] = offset;
    page->entries[offset].record = entry;
}

void node_ledger_acked(struct node_ledger *ledger, int deal, int32_t partition, int index,
                       int64_t offset)
{
    node_ledger_put(ledger, deal, partition, index, offset);
}

const char *node_fate_name(enum node_fate fate)
{
    static const char *const names[] = {"open", "to be committed", "committed", "aborted"};
    return names[fate];
}

/* The deal of a record that is as it was sent. */
static int node_ledger_identify(const struct node_ledger *ledger, int32_t partition,
                                const struct batch_record *record, int *index)
{
    int number = -1;
    int place = -1;
    char text[40] = "";
    struct batch_header header;
    const uint8_t *at = record->headers_encoded.data;
    const uint8_t *end = at + record->headers_encoded.size;
    if (record->header_count == 1 && batch_header_next(&at, end, &header) == 1) {
        snprintf(text, sizeof text, "%.*s", BYTES_FORMAT(header.value));
    }
    if (sscanf(text, "%d:%d:%d", &number, &place, index) != 3 || number < 0 ||
        number >= ledger->deal_count || place != partition || *index < 0 ||
        *index >= ledger->deals[number].sent[partition]) {
        node_world_fail(ledger->world, "trade-%d holds \"%s\" at %" PRId64 " that nobody sent",
                        (int)partition, text, record->offset);
    }
    struct node_ledger_content content;
    node_ledger_content(number, partition, *index, &content);
    if (!bytes_equal_string(record->key, content.key) ||
        bytes_is_null(record->value) != bytes_is_null(content.value) ||
        !bytes_equal(record->value, content.value) ||
        record->timestamp_ms != ledger->deals[number].ends_ms) {
        node_world_fail(ledger->world, "trade-%d: record %d of deal %d at %" PRId64 " has changed",
                        (int)partition, *index, number, record->offset);
    }
    return number;
}

/* A horizon lies delete.retention.ms behind the run of the cleaner that gave it. */
static void node_ledger_see_horizon(struct node_ledger *ledger, int32_t partition, int64_t offset,
                                    int64_t horizon_ms)
{
    struct node_ledger_entry *entry = &ledger->pages[partition].entries[offset];
    const struct node_deal *deal = &ledger->deals[entry->record / NODE_LEDGER_RECORD_MAX];
    int64_t sent_ms = deal->sent_ms[partition][entry->record % NODE_LEDGER_RECORD_MAX];
    if (ledger->policy == NODE_POLICY_DELETE ||
        horizon_ms < sent_ms + ledger->delete_retention_ms ||
        (entry->horizon_ms != 0 && entry->horizon_ms != horizon_ms)) {
        node_world_fail(ledger->world,
                        "trade-%d: %" PRId64 ", sent at %" PRId64
                        ", has the delete horizon %" PRId64 " and had %" PRId64,
                        (int)partition, offset, sent_ms, horizon_ms, entry->horizon_ms);
    }
    ledger->horizon_count += entry->horizon_ms == 0;
    entry->horizon_ms = horizon_ms;
}

static void node_ledger_see(struct node_ledger *ledger, int32_t partition,
                            const struct node_ledger_question *question, const struct batch *batch,
                            const struct batch_record *record)
{
    int index = -1;
    int number = node_ledger_identify(ledger, partition, record, &index);
    struct node_deal *deal = &ledger->deals[number];
    struct node_ledger_page *page = &ledger->pages[partition];
    node_ledger_put(ledger, number, partition, index, record->offset);
    if ((batch->attributes & BATCH_DELETE_HORIZON) != 0) {
        node_ledger_see_horizon(ledger, partition, record->offset, batch->base_timestamp);
    }
    if (question->is_audit) {
        page->entries[record->offset].reading = page->reading;
    }
    if (deal->is_plain && deal->fate == NODE_FATE_MAY_COMMIT) {
        for (int i = 0; i < deal->sent[partition]; i++) {
            node_ledger_put(ledger, number, partition, i, record->offset - index + i);
        }
        deal->fate = NODE_FATE_COMMITTED;
    }
    if (!question->is_committed) {
        return;
    }
    if (deal->fate == NODE_FATE_OPEN || deal->fate == NODE_FATE_ABORTED) {
        node_world_fail(ledger->world,
                        "trade-%d shows record %d of deal %d at %" PRId64 ", which is %s",
                        (int)partition, index, number, record->offset, node_fate_name(deal->fate));
    }
    ledger->seen_count += !deal->is_seen[partition][index];
    deal->is_seen[partition][index] = true;
    deal->fate = NODE_FATE_COMMITTED;
}

/* --- A reader's answer --- */

/* The producers whose transaction is being skipped, as a client keeps them. */
struct node_ledger_skips {
    const struct fetch_response_partition *part;
    bool is_over[NODE_LEDGER_ABORT_MAX];
};

static bool node_ledger_is_skipped(const struct node_ledger_skips *skips, const struct batch *batch)
{
    for (int32_t i = 0; i < skips->part->aborted_transactions.count; i++) {
        const struct fetch_response_aborted_transaction *row =
            &skips->part->aborted_transactions.items[i];
        if (!skips->is_over[i] && row->producer_id == batch->producer_id &&
            row->first_offset <= batch->base_offset) {
            return true;
        }
    }
    return false;
}

static void node_ledger_end_skip(struct node_ledger_skips *skips, const struct batch *batch)
{
    for (int32_t i = 0; i < skips->part->aborted_transactions.count; i++) {
        const struct fetch_response_aborted_transaction *row =
            &skips->part->aborted_transactions.items[i];
        if (row->producer_id == batch->producer_id && row->first_offset <= batch->base_offset) {
            skips->is_over[i] = true;
        }
    }
}

static void node_ledger_read_batch(struct node_ledger *ledger, struct node_ledger_skips *skips,
                                   const struct node_ledger_question *question,
                                   const struct batch *batch)
{
    struct batch_iterator iterator;
    struct batch_record record;
    bool is_skipped = question->is_committed && node_ledger_is_skipped(skips, batch);
    int error = batch_iterator_open(&iterator, batch, NODE_LEDGER_INFLATED_MAX);
    while (error == 0 && batch_iterator_next(&iterator, &record) == 1) {
        bool is_commit = false;
        int32_t epoch = 0;
        if (batch_is_control(batch)) {
            if (batch_record_read_marker(&record, &is_commit, &epoch) && !is_commit) {
                node_ledger_end_skip(skips, batch);
            }
        } else if (!is_skipped && record.offset >= question->offset) {
            node_ledger_see(ledger, skips->part->index, question, batch, &record);
        }
    }
    batch_iterator_close(&iterator);
    if (error != 0) {
        node_world_fail(ledger->world, "trade-%d: the batch at %" PRId64 " cannot be read",
                        (int)skips->part->index, batch->base_offset);
    }
}

/* What is known to stand in a range that was read was given, or is not to be seen. */
static void node_ledger_judge_range(const struct node_ledger *ledger, int32_t partition,
                                    int64_t offset, int64_t next)
{
    const struct node_ledger_page *page = &ledger->pages[partition];
    for (int64_t i = offset; i < next && i < (int64_t)page->count; i++) {
        int64_t entry = page->entries[i].record;
        int number = (int)(entry / NODE_LEDGER_RECORD_MAX);
        int index = (int)(entry % NODE_LEDGER_RECORD_MAX);
        if (entry >= 0 && ledger->deals[number].fate == NODE_FATE_COMMITTED &&
            !ledger->deals[number].is_seen[partition][index] &&
            !node_rest_may_lack(ledger, partition, i)) {
            node_world_fail(ledger->world,
                            "trade-%d does not show record %d of deal %d at %" PRId64
                            ", which is committed",
                            (int)partition, index, number, i);
        }
    }
}

static void node_ledger_judge_stable(struct node_ledger *ledger,
                                     const struct node_ledger_question *question,
                                     const struct fetch_response_partition *part)
{
    struct node_ledger_page *page = &ledger->pages[part->index];
    int64_t stable = part->last_stable_offset;
    int64_t now_ms = io_wall_clock(sim_io(ledger->world->sim, NODE_WORLD_CLIENT));
    const struct node_deal *deal = question->holder < 0 ? NULL : &ledger->deals[question->holder];
    if (stable < question->stable_offset || stable > part->high_watermark) {
        node_world_fail(ledger->world,
                        "trade-%d: stable to %" PRId64 ", was %" PRId64 ", watermark %" PRId64,
                        (int)part->index, stable, question->stable_offset, part->high_watermark);
    }
    if (deal != NULL && deal->fate == NODE_FATE_OPEN && !deal->may_be_ended &&
        now_ms < deal->ends_ms && stable > deal->offsets[part->index][0]) {
        node_world_fail(ledger->world,
                        "trade-%d: stable to %" PRId64 ", deal %d is open from %" PRId64,
                        (int)part->index, stable, question->holder, deal->offsets[part->index][0]);
    }
    page->stable_offset = stable > page->stable_offset ? stable : page->stable_offset;
}

void node_ledger_begin_reading(struct node_ledger *ledger, int32_t partition)
{
    ledger->pages[partition].reading++;
}

/* Compaction leaves gaps between batches. */
static bool node_ledger_is_in_place(const struct node_ledger *ledger, const struct batch *batch,
                                    int64_t offset, int64_t next)
{
    bool may_have_gaps = ledger->policy != NODE_POLICY_DELETE;
    if (next < 0) {
        return batch->base_offset <= offset ? batch_last_offset(batch) >= offset : may_have_gaps;
    }
    return batch->base_offset == next || (may_have_gaps && batch->base_offset > next);
}

int64_t node_ledger_read(struct node_ledger *ledger, const struct node_ledger_question *question,
                         const struct fetch_response_partition *part)
{
    struct node_ledger_skips skips = {.part = part};
    struct bytes rest = part->records;
    int64_t offset = question->offset;
    int64_t limit = question->is_committed ? part->last_stable_offset : part->high_watermark;
    int64_t next = -1;
    struct batch batch;
    check(part->aborted_transactions.count <= NODE_LEDGER_ABORT_MAX);
    node_ledger_judge_stable(ledger, question, part);
    while (rest.size > 0) {
        if (batch_read_header(rest, &batch, NULL) != 0 || !batch_crc_matches(&batch) ||
            !node_ledger_is_in_place(ledger, &batch, offset, next) ||
            batch_last_offset(&batch) >= limit) {
            node_world_fail(ledger->world,
                            "trade-%d: read from %" PRId64 " to below %" PRId64
                            ": a wrong batch at %" PRId64,
                            (int)part->index, offset, limit, next);
        }
        node_ledger_read_batch(ledger, &skips, question, &batch);
        next = batch_next_offset(&batch);
        rest = bytes_make(rest.data + batch.bytes.size, rest.size - batch.bytes.size);
    }
    if (question->is_committed && next >= 0) {
        node_ledger_judge_range(ledger, part->index, offset, next);
    }
    return next < 0 ? offset : next;
}

void node_ledger_judge_end(const struct node_ledger *ledger, int32_t partition, int64_t end_offset)
{
    if ((int64_t)ledger->pages[partition].count > end_offset) {
        node_world_fail(ledger->world, "trade-%d ends at %" PRId64 ", promised was %zu",
                        (int)partition, end_offset, ledger->pages[partition].count);
    }
}

/* --- Offsets of groups --- */

void node_ledger_judge_offset(struct node_ledger *ledger, int id, int64_t known, int64_t found)
{
    const struct node_deal *deal =
        found < 0 || found >= ledger->deal_count ? NULL : &ledger->deals[found];
    if (found < known) {
        node_world_fail(ledger->world, "%s fell from %" PRId64 " to %" PRId64,
                        node_ledger_group(id), known, found);
    }
    if (found >= 0 && (deal == NULL || deal->id != id || !deal->has_offset ||
                       deal->fate == NODE_FATE_OPEN || deal->fate == NODE_FATE_ABORTED)) {
        node_world_fail(ledger->world, "%s has %" PRId64 ", a deal that is %s",
                        node_ledger_group(id), found,
                        deal == NULL ? "nobody's" : node_fate_name(deal->fate));
    }
    ledger->found[id] = found > ledger->found[id] ? found : ledger->found[id];
}

/* --- When nothing is open any more --- */

static void node_ledger_settle_deal(struct node_ledger *ledger, int number)
{
    struct node_deal *deal = &ledger->deals[number];
    int sent = 0;
    int seen = 0;
    int gone = 0;
    for (int32_t p = 0; p < NODE_LEDGER_PARTITIONS; p++) {
        sent += deal->sent[p];
        for (int i = 0; i < deal->sent[p]; i++) {
            seen += deal->is_seen[p][i];
            gone += !deal->is_seen[p][i] &&
                    (deal->is_gone[p][i] || node_rest_may_have_gone(ledger, number, p, i));
        }
    }
    bool is_good = deal->fate == NODE_FATE_COMMITTED    ? seen + gone == sent
                   : deal->fate == NODE_FATE_MAY_COMMIT ? seen == 0 || seen + gone == sent
                                                        : seen == 0;
    if (!is_good) {
        node_world_fail(ledger->world,
                        "deal %d is %s and shows %d of %d records, %d may be missing", number,
                        node_fate_name(deal->fate), seen, sent, gone);
    }
    if (deal->fate != NODE_FATE_MAY_COMMIT || (sent > 0 && gone == 0)) {
        deal->fate =
            seen > 0 || deal->fate == NODE_FATE_COMMITTED ? NODE_FATE_COMMITTED : NODE_FATE_ABORTED;
    }
}

void node_ledger_settle(struct node_ledger *ledger)
{
    int64_t last[NODE_LEDGER_IDS];
    for (int i = 0; i < NODE_LEDGER_IDS; i++) {
        last[i] = -1;
    }
    for (int i = 0; i < ledger->deal_count; i++) {
        const struct node_deal *deal = &ledger->deals[i];
        node_ledger_settle_deal(ledger, i);
        if (deal->fate == NODE_FATE_COMMITTED && deal->is_offset_told) {
            last[deal->id] = i;
        }
    }
    for (int i = 0; i < NODE_LEDGER_IDS; i++) {
        int64_t found = ledger->found[i];
        if (found < last[i] || (found >= 0 && ledger->deals[found].fate == NODE_FATE_ABORTED)) {
            node_world_fail(ledger->world, "%s has %" PRId64 "; committed with %" PRId64,
                            node_ledger_group(i), found, last[i]);
        }
    }
}
