/* The pages of manual.h; text is escaped where it enters. */
#include "runtime/cli/manual.h"

#include "log/meta/broker_options.h"
#include "log/meta/topic_options.h"

#include <string.h>

/* A line of text: no request, no escape, and hyphens that can be copied. */
static void add_text(const char *text, struct buffer *out)
{
    bool is_start = true;
    for (; *text != '\0'; text++) {
        if (is_start && (*text == '.' || *text == '\'')) {
            buffer_add_string(out, "\\&");
        }
        is_start = *text == '\n';
        if (*text == '\\') {
            buffer_add_string(out, "\\e");
        } else if (*text == '-') {
            buffer_add_string(out, "\\-");
        } else {
            buffer_add_byte(out, (uint8_t)*text);
        }
    }
}

static void add_section(const char *name, struct buffer *out)
{
    buffer_printf(out, ".SH %s\n", name);
}

static void add_flag(const struct flag *flag, struct buffer *out)
{
    buffer_add_string(out, ".TP\n");
    if (flag->letter != 0) {
        buffer_printf(out, "\\fB\\-%c\\fR%s", flag->letter, flag->name != NULL ? ", " : "");
    }
    if (flag->name != NULL) {
        buffer_add_string(out, "\\fB\\-\\-");
        add_text(flag->name, out);
        buffer_add_string(out, "\\fR");
    }
    if (flag->value_name != NULL) {
        buffer_add_string(out, " \\fI");
        add_text(flag->value_name, out);
        buffer_add_string(out, "\\fR");
    }
    buffer_add_byte(out, '\n');
    add_text(flag->doc, out);
    buffer_add_byte(out, '\n');
}

static void add_lines(const char *text, struct buffer *out)
{
    buffer_add_string(out, ".PP\n.nf\n");
    add_text(text, out);
    buffer_add_string(out, ".fi\n");
}

static void add_command(const struct command *command, struct buffer *out)
{
    buffer_printf(out, ".SS \"tidemill %s%s", command->noun == NULL ? "" : command->noun,
                  command->noun == NULL ? "" : " ");
    add_text(command->verb, out);
    buffer_add_string(out, command->arguments[0] == '\0' ? "" : " ");
    add_text(command->arguments, out);
    buffer_add_string(out, "\"\n");
    buffer_printf(out, "%c", command->summary[0] & ~0x20);
    add_text(command->summary + 1, out);
    buffer_add_string(out, ".\n");
    if (command->details != NULL) {
        buffer_add_string(out, ".PP\n");
        add_text(command->details, out);
    }
    for (size_t i = 0; i < command->flag_count; i++) {
        add_flag(&command->flags[i], out);
    }
    if (command->examples != NULL) {
        add_lines(command->examples, out);
    }
}

static const char manual_head[] =
    "tidemill \\- a log broker that speaks the Kafka protocol, with Lua beside the data\n"
    ".SH SYNOPSIS\n"
    "\\fBtidemill\\fR \\fINOUN VERB\\fR [\\fIFLAGS\\fR] [\\fIARGUMENTS\\fR]\n"
    ".br\n"
    "\\fBtidemill serve\\fR [\\fIFLAGS\\fR]\n"
    ".br\n"
    "\\fBtidemill run\\fR [\\fIFLAGS\\fR] \\fIAPP.lua\\fR...\n"
    ".SH DESCRIPTION\n"
    "One program is a durable log that every Kafka client can use unchanged, a stream processor "
    "that runs Lua between its topics, a host of connectors, and the command line for all of them "
    "and for other clusters that speak the same protocol.\n"
    ".PP\n"
    "Called through a link named kafka\\-topics, kafka\\-console\\-producer, "
    "kafka\\-console\\-consumer, kafka\\-consumer\\-groups, kafka\\-configs, "
    "kafka\\-get\\-offsets, "
    "kafka\\-producer\\-perf\\-test, kafka\\-dump\\-log (each also with .sh) or kcat it takes the "
    "flags of that "
    "tool.\n";

static const char manual_tail[] =
    ".SH ENVIRONMENT\n"
    ".TP\n\\fBTIDEMILL_BROKERS\\fR\nHOST:PORT,... of the commands that have no \\fB\\-b\\fR; "
    "localhost:9092 without it.\n"
    ".TP\n\\fBKAFKA_...\\fR\nOptions of \\fBserve\\fR and \\fBrun\\fR: KAFKA_LOG_RETENTION_HOURS "
    "is "
    "log.retention.hours.\n"
    ".SH FILES\n"
    ".TP\n\\fI./tidemill\\-data\\fR\nThe data directory where none is named.\n"
    ".TP\n\\fI/etc/tidemill/server.properties\\fR, \\fI/var/lib/tidemill\\fR\n"
    "Those of the system service.\n"
    ".SH EXIT STATUS\n"
    "0 done, 1 failed, 2 misused; called by the name of another tool, that tool's.\n"
    ".SH SEE ALSO\n"
    ".BR tidemill.properties (5),\n.BR kcat (1)\n";

void manual_print_commands(const struct command_list *commands, const char *version,
                           struct buffer *out)
{
    buffer_printf(out, ".TH TIDEMILL 1 \"\" \"tidemill %s\" \"User Commands\"\n.SH NAME\n",
                  version);
    buffer_add_string(out, manual_head);
    add_section("COMMANDS", out);
    for (size_t i = 0; i < commands->count; i++) {
        add_command(commands->items[i], out);
    }
    buffer_add_string(out, manual_tail);
}

/* "number", "size such as 64k". */
static const char *kind_words(enum option_kind kind)
{
    switch (kind) {
    case OPTION_BOOL:
        return "true or false";
    case OPTION_INT:
    case OPTION_LONG:
        return "whole number";
    case OPTION_DOUBLE:
        return "number";
    case OPTION_STRING:
        return "text";
    case OPTION_LIST:
        return "list, separated by commas";
    case OPTION_BYTES:
        return "bytes; 64k, 1g";
    case OPTION_DURATION_MS:
        return "milliseconds; 10s, 7d";
    case OPTION_ENUM:
        return "one of";
    }
    return "";
}

static void add_option(const struct option_row *row, struct buffer *out)
{
    buffer_add_string(out, ".TP\n\\fB");
    add_text(row->name, out);
    buffer_add_string(out, "\\fR\n");
    add_text(row->doc, out);
    buffer_printf(out, "\n.br\n(%s", kind_words(row->kind));
    if (row->allowed != NULL) {
        buffer_add_string(out, row->kind == OPTION_ENUM ? " " : ": ");
        add_text(row->allowed, out);
    }
    if (row->initial != NULL && row->initial[0] != '\0') {
        buffer_add_string(out, "; default ");
        add_text(row->initial, out);
    }
    if ((row->flags & OPTION_READ_ONLY) != 0) {
        buffer_add_string(out, "; read at start");
    }
    buffer_add_string(out, ")\n");
}

void manual_print_properties(const char *version, struct buffer *out)
{
    buffer_printf(out, ".TH TIDEMILL.PROPERTIES 5 \"\" \"tidemill %s\" \"File Formats\"\n",
                  version);
    buffer_add_string(
        out,
        ".SH NAME\ntidemill.properties \\- options of the broker and of topics\n"
        ".SH DESCRIPTION\n"
        "A file for \\fBtidemill serve \\-\\-config\\fR has one \\fINAME=VALUE\\fR a line; lines "
        "that begin with # are comments. The names are those of Apache Kafka's "
        "server.properties, so that a file of it can be taken over: what is not known is told "
        "and passed over. A variable KAFKA_NAME_IN_CAPITALS comes before the file, "
        "\\fB\\-\\-set\\fR before both.\n"
        ".PP\nWhat is not only read at start can be changed while the broker runs: "
        "\\fBtidemill config set broker default\\fR \\fINAME=VALUE\\fR.\n"
        ".SH OPTIONS OF THE BROKER\n");
    for (size_t i = 0; i < broker_options_row_count; i++) {
        add_option(&broker_options_rows[i], out);
    }
    buffer_add_string(
        out, ".SH OPTIONS OF TOPICS\nGiven when a topic is made (\\fBtidemill topic create "
             "\\-c\\fR) or later (\\fBtidemill config set topic\\fR).\n");
    for (size_t i = 0; i < topic_options_row_count; i++) {
        add_option(&topic_options_rows[i], out);
    }
    buffer_add_string(out, ".SH SEE ALSO\n.BR tidemill (1)\n");
}
