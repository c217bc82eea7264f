/* Compiling and judging conditions; see predicate.h.
 *
 * A recursive-descent parser builds a tree in an array; judging walks the tree. The value is parsed
 * as JSON at the first path that is needed and at most once per record. */
#include "runtime/operators/predicate.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/format/json_path.h"
#include "runtime/format/number.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TERMS_MAX = 256, DEPTH_MAX = 32 };

enum operation {
    OR,
    AND,
    NOT,
    EQUAL,
    UNEQUAL,
    BELOW,
    AT_MOST,
    ABOVE,
    AT_LEAST,
    PATH,
    FIELD,
    CONSTANT,
};

enum field { FIELD_KEY, FIELD_VALUE, FIELD_TOPIC, FIELD_PARTITION, FIELD_OFFSET, FIELD_TS };

enum operand_kind { ABSENT, NIL_JSON, BOOLEAN, NUMBER, STRING, OTHER };

struct operand {
    enum operand_kind kind;
    bool boolean;
    struct number number;
    struct bytes string;
};

struct term {
    enum operation operation;
    int left;
    int right;
    enum field field;
    struct json_path path;
    struct operand constant;
};

struct predicate {
    char *text;
    struct term *terms;
    int term_count;
    int root;
    struct decoded own;
    struct decoded *decoded;  /* of the record that is judged */
    struct buffer scratch[2]; /* decoded strings of a comparison's two sides */
};

struct compiler {
    struct predicate *predicate;
    const char *at;
    int depth;
    const char *place;
    struct report *report;
};

static int compile_or(struct compiler *compiler);

static int fail(struct compiler *compiler, const char *what)
{
    const char *text = compiler->predicate->text;
    return report_add(compiler->report, compiler->place, "%s at character %zu of '%s'", what,
                      (size_t)(compiler->at - text) + 1, text);
}

static void skip_space(struct compiler *compiler)
{
    while (isspace((unsigned char)*compiler->at)) {
        compiler->at++;
    }
}

static bool is_word_byte(char byte)
{
    return isalnum((unsigned char)byte) || byte == '_';
}

static bool take_word(struct compiler *compiler, const char *word)
{
    skip_space(compiler);
    size_t size = strlen(word);
    if (strncmp(compiler->at, word, size) != 0 || is_word_byte(compiler->at[size])) {
        return false;
    }
    compiler->at += size;
    return true;
}

static int add_term(struct compiler *compiler, enum operation operation, int left, int right)
{
    struct predicate *predicate = compiler->predicate;
    if (predicate->term_count == TERMS_MAX) {
        return fail(compiler, "the condition is too long");
    }
    predicate->terms[predicate->term_count] =
        (struct term){.operation = operation, .left = left, .right = right};
    return predicate->term_count++;
}

static int add_constant(struct compiler *compiler, struct operand constant)
{
    int term = add_term(compiler, CONSTANT, -1, -1);
    if (term >= 0) {
        compiler->predicate->terms[term].constant = constant;
    }
    return term;
}

static int compile_string(struct compiler *compiler)
{
    char quote = *compiler->at++;
    const char *end = strchr(compiler->at, quote);
    if (end == NULL) {
        return fail(compiler, "a string does not end");
    }
    struct bytes string = bytes_make(compiler->at, (size_t)(end - compiler->at));
    compiler->at = end + 1;
    return add_constant(compiler, (struct operand){.kind = STRING, .string = string});
}

static int compile_number(struct compiler *compiler)
{
    char digits[64];
    size_t size = strspn(compiler->at, "+-.0123456789eE");
    if (size >= sizeof digits) {
        return fail(compiler, "a number is too long");
    }
    memcpy(digits, compiler->at, size);
    digits[size] = 0;
    struct operand constant = {.kind = NUMBER};
    struct number *number = &constant.number;
    number->is_integer = text_parse_int64(digits, &number->integer) == 0;
    if (!number->is_integer && text_parse_double(digits, &number->real) != 0) {
        return fail(compiler, "this is not a number");
    }
    compiler->at += size;
    return add_constant(compiler, constant);
}

static int compile_path(struct compiler *compiler)
{
    size_t size = json_path_span(compiler->at);
    char *text = bytes_to_string(bytes_make(compiler->at, size));
    int term = add_term(compiler, PATH, -1, -1);
    if (term >= 0) {
        struct term *it = &compiler->predicate->terms[term];
        if (json_path_init(&it->path, text, compiler->place, compiler->report) != 0) {
            term = ERROR_INVALID;
        } else {
            compiler->at += size;
        }
    }
    free(text);
    return term;
}

static int compile_word(struct compiler *compiler)
{
    static const char *const fields[] = {"key", "value", "topic", "partition", "offset", "ts"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (take_word(compiler, fields[i])) {
            int term = add_term(compiler, FIELD, -1, -1);
            if (term >= 0) {
                compiler->predicate->terms[term].field = (enum field)i;
            }
            return term;
        }
    }
    if (take_word(compiler, "true")) {
        return add_constant(compiler, (struct operand){.kind = BOOLEAN, .boolean = true});
    }
    if (take_word(compiler, "false")) {
        return add_constant(compiler, (struct operand){.kind = BOOLEAN});
    }
    if (take_word(compiler, "null")) {
        return add_constant(compiler, (struct operand){.kind = NIL_JSON});
    }
    if (take_word(compiler, "nil")) {
        return add_constant(compiler, (struct operand){.kind = ABSENT});
    }
    if (*compiler->at == '!') {
        return fail(compiler, "'!' is written 'not'");
    }
    if (isalpha((unsigned char)*compiler->at) || *compiler->at == '_') {
        return fail(compiler, "a field of the value is written $.a, a text 'a'; without them there "
                              "are key, value, topic, partition, offset and ts, no other name");
    }
    return fail(compiler, "expected a path like $.a, a field (key, value, topic, partition, "
                          "offset, ts), a number or a string");
}

static int compile_operand(struct compiler *compiler)
{
    skip_space(compiler);
    char first = *compiler->at;
    if (first == '(') {
        compiler->at++;
        int term = compile_or(compiler);
        skip_space(compiler);
        if (term >= 0 && *compiler->at != ')') {
            return fail(compiler, "a closing parenthesis is missing");
        }
        compiler->at += term >= 0;
        return term;
    }
    if (first == '\'' || first == '"') {
        return compile_string(compiler);
    }
    if (first == '$') {
        return compile_path(compiler);
    }
    return isdigit((unsigned char)first) || first == '-' || first == '.' ? compile_number(compiler)
                                                                         : compile_word(compiler);
}

static bool take_comparison(struct compiler *compiler, enum operation *out)
{
    static const struct {
        const char *text;
        enum operation operation;
    } comparisons[] = {{"==", EQUAL},    {"!=", UNEQUAL}, {"~=", UNEQUAL}, {"<=", AT_MOST},
                       {">=", AT_LEAST}, {"<", BELOW},    {">", ABOVE}};
    skip_space(compiler);
    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++) {
        size_t size = strlen(comparisons[i].text);
        if (strncmp(compiler->at, comparisons[i].text, size) == 0) {
            compiler->at += size;
            *out = comparisons[i].operation;
            return true;
        }
    }
    return false;
}

static int compile_comparison(struct compiler *compiler)
{
    int left = compile_operand(compiler);
    enum operation operation;
    if (left < 0 || !take_comparison(compiler, &operation)) {
        return left;
    }
    int right = compile_operand(compiler);
    return right < 0 ? right : add_term(compiler, operation, left, right);
}

static int compile_not(struct compiler *compiler)
{
    int count = 0;
    while (take_word(compiler, "not")) {
        count++;
    }
    int term = compile_comparison(compiler);
    return term >= 0 && count % 2 == 1 ? add_term(compiler, NOT, term, -1) : term;
}

static int compile_and(struct compiler *compiler)
{
    int left = compile_not(compiler);
    while (left >= 0 && take_word(compiler, "and")) {
        int right = compile_not(compiler);
        left = right < 0 ? right : add_term(compiler, AND, left, right);
    }
    return left;
}

static int compile_or(struct compiler *compiler)
{
    if (compiler->depth++ == DEPTH_MAX) {
        return fail(compiler, "parentheses are nested too deeply");
    }
    int left = compile_and(compiler);
    while (left >= 0 && take_word(compiler, "or")) {
        int right = compile_and(compiler);
        left = right < 0 ? right : add_term(compiler, OR, left, right);
    }
    compiler->depth--;
    return left;
}

/* What stands where a condition should go on, in other languages' words. */
static const char *what_is_expected(const char *at)
{
    if (strncmp(at, "&&", 2) == 0) {
        return "'&&' is written 'and'";
    }
    if (strncmp(at, "||", 2) == 0) {
        return "'||' is written 'or'";
    }
    if (strncasecmp(at, "is ", 3) == 0) {
        return "'is' is written '==', 'is not' '!='";
    }
    return at[0] == '=' ? "'=' is written '=='" : "expected 'and', 'or' or the end";
}

int predicate_new(const char *text, const char *place, struct report *report,
                  struct predicate **out)
{
    struct predicate *predicate = memory_new(struct predicate);
    predicate->text = memory_string(text);
    predicate->terms = memory_zero(TERMS_MAX, sizeof *predicate->terms);
    decoded_init(&predicate->own);
    predicate->decoded = &predicate->own;
    buffer_init(&predicate->scratch[0]);
    buffer_init(&predicate->scratch[1]);
    struct compiler compiler = {
        .predicate = predicate, .at = predicate->text, .place = place, .report = report};
    predicate->root = compile_or(&compiler);
    skip_space(&compiler);
    if (predicate->root >= 0 && *compiler.at != 0) {
        predicate->root = fail(&compiler, what_is_expected(compiler.at));
    }
    if (predicate->root < 0) {
        predicate_free(predicate);
        return ERROR_INVALID;
    }
    *out = predicate;
    return 0;
}

void predicate_free(struct predicate *predicate)
{
    if (predicate == NULL) {
        return;
    }
    for (int i = 0; i < predicate->term_count; i++) {
        json_path_fini(&predicate->terms[i].path);
    }
    decoded_fini(&predicate->own);
    buffer_fini(&predicate->scratch[0]);
    buffer_fini(&predicate->scratch[1]);
    free(predicate->terms);
    free(predicate->text);
    free(predicate);
}

static struct operand make_bytes(struct bytes view)
{
    return bytes_is_null(view) ? (struct operand){.kind = ABSENT}
                               : (struct operand){.kind = STRING, .string = view};
}

static struct operand make_integer(int64_t integer)
{
    return (struct operand){.kind = NUMBER, .number = number_from_integer(integer)};
}

static struct operand read_token(struct predicate *predicate, uint32_t token,
                                 struct buffer *scratch)
{
    const struct json *json = &predicate->decoded->json;
    struct operand operand = {.kind = OTHER};
    switch ((enum json_kind)json_token(json, token)->kind) {
    case JSON_NULL:
        operand.kind = NIL_JSON;
        break;
    case JSON_FALSE:
    case JSON_TRUE:
        operand.kind = BOOLEAN;
        operand.boolean = json_token(json, token)->kind == JSON_TRUE;
        break;
    case JSON_NUMBER:
        operand.kind = NUMBER;
        check(number_read(json, token, &operand.number));
        break;
    case JSON_STRING:
        buffer_clear(scratch);
        operand.kind = STRING;
        operand.string = json_string(json, token, scratch);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return operand;
}

static int read_path(struct predicate *predicate, const struct term *term,
                     const struct record *record, struct buffer *scratch, struct operand *out)
{
    *out = (struct operand){.kind = ABSENT};
    if (bytes_is_null(record->value)) {
        return 0;
    }
    int error = decoded_read(predicate->decoded, record->value_format, record->value);
    if (error != 0) {
        return error;
    }
    uint32_t token = json_path_find(&term->path, &predicate->decoded->json);
    if (token != JSON_ABSENT) {
        *out = read_token(predicate, token, scratch);
    }
    return 0;
}

static struct operand read_field(const struct term *term, const struct record *record)
{
    switch (term->field) {
    case FIELD_KEY:
        return make_bytes(record->key);
    case FIELD_VALUE:
        return make_bytes(record->value);
    case FIELD_TOPIC:
        return make_bytes(bytes_from_string(record->topic));
    case FIELD_PARTITION:
        return make_integer(record->partition);
    case FIELD_OFFSET:
        return make_integer(record->offset);
    case FIELD_TS:
        return make_integer(record->timestamp_ms);
    }
    return (struct operand){.kind = ABSENT};
}

static int judge(struct predicate *predicate, int index, const struct record *record);

static int read_operand(struct predicate *predicate, int index, const struct record *record,
                        struct buffer *scratch, struct operand *out)
{
    const struct term *term = &predicate->terms[index];
    if (term->operation == PATH) {
        return read_path(predicate, term, record, scratch, out);
    }
    if (term->operation == FIELD) {
        *out = read_field(term, record);
        return 0;
    }
    if (term->operation == CONSTANT) {
        *out = term->constant;
        return 0;
    }
    int result = judge(predicate, index, record);
    *out = (struct operand){.kind = BOOLEAN, .boolean = result == 1};
    return result < 0 ? result : 0;
}

/* -1, 0, 1, or 2 when the two are unequal and without order. */
static int compare(const struct operand *left, const struct operand *right)
{
    if (left->kind != right->kind) {
        return 2;
    }
    switch (left->kind) {
    case ABSENT:
    case NIL_JSON:
        return 0;
    case BOOLEAN:
        return left->boolean == right->boolean ? 0 : 2;
    case NUMBER:
        return number_compare(&left->number, &right->number);
    case STRING: {
        int order = bytes_compare(left->string, right->string);
        return order < 0 ? -1 : order > 0;
    }
    case OTHER:
        return 2;
    }
    return 2;
}

static int judge_comparison(struct predicate *predicate, const struct term *term,
                            const struct record *record)
{
    struct operand left;
    struct operand right;
    int error = read_operand(predicate, term->left, record, &predicate->scratch[0], &left);
    if (error == 0) {
        error = read_operand(predicate, term->right, record, &predicate->scratch[1], &right);
    }
    if (error != 0) {
        return error;
    }
    int order = compare(&left, &right);
    bool has_order = order != 2 && (left.kind >= NUMBER && left.kind <= STRING);
    switch (term->operation) {
    case EQUAL:
        return order == 0;
    case UNEQUAL:
        return order != 0;
    case BELOW:
        return has_order && order < 0;
    case AT_MOST:
        return has_order && order <= 0;
    case ABOVE:
        return has_order && order > 0;
    case AT_LEAST:
        return has_order && order >= 0;
    case OR:
    case AND:
    case NOT:
    case PATH:
    case FIELD:
    case CONSTANT:
        break;
    }
    check(false); /* a comparison */
    return 0;
}

static int judge(struct predicate *predicate, int index, const struct record *record)
{
    const struct term *term = &predicate->terms[index];
    struct operand operand;
    int result = 0;
    switch (term->operation) {
    case OR:
        result = judge(predicate, term->left, record);
        return result != 0 ? result : judge(predicate, term->right, record);
    case AND:
        result = judge(predicate, term->left, record);
        return result != 1 ? result : judge(predicate, term->right, record);
    case NOT:
        result = judge(predicate, term->left, record);
        return result < 0 ? result : !result;
    case EQUAL:
    case UNEQUAL:
    case BELOW:
    case AT_MOST:
    case ABOVE:
    case AT_LEAST:
        return judge_comparison(predicate, term, record);
    case PATH:
    case FIELD:
    case CONSTANT:
        break;
    }
    result = read_operand(predicate, index, record, &predicate->scratch[0], &operand);
    if (result < 0) {
        return result;
    }
    return operand.kind == BOOLEAN ? operand.boolean
                                   : operand.kind != ABSENT && operand.kind != NIL_JSON;
}

int predicate_judge(struct predicate *predicate, const struct record *record,
                    struct decoded *shared)
{
    decoded_clear(&predicate->own);
    predicate->decoded = shared == NULL ? &predicate->own : shared;
    return judge(predicate, predicate->root, record);
}

const char *predicate_error_text(const struct predicate *predicate)
{
    return predicate->decoded->report.text;
}

const char *predicate_text(const struct predicate *predicate)
{
    return predicate->text;
}
