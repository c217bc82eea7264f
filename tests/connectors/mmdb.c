/* The writer of databases. See mmdb.h. */
#include "tests/connectors/mmdb.h"

#include "log/base/endian.h"
#include "runtime/format/json.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <string.h>

enum { STRING = 2, DOUBLE = 3, UINT16 = 5, UINT32 = 6, MAP = 7, UINT64 = 9, ARRAY = 11 };
enum { NODES_MAX = 4096, SEPARATOR_SIZE = 16, RECORD_BITS = 24 };

/* A record of the tree: 0 nothing, > 0 a node, < 0 data at the position -1 - record. */
struct tree {
    int32_t records[NODES_MAX][2];
    int32_t node_count;
};

/* --- Data ------------------------------------------------------------------------------------- */

static void add_control(struct buffer *out, int type, size_t size)
{
    uint8_t low = (uint8_t)(size < 29 ? size : size < 285 ? 29 : 30);
    assert_true(size < 65821);
    buffer_add_byte(out, (uint8_t)((type > MAP ? 0 : type << 5) | low));
    if (type > MAP) {
        buffer_add_byte(out, (uint8_t)(type - MAP));
    }
    if (low == 29) {
        buffer_add_byte(out, (uint8_t)(size - 29));
    } else if (low == 30) {
        buffer_add_byte(out, (uint8_t)((size - 285) >> 8));
        buffer_add_byte(out, (uint8_t)(size - 285));
    }
}

static void add_string(struct buffer *out, struct bytes text)
{
    add_control(out, STRING, text.size);
    buffer_add_bytes(out, text);
}

/* Without leading zeros, as the format allows. */
static void add_unsigned(struct buffer *out, int type, uint64_t value)
{
    size_t size = 0;
    for (uint64_t rest = value; rest > 0; rest >>= 8) {
        size++;
    }
    add_control(out, type, size);
    while (size-- > 0) {
        buffer_add_byte(out, (uint8_t)(value >> (8 * size)));
    }
}

static void add_number(struct buffer *out, const struct json *json, uint32_t token)
{
    int64_t integer;
    double real;
    uint64_t bits;
    if (json_int64(json, token, &integer)) {
        add_unsigned(out, UINT32, (uint64_t)integer);
        return;
    }
    assert_true(json_double(json, token, &real));
    memcpy(&bits, &real, sizeof bits);
    add_control(out, DOUBLE, sizeof bits);
    endian_write_u64(buffer_reserve(out, sizeof bits), bits);
    out->size += sizeof bits;
}

static void add_value(struct buffer *out, const struct json *json, uint32_t token)
{
    const struct json_token *value = json_token(json, token);
    if (value->kind == JSON_OBJECT || value->kind == JSON_ARRAY) {
        add_control(out, value->kind == JSON_OBJECT ? MAP : ARRAY, value->count);
        for (uint32_t at = token + 1; at < value->next; at = json_token(json, at)->next) {
            add_value(out, json, at); /* names are string tokens */
        }
    } else if (value->kind == JSON_STRING) {
        struct buffer scratch;
        buffer_init(&scratch);
        add_string(out, json_string(json, token, &scratch));
        buffer_fini(&scratch);
    } else {
        assert_int_equal(value->kind, JSON_NUMBER);
        add_number(out, json, token);
    }
}

static void add_json(struct buffer *out, const char *text)
{
    struct json json;
    json_init(&json);
    assert_int_equal(json_parse(&json, bytes_from_string(text)), 0);
    add_value(out, &json, JSON_ROOT);
    json_fini(&json);
}

/* --- The tree --------------------------------------------------------------------------------- */

/* The bits of a network as the tree of this version has them. */
static int read_prefix(int ip_version, const struct mmdb_network *network, uint8_t *address)
{
    memset(address, 0, 16);
    if (inet_pton(AF_INET, network->prefix, ip_version == 6 ? address + 12 : address) == 1) {
        return network->bit_count + (ip_version == 6 ? 96 : 0);
    }
    assert_int_equal(ip_version, 6);
    assert_int_equal(inet_pton(AF_INET6, network->prefix, address), 1);
    return network->bit_count;
}

static void add_network(struct tree *tree, const uint8_t *address, int bit_count, size_t position)
{
    int32_t node = 0;
    for (int i = 0; i < bit_count; i++) {
        int32_t *record = &tree->records[node][address[i / 8] >> (7 - i % 8) & 1];
        if (i == bit_count - 1) {
            assert_int_equal(*record, 0);
            *record = -1 - (int32_t)position;
            return;
        }
        if (*record == 0) {
            assert_true(tree->node_count < NODES_MAX);
            *record = tree->node_count++;
        }
        assert_true(*record > 0);
        node = *record;
    }
}

static void add_tree(struct buffer *out, const struct tree *tree)
{
    for (int32_t i = 0; i < tree->node_count; i++) {
        for (int side = 0; side < 2; side++) {
            int32_t record = tree->records[i][side];
            uint32_t value =
                (uint32_t)(record > 0   ? record
                           : record < 0 ? tree->node_count + SEPARATOR_SIZE - 1 - record
                                        : tree->node_count);
            buffer_add_byte(out, (uint8_t)(value >> 16));
            buffer_add_byte(out, (uint8_t)(value >> 8));
            buffer_add_byte(out, (uint8_t)value);
        }
    }
}

/* --- The file --------------------------------------------------------------------------------- */

static void add_row(struct buffer *out, const char *name, int type, uint64_t value)
{
    add_string(out, bytes_from_string(name));
    add_unsigned(out, type, value);
}

static void add_metadata(struct buffer *out, int ip_version, int32_t node_count)
{
    buffer_add_string(out, "\xab\xcd\xefMaxMind.com");
    add_control(out, MAP, 9);
    add_row(out, "node_count", UINT32, (uint64_t)node_count);
    add_row(out, "record_size", UINT16, RECORD_BITS);
    add_row(out, "ip_version", UINT16, (uint64_t)ip_version);
    add_row(out, "binary_format_major_version", UINT16, 2);
    add_row(out, "binary_format_minor_version", UINT16, 0);
    add_row(out, "build_epoch", UINT64, 1764000000);
    add_string(out, BYTES_LITERAL("database_type"));
    add_string(out, BYTES_LITERAL("Test"));
    add_string(out, BYTES_LITERAL("languages"));
    add_json(out, "[\"de\",\"en\"]");
    add_string(out, BYTES_LITERAL("description"));
    add_json(out, "{\"en\":\"for a test\"}");
}

void mmdb_build(int ip_version, const struct mmdb_network *networks, size_t count,
                struct buffer *out)
{
    static const uint8_t separator[SEPARATOR_SIZE];
    struct tree *tree = test_calloc(1, sizeof *tree);
    struct buffer data;
    buffer_init(&data);
    tree->node_count = 1;
    for (size_t i = 0; i < count; i++) {
        uint8_t address[16];
        int bit_count = read_prefix(ip_version, &networks[i], address);
        add_network(tree, address, bit_count, data.size);
        add_json(&data, networks[i].json);
    }
    add_tree(out, tree);
    buffer_add(out, separator, sizeof separator);
    buffer_add_bytes(out, buffer_bytes(&data));
    add_metadata(out, ip_version, tree->node_count);
    buffer_fini(&data);
    test_free(tree);
}
