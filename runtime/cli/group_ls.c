/* tidemill group ls: the consumer groups of the cluster, asked of every broker. */
#include "log/base/text.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/group_names.h"

struct ls_values {
    struct errand_flags errand;
    bool is_detailed;
    bool has_state;
    bool has_type;
    const char *in_states; /* "stable,empty"; NULL: any */
    const char *of_types;
};

static const struct grid_column columns[] = {
    {"GROUP", "group", false},
    {"STATE", "state", false},
    {"PROTOCOL", "protocol_type", false},
    {"COORDINATOR", "coordinator", true},
};
static const struct grid_column columns_both[] = {
    {"GROUP", "group", false},
    {"TYPE", "type", false},
    {"STATE", "state", false},
};

/* One run. */
struct listing {
    struct errand *errand;
    const struct ls_values *values;
    struct grid grid;
};

static bool is_plain(const struct listing *listing)
{
    const struct ls_values *values = listing->values;
    return !values->is_detailed && !values->has_state && !values->has_type &&
           !listing->errand->is_json;
}

/* Kafka writes types with a capital. */
static void add_type(struct grid *grid, struct bytes type)
{
    struct buffer text;
    buffer_init(&text);
    buffer_add_bytes(&text, type);
    text.data[0] &= (uint8_t)~0x20;
    grid_add(grid, buffer_bytes(&text));
    buffer_fini(&text);
}

static struct bytes type_of(const struct list_groups_response_group *group)
{
    return group->group_type.size == 0 ? BYTES_LITERAL("classic") : group->group_type;
}

static bool is_wanted(const struct ls_values *values,
                      const struct list_groups_response_group *group)
{
    return (values->in_states == NULL || text_list_has(values->in_states, group->group_state)) &&
           (values->of_types == NULL || text_list_has(values->of_types, type_of(group)));
}

static void add_group(void *owner, int32_t node_id, const struct list_groups_response_group *group)
{
    struct listing *listing = owner;
    const struct ls_values *values = listing->values;
    if (!is_wanted(values, group)) {
        return;
    }
    if (is_plain(listing)) {
        buffer_printf(&listing->errand->out, "%.*s\n", BYTES_FORMAT(group->group_id));
        return;
    }
    grid_add(&listing->grid, group->group_id);
    if (values->has_type) {
        add_type(&listing->grid, type_of(group));
    }
    if (!values->has_type || values->has_state) {
        grid_add(&listing->grid, group->group_state);
    }
    if (!values->has_type && !values->has_state) {
        grid_add(&listing->grid, group->protocol_type);
        grid_add_number(&listing->grid, node_id);
    }
}

static void choose_columns(struct listing *listing)
{
    const struct ls_values *values = listing->values;
    if (values->has_type && values->has_state) {
        grid_init(&listing->grid, columns_both, sizeof(columns_both) / sizeof(columns[0]));
    } else if (values->has_type) {
        grid_init(&listing->grid, columns_both, sizeof(columns_both) / sizeof(columns[0]) - 1);
    } else if (values->has_state) {
        grid_init(&listing->grid, columns, 2);
    } else {
        grid_init(&listing->grid, columns, sizeof(columns) / sizeof(columns[0]));
    }
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    (void)arguments;
    const struct ls_values *values = given;
    struct errand errand;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != 0) {
        return code;
    }
    struct listing listing = {.errand = &errand, .values = values};
    choose_columns(&listing);
    code = group_names_each(&errand, add_group, &listing);
    if (code == COMMAND_OK && !is_plain(&listing)) {
        grid_print(&listing.grid, errand.is_json, &errand.out);
    }
    grid_fini(&listing.grid);
    errand_close(&errand);
    return code;
}

static const struct flag flags[] = {
    FLAG('d', "detailed", BOOL, struct ls_values, is_detailed, NULL, "state and coordinator too"),
    FLAG(0, "state", BOOL, struct ls_values, has_state, NULL, "name and state"),
    FLAG(0, "type", BOOL, struct ls_values, has_type, NULL, "name and type"),
    FLAG(0, "in-state", STRING, struct ls_values, in_states, "STATE,...",
         "only groups in one of these states"),
    FLAG(0, "of-type", STRING, struct ls_values, of_types, "TYPE,...",
         "only groups of these types: classic, consumer"),
    ERRAND_OUTPUT_FLAG(struct ls_values),
    ERRAND_FLAGS(struct ls_values),
};

const struct command command_group_ls = {
    .noun = "group",
    .verb = "ls",
    .arguments = "",
    .summary = "lists consumer groups",
    .examples = "tidemill group ls\n"
                "tidemill group ls -d -o json\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct ls_values),
    .argument_max = 0,
    .run = run,
};
