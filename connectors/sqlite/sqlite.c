/* The library sqlite.so: a sink that writes topics into tables of one SQLite file.
 *
 * Rows and positions travel in one transaction: it begins with the first put and is committed by
 * flush, so what the file holds and where to go on from are never apart (exactly once). A record
 * that does not fit is rejected alone, with the reason.
 *
 * Owns:   the connection and what it knows of each table.
 * Keeps:  (1) a transaction is open exactly when something was put since the last flush;
 *         (2) the table _tidemill_offsets holds, per connector, topic and partition, the offset
 *             after the last record that was put.
 * Thread: the task's. */
#include "connectors/sqlite/row.h"
#include "connectors/sqlite/schema.h"

#include <stdlib.h>

enum insert_mode { MODE_INSERT, MODE_UPSERT };
enum key_mode { KEY_NONE, KEY_RECORD_KEY, KEY_RECORD_VALUE, KEY_KAFKA };
enum value_format { FORMAT_JSON, FORMAT_TEXT };

struct topic_table {
    char *topic;
    struct schema *schema;
};

struct sink {
    sqlite3 *database;
    sqlite3_stmt *save_position;
    sqlite3_stmt *read_position;
    bool is_in_transaction;
    enum insert_mode insert_mode;
    enum key_mode key_mode;
    enum value_format value_format;
    bool creates;
    bool evolves;
    bool deletes;
    const char *const *key_fields;
    size_t key_field_count;
    const char *table_template;
    struct topic_table *tables;
    size_t table_count;
    struct row row;
};

static int run(struct sink *sink, const char *sql)
{
    return sqlite3_exec(sink->database, sql, NULL, NULL, NULL);
}

static enum tidemill_status fail(struct tidemill_context *context, const struct sink *sink,
                                 const char *doing)
{
    int code = sqlite3_errcode(sink->database);
    bool may_pass = code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_FULL;
    return tidemill_fail(context, may_pass ? TIDEMILL_RETRY : TIDEMILL_FATAL,
                         "SQLite failed while %s: %s", doing, sqlite3_errmsg(sink->database));
}

/* --- Tables ----------------------------------------------------------------------------------- */

static void write_table_name(const struct sink *sink, const char *topic, struct builder *out)
{
    const char *at = sink->table_template;
    for (const char *place = strstr(at, "{topic}"); place != NULL; place = strstr(at, "{topic}")) {
        builder_add(out, at, (size_t)(place - at));
        builder_add_text(out, topic);
        at = place + strlen("{topic}");
    }
    builder_add_text(out, at);
}

static struct schema *find_table(struct sink *sink, const char *topic, int *code)
{
    for (size_t i = 0; i < sink->table_count; i++) {
        if (strcmp(sink->tables[i].topic, topic) == 0) {
            return sink->tables[i].schema;
        }
    }
    struct builder name = {.data = NULL};
    write_table_name(sink, topic, &name);
    struct schema *schema = NULL;
    /* Two topics may share a table. */
    for (size_t i = 0; i < sink->table_count && schema == NULL; i++) {
        if (sqlite3_stricmp(sink->tables[i].schema->table, builder_text(&name)) == 0) {
            schema = sink->tables[i].schema;
        }
    }
    *code = SQLITE_OK;
    if (schema == NULL) {
        schema = schema_new(builder_text(&name));
        *code = schema_load(schema, sink->database);
    }
    builder_fini(&name);
    sink->tables = builder_resize(sink->tables, sink->table_count + 1, sizeof *sink->tables);
    sink->tables[sink->table_count++] =
        (struct topic_table){.topic = builder_copy(topic), .schema = schema};
    return schema;
}

static void forget_tables(struct sink *sink)
{
    for (size_t i = 0; i < sink->table_count; i++) {
        bool is_shared = false;
        for (size_t j = 0; j < i; j++) {
            is_shared = is_shared || sink->tables[j].schema == sink->tables[i].schema;
        }
        free(sink->tables[i].topic);
        if (is_shared) {
            sink->tables[i].schema = NULL;
        }
    }
    for (size_t i = 0; i < sink->table_count; i++) {
        schema_free(sink->tables[i].schema);
    }
    free(sink->tables);
    sink->tables = NULL;
    sink->table_count = 0;
}

static int create_table(struct sink *sink, struct schema *schema)
{
    const char *names[ROW_COLUMN_MAX];
    const char *types[ROW_COLUMN_MAX];
    size_t count = 0;
    for (size_t i = 0; i < sink->row.count; i++) {
        if (sink->row.values[i].is_key) {
            names[count] = row_name(&sink->row, i);
            types[count++] = row_type_name(sink->row.values[i].type);
        }
    }
    return count == 0 ? SQLITE_OK : schema_create(schema, sink->database, names, types, count);
}

/* Makes room for every column of the row. A sentence when that is not allowed. */
static const char *fit_table(struct sink *sink, struct schema *schema, int *code)
{
    if (!schema->exists && !sink->creates) {
        return "the table does not exist and auto_create is off";
    }
    bool is_new = !schema->exists;
    *code = is_new ? create_table(sink, schema) : SQLITE_OK;
    for (size_t i = 0; i < sink->row.count && *code == SQLITE_OK; i++) {
        const struct row_value *value = &sink->row.values[i];
        if (schema_find(schema, row_name(&sink->row, i)) >= 0) {
            continue;
        }
        if (!is_new && !sink->evolves) {
            return "the table lacks a column for a member and auto_evolve is off";
        }
        *code = schema_add_column(schema, sink->database, row_name(&sink->row, i),
                                  row_type_name(value->type));
    }
    /* More columns than a table can have, or a name that SQLite keeps for itself. */
    if (*code == SQLITE_ERROR) {
        *code = SQLITE_OK;
        return sqlite3_errmsg(sink->database);
    }
    return NULL;
}

/* --- Rows ------------------------------------------------------------------------------------- */

static void add_coordinates(struct row *row, const struct tidemill_record *record)
{
    row_add_text(row, "_topic", record->topic);
    row_add_integer(row, "_partition", record->partition);
    row_add_integer(row, "_offset", record->offset);
}

static const char *add_key(struct sink *sink, const struct tidemill_record *record)
{
    struct row *row = &sink->row;
    if (record->key.data == NULL) {
        return "the record has no key";
    }
    struct json_value json;
    bool is_object =
        json_parse(record->key.data, record->key.size, &json) && json.type == JSON_OBJECT;
    if (is_object) {
        return row_add_object(row, record->key);
    }
    row_add_bytes(row, sink->key_field_count > 0 ? sink->key_fields[0] : "key", record->key);
    return NULL;
}

static const char *mark_fields(struct sink *sink)
{
    for (size_t i = 0; i < sink->key_field_count; i++) {
        int index = row_find(&sink->row, sink->key_fields[i]);
        if (index < 0 || sink->row.values[index].type == ROW_NULL) {
            return "the value lacks a member that is part of the key";
        }
        sink->row.values[index].is_key = true;
    }
    return NULL;
}

static const char *add_value(struct sink *sink, const struct tidemill_record *record)
{
    if (sink->value_format == FORMAT_TEXT) {
        row_add_bytes(&sink->row, "value", record->value);
        return NULL;
    }
    return record->value.data == NULL ? "the record has no value"
                                      : row_add_object(&sink->row, record->value);
}

/* Fills the row from the record, the key first; a sentence when it cannot be one. */
static const char *make_row(struct sink *sink, const struct tidemill_record *record,
                            bool is_tombstone)
{
    const char *reason = NULL;
    switch (sink->key_mode) {
    case KEY_NONE:
    case KEY_RECORD_VALUE:
        break;
    case KEY_RECORD_KEY:
        reason = add_key(sink, record);
        break;
    case KEY_KAFKA:
        add_coordinates(&sink->row, record);
        break;
    }
    row_end_key(&sink->row);
    if (reason == NULL && !is_tombstone) {
        reason = add_value(sink, record);
    }
    if (reason == NULL && sink->key_mode == KEY_RECORD_VALUE) {
        reason = mark_fields(sink);
    }
    return reason;
}

static int bind(sqlite3_stmt *statement, int place, const struct row *row, size_t index)
{
    const struct row_value *value = &row->values[index];
    switch (value->type) {
    case ROW_NULL:
        return sqlite3_bind_null(statement, place);
    case ROW_INTEGER:
        return sqlite3_bind_int64(statement, place, value->integer);
    case ROW_REAL:
        return sqlite3_bind_double(statement, place, value->real);
    case ROW_TEXT:
        return sqlite3_bind_text64(statement, place, row_data(row, index), value->size,
                                   SQLITE_STATIC, SQLITE_UTF8);
    case ROW_BLOB:
        return sqlite3_bind_blob64(statement, place, row_data(row, index), value->size,
                                   SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static int step(sqlite3_stmt *statement)
{
    (void)sqlite3_step(statement);
    return sqlite3_reset(statement);
}

static int write_row(struct sink *sink, struct schema *schema)
{
    int code = SQLITE_OK;
    if (schema->write == NULL) {
        code = schema_prepare_write(schema, sink->database, sink->insert_mode == MODE_UPSERT);
    }
    if (code == SQLITE_OK) {
        (void)sqlite3_clear_bindings(schema->write);
    }
    for (size_t i = 0; i < sink->row.count && code == SQLITE_OK; i++) {
        int column = schema_find(schema, row_name(&sink->row, i));
        code = bind(schema->write, column + 1, &sink->row, i);
    }
    return code == SQLITE_OK ? step(schema->write) : code;
}

static int remove_row(struct sink *sink, struct schema *schema)
{
    int code = SQLITE_OK;
    int place = 0;
    if (schema->remove == NULL) {
        code = schema_prepare_remove(schema, sink->database);
    }
    for (size_t i = 0; i < schema->column_count && code == SQLITE_OK; i++) {
        if (schema->columns[i].is_key) {
            int index = row_find(&sink->row, schema->columns[i].name);
            code = index < 0 ? SQLITE_MISUSE
                             : bind(schema->remove, ++place, &sink->row, (size_t)index);
        }
    }
    return code == SQLITE_OK ? step(schema->remove) : code;
}

static const char *apply_record(struct sink *sink, const struct tidemill_record *record, int *code)
{
    bool is_tombstone =
        record->value.data == NULL && sink->deletes && sink->insert_mode == MODE_UPSERT;
    row_clear(&sink->row);
    const char *reason = make_row(sink, record, is_tombstone);
    if (reason != NULL) {
        return reason;
    }
    struct schema *schema = find_table(sink, record->topic, code);
    if (*code != SQLITE_OK) {
        return NULL;
    }
    if (is_tombstone) {
        *code = schema->exists ? remove_row(sink, schema) : SQLITE_OK;
        return NULL;
    }
    reason = fit_table(sink, schema, code);
    if (reason == NULL && *code == SQLITE_OK) {
        *code = write_row(sink, schema);
    }
    return reason;
}

/* --- Transactions ----------------------------------------------------------------------------- */

static int save_position(struct sink *sink, struct tidemill_context *context,
                         const struct tidemill_record *record)
{
    sqlite3_stmt *statement = sink->save_position;
    sqlite3_bind_text(statement, 1, context->connector, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, record->topic, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 3, record->partition);
    sqlite3_bind_int64(statement, 4, record->offset + 1);
    return step(statement);
}

/* What the record itself is to blame for; everything else is the database's trouble. */
static const char *find_fault(struct sink *sink, int code)
{
    switch (code & 0xff) {
    case SQLITE_MISUSE:
        return "the record's key lacks a column of the table's key";
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return sqlite3_errmsg(sink->database);
    default:
        return NULL;
    }
}

/* A statement that fails leaves nothing behind, so a record needs no savepoint of its own; columns
 * that were made for a rejected record stay. */
static int put_record(struct sink *sink, const struct tidemill_record *record,
                      struct tidemill_verdict *verdict)
{
    int code = SQLITE_OK;
    const char *reason = apply_record(sink, record, &code);
    if (reason == NULL && code != SQLITE_OK) {
        reason = find_fault(sink, code);
    }
    if (reason != NULL) {
        tidemill_judge(verdict, TIDEMILL_REJECT, "%s", reason);
        return SQLITE_OK;
    }
    return code;
}

/* Whether a later record of the call has the same partition. */
static bool is_superseded(const struct tidemill_record *records, size_t index, size_t count)
{
    return index + 1 < count && records[index + 1].partition == records[index].partition &&
           strcmp(records[index + 1].topic, records[index].topic) == 0;
}

static enum tidemill_status sink_put(struct tidemill_context *context,
                                     const struct tidemill_record *records, size_t count,
                                     struct tidemill_verdict *verdicts)
{
    struct sink *sink = context->instance;
    if (!sink->is_in_transaction) {
        if (run(sink, "BEGIN IMMEDIATE") != SQLITE_OK) {
            return fail(context, sink, "beginning a transaction");
        }
        sink->is_in_transaction = true;
    }
    int code = run(sink, "SAVEPOINT batch");
    for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
        code = put_record(sink, &records[i], &verdicts[i]);
        if (code == SQLITE_OK && !is_superseded(records, i, count)) {
            code = save_position(sink, context, &records[i]);
        }
    }
    if (code == SQLITE_OK) {
        code = run(sink, "RELEASE batch");
    }
    if (code == SQLITE_OK) {
        return TIDEMILL_OK;
    }
    enum tidemill_status status = fail(context, sink, "writing records");
    forget_tables(sink);
    bool is_undone = sqlite3_get_autocommit(sink->database) == 0 &&
                     run(sink, "ROLLBACK TO batch") == SQLITE_OK &&
                     run(sink, "RELEASE batch") == SQLITE_OK;
    /* SQLite may have given up the whole transaction, with what was put before this call. */
    return is_undone ? status : TIDEMILL_FATAL;
}

static enum tidemill_status sink_flush(struct tidemill_context *context)
{
    struct sink *sink = context->instance;
    if (!sink->is_in_transaction) {
        return TIDEMILL_OK;
    }
    if (run(sink, "COMMIT") != SQLITE_OK) {
        enum tidemill_status status = fail(context, sink, "committing");
        return sqlite3_get_autocommit(sink->database) == 0 ? status : TIDEMILL_FATAL;
    }
    sink->is_in_transaction = false;
    return TIDEMILL_OK;
}

static enum tidemill_status sink_position(struct tidemill_context *context, const char *topic,
                                          int32_t partition, int64_t *next_offset)
{
    struct sink *sink = context->instance;
    sqlite3_stmt *statement = sink->read_position;
    sqlite3_bind_text(statement, 1, context->connector, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, topic, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 3, partition);
    int code = sqlite3_step(statement);
    *next_offset = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_reset(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE ? TIDEMILL_OK
                                                     : fail(context, sink, "reading the position");
}

/* --- Life ------------------------------------------------------------------------------------- */

static void sink_free(struct sink *sink)
{
    forget_tables(sink);
    sqlite3_finalize(sink->save_position);
    sqlite3_finalize(sink->read_position);
    sqlite3_close(sink->database);
    row_fini(&sink->row);
    free(sink);
}

static int prepare_database(struct sink *sink, int64_t busy_timeout_ms)
{
    sqlite3_busy_timeout(sink->database, (int)busy_timeout_ms);
    sqlite3_extended_result_codes(sink->database, 0);
    int code = run(sink, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                         "CREATE TABLE IF NOT EXISTS _tidemill_offsets (connector TEXT NOT NULL,"
                         " topic TEXT NOT NULL, partition INTEGER NOT NULL,"
                         " next_offset INTEGER NOT NULL,"
                         " PRIMARY KEY (connector, topic, partition)) WITHOUT ROWID;");
    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(sink->database,
                                  "INSERT INTO _tidemill_offsets VALUES (?1, ?2, ?3, ?4)"
                                  " ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset",
                                  -1, &sink->save_position, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(sink->database,
                                  "SELECT next_offset FROM _tidemill_offsets"
                                  " WHERE connector = ?1 AND topic = ?2 AND partition = ?3",
                                  -1, &sink->read_position, NULL);
    }
    return code;
}

static enum tidemill_status sink_open(struct tidemill_context *context)
{
    struct sink *sink = builder_alloc(1, sizeof *sink);
    const struct tidemill_option_value *fields = tidemill_option_get(context, "pk_fields");
    sink->insert_mode = (enum insert_mode)tidemill_option_integer(context, "insert_mode");
    sink->key_mode = (enum key_mode)tidemill_option_integer(context, "pk_mode");
    sink->value_format = (enum value_format)tidemill_option_integer(context, "value_format");
    sink->creates = tidemill_option_bool(context, "auto_create");
    sink->evolves = tidemill_option_bool(context, "auto_evolve");
    sink->deletes = tidemill_option_bool(context, "delete_enabled");
    sink->key_fields = fields->items;
    sink->key_field_count = fields->item_count;
    sink->table_template = tidemill_option_text(context, "table");
    int code = sqlite3_open_v2(tidemill_option_text(context, "path"), &sink->database,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (code == SQLITE_OK) {
        code = prepare_database(sink, tidemill_option_integer(context, "busy_timeout"));
    }
    if (code != SQLITE_OK) {
        enum tidemill_status status = fail(context, sink, "opening the file");
        sink_free(sink);
        return status;
    }
    context->instance = sink;
    return TIDEMILL_OK;
}

static void sink_close(struct tidemill_context *context)
{
    sink_free(context->instance);
    context->instance = NULL;
}

static enum tidemill_status sink_validate(struct tidemill_context *context)
{
    int64_t key_mode = tidemill_option_integer(context, "pk_mode");
    bool is_upsert = tidemill_option_integer(context, "insert_mode") == MODE_UPSERT;
    if (is_upsert && key_mode == KEY_NONE) {
        return tidemill_fail(context, TIDEMILL_FATAL,
                             "insert_mode=upsert needs a key: set pk_mode to record_key, "
                             "record_value or kafka");
    }
    if (key_mode == KEY_RECORD_VALUE &&
        tidemill_option_get(context, "pk_fields")->item_count == 0) {
        return tidemill_fail(context, TIDEMILL_FATAL,
                             "pk_mode=record_value needs pk_fields, the members of the key");
    }
    if (tidemill_option_bool(context, "delete_enabled") &&
        (!is_upsert || key_mode != KEY_RECORD_KEY)) {
        return tidemill_fail(context, TIDEMILL_FATAL,
                             "delete_enabled needs insert_mode=upsert and pk_mode=record_key");
    }
    return TIDEMILL_OK;
}

static const struct tidemill_option options[] = {
    {.name = "path",
     .type = TIDEMILL_OPTION_STRING,
     .flags = TIDEMILL_OPTION_REQUIRED,
     .help = "The database file; it is created when it is not there."},
    {.name = "table",
     .type = TIDEMILL_OPTION_STRING,
     .fallback = "{topic}",
     .help = "The table's name; {topic} stands for the topic.",
     .alias = "table.name.format"},
    {.name = "insert_mode",
     .type = TIDEMILL_OPTION_ENUM,
     .fallback = "insert",
     .allowed = "insert|upsert",
     .help = "insert adds a row per record; upsert replaces the row with the same key.",
     .alias = "insert.mode"},
    {.name = "pk_mode",
     .type = TIDEMILL_OPTION_ENUM,
     .fallback = "none",
     .allowed = "none|record_key|record_value|kafka",
     .help = "Where the primary key comes from: the record's key, members of its value, or topic, "
             "partition and offset.",
     .alias = "pk.mode"},
    {.name = "pk_fields",
     .type = TIDEMILL_OPTION_LIST,
     .help = "Names of the key columns. With record_key and a key that is no JSON object the first "
             "one names its column (default: key).",
     .alias = "pk.fields"},
    {.name = "value_format",
     .type = TIDEMILL_OPTION_ENUM,
     .fallback = "json",
     .allowed = "json|text",
     .help = "json: an object, a column per member. text: the bytes, in the column value."},
    {.name = "auto_create",
     .type = TIDEMILL_OPTION_BOOL,
     .fallback = "true",
     .help = "Creates tables that are not there.",
     .alias = "auto.create"},
    {.name = "auto_evolve",
     .type = TIDEMILL_OPTION_BOOL,
     .fallback = "true",
     .help = "Adds columns for members that have none.",
     .alias = "auto.evolve"},
    {.name = "delete_enabled",
     .type = TIDEMILL_OPTION_BOOL,
     .fallback = "false",
     .help = "A record without a value deletes the row of its key.",
     .alias = "delete.enabled"},
    {.name = "busy_timeout",
     .type = TIDEMILL_OPTION_DURATION,
     .fallback = "10s",
     .allowed = "0..1h",
     .help = "How long to wait for others who write to the file."},
};

static const struct tidemill_sink functions = {
    .size = sizeof functions,
    .open = sink_open,
    .position = sink_position,
    .put = sink_put,
    .flush = sink_flush,
    .close = sink_close,
};

static const struct tidemill_kind kind = {
    .size = sizeof kind,
    .type = TIDEMILL_SINK,
    .capabilities = TIDEMILL_OWN_OFFSETS | TIDEMILL_SINGLE_TASK,
    .name = "sqlite",
    .help = "Writes records into tables of an SQLite file, exactly once.",
    .alias = "io.confluent.connect.jdbc.JdbcSinkConnector",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sink = &functions,
    .validate = sink_validate,
};

TIDEMILL_PLUGIN("sqlite", TIDEMILL_VERSION, "Apache-2.0", &kind);
