/* The loader refuses what is no plugin of ours before any of its code runs, with a sentence that
 * says why; and a damaged library never leads it astray. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/plugin/elf.h"
#include "runtime/plugin/plugin_describe.h"
#include "tests/connectors/mock.h"

#include <stdlib.h>

struct world {
    char folder[512];
    char path[600];
    struct buffer image; /* of the real file.so */
};

static void begin(struct world *world)
{
    mock_folder(world->folder, sizeof world->folder, "loader");
    snprintf(world->path, sizeof world->path, "%s/file.so", world->folder);
    buffer_init(&world->image);
    FILE *file = fopen(CONNECTORS_FOLDER "/file.so", "r");
    assert_non_null(file);
    for (size_t size = 1; size > 0; world->image.size += size) {
        size = fread(buffer_reserve(&world->image, 65536), 1, 65536, file);
    }
    fclose(file);
}

static void end(struct world *world)
{
    char command[600];
    buffer_fini(&world->image);
    snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    assert_int_equal(system(command), 0);
}

static struct tidemill_identity *identity_of(struct world *world)
{
    struct bytes block;
    assert_int_equal(elf_find_symbol(buffer_bytes(&world->image), TIDEMILL_IDENTITY_SYMBOL,
                                     sizeof(struct tidemill_identity), &block),
                     0);
    return (struct tidemill_identity *)(void *)(world->image.data +
                                                (block.data - world->image.data));
}

/* Writes the image, tries to open it, and compares the refusal. */
static void expect_refusal(struct world *world, const char *text)
{
    const char *folder = world->folder;
    struct plugin *plugin;
    struct report report = {.text = ""};
    mock_write(world->path, "w", world->image.data, world->image.size);
    assert_true(plugin_open("file", &folder, 1, &plugin, &report) != 0);
    if (strstr(report.text, text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", report.text, text);
    }
    assert_string_equal(report.place, world->path);
}

static void a_shipped_library_is_loaded_and_described(void **state)
{
    (void)state;
    static const char *const folders[] = {"/nonexistent", CONNECTORS_FOLDER};
    struct plugin *plugin;
    struct report report = {.text = ""};
    struct buffer text;
    buffer_init(&text);
    assert_int_equal(plugin_open("file", folders, 2, &plugin, &report), 0);
    plugin_check(plugin);
    assert_int_equal(plugin_kind_count(plugin), 2);
    assert_non_null(plugin_find_kind(plugin, TIDEMILL_SINK, "file"));
    assert_non_null(plugin_find_kind(plugin, TIDEMILL_SOURCE,
                                     "org.apache.kafka.connect.file.FileStreamSourceConnector"));
    assert_null(plugin_find_kind(plugin, TIDEMILL_SOURCE, "tail"));
    plugin_describe(plugin, PLUGIN_JSON, &text);
    assert_non_null(strstr(buffer_string(&text), "{\"name\":\"file\",\"version\":"));
    buffer_clear(&text);
    plugin_describe(plugin, PLUGIN_TEXT, &text);
    assert_non_null(strstr(buffer_string(&text), "source file: "));
    plugin_close(plugin);
    buffer_fini(&text);
}

static void add_name(void *data, const char *name, const char *path)
{
    buffer_printf(data, "%s=%s,", name, path);
}

static void libraries_are_listed_once_each(void **state)
{
    (void)state;
    struct world world;
    struct buffer names;
    begin(&world);
    buffer_init(&names);
    mock_append(world.path, "no library at all");
    const char *const folders[] = {world.folder, "/nonexistent", CONNECTORS_FOLDER};
    plugin_list(folders, 3, add_name, &names);
    char first[700];
    snprintf(first, sizeof first, "file=%s,", world.path);
    assert_non_null(strstr(buffer_string(&names), first));
    assert_null(strstr(buffer_string(&names), "file=" CONNECTORS_FOLDER));
    assert_non_null(strstr(buffer_string(&names), "sqlite=" CONNECTORS_FOLDER));
    buffer_fini(&names);
    end(&world);
}

static void a_missing_library_is_told_with_the_places(void **state)
{
    (void)state;
    static const char *const folders[] = {"/one", "/two"};
    struct plugin *plugin;
    struct report report = {.text = ""};
    assert_int_equal(plugin_open("nothing", folders, 2, &plugin, &report), ERROR_NOT_FOUND);
    assert_string_equal(report.text, "there is no plugin nothing.so in /one, /two");
    report = (struct report){.text = ""};
    assert_int_equal(plugin_open("../evil", folders, 2, &plugin, &report), ERROR_INVALID);
    assert_non_null(strstr(report.text, "is not a plugin's name"));
}

static void stale_and_foreign_identities_are_refused(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    struct tidemill_identity *identity = identity_of(&world);
    struct tidemill_identity good = *identity;
    identity->magic[0] = 'X';
    expect_refusal(&world, "its identity block is foreign");
    *identity = good;
    identity->abi_major = 9;
    expect_refusal(&world, "was built for plugin interface 9.2 and this Tidemill speaks 1.2");
    *identity = good;
    identity->abi_minor = 7;
    expect_refusal(&world, "use a newer Tidemill");
    *identity = good;
    identity->record_size += 8;
    expect_refusal(&world, "other struct sizes");
    *identity = good;
    memset(identity->version, 'x', sizeof identity->version);
    expect_refusal(&world, "without name, version or license");
    *identity = good;
    memcpy(identity->name, "other", 6);
    expect_refusal(&world, "holds the plugin other");
    end(&world);
}

/* Its tables end where those of 1.0 and 1.1 did. */
static void plugins_of_earlier_minor_versions_still_load(void **state)
{
    (void)state;
    static const struct {
        uint16_t abi_minor;
        size_t kind_size;
        size_t host_size;
    } rows[] = {
        {0, offsetof(struct tidemill_kind, transform), offsetof(struct tidemill_host, forward)},
        {1, offsetof(struct tidemill_kind, aggregator), offsetof(struct tidemill_host, write)},
    };
    struct world world;
    struct plugin *plugin;
    struct report report = {.text = ""};
    begin(&world);
    const char *folder = world.folder;
    struct tidemill_identity *identity = identity_of(&world);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        identity->abi_minor = rows[i].abi_minor;
        identity->kind_size = (uint32_t)rows[i].kind_size;
        identity->host_size = (uint32_t)rows[i].host_size;
        mock_write(world.path, "w", world.image.data, world.image.size);
        assert_int_equal(plugin_open("file", &folder, 1, &plugin, &report), 0);
        plugin_close(plugin);
    }
    identity->host_size = (uint32_t)rows[0].host_size - 1;
    expect_refusal(&world, "other struct sizes");
    identity->host_size = (uint32_t)rows[0].host_size;
    identity->kind_size = (uint32_t)rows[0].kind_size - 1;
    expect_refusal(&world, "other struct sizes");
    end(&world);
}

static void what_is_no_library_is_refused(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    size_t size = world.image.size;
    world.image.size = 40;
    expect_refusal(&world, "is not a 64-bit shared library for this machine");
    world.image.size = size / 2;
    expect_refusal(&world, "is a damaged shared library");
    world.image.size = size;
    world.image.data[4] = 1; /* ELFCLASS32 */
    expect_refusal(&world, "is not a 64-bit shared library for this machine");
    world.image.data[4] = 2;
    world.image.data[18] ^= 0xff; /* e_machine */
    expect_refusal(&world, "is not a 64-bit shared library for this machine");
    buffer_clear(&world.image);
    buffer_add_string(&world.image, "#!/bin/sh\necho gotcha\n");
    expect_refusal(&world, "is not a 64-bit shared library for this machine");
    end(&world);
}

/* Builds a library whose constructor leaves a trace. */
static void build(struct world *world, const char *body)
{
    char source[600];
    char command[2000];
    snprintf(source, sizeof source, "%s/code.c", world->folder);
    mock_write(source, "w", body, strlen(body));
    snprintf(command, sizeof command,
             "cc -std=gnu11 -Wall -Wextra -Werror -Iruntime/plugin -I. -shared -fPIC "
             "-o '%s' '%s'",
             world->path, source);
    assert_int_equal(system(command), 0);
}

static void a_foreign_library_is_refused_before_its_code_runs(void **state)
{
    (void)state;
    static const char code[] = "#include <stdlib.h>\n"
                               "__attribute__((constructor)) static void run(void) { exit(77); }\n";
    struct world world;
    begin(&world);
    build(&world, code);
    const char *folder = world.folder;
    struct plugin *plugin;
    struct report report = {.text = ""};
    assert_int_equal(plugin_open("file", &folder, 1, &plugin, &report), ERROR_INVALID);
    assert_non_null(strstr(report.text, "it does not export tidemill_plugin_v1"));
    end(&world);
}

/* The guide shows a plugin in a code block: it must compile, load and work. */
static void the_example_of_the_guide_works(void **state)
{
    (void)state;
    struct world world;
    char guide[65536];
    begin(&world);
    FILE *file = fopen("runtime/plugin/guide.md", "r");
    assert_non_null(file);
    guide[fread(guide, 1, sizeof guide - 1, file)] = '\0';
    fclose(file);
    char *code = strstr(guide, "## A source");
    assert_non_null(code);
    code = strstr(code, "```c\n");
    assert_non_null(code);
    code += strlen("```c\n");
    char *code_end = strstr(code, "```");
    assert_non_null(code_end);
    *code_end = '\0';
    snprintf(world.path, sizeof world.path, "%s/ticker.so", world.folder);
    build(&world, code);
    const char *folder = world.folder;
    struct plugin *plugin;
    struct report report = {.text = ""};
    if (plugin_open("ticker", &folder, 1, &plugin, &report) != 0) {
        fail_msg("%s: %s", report.place, report.text);
    }
    assert_non_null(plugin_find_kind(plugin, TIDEMILL_SOURCE, "ticker"));
    plugin_close(plugin);
    end(&world);
}

/* Any byte of the headers and tables may be wrong; the answer is an error or a view inside. */
static void damaged_images_never_lead_outside(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    uint64_t random = 1;
    size_t found_count = 0;
    for (int round = 0; round < 3000; round++) {
        size_t size = world.image.size;
        uint8_t *copy = memory_alloc(size);
        memcpy(copy, world.image.data, size);
        for (int i = 0; i < 4; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            uint64_t place = random >> 20;
            /* The file header, the program headers, the section headers, or anywhere. */
            size_t at = i == 0   ? place % 64
                        : i == 1 ? 64 + place % 600
                        : i == 2 ? size - 1 - place % 2400
                                 : place % size;
            copy[at] = (uint8_t)(random >> 56);
        }
        size_t cut = round % 3 == 0 ? (size_t)(random >> 30) % size : size;
        uint8_t *image = memory_alloc(cut + 1);
        memcpy(image, copy, cut);
        free(copy);
        struct bytes block;
        if (elf_find_symbol(bytes_make(image, cut), TIDEMILL_IDENTITY_SYMBOL,
                            sizeof(struct tidemill_identity), &block) == 0) {
            assert_true(block.data >= image && block.data + block.size <= image + cut);
            found_count++;
        }
        free(image);
    }
    assert_true(found_count > 0);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shipped_library_is_loaded_and_described),
        cmocka_unit_test(libraries_are_listed_once_each),
        cmocka_unit_test(a_missing_library_is_told_with_the_places),
        cmocka_unit_test(stale_and_foreign_identities_are_refused),
        cmocka_unit_test(plugins_of_earlier_minor_versions_still_load),
        cmocka_unit_test(what_is_no_library_is_refused),
        cmocka_unit_test(a_foreign_library_is_refused_before_its_code_runs),
        cmocka_unit_test(the_example_of_the_guide_works),
        cmocka_unit_test(damaged_images_never_lead_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
