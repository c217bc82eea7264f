/* Waits for something to happen to files, or for an interrupt.
 *
 * inotify only shortens the wait: whoever waits looks again after a while anyway, so a lost event,
 * a full queue or a file system without inotify costs time, never lines.
 *
 * Owns:   the inotify and event descriptors.
 * Thread: the task's; watch_interrupt: any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct watch {
    int notify; /* -1 when the system has no more */
    int interrupt;
};

enum watch_event {
    WATCH_FILE = 1,        /* a file was written to */
    WATCH_FOLDER = 2,      /* names appeared, moved or went */
    WATCH_INTERRUPTED = 4, /* watch_interrupt was called */
};

/* False when not even an interrupt can be received. */
bool watch_open(struct watch *watch);
void watch_close(struct watch *watch);
/* Adding again is harmless. */
void watch_add_file(struct watch *watch, const char *path);
/* The folder that holds `path`. */
void watch_add_folder_of(struct watch *watch, const char *path);
/* A set of enum watch_event; 0 when the time passed. */
int watch_wait(struct watch *watch, int64_t timeout_ms);
void watch_interrupt(struct watch *watch);
