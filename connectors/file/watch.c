/* Waits on inotify and an eventfd with poll(2). See watch.h. */
#include "connectors/file/watch.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    FOLDER_MASK = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR,
    FILE_MASK = IN_MODIFY | IN_MASK_ADD,
};

bool watch_open(struct watch *watch)
{
    watch->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    watch->interrupt = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (watch->interrupt < 0 && watch->notify >= 0) {
        close(watch->notify);
    }
    return watch->interrupt >= 0;
}

void watch_close(struct watch *watch)
{
    if (watch->notify >= 0) {
        close(watch->notify);
    }
    close(watch->interrupt);
}

void watch_add_file(struct watch *watch, const char *path)
{
    if (watch->notify >= 0) {
        (void)inotify_add_watch(watch->notify, path, FILE_MASK);
    }
}

void watch_add_folder_of(struct watch *watch, const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int size = slash == NULL ? 0 : (int)(slash - path) + 1;
    snprintf(folder, sizeof folder, "%.*s", size, path);
    if (watch->notify >= 0) {
        (void)inotify_add_watch(watch->notify, size == 0 ? "." : folder, FOLDER_MASK);
    }
}

static int read_notifications(struct watch *watch)
{
    char events[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    int found = 0;
    for (;;) {
        ssize_t size = read(watch->notify, events, sizeof events);
        if (size <= 0) {
            return found;
        }
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event =
                (const struct inotify_event *)(const void *)(events + at);
            found |= (event->mask & IN_MODIFY) != 0 ? WATCH_FILE : WATCH_FOLDER;
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
}

int watch_wait(struct watch *watch, int64_t timeout_ms)
{
    struct pollfd descriptors[] = {
        {.fd = watch->interrupt, .events = POLLIN},
        {.fd = watch->notify, .events = POLLIN},
    };
    int timeout = timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
    int found = 0;
    if (poll(descriptors, 2, timeout < 0 ? 0 : timeout) <= 0) {
        return 0;
    }
    uint64_t ignored;
    if (descriptors[0].revents != 0 && read(watch->interrupt, &ignored, sizeof ignored) > 0) {
        found |= WATCH_INTERRUPTED;
    }
    if (descriptors[1].revents != 0) {
        found |= read_notifications(watch);
    }
    return found;
}

void watch_interrupt(struct watch *watch)
{
    uint64_t one = 1;
    ssize_t written = write(watch->interrupt, &one, sizeof one);
    (void)written;
}
