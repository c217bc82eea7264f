/* The transform `regex`: values that are text become JSON objects of a pattern's named groups.
 *
 * Owns:   per instance the compiled pattern, its match data and stack, the text being written.
 * Keeps:  (1) a match ends after match_limit steps, with a stack of at most STACK_SIZE_MAX;
 *         (2) what a group holds is UTF-8, because a match never goes over bytes that are not.
 * Thread: the task's. */
#include "connectors/shared/json.h"
#include "runtime/plugin/tidemill.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

enum { STACK_SIZE_MIN = 32 << 10, STACK_SIZE_MAX = 1 << 20, HEAP_KIB_MAX = 16 << 10 };

enum mismatch { MISMATCH_REJECT, MISMATCH_PASS, MISMATCH_DROP };

struct group {
    const char *name; /* in the compiled pattern */
    uint32_t number;
};

struct regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
    struct group *groups; /* in the order of their numbers */
    size_t group_count;
    enum mismatch mismatch;
    struct builder text;
};

/* The pattern's code, or NULL after host->fail. */
static pcre2_code *compile(struct tidemill_context *context)
{
    const char *pattern = tidemill_option_text(context, "pattern");
    int error;
    size_t position;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &error, &position, NULL);
    if (code == NULL) {
        PCRE2_UCHAR reason[256];
        pcre2_get_error_message(error, reason, sizeof reason);
        tidemill_fail(context, TIDEMILL_FATAL, "the pattern is wrong at character %zu: %s",
                      position + 1, (const char *)reason);
        return NULL;
    }
    uint32_t count = 0;
    pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &count);
    if (count == 0) {
        tidemill_fail(context, TIDEMILL_FATAL,
                      "the pattern has no named group; write (?<name>...) around what to keep");
        pcre2_code_free(code);
        return NULL;
    }
    return code;
}

static enum tidemill_status regex_validate(struct tidemill_context *context)
{
    pcre2_code *code = compile(context);
    pcre2_code_free(code);
    return code == NULL ? TIDEMILL_FATAL : TIDEMILL_OK;
}

static int compare_groups(const void *left, const void *right)
{
    const struct group *a = left;
    const struct group *b = right;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* A row of PCRE2's table is the number in two bytes, the high one first, and the name. */
static void read_groups(struct regex *regex)
{
    uint32_t count = 0;
    uint32_t row_size = 0;
    PCRE2_SPTR row = NULL;
    pcre2_pattern_info(regex->code, PCRE2_INFO_NAMECOUNT, &count);
    pcre2_pattern_info(regex->code, PCRE2_INFO_NAMEENTRYSIZE, &row_size);
    pcre2_pattern_info(regex->code, PCRE2_INFO_NAMETABLE, &row);
    regex->groups = builder_alloc(count, sizeof *regex->groups);
    regex->group_count = count;
    for (uint32_t i = 0; i < count; i++, row += row_size) {
        regex->groups[i] = (struct group){.name = (const char *)row + 2,
                                          .number = ((uint32_t)row[0] << 8) | row[1]};
    }
    qsort(regex->groups, count, sizeof *regex->groups, compare_groups);
}

static void set_limits(struct regex *regex, uint32_t match_limit)
{
    regex->limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(regex->limits, match_limit);
    pcre2_set_heap_limit(regex->limits, HEAP_KIB_MAX);
    /* Where machine code cannot be made (a hardened kernel), PCRE2 interprets within the same. */
    if (pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) == 0) {
        regex->stack = pcre2_jit_stack_create(STACK_SIZE_MIN, STACK_SIZE_MAX, NULL);
        pcre2_jit_stack_assign(regex->limits, NULL, regex->stack);
    }
}

static enum tidemill_status regex_open(struct tidemill_context *context)
{
    pcre2_code *code = compile(context);
    if (code == NULL) {
        return TIDEMILL_FATAL;
    }
    struct regex *regex = builder_alloc(1, sizeof *regex);
    *regex =
        (struct regex){.code = code,
                       .data = pcre2_match_data_create_from_pattern(code, NULL),
                       .mismatch = (enum mismatch)tidemill_option_integer(context, "mismatch")};
    read_groups(regex);
    set_limits(regex, (uint32_t)tidemill_option_integer(context, "match_limit"));
    context->instance = regex;
    return TIDEMILL_OK;
}

/* The groups that took part, as a JSON object. */
static void write_groups(struct regex *regex, const char *value)
{
    const size_t *places = pcre2_get_ovector_pointer(regex->data);
    uint32_t place_count = pcre2_get_ovector_count(regex->data);
    builder_clear(&regex->text);
    builder_add_byte(&regex->text, '{');
    for (size_t i = 0; i < regex->group_count; i++) {
        const struct group *group = &regex->groups[i];
        size_t start = group->number < place_count ? places[2 * group->number] : PCRE2_UNSET;
        if (start == PCRE2_UNSET) {
            continue;
        }
        if (regex->text.size > 1) {
            builder_add_byte(&regex->text, ',');
        }
        json_write_text(&regex->text, group->name, strlen(group->name));
        builder_add_byte(&regex->text, ':');
        json_write_text(&regex->text, value + start, places[2 * group->number + 1] - start);
    }
    builder_add_byte(&regex->text, '}');
}

static enum tidemill_status forward_groups(struct tidemill_context *context,
                                           const struct tidemill_record *record)
{
    struct regex *regex = context->instance;
    struct tidemill_record out = *record;
    write_groups(regex, record->value.data);
    out.value = tidemill_bytes_make(regex->text.data, regex->text.size);
    return context->host->forward(context, &out);
}

static enum tidemill_status handle_mismatch(struct tidemill_context *context,
                                            const struct tidemill_record *record)
{
    const struct regex *regex = context->instance;
    switch (regex->mismatch) {
    case MISMATCH_REJECT:
        return tidemill_fail(context, TIDEMILL_REJECT, "the value does not match the pattern");
    case MISMATCH_PASS:
        return context->host->forward(context, record);
    case MISMATCH_DROP:
        return TIDEMILL_OK;
    }
    return TIDEMILL_FATAL;
}

static enum tidemill_status process_one(struct tidemill_context *context,
                                        const struct tidemill_record *record)
{
    struct regex *regex = context->instance;
    if (record->value.data == NULL) {
        return context->host->forward(context, record); /* a tombstone stays one */
    }
    int count = pcre2_match(regex->code, record->value.data, record->value.size, 0, 0, regex->data,
                            regex->limits);
    if (count == PCRE2_ERROR_NOMATCH) {
        return handle_mismatch(context, record);
    }
    if (count < 0) {
        PCRE2_UCHAR reason[256];
        pcre2_get_error_message(count, reason, sizeof reason);
        return tidemill_fail(context, TIDEMILL_REJECT, "matching was given up: %s",
                             (const char *)reason);
    }
    return forward_groups(context, record);
}

static enum tidemill_status regex_process(struct tidemill_context *context,
                                          const struct tidemill_record *records, size_t count)
{
    enum tidemill_status status = TIDEMILL_OK;
    for (size_t i = 0; i < count && status == TIDEMILL_OK; i++) {
        status = process_one(context, &records[i]);
    }
    return status;
}

static void regex_close(struct tidemill_context *context)
{
    struct regex *regex = context->instance;
    pcre2_jit_stack_free(regex->stack);
    pcre2_match_context_free(regex->limits);
    pcre2_match_data_free(regex->data);
    pcre2_code_free(regex->code);
    builder_fini(&regex->text);
    free(regex->groups);
    free(regex);
}

static const struct tidemill_option options[] = {
    {.name = "pattern",
     .type = TIDEMILL_OPTION_STRING,
     .flags = TIDEMILL_OPTION_REQUIRED,
     .help = "A PCRE2 pattern with named groups, (?<name>...), which become the members."},
    {.name = "mismatch",
     .type = TIDEMILL_OPTION_ENUM,
     .allowed = "reject|pass|drop",
     .fallback = "reject",
     .help = "What becomes of a value that does not match."},
    {.name = "match_limit",
     .type = TIDEMILL_OPTION_INT,
     .allowed = "1..100000000",
     .fallback = "1000000",
     .help = "Steps after which a match is given up and the record is rejected."},
};

static const struct tidemill_transform functions = {
    .size = sizeof functions, .open = regex_open, .process = regex_process, .close = regex_close};

static const struct tidemill_kind kind = {.size = sizeof kind,
                                          .type = TIDEMILL_TRANSFORM,
                                          .capabilities = TIDEMILL_KEEPS_KEY,
                                          .name = "regex",
                                          .help = "Takes text apart into JSON by a pattern.",
                                          .options = options,
                                          .option_count = sizeof options / sizeof *options,
                                          .validate = regex_validate,
                                          .transform = &functions};

TIDEMILL_PLUGIN("regex", TIDEMILL_VERSION, "Apache-2.0", &kind);
