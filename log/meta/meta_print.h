/* A command of the metadata log as one line of text, for people who look into it.
 *
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"

/* Appends "topic_created {name: orders, id: …}"; false, with nothing added, when the bytes are no
 * command. */
bool meta_print(struct bytes command, struct buffer *out);
