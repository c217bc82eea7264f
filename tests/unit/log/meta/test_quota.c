/* Shows which limit a client is held to, and who shares it. */
#include "log/meta/quota.h"
#include "tests/unit/unit.h"

static struct quota_entity make(const char *user, const char *client)
{
    struct quota_entity entity = {0};
    const char *const names[] = {user, client};
    for (int part = 0; part < 2; part++) {
        entity.parts[part].is_given = names[part] != NULL;
        if (names[part] != NULL && names[part][0] != '*') {
            entity.parts[part].name = bytes_from_string(names[part]);
        }
    }
    return entity;
}

static double resolve(const struct quota_table *table, struct quota_found *found)
{
    *found = (struct quota_found){0};
    bool is_found = quota_table_resolve(table, QUOTA_PRODUCER_BYTE_RATE, BYTES_LITERAL("u"),
                                        BYTES_LITERAL("c"), found);
    assert_true(is_found || found->limit == 0);
    return found->limit;
}

static void the_nearest_limit_counts(void **state)
{
    /* From the weakest to the strongest. */
    static const char *const places[][2] = {{NULL, "*"}, {NULL, "c"}, {"*", NULL}, {"*", "*"},
                                            {"*", "c"},  {"u", NULL}, {"u", "*"},  {"u", "c"}};
    (void)state;
    struct quota_table table;
    struct quota_found found;
    quota_table_init(&table);
    assert_int_equal(resolve(&table, &found), 0);
    for (int i = 0; i < 8; i++) {
        struct quota_entity entity = make(places[i][0], places[i][1]);
        quota_table_set(&table, &entity, QUOTA_PRODUCER_BYTE_RATE, i + 1);
        quota_table_check(&table);
        assert_int_equal(resolve(&table, &found), i + 1);
        bool has_user = places[i][0] != NULL;
        bool has_client = places[i][1] != NULL;
        assert_int_equal(found.shared_by.parts[QUOTA_ENTITY_USER].is_given, has_user);
        assert_int_equal(found.shared_by.parts[QUOTA_ENTITY_CLIENT].is_given, has_client);
        assert_true(!has_user ||
                    bytes_equal_string(found.shared_by.parts[QUOTA_ENTITY_USER].name, "u"));
    }
    for (int i = 7; i >= 0; i--) {
        struct quota_entity entity = make(places[i][0], places[i][1]);
        quota_table_set(&table, &entity, QUOTA_PRODUCER_BYTE_RATE, 0);
        quota_table_check(&table);
        assert_int_equal(resolve(&table, &found), i);
    }
    assert_true(quota_table_is_empty(&table));
    quota_table_fini(&table);
}

static void others_and_other_kinds_are_not_held(void **state)
{
    (void)state;
    struct quota_table table;
    struct quota_found found;
    quota_table_init(&table);
    struct quota_entity other = make("v", NULL);
    quota_table_set(&table, &other, QUOTA_PRODUCER_BYTE_RATE, 5);
    struct quota_entity mine = make("u", NULL);
    quota_table_set(&table, &mine, QUOTA_CONSUMER_BYTE_RATE, 5);
    assert_int_equal(resolve(&table, &found), 0);
    assert_int_equal(quota_table_find(&table, &mine)->values[QUOTA_CONSUMER_BYTE_RATE], 5);
    quota_table_fini(&table);
}

static void an_address_has_its_own_or_the_default(void **state)
{
    (void)state;
    struct quota_table table;
    struct quota_entity entity = {0};
    quota_table_init(&table);
    entity.parts[QUOTA_ENTITY_IP].is_given = true;
    quota_table_set(&table, &entity, QUOTA_CONNECTION_CREATION_RATE, 9);
    entity.parts[QUOTA_ENTITY_IP].name = BYTES_LITERAL("127.0.0.1");
    quota_table_set(&table, &entity, QUOTA_CONNECTION_CREATION_RATE, 2);
    quota_table_check(&table);
    assert_int_equal(quota_table_resolve_address(&table, QUOTA_CONNECTION_CREATION_RATE,
                                                 BYTES_LITERAL("127.0.0.1")),
                     2);
    assert_int_equal(quota_table_resolve_address(&table, QUOTA_CONNECTION_CREATION_RATE,
                                                 BYTES_LITERAL("127.0.0.2")),
                     9);
    quota_table_fini(&table);
}

static void a_key_gives_its_entity_back(void **state)
{
    (void)state;
    struct buffer key;
    buffer_init(&key);
    struct quota_entity entity = make("u", "*");
    quota_entity_add_key(&entity, &key);
    struct quota_entity again = quota_entity_from_key(buffer_bytes(&key));
    assert_true(bytes_equal_string(again.parts[QUOTA_ENTITY_USER].name, "u"));
    assert_true(again.parts[QUOTA_ENTITY_CLIENT].is_given);
    assert_true(bytes_is_null(again.parts[QUOTA_ENTITY_CLIENT].name));
    assert_false(again.parts[QUOTA_ENTITY_IP].is_given);
    buffer_fini(&key);
}

static void kinds_are_found_by_name(void **state)
{
    enum quota_kind kind;
    (void)state;
    assert_true(quota_find_kind(BYTES_LITERAL("request_percentage"), &kind));
    assert_int_equal(kind, QUOTA_REQUEST_PERCENTAGE);
    assert_false(quota_row(kind)->is_whole);
    assert_true(quota_row(QUOTA_CONNECTION_CREATION_RATE)->is_of_address);
    assert_false(quota_find_kind(BYTES_LITERAL("speed"), &kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_limit_counts),
        cmocka_unit_test(others_and_other_kinds_are_not_held),
        cmocka_unit_test(an_address_has_its_own_or_the_default),
        cmocka_unit_test(a_key_gives_its_entity_back),
        cmocka_unit_test(kinds_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
