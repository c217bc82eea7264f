/* The tables behind topics: what columns there are, and which must be added.
 *
 * Owns:   the columns it knows and the prepared statements made from them.
 * Keeps:  (1) columns equals what the database has, as far as this connection changed it;
 *         (2) statements are made anew whenever the columns change.
 * Thread: the task's. */
#pragma once

#include "connectors/shared/json.h"

#include <sqlite3.h>

enum { SCHEMA_COLUMN_MAX = 1000, SCHEMA_NAME_MAX = 512 };

struct schema_column {
    char *name;
    bool is_key;
};

struct schema {
    char *table;
    bool exists;
    struct schema_column *columns;
    size_t column_count;
    sqlite3_stmt *write;  /* insert or upsert of all columns; NULL until it is needed */
    sqlite3_stmt *remove; /* delete by key columns; NULL until it is needed */
};

struct schema *schema_new(const char *table);
void schema_free(struct schema *schema);
/* All below return a SQLite code. Reads the columns of the table, if it exists. */
int schema_load(struct schema *schema, sqlite3 *database);
/* The index of a column, -1 for none. Names are compared as SQLite does, without case. */
int schema_find(const struct schema *schema, const char *name);
/* Creates the table with one column, or adds one to it. `type` is INTEGER, REAL, TEXT or BLOB. */
int schema_add_column(struct schema *schema, sqlite3 *database, const char *name, const char *type);
/* Creates the table with key columns. */
int schema_create(struct schema *schema, sqlite3 *database, const char *const *key_names,
                  const char *const *key_types, size_t key_count);
/* The statement that writes one row with ?N for column N-1. With keys, an existing row is updated;
 * columns that the bound row leaves NULL become NULL. */
int schema_prepare_write(struct schema *schema, sqlite3 *database, bool is_upsert);
int schema_prepare_remove(struct schema *schema, sqlite3 *database);
