/* A timer, a choice, a file; see cleaner.h. */
#include "log/store/cleaner.h"

#include "log/base/error.h"
#include "log/base/trace.h"
#include "log/store/retention.h"
#include "log/store/small_file.h"
#include "log/store/store_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char cleaner_file[] = "cleaner-offset-checkpoint";

/* --- The checkpoint --- */

static int cleaner_write_checkpoint(struct cleaner *cleaner)
{
    struct buffer rows;
    struct buffer text;
    int64_t count = 0;
    buffer_init(&rows);
    buffer_init(&text);
    for (list_each (&cleaner->store->log_list, link)) {
        const struct log *log = list_member(link, struct log, store_link);
        const char *dash = strrchr(log->name, '-');
        if (log->clean_offset > 0 && dash != NULL) {
            buffer_printf(&rows, "%.*s %s %" PRId64 "\n", (int)(dash - log->name), log->name,
                          dash + 1, log->clean_offset);
            count++;
        }
    }
    buffer_printf(&text, "0\n%" PRId64 "\n", count);
    buffer_add_bytes(&text, buffer_bytes(&rows));
    int error = small_file_write(cleaner->store->io, cleaner->store->path, cleaner_file,
                                 buffer_bytes(&text));
    buffer_fini(&rows);
    buffer_fini(&text);
    cleaner->is_stale &= error != 0;
    if (error != 0 && error != ERROR_NO_SPACE) {
        store_fence(cleaner->store, "cleaner checkpoint", "", error);
        return ERROR_IO;
    }
    return error;
}

static int cleaner_read_row(struct cleaner *cleaner, struct bytes line)
{
    struct bytes topic = small_file_word(&line);
    int64_t partition = 0;
    int64_t offset = 0;
    char *name = bytes_to_string(topic);
    bool is_row = topic.size > 0 && small_file_number(&line, &partition) == 0 && partition >= 0 &&
                  partition <= INT32_MAX && small_file_number(&line, &offset) == 0 && offset >= 0;
    struct log *log = is_row ? store_find_log(cleaner->store, name, (int32_t)partition) : NULL;
    if (log != NULL && offset <= log_stable_offset(log)) {
        log->clean_offset = offset;
    }
    cleaner->is_stale |= is_row && log == NULL;
    free(name);
    return is_row ? 0 : ERROR_CORRUPT;
}

/* A file that cannot be read costs one look at everything, no more. */
static int cleaner_read_checkpoint(struct cleaner *cleaner)
{
    struct buffer text;
    buffer_init(&text);
    int error = small_file_read(cleaner->store->io, cleaner->store->path, cleaner_file, &text);
    struct bytes rest = buffer_bytes(&text);
    struct bytes line;
    int64_t count = 0;
    int parse_error = error == 0 ? small_file_head(&rest, &count) : 0;
    while (error == 0 && parse_error == 0 && small_file_line(&rest, &line)) {
        parse_error = cleaner_read_row(cleaner, line);
    }
    buffer_fini(&text);
    if (parse_error != 0 || error == ERROR_TOO_LARGE) {
        trace(TRACE_WARN, "cleaner.checkpoint_damaged", TRACE_STRING("file", cleaner_file));
    }
    return error == ERROR_NOT_FOUND || error == ERROR_TOO_LARGE ? 0 : error;
}

int cleaner_lower(struct cleaner *cleaner, struct log *log, int64_t offset)
{
    if (log->clean_offset <= offset) {
        return 0;
    }
    int64_t previous = log->clean_offset;
    log->clean_offset = offset;
    int error = cleaner_write_checkpoint(cleaner);
    log->clean_offset = error == ERROR_NO_SPACE ? previous : offset;
    return error;
}

void cleaner_on_deleted(struct cleaner *cleaner, const struct log *log)
{
    cleaner->is_stale |= log->clean_offset > 0;
}

int cleaner_before_create(struct cleaner *cleaner)
{
    return cleaner->is_stale ? cleaner_write_checkpoint(cleaner) : 0;
}

/* --- The choice --- */

/* The first offset that must stay as it is. */
static int cleaner_find_end(struct log *log, int64_t now_ms, int64_t *end_offset)
{
    int64_t end = log_last_segment(log)->base_offset;
    int64_t stable = log_stable_offset(log);
    end = stable < end ? stable : end;
    end = log->synced.segment_offset < end ? log->synced.segment_offset : end;
    int32_t first = log_find_segment(log, log->clean_offset);
    for (int32_t i = first; log->settings.min_compaction_lag_ms > 0 && i < log->segment_count;
         i++) {
        struct segment *segment = log->segments[i];
        int64_t age_ms = 0;
        if (segment->base_offset >= end) {
            break;
        }
        int error = retention_age(segment, now_ms, &age_ms);
        if (error != 0) {
            return error;
        }
        if (age_ms < log->settings.min_compaction_lag_ms) {
            end = segment->base_offset;
        }
    }
    *end_offset = end;
    return 0;
}

static int cleaner_find_urgency(struct log *log, int64_t now_ms, struct cleaner_target *target)
{
    if (log->settings.max_compaction_lag_ms == INT64_MAX || target->dirty_size == 0) {
        return 0;
    }
    struct segment *first = log->segments[log_find_segment(log, target->dirty_offset)];
    int error = segment_read_ages(first);
    target->is_urgent =
        error == 0 && now_ms - first->first_append_ms > log->settings.max_compaction_lag_ms;
    return error;
}

static int cleaner_measure(struct log *log, int64_t now_ms, struct cleaner_target *out)
{
    int64_t first_offset = log->segments[0]->base_offset;
    *out = (struct cleaner_target){
        .log = log,
        .dirty_offset = log->clean_offset > first_offset ? log->clean_offset : first_offset,
    };
    int error = cleaner_find_end(log, now_ms, &out->end_offset);
    if (error != 0) {
        return error;
    }
    for (int32_t i = 0; i < log->segment_count; i++) {
        const struct segment *segment = log->segments[i];
        if (segment->next_offset <= out->dirty_offset) {
            out->clean_size += segment->size;
        } else if (segment->base_offset < out->end_offset) {
            out->dirty_size += segment->size;
        }
    }
    if (out->end_offset <= out->dirty_offset || out->end_offset == log->clean_barrier) {
        out->dirty_size = 0;
    }
    return cleaner_find_urgency(log, now_ms, out);
}

static double cleaner_ratio(const struct cleaner_target *target)
{
    int64_t size = target->clean_size + target->dirty_size;
    return size == 0 ? 0 : (double)target->dirty_size / (double)size;
}

static void cleaner_give_up(struct cleaner *cleaner, struct log *log, int error, int64_t offset)
{
    trace(TRACE_ERROR, "cleaner.log_uncleanable", TRACE_STRING("log", log->name),
          TRACE_STRING("error", error_name(error)), TRACE_INT("offset", offset),
          TRACE_STRING("effect", "it is not compacted any more until the next start"));
    log->is_uncleanable = true;
    cleaner->stats.uncleanable_count++;
}

static bool cleaner_may_take(const struct log *log)
{
    return log->settings.is_compacted && !log->is_uncleanable && log->status == 0 &&
           log->segment_count > 1;
}

/* Urgent ones first, then by share. */
static bool cleaner_choose(struct cleaner *cleaner, struct cleaner_target *best)
{
    int64_t now_ms = io_wall_clock(cleaner->store->io);
    double best_ratio = -1;
    cleaner->stats.dirty_ratio_max = 0;
    *best = (struct cleaner_target){0};
    for (list_each (&cleaner->store->log_list, link)) {
        struct log *log = list_member(link, struct log, store_link);
        struct cleaner_target target;
        if (!cleaner_may_take(log)) {
            continue;
        }
        int error = cleaner_measure(log, now_ms, &target);
        if (error == ERROR_CORRUPT) {
            cleaner_give_up(cleaner, log, error, log->clean_offset);
        }
        double ratio = error == 0 ? cleaner_ratio(&target) : 0;
        if (ratio > cleaner->stats.dirty_ratio_max) {
            cleaner->stats.dirty_ratio_max = ratio;
        }
        bool is_due = target.is_urgent || ratio > log->settings.min_dirty_ratio;
        bool is_better =
            target.is_urgent != best->is_urgent ? target.is_urgent : ratio > best_ratio;
        if (error == 0 && target.dirty_size > 0 && is_due && (best->log == NULL || is_better)) {
            *best = target;
            best_ratio = ratio;
        }
    }
    return best->log != NULL;
}

/* --- The run --- */

static void cleaner_work(struct cleaner *cleaner);

static void cleaner_rest(struct cleaner *cleaner)
{
    int64_t backoff_ms = cleaner->options.backoff_ms < 1 ? 1 : cleaner->options.backoff_ms;
    io_timer_start(cleaner->store->io, &cleaner->timer, io_delay_ns(backoff_ms));
}

static void cleaner_on_timer(struct io_timer *timer)
{
    cleaner_work(timer->owner);
}

static void cleaner_count(struct cleaner *cleaner, const struct cleaner_result *result)
{
    struct store_cleaner_stats *stats = &cleaner->stats;
    stats->run_count++;
    stats->read_size += result->read_size;
    stats->written_size += result->written_size;
    stats->record_count += result->record_count;
    stats->dropped_count += result->record_count - result->kept_count;
}

/* Returns whether something was won, so that it is worth looking at once again. */
static bool cleaner_take_result(struct cleaner *cleaner, struct log *log,
                                const struct cleaner_result *result)
{
    cleaner_count(cleaner, result);
    if (result->error == ERROR_CORRUPT || result->error == ERROR_TOO_LARGE) {
        cleaner_give_up(cleaner, log, result->error, result->clean_offset);
        return true;
    }
    if (result->error != 0) {
        if (result->error != ERROR_CANCELLED && result->error != ERROR_FENCED) {
            trace(TRACE_WARN, "cleaner.run_failed", TRACE_STRING("log", log->name),
                  TRACE_STRING("error", error_name(result->error)));
        }
        return false;
    }
    bool is_further = result->clean_offset > log->clean_offset;
    log->clean_barrier = is_further ? -1 : result->end_offset;
    if (is_further) {
        log->clean_offset = result->clean_offset;
        int error = cleaner_write_checkpoint(cleaner);
        is_further = error == 0;
        trace(TRACE_INFO, "cleaner.log_compacted", TRACE_STRING("log", log->name),
              TRACE_INT("offset", result->clean_offset), TRACE_INT("bytes_read", result->read_size),
              TRACE_INT("bytes_written", result->written_size),
              TRACE_INT("records", result->record_count), TRACE_INT("kept", result->kept_count));
    }
    return is_further;
}

static void cleaner_on_ended(void *owner, const struct cleaner_result *result)
{
    struct cleaner *cleaner = owner;
    struct store *store = cleaner->store;
    struct log *log = cleaner_run_log(cleaner->run);
    cleaner->run = NULL;
    bool is_worth_more =
        !log->is_deleted && store_is_writable(store) && cleaner_take_result(cleaner, log, result);
    if (store_is_writable(store)) {
        if (is_worth_more) {
            io_timer_start(store->io, &cleaner->timer, 0);
        } else {
            cleaner_rest(cleaner);
        }
    }
    store_on_quiet(store);
}

/* The recovery point on the disk has to lie behind what is replaced. */
static int cleaner_prepare(struct cleaner *cleaner, const struct cleaner_target *target)
{
    const struct log *log = target->log;
    const struct segment *last = log->segments[log_find_segment(log, target->end_offset - 1)];
    return last->base_offset < log->points_segment ? 0 : store_write_points(cleaner->store);
}

static void cleaner_work(struct cleaner *cleaner)
{
    struct cleaner_target target;
    if (!store_is_writable(cleaner->store) || cleaner->run != NULL) {
        return;
    }
    if (!cleaner->options.is_enabled || !cleaner_choose(cleaner, &target) ||
        cleaner_prepare(cleaner, &target) != 0) {
        cleaner_rest(cleaner);
        return;
    }
    cleaner->run =
        cleaner_run_start(cleaner->store, &target, &cleaner->options, cleaner_on_ended, cleaner);
}

/* --- Life --- */

void cleaner_init(struct cleaner *cleaner, struct store *store)
{
    *cleaner = (struct cleaner){
        .store = store,
        .options = store->options.cleaner,
        .timer = {.fired = cleaner_on_timer, .owner = cleaner},
    };
}

void cleaner_fini(struct cleaner *cleaner)
{
    io_timer_stop(cleaner->store->io, &cleaner->timer);
    if (cleaner->run != NULL) {
        cleaner_run_forget(cleaner->run);
        cleaner->run = NULL;
    }
}

int cleaner_start(struct cleaner *cleaner)
{
    int error = cleaner_read_checkpoint(cleaner);
    if (error == 0 && !cleaner->store->options.is_read_only) {
        cleaner_rest(cleaner);
    }
    return error;
}

void cleaner_set_options(struct cleaner *cleaner, const struct store_cleaner_options *options)
{
    bool is_sooner = options->backoff_ms < cleaner->options.backoff_ms;
    cleaner->options = *options;
    if (is_sooner && cleaner->timer.private_state != NULL) {
        cleaner_rest(cleaner);
    }
}

void cleaner_stop(struct cleaner *cleaner)
{
    io_timer_stop(cleaner->store->io, &cleaner->timer);
    if (cleaner->run != NULL) {
        cleaner_run_cancel(cleaner->run);
    }
}

bool cleaner_is_idle(const struct cleaner *cleaner)
{
    return cleaner->run == NULL;
}

void cleaner_check(const struct cleaner *cleaner)
{
    for (list_each (&cleaner->store->log_list, link)) {
        const struct log *log = list_member(link, struct log, store_link);
        check(log->status != 0 || log->clean_offset <= log_stable_offset(log));
    }
}
