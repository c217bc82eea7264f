/* Proves old bytes before they are handed out.
 *
 * What a process appends it has judged, and what recovery walks too. What was there before may have
 * rotted: its CRCs are checked when it is read for the first time. A base offset is not covered by
 * the CRC; that it is right shows where batches meet: none begins below the end of the one before,
 * and none ends beyond the segment. */
#include "log/base/error.h"
#include "log/base/trace.h"
#include "log/store/segment.h"
#include "log/store/walker.h"

static int segment_proof_fail(struct segment *segment, int64_t position)
{
    if (!segment->is_damage_told) {
        segment->is_damage_told = true;
        trace(TRACE_ERROR, "segment.damaged", TRACE_STRING("log", segment->home->directory),
              TRACE_INT("base_offset", segment->base_offset), TRACE_INT("position", position),
              TRACE_STRING("effect", "what lies there is not given to anybody"));
    }
    return ERROR_CORRUPT;
}

/* The batch behind the last one must not begin below its end. */
static int segment_proof_meet(struct segment *segment, const struct walker *last)
{
    struct walker walker;
    struct batch batch;
    int64_t position = 0;
    if (last->next_offset > segment->next_offset) {
        return ERROR_CORRUPT;
    }
    walker_open(&walker, segment, last->position, last->next_offset, segment->size, false);
    walker.mode = last->mode;
    int result = walker_next(&walker, &batch, &position);
    walker_close(&walker);
    return result > 0 ? 0 : result;
}

static void segment_proof_note(struct segment *segment, int64_t start,
                               const struct segment_proof *end)
{
    if (start <= segment->proven_size && end->position > segment->proven_size) {
        segment->proven_size = end->position;
        segment->proven_offset = end->offset;
    }
}

/* Where what lies before the place is known to end. */
static int64_t segment_proof_offset(const struct segment *segment, int64_t position)
{
    bool is_proven = position > 0 && position == segment->proven_size;
    return is_proven ? segment->proven_offset : segment->base_offset;
}

int segment_prove(struct segment *segment, int64_t position, int64_t end, enum io_read_mode mode,
                  struct segment_proof *at)
{
    int64_t start = position < segment->proven_size ? segment->proven_size : position;
    end = end < segment->doubtful_size ? end : segment->doubtful_size;
    if (start >= end) {
        return 0;
    }
    struct walker walker;
    struct batch batch;
    struct segment_proof place = {start, segment_proof_offset(segment, start)};
    int64_t next_offset = place.offset;
    int result = 0;
    walker_open(&walker, segment, start, next_offset, end, true);
    walker.mode = mode;
    while ((result = walker_next(&walker, &batch, &place.position)) > 0) {
        place.offset = next_offset;
        segment_proof_note(segment, start, &place); /* it is good when the next one meets it */
        next_offset = walker.next_offset;
        if (!batch_crc_matches(&batch)) {
            break;
        }
    }
    bool is_bad = result > 0;
    if (result == 0) {
        result = segment_proof_meet(segment, &walker);
    }
    *at = place;
    if (result == 0) {
        segment_proof_note(segment, start, &(struct segment_proof){end, next_offset});
    }
    walker_close(&walker);
    is_bad |= result == ERROR_CORRUPT || result == ERROR_TRUNCATED;
    return is_bad ? segment_proof_fail(segment, place.position) : result;
}
