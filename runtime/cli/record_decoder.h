/* What the records of the broker's own topics say: offsets and groups, transactions, the metadata
 * log.
 *
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include "runtime/cli/dump_writer.h"

/* The topic of a segment by the name of its directory, "data/__consumer_offsets-3"; empty for a
 * file that lies in none. */
struct bytes record_decoder_topic(const char *path);
/* Adds fields, "key" and "payload" of most, for a record of one of these topics; false, with
 * nothing added, for any other record and for one that cannot be read. */
bool record_decoder_print(struct bytes topic, bool is_control, const struct batch_record *record,
                          struct dump_writer *writer);
