/* See schema.h. Names come from topics and JSON, so each is quoted. */
#include "connectors/sqlite/schema.h"

#include <stdlib.h>
#include <string.h>

static void add_name(struct builder *sql, const char *name)
{
    builder_add_byte(sql, '"');
    for (const char *at = name; *at != '\0'; at++) {
        if (*at == '"') {
            builder_add_byte(sql, '"');
        }
        builder_add_byte(sql, *at);
    }
    builder_add_byte(sql, '"');
}

static int run(sqlite3 *database, struct builder *sql)
{
    int code = sqlite3_exec(database, builder_text(sql), NULL, NULL, NULL);
    builder_fini(sql);
    return code;
}

static int prepare(sqlite3 *database, struct builder *sql, sqlite3_stmt **out)
{
    int code =
        sqlite3_prepare_v3(database, builder_text(sql), -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    builder_fini(sql);
    return code;
}

struct schema *schema_new(const char *table)
{
    struct schema *schema = builder_alloc(1, sizeof *schema);
    schema->table = builder_copy(table);
    return schema;
}

static void drop_statements(struct schema *schema)
{
    sqlite3_finalize(schema->write);
    sqlite3_finalize(schema->remove);
    schema->write = schema->remove = NULL;
}

static void forget_columns(struct schema *schema)
{
    drop_statements(schema);
    for (size_t i = 0; i < schema->column_count; i++) {
        free(schema->columns[i].name);
    }
    free(schema->columns);
    schema->columns = NULL;
    schema->column_count = 0;
    schema->exists = false;
}

void schema_free(struct schema *schema)
{
    if (schema == NULL) {
        return;
    }
    forget_columns(schema);
    free(schema->table);
    free(schema);
}

static void remember_column(struct schema *schema, const char *name, bool is_key)
{
    schema->columns =
        builder_resize(schema->columns, schema->column_count + 1, sizeof *schema->columns);
    schema->columns[schema->column_count++] =
        (struct schema_column){.name = builder_copy(name), .is_key = is_key};
    schema->exists = true;
    drop_statements(schema);
}

int schema_load(struct schema *schema, sqlite3 *database)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(database, "SELECT name, pk FROM pragma_table_info(?1)", -1,
                                  &statement, NULL);
    if (code != SQLITE_OK) {
        return code;
    }
    forget_columns(schema);
    sqlite3_bind_text(statement, 1, schema->table, -1, SQLITE_STATIC);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        remember_column(schema, (const char *)sqlite3_column_text(statement, 0),
                        sqlite3_column_int(statement, 1) > 0);
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

int schema_find(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->column_count; i++) {
        if (sqlite3_stricmp(schema->columns[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int schema_add_column(struct schema *schema, sqlite3 *database, const char *name, const char *type)
{
    struct builder sql = {.data = NULL};
    builder_add_text(&sql, schema->exists ? "ALTER TABLE " : "CREATE TABLE ");
    add_name(&sql, schema->table);
    builder_add_text(&sql, schema->exists ? " ADD COLUMN " : " (");
    add_name(&sql, name);
    builder_add_byte(&sql, ' ');
    builder_add_text(&sql, type);
    builder_add_text(&sql, schema->exists ? "" : ")");
    int code = run(database, &sql);
    if (code == SQLITE_OK) {
        remember_column(schema, name, false);
    }
    return code;
}

int schema_create(struct schema *schema, sqlite3 *database, const char *const *key_names,
                  const char *const *key_types, size_t key_count)
{
    struct builder sql = {.data = NULL};
    builder_add_text(&sql, "CREATE TABLE ");
    add_name(&sql, schema->table);
    builder_add_text(&sql, " (");
    for (size_t i = 0; i < key_count; i++) {
        add_name(&sql, key_names[i]);
        builder_add_byte(&sql, ' ');
        builder_add_text(&sql, key_types[i]);
        builder_add_text(&sql, " NOT NULL, ");
    }
    builder_add_text(&sql, "PRIMARY KEY (");
    for (size_t i = 0; i < key_count; i++) {
        builder_add_text(&sql, i == 0 ? "" : ", ");
        add_name(&sql, key_names[i]);
    }
    builder_add_text(&sql, "))");
    int code = run(database, &sql);
    for (size_t i = 0; code == SQLITE_OK && i < key_count; i++) {
        remember_column(schema, key_names[i], true);
    }
    return code;
}

/* Appends the names of the columns that are keys, or that are not, between separators. */
static size_t add_columns(struct builder *sql, const struct schema *schema, bool is_key,
                          const char *separator, const char *form)
{
    size_t count = 0;
    for (size_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].is_key != is_key) {
            continue;
        }
        builder_add_text(sql, count++ == 0 ? "" : separator);
        add_name(sql, schema->columns[i].name);
        builder_add_text(sql, form);
        if (form[0] == ' ' && form[1] == '=') {
            if (is_key) {
                builder_add_integer(sql, (int64_t)count);
            } else {
                add_name(sql, schema->columns[i].name);
            }
        }
    }
    return count;
}

int schema_prepare_write(struct schema *schema, sqlite3 *database, bool is_upsert)
{
    struct builder sql = {.data = NULL};
    builder_add_text(&sql, "INSERT INTO ");
    add_name(&sql, schema->table);
    builder_add_text(&sql, " (");
    for (size_t i = 0; i < schema->column_count; i++) {
        builder_add_text(&sql, i == 0 ? "" : ", ");
        add_name(&sql, schema->columns[i].name);
    }
    builder_add_text(&sql, ") VALUES (");
    for (size_t i = 0; i < schema->column_count; i++) {
        builder_add_text(&sql, i == 0 ? "?" : ", ?");
        builder_add_integer(&sql, (int64_t)i + 1);
    }
    builder_add_byte(&sql, ')');
    if (is_upsert) {
        builder_add_text(&sql, " ON CONFLICT (");
        (void)add_columns(&sql, schema, true, ", ", "");
        builder_add_text(&sql, ") DO ");
        size_t mark = sql.size;
        builder_add_text(&sql, "UPDATE SET ");
        if (add_columns(&sql, schema, false, ", ", " = excluded.") == 0) {
            sql.size = mark;
            builder_add_text(&sql, "NOTHING");
        }
    }
    return prepare(database, &sql, &schema->write);
}

int schema_prepare_remove(struct schema *schema, sqlite3 *database)
{
    struct builder sql = {.data = NULL};
    builder_add_text(&sql, "DELETE FROM ");
    add_name(&sql, schema->table);
    builder_add_text(&sql, " WHERE ");
    (void)add_columns(&sql, schema, true, " AND ", " = ?");
    return prepare(database, &sql, &schema->remove);
}
