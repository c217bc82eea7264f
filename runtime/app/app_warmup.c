/* How far stores are, for who deals the tasks: a member tells it with each join, and asks to join
 * again when it has caught up with what it is to get (runtime/client/assignor_warmup.h).
 *
 * It is told of partitions, since these are dealt: the sum over the stores of all parts that read
 * one of them together. What tasks left in their directories counts as well, as far as it was
 * checkpointed: who had a partition is near to having it again, and so are the other threads of the
 * process, which share the directories.
 *
 * Keeps:  (1) a partition is told when all of its stores that have changelogs are known, else it is
 *             not: the leader then believes an owner, and nobody else;
 *         (2) the group is asked for what a warm-up waits for once it has caught up, and if that is
 *             not given, again after a while, not at once.
 * From when it is given until its owner has given it up nobody works on it: we ask meanwhile
 * whether there is a new generation, so that this does not take until the next heartbeat. */
#include "log/base/memory.h"
#include "runtime/app/app_state.h"

#include <stdlib.h>
#include <string.h>

enum { APP_WARMUP_LOOK_NS = 100000000 };

static const uint64_t APP_WARMUP_ASK_AGAIN_NS = 10000000000;

void app_warmup_init(struct app *app)
{
    const struct member_options usual = member_options_default("");
    struct app_options *options = &app->options;
    options->recovery_lag =
        options->recovery_lag == 0 ? usual.acceptable_lag : options->recovery_lag;
    options->warmup_count = options->warmup_count == 0 ? usual.warmups_max : options->warmup_count;
    options->probing_interval_ms = options->probing_interval_ms == 0 ? usual.probing_interval_ms
                                                                     : options->probing_interval_ms;
}

static struct app_remnant *app_warmup_find(const struct app *app, const struct topology_part *part,
                                           int32_t partition)
{
    for (struct list_link *link = app->remnants.head.next; link != &app->remnants.head;
         link = link->next) {
        struct app_remnant *remnant = list_member(link, struct app_remnant, link);
        if (remnant->part == part && remnant->partition == partition) {
            return remnant;
        }
    }
    return NULL;
}

void app_warmup_leave(struct app_task *row)
{
    struct app *app = row->app;
    struct task_reach reach;
    struct app_remnant *remnant = app_warmup_find(app, row->part, row->partition);
    bool is_known = app->state_directory != NULL && app_standby_has_changelog(row->part) &&
                    task_read_reach(row->task, &reach) && reach.kept >= 0;
    if (!is_known) {
        return;
    }
    if (remnant == NULL) {
        remnant = memory_new(struct app_remnant);
        remnant->part = row->part;
        remnant->partition = row->partition;
        list_add(&app->remnants, &remnant->link);
    }
    remnant->position = reach.kept;
    remnant->end = reach.end;
}

void app_warmup_fini(struct app *app)
{
    for (list_each (&app->remnants, link)) {
        struct app_remnant *remnant = list_member(link, struct app_remnant, link);
        list_remove(&remnant->link);
        free(remnant);
    }
}

static bool app_warmup_read_part(const struct app *app, const struct topology_part *part,
                                 int32_t partition, struct task_reach *out)
{
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        const struct app_task *row = list_member(link, const struct app_task, link);
        bool is_it = row->part == part && row->partition == partition && row->task != NULL &&
                     !row->is_closing;
        bool is_known = is_it && task_read_reach(row->task, out);
        if (is_known || (is_it && !row->is_standby)) {
            return is_known;
        }
    }
    const struct app_remnant *remnant = app_warmup_find(app, part, partition);
    if (remnant != NULL) {
        *out = (struct task_reach){.position = remnant->position, .end = remnant->end};
    }
    return remnant != NULL;
}

static int32_t app_warmup_partition_count(const struct app *app, const char *topic)
{
    const struct client_topic *known = client_find_topic(app->client, topic);
    return known == NULL ? 0 : known->partition_count;
}

/* The part has a task of this number, with something to catch up with. */
static bool app_warmup_takes_part(const struct app *app, const struct topology_part *part,
                                  int32_t partition)
{
    bool has_partition = false;
    for (size_t i = 0; i < part->topic_count; i++) {
        has_partition =
            has_partition || partition < app_warmup_partition_count(app, part->topics[i]);
    }
    return has_partition && app_standby_has_changelog(part);
}

static int app_warmup_unit(const struct app *app, const struct topology_part *part)
{
    for (size_t i = 0; part->topic_count > 0 && i < app->topic_count; i++) {
        if (strcmp(app->topic_names[i], part->topics[0]) == 0) {
            return app->topic_units[i];
        }
    }
    return -1;
}

/* The sum over the parts that are dealt together. False when one is unknown, or there is none. */
static bool app_warmup_read_unit(const struct app *app, int unit, int32_t partition,
                                 struct task_reach *sum)
{
    bool has_any = false;
    *sum = (struct task_reach){0};
    for (size_t i = 0; i < topology_part_count(app->topology); i++) {
        const struct topology_part *part = topology_part_at(app->topology, i);
        struct task_reach reach;
        if (app_warmup_unit(app, part) != unit || !app_warmup_takes_part(app, part, partition)) {
            continue;
        }
        if (!app_warmup_read_part(app, part, partition, &reach)) {
            return false;
        }
        sum->position += reach.position;
        sum->end += reach.end;
        has_any = true;
    }
    return has_any;
}

size_t app_warmup_tell(void *owner, struct arena *arena, struct member_position **out)
{
    const struct app *app = owner;
    size_t count_max = 0;
    size_t count = 0;
    for (size_t i = 0; i < app->topic_count; i++) {
        count_max += (size_t)app_warmup_partition_count(app, app->topic_names[i]);
    }
    *out = arena_array(arena, struct member_position, count_max);
    for (size_t i = 0; i < app->topic_count; i++) {
        const char *topic = app->topic_names[i];
        for (int32_t j = 0; j < app_warmup_partition_count(app, topic); j++) {
            struct task_reach sum;
            if (app_warmup_read_unit(app, app->topic_units[i], j, &sum)) {
                (*out)[count++] = (struct member_position){topic, j, sum.position, sum.end};
            }
        }
    }
    return count;
}

/* A copy for which the group is to be asked now. */
static bool app_warmup_is_done(const struct app_task *row)
{
    const struct app *app = row->app;
    struct task_reach sum;
    return row->is_standby && row->is_warmup && !row->is_closing &&
           io_now(app->io) >= row->ask_after &&
           app_warmup_read_unit(app, app_warmup_unit(app, row->part), row->partition, &sum) &&
           sum.end - sum.position <= app->options.recovery_lag;
}

void app_warmup_watch(struct app *app)
{
    for (list_each (&app->tasks, link)) {
        const struct app_task *row = list_member(link, struct app_task, link);
        if (row->is_warmup || row->is_coming) {
            io_timer_start(app->io, &app->warmup_timer, APP_WARMUP_LOOK_NS);
            return;
        }
    }
}

void app_warmup_on_time(struct io_timer *timer)
{
    struct app *app = timer->owner;
    bool is_asking = false;
    bool is_coming = false;
    if (app->state != APP_RUNNING || app->is_closing) {
        return;
    }
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        row->is_coming = row->is_coming && row->is_standby && io_now(app->io) < row->ask_after;
        is_coming = is_coming || row->is_coming;
        is_asking = is_asking || app_warmup_is_done(row);
    }
    if (is_coming) {
        member_ask(app->member);
    }
    if (is_asking && member_probe(app->member)) {
        for (list_each (&app->tasks, link)) {
            struct app_task *row = list_member(link, struct app_task, link);
            bool is_done = app_warmup_is_done(row);
            row->ask_after = is_done ? io_now(app->io) + APP_WARMUP_ASK_AGAIN_NS : row->ask_after;
        }
    }
    app_warmup_watch(app);
}
