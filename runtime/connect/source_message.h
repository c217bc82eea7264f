/* What a source's shard tells its plugin's thread, through the worker's mailbox.
 *
 * Owns:   the texts its kind names.
 * Thread: whoever holds it. */
#pragma once

#include "log/io/worker.h"

#include <stddef.h>

enum source_message_kind { SOURCE_MESSAGE_STOP, SOURCE_MESSAGE_ACKED, SOURCE_MESSAGE_RELEASED };

struct source_message {
    struct worker_message head; /* first */
    enum source_message_kind kind;
    char *partition; /* ACKED */
    char *offset;
    size_t size; /* RELEASED: bytes that may be emitted again */
};

/* Copies the texts. */
struct source_message *source_message_new(enum source_message_kind kind, const char *partition,
                                          const char *offset, size_t size);
void source_message_free(struct source_message *message);
