/* See dump_writer.h. */
#include "runtime/cli/dump_writer.h"

#include "runtime/cli/envelope.h"

#include <inttypes.h>

void dump_writer_open_file(struct dump_writer *writer, const char *path)
{
    if (writer->is_json) {
        buffer_add_string(writer->out, writer->has_file ? ",\n {\"file\":" : "[{\"file\":");
        envelope_write_json_string(bytes_from_string(path), writer->out);
        buffer_add_string(writer->out, ",\"entries\":[");
    } else {
        buffer_printf(writer->out, "Dumping %s\n", path);
    }
    writer->has_file = true;
    writer->has_entry = false;
}

void dump_writer_close_file(struct dump_writer *writer, const char *problem)
{
    if (!writer->is_json) {
        return;
    }
    buffer_add_byte(writer->out, ']');
    if (problem != NULL) {
        buffer_add_string(writer->out, ",\"error\":");
        envelope_write_json_string(bytes_from_string(problem), writer->out);
    }
    buffer_add_byte(writer->out, '}');
}

void dump_writer_close(struct dump_writer *writer)
{
    if (writer->is_json) {
        buffer_add_string(writer->out, writer->has_file ? "]\n" : "[]\n");
    }
}

void dump_writer_open_entry(struct dump_writer *writer)
{
    if (writer->is_json) {
        buffer_add_string(writer->out, writer->has_entry ? ",\n  {" : "\n  {");
    }
    writer->has_entry = true;
    writer->has_field = writer->has_records = false;
}

void dump_writer_close_entry(struct dump_writer *writer)
{
    if (writer->is_json) {
        buffer_add_byte(writer->out, '}');
    } else if (!writer->has_records) {
        buffer_add_byte(writer->out, '\n');
    }
}

void dump_writer_open_records(struct dump_writer *writer)
{
    buffer_add_string(writer->out, writer->is_json ? ",\"records\":[" : "\n");
}

void dump_writer_open_record(struct dump_writer *writer)
{
    const char *start = !writer->is_json ? "| " : writer->has_records ? ",\n   {" : "\n   {";
    buffer_add_string(writer->out, start);
    writer->has_records = true;
    writer->has_field = false;
}

void dump_writer_close_record(struct dump_writer *writer)
{
    buffer_add_byte(writer->out, writer->is_json ? '}' : '\n');
}

void dump_writer_close_records(struct dump_writer *writer)
{
    if (writer->is_json) {
        buffer_add_byte(writer->out, ']');
    }
    writer->has_records = true;
}

static void add_name(struct dump_writer *writer, const char *name)
{
    if (writer->is_json) {
        buffer_printf(writer->out, "%s\"%s\":", writer->has_field ? "," : "", name);
    } else {
        buffer_printf(writer->out, "%s%s: ", writer->has_field ? " " : "", name);
    }
    writer->has_field = true;
}

void dump_writer_add_number(struct dump_writer *writer, const char *name, int64_t number)
{
    add_name(writer, name);
    buffer_printf(writer->out, "%" PRId64, number);
}

void dump_writer_add_bool(struct dump_writer *writer, const char *name, bool value)
{
    add_name(writer, name);
    buffer_add_string(writer->out, value ? "true" : "false");
}

void dump_writer_add_word(struct dump_writer *writer, const char *name, const char *word)
{
    dump_writer_add_text(writer, name, bytes_from_string(word));
}

void dump_writer_add_optional(struct dump_writer *writer, const char *name, bool has_number,
                              int64_t number)
{
    add_name(writer, name);
    if (writer->is_json && !has_number) {
        buffer_add_string(writer->out, "null");
    } else if (writer->is_json) {
        buffer_printf(writer->out, "%" PRId64, number);
    } else if (has_number) {
        buffer_printf(writer->out, "OptionalLong[%" PRId64 "]", number);
    } else {
        buffer_add_string(writer->out, "OptionalLong.empty");
    }
}

void dump_writer_add_bytes(struct dump_writer *writer, const char *name, struct bytes bytes)
{
    add_name(writer, name);
    if (writer->is_json) {
        envelope_write_json_string(bytes, writer->out);
    } else {
        envelope_write_text(bytes, writer->out);
    }
}

void dump_writer_add_text(struct dump_writer *writer, const char *name, struct bytes text)
{
    add_name(writer, name);
    if (writer->is_json) {
        envelope_write_json_string(text, writer->out);
    } else {
        buffer_add_bytes(writer->out, text);
    }
}

void dump_writer_add_line(struct dump_writer *writer, struct bytes line)
{
    if (writer->is_json) {
        dump_writer_add_text(writer, "line", line);
    } else {
        buffer_add_bytes(writer->out, line);
    }
}

void dump_writer_add_headers(struct dump_writer *writer, const struct batch_record *record)
{
    add_name(writer, "headers");
    if (writer->is_json) {
        envelope_write_json_headers(record, writer->out);
    } else {
        envelope_write_headers(record, "=", ",", "NULL", writer->out);
    }
}
