/* The SQLite sink: rows, keys, columns and positions, as another connection sees them. */
#include "tests/connectors/mock.h"

#include <sqlite3.h>
#include <stdlib.h>

struct world {
    struct mock mock;
    char folder[512];
    char file[600];
    int64_t next_offset;
    struct tidemill_verdict verdicts[64];
};

static void begin(struct world *world, const char *const *extra)
{
    char path[700];
    const char *settings[16] = {path};
    mock_folder(world->folder, sizeof world->folder, "sqlite");
    snprintf(world->file, sizeof world->file, "%s/out.db", world->folder);
    snprintf(path, sizeof path, "path=%s", world->file);
    for (size_t i = 0; extra != NULL && extra[i] != NULL; i++) {
        settings[i + 1] = extra[i];
    }
    world->next_offset = 0;
    mock_open(&world->mock, "sqlite", TIDEMILL_SINK, settings);
    assert_int_equal(world->mock.context.kind->validate(&world->mock.context), TIDEMILL_OK);
    assert_int_equal(world->mock.context.kind->sink->open(&world->mock.context), TIDEMILL_OK);
}

static void end(struct world *world)
{
    char command[600];
    world->mock.context.kind->sink->close(&world->mock.context);
    mock_close(&world->mock);
    snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    assert_int_equal(system(command), 0);
}

static struct tidemill_bytes text(const char *value)
{
    return tidemill_bytes_make(value, value == NULL ? 0 : strlen(value));
}

/* Puts one record of topic "events", partition 3; returns its verdict. */
static struct tidemill_verdict put(struct world *world, const char *key, const char *value)
{
    struct tidemill_record record = tidemill_record_make(text(key), text(value));
    struct tidemill_verdict verdict = {.status = TIDEMILL_OK};
    record.topic = "events";
    record.partition = 3;
    record.offset = world->next_offset++;
    assert_int_equal(
        world->mock.context.kind->sink->put(&world->mock.context, &record, 1, &verdict),
        TIDEMILL_OK);
    return verdict;
}

static void flush(struct world *world)
{
    assert_int_equal(world->mock.context.kind->sink->flush(&world->mock.context), TIDEMILL_OK);
}

/* The rows of a query, "a|b;c|d;". */
static void expect(struct world *world, const char *sql, const char *rows)
{
    sqlite3 *database;
    sqlite3_stmt *statement;
    struct buffer found;
    buffer_init(&found);
    assert_int_equal(sqlite3_open(world->file, &database), SQLITE_OK);
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(database));
    }
    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const char *value = (const char *)sqlite3_column_text(statement, i);
            buffer_printf(&found, "%s%s", i == 0 ? "" : "|", value == NULL ? "-" : value);
        }
        buffer_add_byte(&found, ';');
    }
    sqlite3_finalize(statement);
    sqlite3_close(database);
    assert_string_equal(buffer_string(&found), rows);
    buffer_fini(&found);
}

static int64_t position(struct world *world, int32_t partition)
{
    int64_t next_offset = -2;
    assert_int_equal(world->mock.context.kind->sink->position(&world->mock.context, "events",
                                                              partition, &next_offset),
                     TIDEMILL_OK);
    return next_offset;
}

static void objects_become_rows_and_members_columns(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    put(&world, NULL,
        "{\"id\":9007199254740993,\"name\":\"caf\\u00e9\",\"price\":1.5,\"ok\":true}");
    put(&world, NULL,
        "{\"name\":null,\"tags\":[1, 2],\"more\":{\"a\":\"b\"},\"big\":123456789012345678901}");
    flush(&world);
    expect(&world, "SELECT id, name, price, ok, tags, more, big FROM events ORDER BY rowid",
           "9007199254740993|caf\xc3\xa9|1.5|1|-|-|-;-|-|-|-|[1, 2]|{\"a\":\"b\"}|"
           "123456789012345678901;");
    expect(&world, "SELECT type FROM pragma_table_info('events') ORDER BY cid LIMIT 4",
           "INTEGER;TEXT;REAL;INTEGER;");
    end(&world);
}

static void nothing_is_seen_before_the_flush(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    put(&world, NULL, "{\"a\":1}");
    expect(&world, "SELECT count(*) FROM sqlite_master WHERE name = 'events'", "0;");
    expect(&world, "SELECT count(*) FROM _tidemill_offsets", "0;");
    flush(&world);
    expect(&world, "SELECT a FROM events", "1;");
    expect(&world, "SELECT connector, topic, partition, next_offset FROM _tidemill_offsets",
           "test|events|3|1;");
    end(&world);
}

static void reading_goes_on_at_the_position_of_the_last_flush(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    assert_int_equal(position(&world, 3), -1);
    put(&world, NULL, "{\"a\":1}");
    put(&world, NULL, "{\"a\":2}");
    flush(&world);
    put(&world, NULL, "{\"a\":3}");
    /* The process dies. */
    world.mock.context.kind->sink->close(&world.mock.context);
    assert_int_equal(world.mock.context.kind->sink->open(&world.mock.context), TIDEMILL_OK);
    assert_int_equal(position(&world, 3), 2);
    assert_int_equal(position(&world, 4), -1);
    world.next_offset = 2;
    put(&world, NULL, "{\"a\":3}");
    flush(&world);
    expect(&world, "SELECT a FROM events", "1;2;3;");
    end(&world);
}

static void upsert_replaces_the_row_of_a_key_and_tombstones_delete_it(void **state)
{
    (void)state;
    static const char *const extra[] = {"insert.mode=upsert", "pk.mode=record_key", "pk.fields=id",
                                        "delete.enabled=true", NULL};
    struct world world;
    begin(&world, extra);
    put(&world, "k1", "{\"v\":1,\"w\":1}");
    put(&world, "k2", "{\"v\":2}");
    put(&world, "k1", "{\"v\":3,\"id\":\"a member named as the key\"}");
    put(&world, "k2", NULL);
    put(&world, "k9", NULL);
    flush(&world);
    expect(&world, "SELECT id, v, w FROM events", "k1|3|-;");
    assert_int_equal(put(&world, NULL, "{\"v\":1}").status, TIDEMILL_REJECT);
    end(&world);
}

static void keys_may_be_members_or_coordinates(void **state)
{
    (void)state;
    static const char *const fields[] = {"insert_mode=upsert", "pk_mode=record_value",
                                         "pk_fields=a,b", "table=t_{topic}", NULL};
    static const char *const kafka[] = {"pk_mode=kafka", "value_format=text", NULL};
    struct world world;
    begin(&world, fields);
    put(&world, NULL, "{\"a\":1,\"b\":\"x\",\"c\":1}");
    put(&world, NULL, "{\"a\":1,\"b\":\"x\",\"c\":2}");
    put(&world, NULL, "{\"a\":1,\"b\":\"y\",\"c\":3}");
    struct tidemill_verdict verdict = put(&world, NULL, "{\"a\":1}");
    assert_int_equal(verdict.status, TIDEMILL_REJECT);
    assert_non_null(strstr(verdict.reason, "part of the key"));
    flush(&world);
    expect(&world, "SELECT a, b, c FROM t_events ORDER BY b", "1|x|2;1|y|3;");
    end(&world);
    begin(&world, kafka);
    put(&world, NULL, "hello");
    flush(&world);
    expect(&world, "SELECT _topic, _partition, _offset, value FROM events", "events|3|0|hello;");
    end(&world);
}

static void a_bad_record_is_rejected_alone(void **state)
{
    (void)state;
    static const char *const values[] = {"{\"a\":1}", "{\"a\":", "[1]", NULL, "{\"a\":2}"};
    struct world world;
    struct tidemill_record records[5];
    struct tidemill_verdict verdicts[5] = {{.status = TIDEMILL_OK}};
    begin(&world, NULL);
    for (size_t i = 0; i < 5; i++) {
        records[i] = tidemill_record_make(tidemill_bytes_null(), text(values[i]));
        records[i].topic = "events";
        records[i].partition = (int32_t)(i / 3);
        records[i].offset = (int64_t)i;
    }
    assert_int_equal(world.mock.context.kind->sink->put(&world.mock.context, records, 5, verdicts),
                     TIDEMILL_OK);
    flush(&world);
    assert_int_equal(verdicts[0].status, TIDEMILL_OK);
    assert_string_equal(verdicts[1].reason, "the value is not JSON");
    assert_string_equal(verdicts[2].reason, "the value is JSON but no object");
    assert_string_equal(verdicts[3].reason, "the record has no value");
    assert_int_equal(verdicts[4].status, TIDEMILL_OK);
    expect(&world, "SELECT a FROM events", "1;2;");
    assert_int_equal(position(&world, 0), 3);
    assert_int_equal(position(&world, 1), 5);
    end(&world);
}

static void tables_and_columns_are_only_made_when_allowed(void **state)
{
    (void)state;
    static const char *const extra[] = {"auto_create=false", "auto_evolve=false", NULL};
    struct world world;
    begin(&world, extra);
    assert_int_equal(put(&world, NULL, "{\"a\":1}").status, TIDEMILL_REJECT);
    flush(&world);
    expect(&world, "CREATE TABLE events (a INTEGER CHECK (a < 10))", "");
    /* The sink looks at a table when it first meets its topic. */
    world.mock.context.kind->sink->close(&world.mock.context);
    assert_int_equal(world.mock.context.kind->sink->open(&world.mock.context), TIDEMILL_OK);
    assert_int_equal(put(&world, NULL, "{\"a\":1}").status, TIDEMILL_OK);
    assert_int_equal(put(&world, NULL, "{\"a\":1,\"b\":2}").status, TIDEMILL_REJECT);
    struct tidemill_verdict verdict = put(&world, NULL, "{\"a\":11}");
    assert_int_equal(verdict.status, TIDEMILL_REJECT);
    assert_non_null(strstr(verdict.reason, "CHECK constraint failed"));
    flush(&world);
    expect(&world, "SELECT a FROM events", "1;");
    end(&world);
}

static void names_are_only_names(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    put(&world, NULL, "{\"a\\\"); DROP TABLE events; --\":1,\"select\":2}");
    flush(&world);
    expect(&world, "SELECT \"a\"\"); DROP TABLE events; --\", \"select\" FROM events", "1|2;");
    end(&world);
}

static void a_busy_database_is_retried(void **state)
{
    (void)state;
    static const char *const extra[] = {"busy_timeout=0", NULL};
    struct world world;
    sqlite3 *other;
    begin(&world, extra);
    assert_int_equal(sqlite3_open(world.file, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct tidemill_record record = tidemill_record_make(tidemill_bytes_null(), text("{\"a\":1}"));
    struct tidemill_verdict verdict = {.status = TIDEMILL_OK};
    record.topic = "events";
    record.partition = 3;
    record.offset = 0;
    assert_int_equal(world.mock.context.kind->sink->put(&world.mock.context, &record, 1, &verdict),
                     TIDEMILL_RETRY);
    assert_non_null(strstr(world.mock.failure, "locked"));
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    put(&world, NULL, "{\"a\":1}");
    flush(&world);
    expect(&world, "SELECT a FROM events", "1;");
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_become_rows_and_members_columns),
        cmocka_unit_test(nothing_is_seen_before_the_flush),
        cmocka_unit_test(reading_goes_on_at_the_position_of_the_last_flush),
        cmocka_unit_test(upsert_replaces_the_row_of_a_key_and_tombstones_delete_it),
        cmocka_unit_test(keys_may_be_members_or_coordinates),
        cmocka_unit_test(a_bad_record_is_rejected_alone),
        cmocka_unit_test(tables_and_columns_are_only_made_when_allowed),
        cmocka_unit_test(names_are_only_names),
        cmocka_unit_test(a_busy_database_is_retried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
