/* A thread beside the main one. Only log/io includes it.
 *
 * Keeps:  signals are the main thread's: no other sees one, but for those that it raises by what it
 *         does (a fault), which a handler may have something to say about.
 * Thread: any. */
#pragma once

#include <pthread.h>

void thread_start(pthread_t *out, void *(*run)(void *argument), void *argument);
