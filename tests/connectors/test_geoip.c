/* The shipped geoip: what it adds to records, what becomes of those it can add nothing to, how a
 * new file replaces the old one, and that no file, however damaged, leads it astray. */
#include "log/base/memory.h"
#include "runtime/format/json.h"
#include "tests/connectors/mmdb.h"
#include "tests/connectors/mock.h"

#include <maxminddb.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The library forgets some of its own memory when the list of languages is damaged (1.7.1, 4640
 * bytes a file); it stays loaded to the end so that the sanitizer knows whose it was. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return MMDB_lib_version() == NULL ? "" : "leak:libmaxminddb";
}

static const struct mmdb_network CITIES[] = {
    {"81.2.69.0", 24,
     "{\"continent\":{\"code\":\"EU\"},\"country\":{\"iso_code\":\"GB\",\"names\":{\"en\":\"United "
     "Kingdom\",\"de\":\"Vereinigtes "
     "K\xc3\xb6nigreich\"}},\"city\":{\"names\":{\"en\":\"London\"}},"
     "\"location\":{\"latitude\":51.5142,\"longitude\":-0.0931,\"time_zone\":\"Europe/London\"},"
     "\"postal\":{\"code\":\"EC4\"},\"subdivisions\":[{\"iso_code\":\"ENG\",\"names\":{\"en\":"
     "\"England\"}}]}"},
    {"2001:db8::", 32,
     "{\"country\":{\"iso_code\":\"JP\"},\"autonomous_system_number\":64496,"
     "\"autonomous_system_organization\":\"Example \\\"Net\\\"\"}"},
    {"10.1.0.0", 16, "{\"city\":{\"names\":{\"en\":\"Hall 7\"}}}"},
};
enum { CITY_COUNT = sizeof CITIES / sizeof *CITIES, MINUTE_MS = 60000 };

struct world {
    char folder[512];
    char path[600];
    char database[700]; /* the option */
    struct mock mock;
    const struct tidemill_transform *functions;
};

static void write_database(struct world *world, int ip_version, const struct mmdb_network *networks,
                           size_t count)
{
    struct buffer image;
    char fresh[700];
    buffer_init(&image);
    mmdb_build(ip_version, networks, count, &image);
    snprintf(fresh, sizeof fresh, "%s.new", world->path);
    mock_write(fresh, "w", image.data, image.size);
    assert_int_equal(rename(fresh, world->path), 0);
    buffer_fini(&image);
}

static void begin(struct world *world)
{
    mock_folder(world->folder, sizeof world->folder, "geoip");
    snprintf(world->path, sizeof world->path, "%s/city.mmdb", world->folder);
    snprintf(world->database, sizeof world->database, "database=%s", world->path);
    write_database(world, 6, CITIES, CITY_COUNT);
}

static void end(struct world *world)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    assert_int_equal(system(command), 0);
}

/* With up to three more options; returns what open said. */
static enum tidemill_status start(struct world *world, const char *const *more)
{
    const char *settings[5] = {world->database};
    for (size_t i = 0; more != NULL && more[i] != NULL; i++) {
        settings[i + 1] = more[i];
    }
    mock_open(&world->mock, "geoip", TIDEMILL_TRANSFORM, settings);
    const struct tidemill_kind *kind = world->mock.context.kind;
    world->functions = kind->transform;
    enum tidemill_status status = kind->validate(&world->mock.context);
    return status == TIDEMILL_OK ? world->functions->open(&world->mock.context) : status;
}

static void stop(struct world *world)
{
    world->functions->close(&world->mock.context);
    mock_close(&world->mock);
}

static enum tidemill_status process(struct world *world, const char *value)
{
    struct tidemill_record record = tidemill_record_make(
        tidemill_bytes_make("k", 1),
        value == NULL ? tidemill_bytes_null() : tidemill_bytes_make(value, strlen(value)));
    mock_forget(&world->mock, 0);
    return world->functions->process(&world->mock.context, &record, 1);
}

static void expect(struct world *world, const char *value, const char *wanted)
{
    enum tidemill_status status = process(world, value);
    if (status != TIDEMILL_OK) {
        fail_msg("%s: %s", value, world->mock.failure);
    }
    assert_int_equal(world->mock.record_count, 1);
    assert_string_equal(world->mock.records[0].value, wanted);
    assert_string_equal(world->mock.records[0].key, "k");
}

static void expect_reject(struct world *world, const char *value, const char *sentence)
{
    assert_int_equal(process(world, value), TIDEMILL_REJECT);
    assert_int_equal(world->mock.record_count, 0);
    assert_string_equal(world->mock.failure, sentence);
}

static void what_is_known_of_an_address_is_added(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    assert_int_equal(start(&world, NULL), TIDEMILL_OK);
    expect(&world, "{\"ip\":\"81.2.69.142\",\"n\":1}",
           "{\"ip\":\"81.2.69.142\",\"n\":1,\"geo\":{\"country\":\"GB\",\"city\":\"London\","
           "\"location\":{\"lat\":51.5142,\"lon\":-0.0931}}}");
    expect(&world, "{ \"geo\" : 7, \"ip\" : \"2001:db8::\\u0031\" }",
           "{\"ip\":\"2001:db8::\\u0031\",\"geo\":{\"country\":\"JP\",\"asn\":64496}}");
    expect(&world, "{\"ip\":\"::ffff:81.2.69.1\",\"geo\\u0000\":1}",
           "{\"ip\":\"::ffff:81.2.69.1\",\"geo\\u0000\":1,\"geo\":{\"country\":\"GB\",\"city\":"
           "\"London\",\"location\":{\"lat\":51.5142,\"lon\":-0.0931}}}");
    stop(&world);
    end(&world);
}

static void field_target_fields_and_language_are_options(void **state)
{
    (void)state;
    static const char *const where[] = {"field=$.hops[1].from", "target=a \"b\"",
                                        "fields=organization,country", NULL};
    static const char *const names[] = {
        "language=de",
        "fields=continent,country_name,region,region_name,city,postal_code,time_zone", NULL};
    struct world world;
    begin(&world);
    assert_int_equal(start(&world, where), TIDEMILL_OK);
    expect(&world, "{\"hops\":[{},{\"from\":\"2001:db8:7::\"}]}",
           "{\"hops\":[{},{\"from\":\"2001:db8:7::\"}],\"a \\\"b\\\"\":{\"organization\":\"Example "
           "\\\"Net\\\"\",\"country\":\"JP\"}}");
    stop(&world);
    assert_int_equal(start(&world, names), TIDEMILL_OK);
    expect(&world, "{\"ip\":\"81.2.69.142\"}",
           "{\"ip\":\"81.2.69.142\",\"geo\":{\"continent\":\"EU\",\"country_name\":\"Vereinigtes "
           "K\xc3\xb6nigreich\",\"region\":\"ENG\",\"region_name\":\"England\",\"city\":\"London\","
           "\"postal_code\":\"EC4\",\"time_zone\":\"Europe/London\"}}");
    stop(&world);
    end(&world);
}

static void what_is_not_known_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const char *const reject[] = {"missing=reject", NULL};
    struct world world;
    begin(&world);
    assert_int_equal(start(&world, reject), TIDEMILL_OK);
    expect_reject(&world, "{\"ip\":\"8.8.8.8\"}",
                  "the database has nothing of the fields for 8.8.8.8");
    expect_reject(&world, "{\"ip\":\"192.168.1.7\"}",
                  "192.168.1.7 is a private address and not in the database");
    expect_reject(&world, "{\"ip\":\"::ffff:10.0.0.1\"}",
                  "::ffff:10.0.0.1 is a private address and not in the database");
    expect_reject(&world, "{\"ip\":\"::1\"}", "::1 is a loopback address and not in the database");
    expect_reject(&world, "{\"ip\":\"fe80::1\"}",
                  "fe80::1 is a link-local address and not in the database");
    expect_reject(&world, "{\"ip\":\"172.31.0.1\"}",
                  "172.31.0.1 is a private address and not in the database");
    expect_reject(&world, "{\"ip\":\"172.32.0.1\"}",
                  "the database has nothing of the fields for 172.32.0.1");
    expect_reject(&world, "{\"ip\":\"81.2.69.142:80\"}",
                  "$.ip is '81.2.69.142:80', which is no address");
    expect_reject(&world, "{\"ip\":\"\"}", "$.ip is '', which is no address");
    expect_reject(&world, "{\"ip\":\"81.2.69.142\\u0000\"}",
                  "$.ip is '81.2.69.142', which is no address");
    expect_reject(&world, "{\"ip\":7}", "there is no text at $.ip");
    expect_reject(&world, "{}", "there is no text at $.ip");
    expect_reject(&world, "[]", "the value is not a JSON object");
    expect_reject(&world, "81.2.69.142", "the value is not a JSON object");
    /* Private ones that a database knows are found in it. */
    expect(&world, "{\"ip\":\"10.1.2.3\"}", "{\"ip\":\"10.1.2.3\",\"geo\":{\"city\":\"Hall 7\"}}");
    assert_int_equal(process(&world, NULL), TIDEMILL_OK);
    assert_null(world.mock.records[0].value);
    stop(&world);
    end(&world);
}

static void what_is_not_known_passes_or_is_dropped(void **state)
{
    (void)state;
    static const char *const drop[] = {"missing=drop", NULL};
    struct world world;
    begin(&world);
    assert_int_equal(start(&world, NULL), TIDEMILL_OK);
    expect(&world, "{ \"ip\": \"8.8.8.8\" }", "{ \"ip\": \"8.8.8.8\" }");
    expect(&world, "{}", "{}");
    expect_reject(&world, "text", "the value is not a JSON object");
    stop(&world);
    assert_int_equal(start(&world, drop), TIDEMILL_OK);
    assert_int_equal(process(&world, "{\"ip\":\"8.8.8.8\"}"), TIDEMILL_OK);
    assert_int_equal(world.mock.record_count, 0);
    stop(&world);
    end(&world);
}

static void a_database_of_ipv4_says_so(void **state)
{
    (void)state;
    static const char *const reject[] = {"missing=reject", NULL};
    static const struct mmdb_network network = {"81.2.69.0", 24,
                                                "{\"autonomous_system_number\":64497}"};
    struct world world;
    begin(&world);
    write_database(&world, 4, &network, 1);
    assert_int_equal(start(&world, reject), TIDEMILL_OK);
    expect(&world, "{\"ip\":\"::ffff:81.2.69.1\"}",
           "{\"ip\":\"::ffff:81.2.69.1\",\"geo\":{\"asn\":64497}}");
    expect_reject(&world, "{\"ip\":\"2001:db8::1\"}",
                  "2001:db8::1 is of IPv6, and the database of IPv4 alone");
    stop(&world);
    end(&world);
}

static void expect_no_start(struct world *world, const char *const *more, const char *sentence)
{
    assert_int_equal(start(world, more), TIDEMILL_FATAL);
    if (strstr(world->mock.failure, sentence) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", world->mock.failure, sentence);
    }
    mock_close(&world->mock);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    expect_no_start(&world, (const char *const[]){"field=ip", NULL},
                    "the option field is a path like $.client.ip or $.hops[0], not 'ip'");
    expect_no_start(&world, (const char *const[]){"field=$.a[x]", NULL}, "is a path like");
    expect_no_start(&world, (const char *const[]){"field=$..a", NULL}, "is a path like");
    expect_no_start(&world, (const char *const[]){"target=", NULL}, "the option target is empty");
    expect_no_start(&world, (const char *const[]){"fields=country,town", NULL},
                    "there is no field 'town'; there are continent, country, country_name, ");
    expect_no_start(&world, (const char *const[]){"fields=", NULL},
                    "the option fields is an empty list");
    end(&world);
}

static void a_file_that_is_no_database_is_refused_with_its_name(void **state)
{
    (void)state;
    struct world world;
    char sentence[800];
    begin(&world);
    assert_int_equal(unlink(world.path), 0);
    snprintf(sentence, sizeof sentence,
             "the database %s cannot be opened: No such file or directory", world.path);
    expect_no_start(&world, NULL, sentence);
    mock_append(world.path, "");
    expect_no_start(&world, NULL, "city.mmdb is empty");
    mock_append(world.path, "no database at all");
    expect_no_start(&world, NULL, "city.mmdb is no MaxMind database, or damaged: ");
    assert_int_equal(unlink(world.path), 0);
    assert_int_equal(mkdir(world.path, 0700), 0);
    expect_no_start(&world, NULL, "city.mmdb is not a regular file");
    end(&world);
}

static void expect_country(struct world *world, const char *country)
{
    char wanted[200];
    snprintf(wanted, sizeof wanted, "{\"ip\":\"81.2.69.1\",\"geo\":{\"country\":\"%s\"}}", country);
    expect(world, "{\"ip\":\"81.2.69.1\"}", wanted);
}

static void write_country(struct world *world, const char *country)
{
    char json[100];
    snprintf(json, sizeof json, "{\"country\":{\"iso_code\":\"%s\"}}", country);
    write_database(world, 6, &(struct mmdb_network){"81.2.69.0", 24, json}, 1);
}

static void a_new_file_is_taken_within_a_minute(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    write_country(&world, "AA");
    assert_int_equal(start(&world, NULL), TIDEMILL_OK);
    expect_country(&world, "AA");
    write_country(&world, "BB");
    world.mock.now_ms += MINUTE_MS - 1;
    expect_country(&world, "AA");
    world.mock.now_ms += 1;
    expect_country(&world, "BB");
    assert_non_null(strstr(world.mock.log, "city.mmdb is in use"));
    /* A file that is overwritten or shortened in its place, too; the copy does not mind. */
    assert_int_equal(truncate(world.path, 10), 0);
    expect_country(&world, "BB");
    stop(&world);
    end(&world);
}

static void a_damaged_new_file_leaves_the_old_one(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    write_country(&world, "AA");
    assert_int_equal(start(&world, NULL), TIDEMILL_OK);
    mock_write(world.path, "w", "damaged", 7);
    world.mock.now_ms += MINUTE_MS;
    expect_country(&world, "AA");
    assert_non_null(strstr(world.mock.log, "city.mmdb is no MaxMind database, or damaged: "));
    assert_non_null(strstr(world.mock.log, "; the old one stays in use"));
    world.mock.log[0] = '\0';
    world.mock.now_ms += MINUTE_MS;
    expect_country(&world, "AA");
    assert_string_equal(world.mock.log, ""); /* told once */
    assert_int_equal(unlink(world.path), 0);
    world.mock.now_ms += MINUTE_MS;
    expect_country(&world, "AA");
    assert_non_null(strstr(world.mock.log, "cannot be opened"));
    write_country(&world, "CC");
    world.mock.now_ms += MINUTE_MS;
    expect_country(&world, "CC");
    stop(&world);
    end(&world);
}

/* Two instances have one copy; it lives as long as one of them wants it. */
static void instances_share_a_file(void **state)
{
    (void)state;
    struct world one;
    struct world two;
    begin(&one);
    write_country(&one, "AA");
    two = one;
    assert_int_equal(start(&one, NULL), TIDEMILL_OK);
    assert_int_equal(start(&two, NULL), TIDEMILL_OK);
    expect_country(&two, "AA");
    write_country(&one, "BB");
    two.mock.now_ms += MINUTE_MS;
    expect_country(&two, "BB");
    expect_country(&one, "BB"); /* its first look */
    stop(&two);
    expect_country(&one, "BB");
    stop(&one);
    end(&one);
}

static uint64_t step(uint64_t random)
{
    return random * 6364136223846793005u + 1442695040888963407u;
}

/* --- Damage --- */

/* The image with up to four wrong bytes, every eighth time cut short. The tree is the larger part,
 * so every second time the bytes are of what stands behind it. */
static void write_damaged(struct world *world, const struct buffer *image, int round,
                          uint64_t *random)
{
    size_t size = image->size;
    uint8_t *copy = memory_alloc(size);
    memcpy(copy, image->data, size);
    for (int i = round % 4; i >= 0; i--) {
        *random = step(*random);
        copy[size - 1 - (*random >> 20) % (round % 2 == 0 ? size : 700)] = (uint8_t)(*random >> 12);
    }
    *random = step(*random);
    mock_write(world->path, "w", copy, round % 8 == 7 ? (*random >> 20) % size : size);
    free(copy);
}

static void expect_json(const char *text)
{
    struct json json;
    json_init(&json);
    assert_int_equal(json_parse(&json, bytes_from_string(text)), 0);
    json_fini(&json);
}

/* Whether the record was forwarded; else it was refused with a reason. */
static bool is_forwarded(struct world *world, const char *value)
{
    world->mock.failure[0] = '\0';
    enum tidemill_status status = process(world, value);
    if (status != TIDEMILL_OK) {
        assert_int_equal(status, TIDEMILL_REJECT);
        assert_int_equal(world->mock.record_count, 0);
        assert_true(world->mock.failure[0] != '\0');
        return false;
    }
    assert_int_equal(world->mock.record_count, 1);
    expect_json(world->mock.records[0].value);
    return true;
}

/* Any byte may be wrong and any end missing: the file is refused with its name, or each record is
 * answered, with valid JSON or a reason. */
static void damaged_databases_never_lead_astray(void **state)
{
    (void)state;
    static const char *const all[] = {
        "fields=continent,country,country_name,region,region_name,city,postal_code,location,"
        "time_zone,asn,organization",
        "missing=reject", NULL};
    static const char *const values[] = {"{\"ip\":\"81.2.69.142\"}", "{\"ip\":\"2001:db8::1\"}",
                                         "{\"ip\":\"10.1.0.1\"}", "{\"ip\":\"8.8.8.8\"}"};
    struct world world;
    struct buffer image;
    uint64_t random = 1;
    int refused_count = 0;
    int forwarded_count = 0;
    int rejected_count = 0;
    begin(&world);
    buffer_init(&image);
    mmdb_build(6, CITIES, CITY_COUNT, &image);
    for (int round = 0; round < 1000; round++) {
        write_damaged(&world, &image, round, &random);
        if (start(&world, all) != TIDEMILL_OK) {
            assert_non_null(strstr(world.mock.failure, world.path));
            refused_count++;
            mock_close(&world.mock);
            continue;
        }
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            int *count = is_forwarded(&world, values[i]) ? &forwarded_count : &rejected_count;
            ++*count;
        }
        stop(&world);
    }
    buffer_fini(&image);
    assert_true(refused_count > 100);
    assert_true(forwarded_count > 100);
    assert_true(rejected_count > 100);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_of_an_address_is_added),
        cmocka_unit_test(field_target_fields_and_language_are_options),
        cmocka_unit_test(what_is_not_known_is_refused_with_the_reason),
        cmocka_unit_test(what_is_not_known_passes_or_is_dropped),
        cmocka_unit_test(a_database_of_ipv4_says_so),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(a_file_that_is_no_database_is_refused_with_its_name),
        cmocka_unit_test(a_new_file_is_taken_within_a_minute),
        cmocka_unit_test(a_damaged_new_file_leaves_the_old_one),
        cmocka_unit_test(instances_share_a_file),
        cmocka_unit_test(damaged_databases_never_lead_astray),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
