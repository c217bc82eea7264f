/* Judges markers; see accord.h. */
#include "runtime/state/accord.h"

#include <stdio.h>
#include <string.h>

void accord_log_init(struct accord_log *log, const char *store)
{
    *log = (struct accord_log){.store = store};
    state_position_init(&log->base);
    state_position_init(&log->held);
    state_position_init(&log->rival);
}

void accord_log_fini(struct accord_log *log)
{
    state_position_fini(&log->base);
    state_position_fini(&log->held);
    state_position_fini(&log->rival);
}

static bool accord_is_same_topic(const struct state_position_row *row, const struct accord_log *log)
{
    bool is_known = row->topic_id[0] != 0 && log->topic_id[0] != 0;
    return !is_known || strcmp(row->topic_id, log->topic_id) == 0;
}

bool accord_log_open(struct accord_log *log, const struct state_position *opened,
                     const char *topic_id)
{
    const struct state_position_row *row =
        opened == NULL ? NULL : state_position_changelog(opened, log->store);
    snprintf(log->topic_id, sizeof log->topic_id, "%s", topic_id);
    if (row == NULL || !accord_is_same_topic(row, log)) {
        return false;
    }
    state_position_copy(&log->base, opened);
    log->newest = opened->commit;
    return true;
}

void accord_log_rebuild(struct accord_log *log)
{
    check(!log->has_held);
    state_position_fini(&log->base);
    log->is_rebuilt = true;
}

static enum accord_verdict accord_log_judge(const struct accord_log *log, int64_t follows)
{
    if (!log->has_held) {
        return follows < log->base.commit ? ACCORD_STRAY : ACCORD_NEXT;
    }
    if (follows < log->held.follows) {
        return ACCORD_STRAY;
    }
    /* Above the held one: it follows one whose marker compaction took. By (4) the records of those
     * that are left come to the right contents, also if the held one was not decided. Below it: its
     * writer saw the held one and did not go on from it, or did not see it. */
    return follows >= log->held.commit                      ? ACCORD_NEXT
           : log->has_rival && follows == log->rival.commit ? ACCORD_RIVAL
           : follows == log->held.follows                   ? ACCORD_BESIDE
                                                            : ACCORD_INSTEAD;
}

enum accord_verdict accord_log_step(struct accord_log *log, const struct state_position *marker)
{
    check(marker->commit > marker->follows);
    log->newest = marker->commit > log->newest ? marker->commit : log->newest;
    enum accord_verdict verdict = accord_log_judge(log, marker->follows);
    if (verdict == ACCORD_STRAY) {
        return verdict;
    }
    if (verdict == ACCORD_NEXT && log->has_held) {
        state_position_copy(&log->base, &log->held);
    } else if (verdict == ACCORD_RIVAL) {
        state_position_copy(&log->base, &log->rival);
    }
    log->has_rival = verdict == ACCORD_BESIDE;
    if (log->has_rival) {
        state_position_copy(&log->rival, &log->held);
    }
    state_position_copy(&log->held, marker);
    log->has_held = true;
    return verdict;
}

/* Whether the store can have the contents of this commit. Those of the base are gone when
 * compaction took markers between it and the held group. */
static bool accord_log_has(const struct accord_log *log, int64_t commit)
{
    if ((log->has_held && log->held.commit == commit) ||
        (log->has_rival && log->rival.commit == commit)) {
        return true;
    }
    return log->base.commit == commit && (!log->has_held || log->held.follows == commit);
}

/* Every store has a part in the beginning. */
static bool accord_takes_part(const struct accord_log *log, const struct state_position *position)
{
    const struct state_position_row *row = state_position_changelog(position, log->store);
    if (position->commit == 0) {
        return true;
    }
    if (row == NULL || !accord_is_same_topic(row, log)) {
        return false;
    }
    /* Without ids a changelog that was made anew shows only by not reaching to what it had. */
    bool is_known = row->topic_id[0] != 0 && log->topic_id[0] != 0;
    return is_known || !log->is_rebuilt || accord_log_has(log, position->commit);
}

static bool accord_is_decided(const struct accord_log *const *logs, size_t count,
                              const struct state_position *position)
{
    for (size_t i = 0; i < count; i++) {
        if (accord_takes_part(logs[i], position) && !accord_log_has(logs[i], position->commit)) {
            return false;
        }
    }
    return true;
}

const struct state_position *accord_choose(const struct accord_log *const *logs, size_t count,
                                           const struct state_position *opened)
{
    const struct state_position *chosen = count == 0 ? opened : NULL;
    for (size_t i = 0; i < count; i++) {
        const struct accord_log *log = logs[i];
        const struct state_position *const positions[] = {
            &log->base, log->has_held ? &log->held : NULL, log->has_rival ? &log->rival : NULL};
        for (size_t j = 0; j < sizeof positions / sizeof *positions; j++) {
            const struct state_position *position = positions[j];
            bool is_newer =
                position != NULL && (chosen == NULL || position->commit > chosen->commit);
            if (is_newer && accord_is_decided(logs, count, position)) {
                chosen = position;
            }
        }
    }
    return chosen;
}

enum accord_fate accord_log_fate(const struct accord_log *log, const struct state_position *decided)
{
    if (!accord_takes_part(log, decided)) {
        return ACCORD_FATE_EMPTY;
    }
    check(accord_log_has(log, decided->commit));
    if (log->has_rival && log->rival.commit == decided->commit) {
        return ACCORD_FATE_RIVAL;
    }
    bool is_held = log->has_held && log->held.commit == decided->commit;
    return is_held ? ACCORD_FATE_HELD : ACCORD_FATE_BASE;
}

int64_t accord_next(int64_t newest, int64_t follows, int64_t wall_clock_ms)
{
    check(newest >= follows);
    int64_t next = newest < wall_clock_ms ? wall_clock_ms : newest + 1;
    return (next - follows) % 2 == 0 ? next + 1 : next;
}

void accord_log_check(const struct accord_log *log)
{
    check(log->base.commit >= 0);
    check(log->newest >= log->base.commit);
    if (log->has_held) {
        check(log->held.commit > log->base.commit);
        check(log->held.follows >= log->base.commit);
        check(log->newest >= log->held.commit);
    }
    if (log->has_rival) {
        check(log->has_held);
        check(log->rival.follows == log->held.follows);
        check(log->rival.commit > log->base.commit);
    }
}
