/* An application that is played with records of a real cluster: a script and its driver, with the
 * partition counts that its topics have there, and the slice of its inputs that is read. Nothing is
 * written to the cluster.
 *
 * Owns:   the script and the driver, from play_open to play_close; ranges live in the errand's
 *         arena.
 * Keeps:  topics of tables are read from their start, whatever part of the others is meant.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/offset_spec.h"
#include "runtime/cli/slice_reader.h"
#include "runtime/driver/driver.h"
#include "runtime/main/named_script.h"

struct play {
    struct errand *errand;
    const char *path;
    struct named_script source;
    struct script *script; /* its */
    const struct topology *topology;
    struct driver *driver;
    const char **outputs; /* topics of sinks, late records, dead letters, and of emit as far as we
                           * know them: declared, named by the script, or written to so far */
    size_t output_count;
    size_t output_capacity;
    const char **named; /* other topics of the cluster whose names stand in the script */
    size_t named_count;
    const char **looped; /* topics that it reads, and wrote to with emit alone */
    size_t looped_count;
    size_t seen_count;     /* of what the driver wrote to */
    bool is_open;          /* it can emit to topics whose names are known only when it does */
    size_t decision_count; /* about time, of the slice */
    bool has_lost_places;  /* of some of them */
};

enum { PLAY_NOTE_MAX = 6 }; /* with the NULL at the end */

struct play_slice {
    struct topic_sweep_range *ranges;
    size_t count;        /* by topic and partition */
    const char **tables; /* topics that are read from their start */
    size_t table_count;
    bool is_from_start; /* of every topic, as far as the cluster still has it */
};

/* Reads the value of a flag, `kind` when it was not given: COMMAND_OK, or an exit code after a
 * complaint; so with the others. */
must_use int play_read_spec(struct command_world *world, const char *flag, const char *text,
                            enum offset_spec_kind kind, struct offset_spec *out);
/* `plugins`: more places for them; an empty list for none. */
must_use int play_open(struct play *play, struct errand *errand, const char *path,
                       const struct flag_list *plugins);
void play_close(struct play *play);
bool play_is_read(const struct topology *topology, const char *topic);
/* The application writes this topic, too; not a repartition topic. */
void play_add_output(struct play *play, const char *topic);
/* Topics that it wrote to since the last time, and that nobody knew of, become outputs. */
void play_find_written(struct play *play);
/* The topics that it wrote to, or may write to by their names, and that are no outputs: NULL behind
 * the last. */
const char **play_uncompared(struct play *play);
/* The inputs of `plays`, each once. Times and offsets are those of `consume -o`. */
must_use int play_choose(struct play *plays, size_t count, const struct offset_spec *from,
                         const struct offset_spec *to, struct play_slice *out);
/* Whether the record may lie before the slice, because a table needs it. */
bool play_is_prelude(const struct play_slice *slice, const struct record *record);
/* Ranges begin where the spec says instead. */
must_use int play_move_starts(struct errand *errand, const struct offset_spec *from,
                              struct topic_sweep_range *ranges, size_t count);
/* Before the first record that belongs to the slice, which has this time: what was decided there
 * about time is repeated. */
must_use int play_begin(struct play *play, const struct play_slice *slice, int64_t first_ms);
/* No more is fed. `is_whole`: the slice reaches to the end of the topics, so that every decision
 * was taken. */
must_use int play_end(struct play *play, bool is_whole);
/* With a trail: what becomes of the record is written down there. */
must_use int play_feed(struct play *play, const struct record *record, struct driver_trail *trail);
/* For a slice_reader: by which time the application orders a record. */
int64_t play_order_ms(void *owner, const struct record *record);
/* Whether the application writes the topic that it reads: it is played, not fed. */
bool play_is_written(const struct play *play, const char *topic);
/* Whether something closes when nothing comes. */
bool play_has_idle(const struct play *play);
/* Sentences for people about what a play of this slice cannot show; NULL at the end of the list. */
void play_notes(const struct play *play, const struct play_slice *slice,
                const char *out[PLAY_NOTE_MAX]);
