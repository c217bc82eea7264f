/* A list in order of time and a timer for its head. */
#include "log/store/graveyard.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct graveyard_grave {
    struct list_link link;
    char *path;
    uint64_t due_ns;
    bool is_directory;
};

struct graveyard_listing {
    struct io *io;
    const char *path;
};

static int graveyard_remove_file(struct io *io, const char *path)
{
    int error = io_path_remove(io, path);
    if (error == 0 || error == ERROR_NOT_FOUND) {
        return 0;
    }
    trace(TRACE_WARN, "graveyard.remove_failed", TRACE_STRING("path", path),
          TRACE_STRING("error", error_name(error)));
    return error;
}

static void graveyard_on_entry(void *owner, const char *entry, bool is_directory)
{
    const struct graveyard_listing *listing = owner;
    char path[PATH_MAX];
    if (!is_directory &&
        snprintf(path, sizeof path, "%s/%s", listing->path, entry) < (int)sizeof path) {
        (void)graveyard_remove_file(listing->io, path);
    }
}

int graveyard_remove_directory(struct io *io, const char *path)
{
    struct graveyard_listing listing = {io, path};
    int error = io_dir_list(io, path, graveyard_on_entry, &listing);
    return error == 0 ? graveyard_remove_file(io, path) : error;
}

static void graveyard_free_grave(struct graveyard_grave *grave)
{
    list_remove(&grave->link);
    free(grave->path);
    free(grave);
}

static void graveyard_start_timer(struct graveyard *graveyard)
{
    if (list_is_empty(&graveyard->graves)) {
        io_timer_stop(graveyard->io, &graveyard->timer);
        return;
    }
    const struct graveyard_grave *first =
        list_member(graveyard->graves.head.next, struct graveyard_grave, link);
    uint64_t now_ns = io_now(graveyard->io);
    io_timer_start(graveyard->io, &graveyard->timer,
                   first->due_ns > now_ns ? first->due_ns - now_ns : 0);
}

static void graveyard_on_timer(struct io_timer *timer)
{
    struct graveyard *graveyard = timer->owner;
    uint64_t now_ns = io_now(graveyard->io);
    for (list_each (&graveyard->graves, link)) {
        struct graveyard_grave *grave = list_member(link, struct graveyard_grave, link);
        if (grave->due_ns > now_ns) {
            break;
        }
        if (grave->is_directory) {
            (void)graveyard_remove_directory(graveyard->io, grave->path);
        } else {
            (void)graveyard_remove_file(graveyard->io, grave->path);
        }
        graveyard_free_grave(grave);
    }
    graveyard_start_timer(graveyard);
}

void graveyard_init(struct graveyard *graveyard, struct io *io)
{
    *graveyard = (struct graveyard){
        .io = io,
        .timer = {.fired = graveyard_on_timer, .owner = graveyard},
    };
    list_init(&graveyard->graves);
}

void graveyard_fini(struct graveyard *graveyard)
{
    io_timer_stop(graveyard->io, &graveyard->timer);
    for (list_each (&graveyard->graves, link)) {
        graveyard_free_grave(list_member(link, struct graveyard_grave, link));
    }
}

void graveyard_add(struct graveyard *graveyard, const char *path, bool is_directory,
                   int64_t delay_ms)
{
    struct graveyard_grave *grave = memory_new(struct graveyard_grave);
    grave->path = memory_string(path);
    grave->is_directory = is_directory;
    grave->due_ns = io_now(graveyard->io) + io_delay_ns(delay_ms);
    struct list_link *place = &graveyard->graves.head;
    while (place->previous != &graveyard->graves.head &&
           list_member(place->previous, struct graveyard_grave, link)->due_ns > grave->due_ns) {
        place = place->previous;
    }
    list_insert_before(place, &grave->link);
    graveyard_start_timer(graveyard);
}
