/* The format strings of kcat -f: read once, then applied to each record.
 *
 *     %s value  %S its size (-1: null)  %R the size as four bytes  %k key  %K its size
 *     %T timestamp in ms  %y what it is of (CreateTime or LogAppendTime)  %h headers  %H headers as
 *     NAME:VALUE,... or NO_HEADERS, as Kafka's own consumer prints them  %t topic  %p partition  %o
 * offset  %% a percent sign \n \r \t \0 \\ \xNN
 *
 * Owns:   its parts.
 * Thread: the owner's. */
#pragma once

#include "log/base/report.h"
#include "runtime/cli/envelope.h"

struct token_format_part {
    char token; /* 0: literal text */
    size_t start;
    size_t size; /* in `literals` */
};

struct token_format {
    struct token_format_part *parts;
    size_t count;
    struct buffer literals;
    const char *null_text; /* how null keys and values are written; NULL: not at all. Borrowed */
    const char *header_separator; /* of %H; NULL: a comma. Set by the owner; borrowed */
};

/* ERROR_INVALID for an unknown token; then nothing is to be freed. */
must_use int token_format_init(struct token_format *format, const char *text, const char *null_text,
                               struct report *report);
/* What kcat prints without -f: [key, key_delimiter] value, delimiter. key_delimiter may be NULL. */
void token_format_init_plain(struct token_format *format, const char *key_delimiter,
                             const char *delimiter, const char *null_text);
void token_format_fini(struct token_format *format);
void token_format_apply(const struct token_format *format, const struct envelope *envelope,
                        struct buffer *out);
