/* The real world behind the seam: libuv for the loop, sockets and background threads, system calls
 * for files.
 *
 * Owns:   one loop and everything on it.
 * Keeps:  an idle loop sleeps in the kernel: nothing polls.
 * Thread: the one that called io_uv_new, for life; io_uv_stop and io_post from any.
 * File metadata, reads that the page cache serves and writes into it are direct system calls:
 * handing them to another thread costs more than they do. Syncs, reads that wait and io_work run
 * on libuv's thread pool. */
#pragma once

#include "log/io/io.h"

struct io *io_uv_new(void);
/* Runs until io_uv_stop; may be called again. Blocks SIGPIPE in the calling thread. */
void io_uv_run(struct io *io);
/* Thread: any. io_uv_run returns after the round of callbacks that runs now. */
void io_uv_stop(struct io *io);
/* Ends what is still open without calling anybody back; waits for the thread pool. NULL is fine.
 * Nobody may post to it any more. */
void io_uv_free(struct io *io);
/* Calls `arrived` on the loop for every such signal from now on; for the main thread's loop. */
void io_uv_on_signal(struct io *io, int signal_number,
                     void (*arrived)(void *owner, int signal_number), void *owner);
/* A stream over a connected socket that this process made or inherited, which is the stream's from
 * now on, unless there is an error; to be watched before the loop turns. */
must_use int io_uv_adopt(struct io *io, int descriptor, struct io_stream **out);
/* Thread: any. Whether the io is of this kind and the calling thread is not its own. */
bool io_uv_is_foreign(const struct io *io);
