/* The seeds of the corpora, the same in every run. Each file of seeds knows some targets; the
 * folder is that of the corpora. */
#pragma once

#include "log/base/bytes.h"

/* `name` is TARGET/NAME. */
void seeds_save(const char *folder, const char *name, struct bytes content);

/* Every message in its first and last version; batches of every codec and kind. */
void seeds_wire(const char *folder);
/* A producer snapshot, a sparse index, segments. */
void seeds_store(const char *folder);
/* Records of groups, the consumer protocol, commands of the metadata log. */
void seeds_group(const char *folder);
/* What is written as text: rows of seeds_text.c. */
void seeds_text(const char *folder);
/* Conversations with a broker. */
void seeds_server(const char *folder);
