/* From the newest record to the oldest, with what covers each key; see node_rest.h. */
#include "tests/world/node_rest.h"

#include "tests/world/node_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODE_REST_DIGITS = 20 };

/* --- One record --- */

static int64_t node_rest_now(const struct node_ledger *ledger)
{
    return io_wall_clock(sim_io(ledger->world->sim, NODE_WORLD_CLIENT));
}

/* A tombstone that nobody needs any more. */
static bool node_rest_is_lapsed(const struct node_ledger *ledger, int number, int32_t partition,
                                int index)
{
    const struct node_deal *deal = &ledger->deals[number];
    int64_t offset = deal->offsets[partition][index];
    int64_t sent_ms = deal->sent_ms[partition][index];
    int64_t horizon_ms = offset < 0 ? 0 : ledger->pages[partition].entries[offset].horizon_ms;
    int64_t now_ms = node_rest_now(ledger);
    return ledger->policy != NODE_POLICY_DELETE && node_ledger_is_tombstone(number, index) &&
           now_ms >= sent_ms + ledger->delete_retention_ms && now_ms >= horizon_ms;
}

/* Old enough for retention. */
static bool node_rest_is_old(const struct node_ledger *ledger, int number, int32_t partition,
                             int index)
{
    const struct node_deal *deal = &ledger->deals[number];
    int64_t sent_ms = deal->sent_ms[partition][index];
    int64_t oldest_ms = sent_ms < deal->ends_ms ? sent_ms : deal->ends_ms;
    return ledger->policy == NODE_POLICY_BOTH &&
           node_rest_now(ledger) >= oldest_ms + ledger->retention_ms;
}

bool node_rest_may_lack(const struct node_ledger *ledger, int32_t partition, int64_t offset)
{
    int64_t record = ledger->pages[partition].entries[offset].record;
    int number = (int)(record / NODE_LEDGER_RECORD_MAX);
    int index = (int)(record % NODE_LEDGER_RECORD_MAX);
    int key = node_ledger_key(number, index);
    if (ledger->policy == NODE_POLICY_DELETE) {
        return false;
    }
    if (node_rest_is_lapsed(ledger, number, partition, index) ||
        node_rest_is_old(ledger, number, partition, index)) {
        return true;
    }
    for (int i = 0; i < ledger->deal_count; i++) {
        const struct node_deal *deal = &ledger->deals[i];
        bool counts = deal->fate == NODE_FATE_MAY_COMMIT || deal->fate == NODE_FATE_COMMITTED;
        for (int k = 0; counts && k < deal->sent[partition]; k++) {
            int64_t other = deal->offsets[partition][k];
            if (node_ledger_key(i, k) == key && (other < 0 || other > offset)) {
                return true;
            }
        }
    }
    return false;
}

bool node_rest_may_have_gone(const struct node_ledger *ledger, int number, int32_t partition,
                             int index)
{
    return ledger->deals[number].offsets[partition][index] < 0 &&
           (node_rest_is_lapsed(ledger, number, partition, index) ||
            node_rest_is_old(ledger, number, partition, index));
}

/* --- A whole reading --- */

/* For which keys a newer record counts, of what was looked at so far. */
struct node_rest_cover {
    bool has[NODE_LEDGER_KEYS];
};

/* A plain batch whose answer was lost may have come, superseded something and gone. */
static void node_rest_cover_unknown(const struct node_ledger *ledger, int32_t partition,
                                    struct node_rest_cover *cover)
{
    for (int i = 0; i < ledger->deal_count; i++) {
        const struct node_deal *deal = &ledger->deals[i];
        bool is_unknown = deal->is_plain && deal->fate == NODE_FATE_MAY_COMMIT;
        for (int k = 0; is_unknown && k < deal->sent[partition]; k++) {
            cover->has[node_ledger_key(i, k)] |= node_rest_may_have_gone(ledger, i, partition, k);
        }
    }
}

/* Whether what is not there may have been aborted without that having been told. */
static bool node_rest_may_be_aborted(const struct node_ledger *ledger, const struct node_deal *deal)
{
    return deal->fate == NODE_FATE_ABORTED || deal->fate == NODE_FATE_MAY_COMMIT ||
           (deal->fate == NODE_FATE_OPEN &&
            (deal->may_be_ended || node_rest_now(ledger) >= deal->ends_ms));
}

static void node_rest_judge_missing(struct node_ledger *ledger, const struct node_rest *rest,
                                    struct node_rest_cover *cover, int64_t offset)
{
    int64_t record = ledger->pages[rest->partition].entries[offset].record;
    int number = (int)(record / NODE_LEDGER_RECORD_MAX);
    int index = (int)(record % NODE_LEDGER_RECORD_MAX);
    struct node_deal *deal = &ledger->deals[number];
    bool *is_covered = &cover->has[node_ledger_key(number, index)];
    bool is_lapsed = node_rest_is_lapsed(ledger, number, rest->partition, index);
    bool was_deleted =
        offset < rest->start_offset && node_rest_is_old(ledger, number, rest->partition, index);
    bool counts = deal->fate == NODE_FATE_MAY_COMMIT || deal->fate == NODE_FATE_COMMITTED;
    bool is_hidden = rest->is_committed && deal->fate != NODE_FATE_COMMITTED;
    if (offset >= rest->active_offset && !is_hidden && !was_deleted) {
        node_world_fail(ledger->world,
                        "trade-%d lacks record %d of deal %d at %" PRId64
                        ", the growing segment begins at %" PRId64,
                        (int)rest->partition, index, number, offset, rest->active_offset);
    }
    bool may_lack = *is_covered || is_lapsed || was_deleted;
    if (!may_lack && !is_hidden && !node_rest_may_be_aborted(ledger, deal)) {
        node_world_fail(ledger->world,
                        "trade-%d lacks record %d of deal %d at %" PRId64
                        ", which is %s, and key %d has no newer one",
                        (int)rest->partition, index, number, offset, node_fate_name(deal->fate),
                        node_ledger_key(number, index));
    }
    *is_covered |= counts && may_lack;
    ledger->gone_count += counts && may_lack && !deal->is_gone[rest->partition][index];
    deal->is_gone[rest->partition][index] |= counts && may_lack;
}

void node_rest_judge(struct node_ledger *ledger, const struct node_rest *rest)
{
    struct node_ledger_page *page = &ledger->pages[rest->partition];
    struct node_rest_cover cover = {0};
    int64_t count = (int64_t)page->count;
    node_rest_cover_unknown(ledger, rest->partition, &cover);
    for (int64_t i = (rest->end_offset < count ? rest->end_offset : count) - 1; i >= 0; i--) {
        const struct node_ledger_entry *entry = &page->entries[i];
        if (entry->record < 0) {
            continue;
        }
        int number = (int)(entry->record / NODE_LEDGER_RECORD_MAX);
        int index = (int)(entry->record % NODE_LEDGER_RECORD_MAX);
        enum node_fate fate = ledger->deals[number].fate;
        if (entry->reading != page->reading) {
            node_rest_judge_missing(ledger, rest, &cover, i);
        } else if (i < rest->active_offset &&
                   (fate == NODE_FATE_MAY_COMMIT || fate == NODE_FATE_COMMITTED)) {
            cover.has[node_ledger_key(number, index)] = true;
        }
    }
}

/* --- Files --- */

static void node_rest_on_entry(void *owner, const char *entry, bool is_directory)
{
    int64_t *active_offset = owner;
    if (!is_directory && strlen(entry) == NODE_REST_DIGITS + 4 &&
        strcmp(entry + NODE_REST_DIGITS, ".log") == 0) {
        int64_t offset = strtoll(entry, NULL, 10);
        *active_offset = offset > *active_offset ? offset : *active_offset;
    }
}

int64_t node_rest_active_offset(struct node_ledger *ledger, int32_t partition)
{
    char path[64];
    int64_t active_offset = -1;
    snprintf(path, sizeof path, "/data/" NODE_LEDGER_TOPIC "-%d", (int)partition);
    int error = io_dir_list(sim_io(ledger->world->sim, NODE_WORLD_BROKER), path, node_rest_on_entry,
                            &active_offset);
    if (error != 0 || active_offset < 0) {
        node_world_fail(ledger->world, "%s has no growing segment", path);
    }
    return active_offset;
}
