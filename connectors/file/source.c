/* See source.h. The data flows top down: pattern (which files) -> stream (what is behind a path) ->
 * generation (one file) -> reader (its lines) -> the host. */
#include "connectors/file/source.h"

#include "connectors/file/backlog.h"
#include "connectors/file/checkpoint.h"
#include "connectors/file/pattern.h"
#include "connectors/file/reader.h"
#include "connectors/file/rotation.h"
#include "connectors/file/watch.h"

#include <stdlib.h>
#include <unistd.h>

struct source {
    struct pattern_list wanted;
    struct pattern_list unwanted;
    bool is_following;
    bool is_from_end;
    bool is_oldest_first;
    bool has_scanned;
    int64_t rescan_ms;
    int64_t rotate_wait_ms;
    int64_t partial_flush_ms; /* 0: never */
    int64_t scanned_ms;
    struct stream **streams; /* sorted by path */
    size_t stream_count;
    size_t stream_capacity;
    size_t next_index;      /* the stream that the next poll begins with */
    struct backlog backlog; /* filled anew by each poll that wants it */
    struct watch watch;
    struct reader reader;
};

static size_t find_place(const struct source *source, const char *path)
{
    size_t from = 0;
    size_t to = source->stream_count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (strcmp(source->streams[middle]->path, path) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static struct stream *find_stream(const struct source *source, const char *path)
{
    size_t place = find_place(source, path);
    bool is_found = place < source->stream_count && strcmp(source->streams[place]->path, path) == 0;
    return is_found ? source->streams[place] : NULL;
}

static struct stream *add_stream(struct source *source, const char *path)
{
    size_t place = find_place(source, path);
    if (source->stream_count == source->stream_capacity) {
        source->stream_capacity = source->stream_capacity * 2 + 16;
        source->streams =
            builder_resize(source->streams, source->stream_capacity, sizeof *source->streams);
    }
    memmove(&source->streams[place + 1], &source->streams[place],
            (source->stream_count - place) * sizeof *source->streams);
    source->streams[place] = stream_new(path);
    source->stream_count++;
    return source->streams[place];
}

/* --- What was saved --------------------------------------------------------------------------- */

/* An offset that a person wrote has no fingerprint: it is believed as long as the file is there. */
static bool adopt_edited(const struct stream *stream, struct generation *generation)
{
    int descriptor = generation->mark.head_size >= 0 ? -1 : generation_open_file(stream->path);
    if (descriptor < 0) {
        return false;
    }
    struct fingerprint mark;
    if (!fingerprint_take(descriptor, generation->position, &mark)) {
        close(descriptor);
        return false;
    }
    generation->mark = mark;
    generation_move(generation, stream->path, descriptor);
    return true;
}

static void restore_generation(struct tidemill_context *context, struct stream *stream,
                               struct generation *generation, int64_t now_ms)
{
    generation->changed_ms = now_ms;
    if (adopt_edited(stream, generation) || rotation_locate(stream->path, generation)) {
        return;
    }
    generation_finish(generation);
    if (!generation->is_rotated) {
        tidemill_log(context, TIDEMILL_WARN,
                     "the file that was %s is gone; it was read up to byte %lld", stream->path,
                     (long long)generation->position);
        context->host->metric_add(context, "lost_files_total", 1);
    }
    generation->is_rotated = true;
}

static void restore_stream(struct tidemill_context *context, struct source *source,
                           const struct tidemill_saved_offset *saved)
{
    char *path = checkpoint_read_path(saved->source_partition);
    if (path != NULL && pattern_accepts(source->wanted, source->unwanted, path) &&
        find_stream(source, path) == NULL) {
        struct stream *stream = add_stream(source, path);
        int64_t now_ms = context->host->now_ms(context);
        if (!checkpoint_read(saved->source_offset, stream)) {
            tidemill_log(context, TIDEMILL_WARN, "the saved offset of %s is not readable: %s", path,
                         saved->source_offset);
        }
        for (size_t i = 0; i < stream->count; i++) {
            restore_generation(context, stream, stream->generations[i], now_ms);
        }
    }
    free(path);
}

/* --- Which files there are -------------------------------------------------------------------- */

/* Whether the path is a rotated file of another path that is followed. */
static bool is_rotated_name(const struct source *source, const struct pattern_match *match,
                            const char *path)
{
    bool is_rotated = false;
    char *base = builder_copy(path);
    char *slash = strrchr(base, '/');
    for (size_t size = strlen(base); size > 0 && base + size > slash && !is_rotated; size--) {
        if (strchr(".-_", path[size]) == NULL || path[size] == '\0') {
            continue;
        }
        base[size] = '\0';
        is_rotated = (pattern_match_has(match, base) || find_stream(source, base) != NULL) &&
                     rotation_is_sibling(base, path);
    }
    free(base);
    return is_rotated;
}

static bool is_followed(const struct source *source, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return false;
    }
    for (size_t i = 0; i < source->stream_count; i++) {
        if (stream_has_file(source->streams[i], path, &status)) {
            return true;
        }
    }
    return false;
}

static int compare_rotated(const void *left, const void *right, void *base)
{
    return rotation_compare(base, *(char *const *)left, *(char *const *)right);
}

/* A path that is new to us may have rotated files that match too: they come first. */
static void add_history(struct source *source, struct stream *stream,
                        const struct pattern_match *match, int64_t now_ms)
{
    char **paths = builder_alloc(match->count, sizeof *paths);
    size_t count = 0;
    for (size_t i = 0; i < match->count; i++) {
        if (rotation_is_sibling(stream->path, match->paths[i]) &&
            !is_followed(source, match->paths[i])) {
            paths[count++] = match->paths[i];
        }
    }
    qsort_r(paths, count, sizeof *paths, compare_rotated, stream->path);
    for (size_t i = 0; i < count; i++) {
        int descriptor = generation_open_file(paths[i]);
        if (descriptor >= 0) {
            struct generation *generation = generation_new(paths[i], descriptor);
            generation->is_rotated = true;
            generation->changed_ms = now_ms;
            stream_add(stream, generation);
        }
    }
    free(paths);
}

/* Leaves what a file holds already alone; half a line counts as held. */
static void skip_to_end(struct generation *generation)
{
    struct stat status;
    char last = '\n';
    if (fstat(generation->descriptor, &status) != 0 || status.st_size == 0) {
        return;
    }
    generation->position = status.st_size;
    generation->is_skipping =
        pread(generation->descriptor, &last, 1, status.st_size - 1) == 1 && last != '\n';
    (void)fingerprint_take(generation->descriptor, generation->position, &generation->mark);
}

static void begin_stream(struct source *source, const struct pattern_match *match, const char *path,
                         int64_t now_ms)
{
    if (is_rotated_name(source, match, path) || is_followed(source, path)) {
        return;
    }
    bool skips = source->is_from_end && !source->has_scanned;
    struct stream *stream = add_stream(source, path);
    stream->is_matched = true;
    if (!skips) {
        add_history(source, stream, match, now_ms);
    }
    (void)stream_update(stream, now_ms);
    struct generation *newest = stream_newest(stream);
    if (skips && newest != NULL) {
        skip_to_end(newest);
    }
}

/* What a matched path stands for: app.log.1 is the past of app.log, also while there is no app.log.
 */
static void begin_path(struct source *source, const struct pattern_match *match, const char *path,
                       int64_t now_ms)
{
    char *base = builder_copy(path);
    if (rotation_cut_counter(base) && pattern_accepts(source->wanted, source->unwanted, base)) {
        if (find_stream(source, base) == NULL) {
            begin_stream(source, match, base, now_ms);
        }
    } else {
        begin_stream(source, match, path, now_ms);
    }
    free(base);
}

static void update_stream(struct tidemill_context *context, struct source *source,
                          struct stream *stream, int64_t now_ms)
{
    switch (stream_update(stream, now_ms)) {
    case STREAM_SAME:
        break;
    case STREAM_ROTATED:
        context->host->metric_add(context, "rotated_total", 1);
        break;
    case STREAM_REMOVED:
        context->host->metric_add(context, "removed_total", 1);
        break;
    }
    if (source->is_following) {
        watch_add_folder_of(&source->watch, stream->path);
        watch_add_file(&source->watch, stream->path);
    }
}

static void remove_finished(struct source *source)
{
    size_t kept = 0;
    for (size_t i = 0; i < source->stream_count; i++) {
        struct stream *stream = source->streams[i];
        if (stream_is_over(stream)) {
            for (size_t j = 0; j < stream->count; j++) {
                reader_forget(&source->reader, stream->generations[j]);
            }
            stream_free(stream);
        } else {
            source->streams[kept++] = stream;
        }
    }
    source->stream_count = kept;
}

static void scan(struct tidemill_context *context, struct source *source)
{
    int64_t now_ms = context->host->now_ms(context);
    struct pattern_match match;
    for (size_t i = 0; source->is_following && i < source->wanted.count; i++) {
        watch_add_folder_of(&source->watch, source->wanted.texts[i]);
    }
    for (size_t i = 0; i < source->stream_count; i++) {
        source->streams[i]->is_matched = false;
        update_stream(context, source, source->streams[i], now_ms);
    }
    pattern_find(source->wanted, source->unwanted, &match);
    for (size_t i = 0; i < match.count; i++) {
        struct stream *stream = find_stream(source, match.paths[i]);
        if (stream != NULL) {
            stream->is_matched = true;
        } else {
            begin_path(source, &match, match.paths[i], now_ms);
            stream = find_stream(source, match.paths[i]);
            if (stream != NULL) {
                update_stream(context, source, stream, now_ms);
            }
        }
    }
    pattern_match_fini(&match);
    remove_finished(source);
    context->host->metric_set(context, "files", (double)source->stream_count);
    source->has_scanned = true;
    source->scanned_ms = now_ms;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* Whether an unfinished last line is to be emitted as it is. */
static bool is_line_over(const struct source *source, const struct generation *generation,
                         int64_t now_ms)
{
    int64_t idle_ms = now_ms - generation->changed_ms;
    return !source->is_following || (generation->is_rotated && idle_ms >= source->rotate_wait_ms) ||
           (source->partial_flush_ms > 0 && idle_ms >= source->partial_flush_ms);
}

/* With `is_at_end` the next file may be read; a rotated one is closed after a while. */
static enum tidemill_status read_generation(struct tidemill_context *context, struct source *source,
                                            struct stream *stream, struct generation *generation,
                                            struct reader_budget *budget, bool *is_at_end)
{
    int64_t now_ms = context->host->now_ms(context);
    bool is_over = is_line_over(source, generation, now_ms);
    enum tidemill_status status =
        reader_read(&source->reader, stream, generation, budget, is_over, is_at_end);
    bool is_drained = status == TIDEMILL_OK && *is_at_end && generation->is_rotated &&
                      generation->position >= generation->seen_size &&
                      now_ms - generation->changed_ms >= source->rotate_wait_ms;
    if (is_drained) {
        reader_forget(&source->reader, generation);
        generation_finish(generation);
    }
    return status;
}

static enum tidemill_status read_stream(struct tidemill_context *context, struct source *source,
                                        struct stream *stream, struct reader_budget *budget)
{
    for (size_t i = 0; i < stream->count; i++) {
        struct generation *generation = stream->generations[i];
        bool is_at_end = true;
        enum tidemill_status status = TIDEMILL_OK;
        if (!generation->is_done) {
            status = read_generation(context, source, stream, generation, budget, &is_at_end);
        }
        if (status != TIDEMILL_OK || !is_at_end) {
            return status;
        }
    }
    stream_trim(stream);
    return TIDEMILL_OK;
}

static bool is_spent(const struct reader_budget *budget)
{
    return budget->record_count == 0 || budget->byte_count == 0;
}

static enum tidemill_status read_side_by_side(struct tidemill_context *context,
                                              struct source *source, struct reader_budget *budget)
{
    source->next_index++;
    for (size_t i = 0; i < source->stream_count; i++) {
        size_t index = (source->next_index + i) % source->stream_count;
        enum tidemill_status status = read_stream(context, source, source->streams[index], budget);
        if (status != TIDEMILL_OK || is_spent(budget)) {
            return status;
        }
    }
    return TIDEMILL_OK;
}

static enum tidemill_status read_oldest_first(struct tidemill_context *context,
                                              struct source *source, struct reader_budget *budget)
{
    bool is_at_end = true;
    backlog_fill(&source->backlog, source->streams, source->stream_count);
    for (size_t i = 0; i < source->backlog.count && is_at_end && !is_spent(budget); i++) {
        const struct backlog_entry *entry = &source->backlog.entries[i];
        enum tidemill_status status =
            read_generation(context, source, entry->stream, entry->generation, budget, &is_at_end);
        if (status != TIDEMILL_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < source->stream_count; i++) {
        stream_trim(source->streams[i]);
    }
    return TIDEMILL_OK;
}

static enum tidemill_status read_streams(struct tidemill_context *context, struct source *source,
                                         struct reader_budget *budget)
{
    return source->is_oldest_first ? read_oldest_first(context, source, budget)
                                   : read_side_by_side(context, source, budget);
}

/* How long nothing needs to be looked at unless something happens. */
static int64_t scan_delay(struct tidemill_context *context, const struct source *source)
{
    int64_t since_ms = context->host->now_ms(context) - source->scanned_ms;
    /* The wall clock may have been set back. */
    return since_ms < 0 || since_ms >= source->rescan_ms ? 0 : source->rescan_ms - since_ms;
}

static enum tidemill_status source_poll(struct tidemill_context *context, size_t max_records,
                                        size_t max_bytes, int64_t wait_ms)
{
    struct source *source = context->instance;
    struct reader_budget budget = {.record_count = max_records, .byte_count = max_bytes};
    if (!source->has_scanned || (source->is_following && scan_delay(context, source) == 0)) {
        scan(context, source);
    }
    enum tidemill_status status = read_streams(context, source, &budget);
    if (status != TIDEMILL_OK || budget.emitted_count > 0) {
        return status;
    }
    int64_t delay_ms = source->is_following ? scan_delay(context, source) : wait_ms;
    int events = watch_wait(&source->watch, wait_ms < delay_ms ? wait_ms : delay_ms);
    if ((events & WATCH_FOLDER) != 0) {
        scan(context, source);
    }
    if ((events & WATCH_INTERRUPTED) != 0 || events == 0) {
        return TIDEMILL_AGAIN;
    }
    status = read_streams(context, source, &budget);
    return status == TIDEMILL_OK && budget.emitted_count == 0 ? TIDEMILL_AGAIN : status;
}

/* --- Life ------------------------------------------------------------------------------------- */

static struct pattern_list read_list(struct tidemill_context *context, const char *name)
{
    const struct tidemill_option_value *value = tidemill_option_get(context, name);
    return (struct pattern_list){.texts = value->items, .count = value->item_count};
}

static enum tidemill_status source_open(struct tidemill_context *context,
                                        const struct tidemill_saved_offset *offsets, size_t count)
{
    struct source *source = builder_alloc(1, sizeof *source);
    if (!watch_open(&source->watch)) {
        free(source);
        return tidemill_fail(context, TIDEMILL_RETRY, "no descriptor is left for the file source");
    }
    source->wanted = read_list(context, "path");
    source->unwanted = read_list(context, "exclude");
    source->is_following = tidemill_option_bool(context, "follow");
    source->is_from_end = tidemill_option_integer(context, "from") == 1;
    source->is_oldest_first = tidemill_option_bool(context, "oldest_first");
    source->rescan_ms = tidemill_option_integer(context, "rescan_interval");
    source->rotate_wait_ms = tidemill_option_integer(context, "rotate_wait");
    source->partial_flush_ms = tidemill_option_integer(context, "partial_flush");
    reader_init(&source->reader, context);
    context->instance = source;
    for (size_t i = 0; i < count; i++) {
        restore_stream(context, source, &offsets[i]);
    }
    return TIDEMILL_OK;
}

static void source_interrupt(struct tidemill_context *context)
{
    struct source *source = context->instance;
    watch_interrupt(&source->watch);
}

static void source_close(struct tidemill_context *context)
{
    struct source *source = context->instance;
    for (size_t i = 0; i < source->stream_count; i++) {
        stream_free(source->streams[i]);
    }
    free(source->streams);
    backlog_fini(&source->backlog);
    reader_fini(&source->reader);
    watch_close(&source->watch);
    free(source);
    context->instance = NULL;
}

static enum tidemill_status source_validate(struct tidemill_context *context)
{
    if (tidemill_option_get(context, "path")->item_count == 0) {
        return tidemill_fail(context, TIDEMILL_FATAL, "path names no file");
    }
    return TIDEMILL_OK;
}

static const struct tidemill_option options[] = {
    {.name = "path",
     .type = TIDEMILL_OPTION_LIST,
     .flags = TIDEMILL_OPTION_REQUIRED,
     .help = "Files to follow: paths or glob patterns (* ? [a-z]).",
     .alias = "file"},
    {.name = "exclude",
     .type = TIDEMILL_OPTION_LIST,
     .help = "Patterns of files to leave out; one without a slash is held against the name alone."},
    {.name = "from",
     .type = TIDEMILL_OPTION_ENUM,
     .fallback = "beginning",
     .allowed = "beginning|end",
     .help = "Where to start in files that are there at the first start and have no saved offset."},
    {.name = "oldest_first",
     .type = TIDEMILL_OPTION_BOOL,
     .fallback = "false",
     .help = "Read the file written to longest ago to its end before the next one is begun, "
             "instead of all of them side by side."},
    {.name = "follow",
     .type = TIDEMILL_OPTION_BOOL,
     .fallback = "true",
     .help = "Wait for more at the end of files and for new files; false reads what is there."},
    {.name = "key",
     .type = TIDEMILL_OPTION_ENUM,
     .fallback = "path",
     .allowed = "path|none",
     .help = "The record's key. With the path all lines of a file stay in one partition."},
    {.name = "file_header",
     .type = TIDEMILL_OPTION_BOOL,
     .fallback = "false",
     .help = "Adds the header file with the path."},
    {.name = "offset_header",
     .type = TIDEMILL_OPTION_BOOL,
     .fallback = "false",
     .help = "Adds the header offset with the place of the line's first byte."},
    {.name = "max_line_bytes",
     .type = TIDEMILL_OPTION_SIZE,
     .fallback = "1000KiB",
     .allowed = "1..64MiB",
     .help = "A longer line is cut here and gets the header truncated=true; its rest is skipped."},
    {.name = "partial_flush",
     .type = TIDEMILL_OPTION_DURATION,
     .fallback = "0",
     .allowed = "0..",
     .help = "Emits a last line without a newline after this time without growth; 0 holds it."},
    {.name = "rotate_wait",
     .type = TIDEMILL_OPTION_DURATION,
     .fallback = "5s",
     .allowed = "0..",
     .help = "How long a rotated file is still read after it grew last."},
    {.name = "rescan_interval",
     .type = TIDEMILL_OPTION_DURATION,
     .fallback = "1s",
     .allowed = "1..",
     .help = "How often to look for new and rotated files when nothing announced them."},
};

static const struct tidemill_source functions = {
    .size = sizeof functions,
    .open = source_open,
    .poll = source_poll,
    .interrupt = source_interrupt,
    .close = source_close,
};

const struct tidemill_kind source_kind = {
    .size = sizeof source_kind,
    .type = TIDEMILL_SOURCE,
    .capabilities = TIDEMILL_SINGLE_TASK,
    .name = "file",
    .help = "Follows text files, a record per line, through rotation, truncation and restarts.",
    .alias = "org.apache.kafka.connect.file.FileStreamSourceConnector",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .source = &functions,
    .validate = source_validate,
};
