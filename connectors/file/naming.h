/* Names of output files, from a template.
 *
 * {topic}, {partition} and {start_offset} stand for the record that begins the file; %Y, %m, %d, %H
 * and the other letters of strftime stand for its time in UTC.
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include "connectors/shared/builder.h"
#include "runtime/plugin/tidemill.h"

/* The path of the file that this record begins. */
void naming_write_path(const char *form, const struct tidemill_record *record, struct builder *out);
/* What all records of one file have in common: its topic and partition and the template with the
 * time filled in, but not {start_offset}. When appending, only what the template itself tells. */
void naming_write_key(const char *form, const struct tidemill_record *record, bool is_appending,
                      struct builder *out);
/* The part of the template before anything that varies, up to its last slash. */
void naming_write_root(const char *form, struct builder *out);
