/* tidemill quota ls: how much users, clients and addresses may do. */
#include "log/base/error.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/quota_choice.h"
#include "runtime/format/json_writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUOTA_EXACT, QUOTA_DEFAULT, QUOTA_ANY };
enum { DOUBLE_DIGITS_MAX = 17, DOUBLE_TEXT_SIZE = 40 };

struct ls_values {
    struct errand_flags errand;
    struct quota_choice_flags choice;
    bool is_only;
};

typedef struct describe_client_quotas_response_entry quota_entry;
typedef struct describe_client_quotas_response_value quota_value;

static const struct grid_column columns[] = {
    {"USER", "user", false},   {"CLIENT", "client", false}, {"IP", "ip", false},
    {"QUOTA", "quota", false}, {"VALUE", "value", true},
};

/* As Double.toString of Java: 12.5, 1000.0, 1.048576E7. */
static void print_java(double value, struct buffer *out)
{
    char text[DOUBLE_TEXT_SIZE];
    double size = fabs(value);
    if (value == 0 || !isfinite(value) || (size >= 1e-3 && size < 1e7)) {
        if (json_writer_double(out, value) != 0) {
            buffer_add_string(out, "Infinity");
        }
        return;
    }
    for (int digits = 1; digits <= DOUBLE_DIGITS_MAX; digits++) {
        snprintf(text, sizeof text, "%.*e", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    char *mark = strchr(text, 'e');
    buffer_printf(out, "%.*sE%d", (int)(mark - text), text, atoi(mark + 1));
}

static const struct bytes *find_part(const quota_entry *entry, size_t part)
{
    for (int32_t i = 0; i < entry->entity.count; i++) {
        if (bytes_equal_string(entry->entity.items[i].entity_type, quota_choice_type(part))) {
            return &entry->entity.items[i].entity_name;
        }
    }
    return NULL;
}

static int compare_values(const void *left, const void *right)
{
    return bytes_compare(((const quota_value *)left)->key, ((const quota_value *)right)->key);
}

/* "Quota configs for user-principal 'u', the default client-id are a=1.0, b=2.0". */
static void print_kafka(const quota_entry *entry, struct buffer *out)
{
    static const char *const words[QUOTA_CHOICE_PARTS] = {"user-principal", "client-id", "ip"};
    const char *comma = "";
    buffer_add_string(out, "Quota configs for ");
    for (size_t i = 0; i < QUOTA_CHOICE_PARTS; i++) {
        const struct bytes *name = find_part(entry, i);
        if (name == NULL) {
            continue;
        }
        buffer_add_string(out, comma);
        if (bytes_is_null(*name)) {
            buffer_printf(out, "the default %s", words[i]);
        } else {
            buffer_printf(out, "%s '%.*s'", words[i], BYTES_FORMAT(*name));
        }
        comma = ", ";
    }
    buffer_add_string(out, " are ");
    for (int32_t i = 0; i < entry->values.count; i++) {
        buffer_printf(out, "%s%.*s=", i > 0 ? ", " : "", BYTES_FORMAT(entry->values.items[i].key));
        print_java(entry->values.items[i].value, out);
    }
    buffer_add_byte(out, '\n');
}

static void add_rows(const quota_entry *entry, struct grid *grid)
{
    for (int32_t i = 0; i < entry->values.count; i++) {
        struct buffer number;
        buffer_init(&number);
        for (size_t part = 0; part < QUOTA_CHOICE_PARTS; part++) {
            const struct bytes *name = find_part(entry, part);
            if (name != NULL && bytes_is_null(*name)) {
                grid_add_string(grid, "<default>");
            } else {
                grid_add(grid, name == NULL ? bytes_make(NULL, 0) : *name);
            }
        }
        grid_add(grid, entry->values.items[i].key);
        if (json_writer_double(&number, entry->values.items[i].value) == 0) {
            grid_add(grid, buffer_bytes(&number));
        } else {
            grid_add_nothing(grid);
        }
        buffer_fini(&number);
    }
}

static void print(struct errand *errand, const struct describe_client_quotas_response *response)
{
    struct grid grid;
    grid_init(&grid, columns, sizeof columns / sizeof *columns);
    for (int32_t i = 0; i < response->entries.count; i++) {
        quota_entry *entry = &response->entries.items[i];
        if (entry->values.count > 0) {
            qsort(entry->values.items, (size_t)entry->values.count, sizeof *entry->values.items,
                  compare_values);
        }
        if (errand->is_kafka) {
            print_kafka(entry, &errand->out);
        } else {
            add_rows(entry, &grid);
        }
    }
    if (!errand->is_kafka) {
        grid_print(&grid, errand->is_json, &errand->out);
    }
    grid_fini(&grid);
}

static int list(struct errand *errand, const struct ls_values *values)
{
    const struct quota_choice_flags *choice = &values->choice;
    struct describe_client_quotas_request_component components[QUOTA_CHOICE_PARTS];
    struct describe_client_quotas_request request = {.components = {.items = components},
                                                     .strict = values->is_only};
    for (size_t i = 0; i < QUOTA_CHOICE_PARTS; i++) {
        if (quota_choice_has(choice, i)) {
            components[request.components.count++] =
                (struct describe_client_quotas_request_component){
                    .entity_type = bytes_from_string(quota_choice_type(i)),
                    .match_type = choice->is_any[i]       ? QUOTA_ANY
                                  : choice->is_default[i] ? QUOTA_DEFAULT
                                                          : QUOTA_EXACT,
                    .match = bytes_from_string(choice->names[i]),
                };
        }
    }
    const void *found = NULL;
    int error = errand_call(errand, CLIENT_ANY, API_DESCRIBE_CLIENT_QUOTAS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(errand, error, "reading quotas");
    }
    const struct describe_client_quotas_response *response = found;
    if (response->error_code != 0) {
        return errand_refuse(errand, "quotas", response->error_code, response->error_message);
    }
    print(errand, response);
    return COMMAND_OK;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct ls_values *values = given;
    struct errand errand;
    (void)arguments;
    int code = quota_choice_judge(world, &values->choice);
    if (code == COMMAND_OK) {
        code = errand_open(&errand, world, &values->errand, NULL, NULL);
    }
    if (code == COMMAND_OK) {
        code = list(&errand, values);
        errand_close(&errand);
    }
    return code;
}

static const struct flag flags[] = {
    QUOTA_CHOICE_FLAGS(struct ls_values),
    FLAG(0, "users", BOOL, struct ls_values, choice.is_any[0], NULL, "of all users"),
    FLAG(0, "clients", BOOL, struct ls_values, choice.is_any[1], NULL, "of all clients"),
    FLAG(0, "ips", BOOL, struct ls_values, choice.is_any[2], NULL, "of all addresses"),
    FLAG(0, "only", BOOL, struct ls_values, is_only, NULL,
         "not those that speak of something else beside it"),
    ERRAND_OUTPUT_FLAG(struct ls_values),
    ERRAND_FLAGS(struct ls_values),
};

const struct command command_quota_ls = {
    .noun = "quota",
    .verb = "ls",
    .arguments = "",
    .summary = "lists how much users, clients and addresses may do",
    .examples = "tidemill quota ls\n"
                "tidemill quota ls --clients --only\n"
                "tidemill quota ls --user ANONYMOUS -o json\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct ls_values),
    .argument_max = 0,
    .run = run,
};
