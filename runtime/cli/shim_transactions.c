/* kafka-transactions in words of ours; see shim.h. Its actions are words without dashes. */
#include "log/base/text.h"
#include "runtime/cli/shim.h"

#include <string.h>

static const struct shim_flag transaction_flags[] = {
    SHIM_COMMON,
    {"-h", SHIM_SWITCH, NULL},
    {"-v", SHIM_SWITCH, NULL},
    {"list", SHIM_ACTION, "txn ls"},
    {"describe", SHIM_ACTION, "txn describe"},
    {"describe-producers", SHIM_ACTION, "txn producers"},
    {"abort", SHIM_ACTION, "txn abort"},
    {"find-hanging", SHIM_ACTION, "txn hanging"},
    {"forceTerminateTransaction", SHIM_ACTION, "txn abort"},
    {"--transactional-id", SHIM_VALUE, NULL},
    {"--transactionalId", SHIM_VALUE, NULL},
    {"--transactional-id-pattern", SHIM_VALUE, "-r"},
    {"--duration-filter", SHIM_VALUE, NULL},
    {"--topic", SHIM_VALUE, NULL},
    {"--partition", SHIM_VALUE, NULL},
    {"--broker-id", SHIM_VALUE, NULL},
    {"--start-offset", SHIM_VALUE, "--start-offset"},
    {"--producer-id", SHIM_VALUE, "-p"},
    {"--producer-epoch", SHIM_DROP, NULL},
    {"--coordinator-epoch", SHIM_DROP, NULL},
    {"--max-transaction-timeout", SHIM_VALUE, NULL},
};

/* "TOPIC" or "TOPIC:PARTITION"; NULL without --topic. */
static const char *find_place(const struct shim *shim, struct arena *arena)
{
    const char *topic = shim_value(shim, "--topic"), *partition = shim_value(shim, "--partition");
    return topic == NULL || partition == NULL ? topic
                                              : arena_printf(arena, "%s:%s", topic, partition);
}

static int finish_list(struct shim *shim)
{
    const char *text = shim_value(shim, "--duration-filter");
    int64_t duration_ms = -1;
    if (text != NULL && text_parse_int64(text, &duration_ms) != 0) {
        return shim_refuse(shim, "--duration-filter takes milliseconds, not '%s'", text);
    }
    if (duration_ms >= 0) {
        shim_add_pair(shim, "-l", arena_printf(&shim->arena, "%s", text));
    }
    return COMMAND_OK;
}

static int finish_describe(struct shim *shim)
{
    const char *id = shim_value(shim, "--transactional-id");
    if (id == NULL) {
        return shim_refuse(shim, "--transactional-id ID is missing");
    }
    shim_add(shim, id);
    return COMMAND_OK;
}

static int finish_producers(struct shim *shim)
{
    if (!shim_has(shim, "--topic") || !shim_has(shim, "--partition")) {
        return shim_refuse(shim, "--topic NAME and --partition N are needed");
    }
    shim_add(shim, find_place(shim, &shim->arena));
    return COMMAND_OK;
}

static int finish_hanging(struct shim *shim)
{
    const char *text = shim_value(shim, "--max-transaction-timeout");
    const char *place = find_place(shim, &shim->arena);
    int64_t minutes = 0;
    if (place == NULL && shim_has(shim, "--partition")) {
        return shim_refuse(shim, "--partition needs --topic");
    }
    if (place == NULL && !shim_has(shim, "--broker-id")) {
        return shim_refuse(shim, "say where to look: --topic NAME or --broker-id N");
    }
    if (text != NULL && (text_parse_int64(text, &minutes) != 0 || minutes < 0)) {
        return shim_refuse(shim, "--max-transaction-timeout takes minutes, not '%s'", text);
    }
    if (text != NULL) {
        shim_add_pair(shim, "-l", arena_printf(&shim->arena, "%sm", text));
    }
    if (place != NULL) {
        shim_add(shim, place);
    }
    return COMMAND_OK;
}

/* By an id, or what hangs in a partition. */
static int finish_abort(struct shim *shim)
{
    const char *id = shim_value(shim, "--transactionalId");
    shim->is_silent = true;
    if (shim_has(shim, "forceTerminateTransaction")) {
        if (id == NULL) {
            return shim_refuse(shim, "--transactionalId ID is missing");
        }
        shim_add(shim, id);
        return COMMAND_OK;
    }
    if (!shim_has(shim, "--start-offset") && !shim_has(shim, "--producer-id")) {
        return shim_refuse(shim, "say which: --start-offset N or --producer-id N");
    }
    if (!shim_has(shim, "--topic") || !shim_has(shim, "--partition")) {
        return shim_refuse(shim, "--topic NAME and --partition N are needed");
    }
    const char *place = find_place(shim, &shim->arena);
    dialect_add(&shim->dialect, arena_printf(&shim->arena, "tidemill txn ls -t %s", place),
                arena_printf(&shim->arena,
                             "kafka-transactions describe-producers --topic %s --partition %s",
                             shim_value(shim, "--topic"), shim_value(shim, "--partition")));
    shim_add_for(shim, "--topic", "-t", place);
    return COMMAND_OK;
}

static int finish_transactions(struct shim *shim)
{
    static const struct {
        const char *action;
        int (*finish)(struct shim *shim);
    } actions[] = {{"txn ls", finish_list},
                   {"txn describe", finish_describe},
                   {"txn producers", finish_producers},
                   {"txn hanging", finish_hanging}};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(shim->command, actions[i].action) == 0) {
            shim_add_pair(shim, "-o", "kafka");
            return actions[i].finish(shim);
        }
    }
    return finish_abort(shim);
}

static const struct dialect_row transaction_phrases[] = {
    {"tidemill topic ls", "kafka-topics --list"},
    {"tidemill txn ls", "kafka-transactions list"},
    {"tidemill txn producers", "kafka-transactions describe-producers"},
};

const struct shim_tool shim_transactions = {
    .name = "kafka-transactions",
    .actions = "list, describe, describe-producers, abort, find-hanging or "
               "forceTerminateTransaction",
    SHIM_FLAGS(transaction_flags),
    SHIM_PHRASES(transaction_phrases),
    .has_verbs = true,
    .repeats = true,
    .finish = finish_transactions,
};
