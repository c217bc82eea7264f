/* What `log dump` prints: files, their entries, and the fields of each; as lines of `name: value`,
 * the words of Kafka's own dump tool, or with the same names as one JSON document:
 *
 *     [{"file":"orders-0/00000000000000000000.log","entries":[{"baseOffset":0, …,"records":[…]}]}]
 *
 * Owns:   nothing; what is written is appended to `out`, which may be emptied between the calls.
 * Keeps:  what is opened is closed before its neighbour is.
 * Thread: the main thread. */
#pragma once

#include "log/wire/batch.h"

struct dump_writer {
    struct buffer *out;
    bool is_json;
    bool has_file;    /* before this one */
    bool has_entry;   /* of this file */
    bool has_field;   /* of this entry */
    bool has_records; /* of this entry */
};

void dump_writer_open_file(struct dump_writer *writer, const char *path);
/* `problem`: why it could not be read to its end; NULL: it was. Only JSON
 * shows it; people are told by a complaint. */
void dump_writer_close_file(struct dump_writer *writer, const char *problem);
/* Behind the last file. */
void dump_writer_close(struct dump_writer *writer);

void dump_writer_open_entry(struct dump_writer *writer);
void dump_writer_close_entry(struct dump_writer *writer);
/* Behind the fields of a batch; an entry for each record comes next. */
void dump_writer_open_records(struct dump_writer *writer);
void dump_writer_open_record(struct dump_writer *writer);
void dump_writer_close_record(struct dump_writer *writer);
void dump_writer_close_records(struct dump_writer *writer);

void dump_writer_add_number(struct dump_writer *writer, const char *name, int64_t number);
void dump_writer_add_bool(struct dump_writer *writer, const char *name, bool value);
void dump_writer_add_word(struct dump_writer *writer, const char *name, const char *word);
/* As Java prints an OptionalLong; or null. */
void dump_writer_add_optional(struct dump_writer *writer, const char *name, bool has_number,
                              int64_t number);
/* Bytes of a record, made readable. */
void dump_writer_add_bytes(struct dump_writer *writer, const char *name, struct bytes bytes);
/* Text as it is. */
void dump_writer_add_text(struct dump_writer *writer, const char *name, struct bytes text);
/* A line of a text file, which has no name there. */
void dump_writer_add_line(struct dump_writer *writer, struct bytes line);
void dump_writer_add_headers(struct dump_writer *writer, const struct batch_record *record);
