/* The name under which a process is known in its groups: group.instance.id (KIP-345), kept beside
 * its stores, so that a restart takes its partitions at once instead of waiting for its old member
 * to time out.
 *
 *     STATE/instance-id    16 hexadecimal digits
 *
 * Owns:   the open file, whose lock says that the name is in use.
 * Keeps:  two processes never have one name: the second to lock the file goes without.
 * Thread: the main thread. */
#pragma once

#include "log/io/io.h"

enum { INSTANCE_ID_SIZE = 17, INSTANCE_NAME_MAX = 64 };

struct instance {
    struct io *io;
    struct io_file *file; /* locked; NULL while there is none */
    char id[INSTANCE_ID_SIZE];
    bool is_new; /* to be written by instance_write */
};

/* Whether a person may give a process this name: what Kafka takes, and short enough for the ids
 * that are made of it. */
bool instance_is_name(const char *text);
/* Reads the name that the directory has, or makes one up without leaving a trace. NULL: somebody
 * else uses it, and this process has none. */
const char *instance_read(struct instance *instance, struct io *io, const char *directory);
/* Makes the directory and keeps a new name in it. What cannot be written is only not remembered. */
void instance_write(struct instance *instance, const char *directory);
void instance_close(struct instance *instance);
