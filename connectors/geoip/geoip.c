/* The transform `geoip`: adds to a JSON record what a MaxMind database says of an address in it.
 *
 * Owns:   per instance the parsed options, its use of the database, the text being written.
 * Keeps:  (1) there is a whole database from open to close: one that cannot be read never replaces
 *             it, and is told once;
 *         (2) the file is looked at no more than once a minute.
 * Thread: the task's. */
#include "connectors/geoip/database.h"
#include "connectors/geoip/finding.h"
#include "connectors/geoip/trail.h"
#include "runtime/plugin/tidemill.h"

#include <stdlib.h>

enum { CHECK_INTERVAL_MS = 60 * 1000, SHOWN_SIZE = 60 };

enum missing { MISSING_PASS, MISSING_REJECT, MISSING_DROP };

struct geoip {
    struct trail field;
    const char *target;
    const char *language;
    enum missing missing;
    const struct finding_field **fields;
    size_t field_count;
    struct database *database;
    struct database_stamp seen; /* of the file when it was looked at last */
    int64_t checked_ms;         /* -1: not yet */
    struct builder address;
    struct builder name; /* of a member */
    struct builder finding;
    struct builder text;
};

/* --- Options ---------------------------------------------------------------------------------- */

static enum tidemill_status refuse_field(struct tidemill_context *context, const char *name)
{
    struct builder names = {.data = NULL};
    finding_list_fields(&names);
    enum tidemill_status status =
        tidemill_fail(context, TIDEMILL_FATAL, "there is no field '%s'; there are %s", name,
                      builder_text(&names));
    builder_fini(&names);
    return status;
}

static enum tidemill_status geoip_validate(struct tidemill_context *context)
{
    const struct tidemill_option_value *fields = tidemill_option_get(context, "fields");
    const char *path = tidemill_option_text(context, "field");
    struct trail trail;
    if (!trail_init(&trail, path)) {
        return tidemill_fail(context, TIDEMILL_FATAL,
                             "the option field is a path like $.client.ip or $.hops[0], not '%s'",
                             path);
    }
    trail_fini(&trail);
    if (tidemill_option_text(context, "target")[0] == '\0') {
        return tidemill_fail(context, TIDEMILL_FATAL, "the option target is empty");
    }
    for (size_t i = 0; i < fields->item_count; i++) {
        if (finding_field_find(fields->items[i]) == NULL) {
            return refuse_field(context, fields->items[i]);
        }
    }
    return fields->item_count > 0
               ? TIDEMILL_OK
               : tidemill_fail(context, TIDEMILL_FATAL, "the option fields is an empty list");
}

static void read_options(struct tidemill_context *context, struct geoip *geoip)
{
    const struct tidemill_option_value *fields = tidemill_option_get(context, "fields");
    (void)trail_init(&geoip->field, tidemill_option_text(context, "field"));
    geoip->target = tidemill_option_text(context, "target");
    geoip->language = tidemill_option_text(context, "language");
    geoip->missing = (enum missing)tidemill_option_integer(context, "missing");
    geoip->fields = builder_alloc(fields->item_count, sizeof *geoip->fields);
    for (size_t i = 0; i < fields->item_count; i++) {
        geoip->fields[geoip->field_count++] = finding_field_find(fields->items[i]);
    }
}

/* --- The file --------------------------------------------------------------------------------- */

static enum tidemill_status geoip_open(struct tidemill_context *context)
{
    char reason[DATABASE_REASON_SIZE];
    const char *path = tidemill_option_text(context, "database");
    struct database *database = database_open(path, reason);
    if (database == NULL) {
        return tidemill_fail(context, TIDEMILL_FATAL, "the database %s %s", path, reason);
    }
    struct geoip *geoip = builder_alloc(1, sizeof *geoip);
    *geoip =
        (struct geoip){.database = database, .seen = *database_stamp(database), .checked_ms = -1};
    read_options(context, geoip);
    context->instance = geoip;
    return TIDEMILL_OK;
}

/* Takes a new file, if there is one; the clock may stand still or go back. */
static void reload(struct tidemill_context *context, struct geoip *geoip)
{
    int64_t now_ms = context->host->now_ms(context);
    if (geoip->checked_ms >= 0 && now_ms >= geoip->checked_ms &&
        now_ms - geoip->checked_ms < CHECK_INTERVAL_MS) {
        return;
    }
    geoip->checked_ms = now_ms;
    char reason[DATABASE_REASON_SIZE];
    const char *path = tidemill_option_text(context, "database");
    struct database_stamp stamp = database_stamp_read(path);
    if (database_stamp_equals(&stamp, &geoip->seen)) {
        return;
    }
    geoip->seen = stamp;
    struct database *database = database_open(path, reason);
    if (database == NULL) {
        tidemill_log(context, TIDEMILL_WARN, "the new database %s %s; the old one stays in use",
                     path, reason);
        return;
    }
    geoip->seen = *database_stamp(database);
    database_close(geoip->database);
    geoip->database = database;
    tidemill_log(context, TIDEMILL_INFO, "the new database %s is in use", path);
}

/* --- Records ---------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static enum tidemill_status
handle_missing(struct tidemill_context *context, const struct tidemill_record *record,
               const char *format, ...)
{
    const struct geoip *geoip = context->instance;
    char reason[400];
    va_list arguments;
    switch (geoip->missing) {
    case MISSING_PASS:
        return context->host->forward(context, record);
    case MISSING_DROP:
        return TIDEMILL_OK;
    case MISSING_REJECT:
        break;
    }
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return tidemill_fail(context, TIDEMILL_REJECT, "%s", reason);
}

/* The record again, with what was found in the place of the target. */
static enum tidemill_status forward_finding(struct tidemill_context *context,
                                            const struct tidemill_record *record,
                                            struct json_value root)
{
    struct geoip *geoip = context->instance;
    struct tidemill_record out = *record;
    struct json_value key;
    struct json_value value;
    struct json_cursor cursor = json_start(root);
    size_t target_size = strlen(geoip->target);
    builder_clear(&geoip->text);
    builder_add_byte(&geoip->text, '{');
    while (json_next(&cursor, &key, &value)) {
        builder_clear(&geoip->name);
        json_decode(key, &geoip->name);
        if (geoip->name.size != target_size ||
            memcmp(geoip->name.data, geoip->target, target_size) != 0) {
            builder_add(&geoip->text, key.text, key.size);
            builder_add_byte(&geoip->text, ':');
            builder_add(&geoip->text, value.text, value.size);
            builder_add_byte(&geoip->text, ',');
        }
    }
    json_write_text(&geoip->text, geoip->target, target_size);
    builder_add_byte(&geoip->text, ':');
    builder_add(&geoip->text, geoip->finding.data, geoip->finding.size);
    builder_add_byte(&geoip->text, '}');
    out.value = tidemill_bytes_make(geoip->text.data, geoip->text.size);
    return context->host->forward(context, &out);
}

static enum tidemill_status look_up(struct tidemill_context *context,
                                    const struct tidemill_record *record, struct json_value root,
                                    const struct ip *ip)
{
    struct geoip *geoip = context->instance;
    const char *text = builder_text(&geoip->address);
    const char *kind = ip_kind(ip);
    MMDB_lookup_result_s found;
    int status = database_find(geoip->database, ip, &found);
    if (status == MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR) {
        return handle_missing(context, record, "%s is of IPv6, and the database of IPv4 alone",
                              text);
    }
    enum finding_result result = FINDING_NOTHING;
    builder_clear(&geoip->finding);
    if (status == MMDB_SUCCESS && found.found_entry) {
        result = finding_write(&found.entry, geoip->fields, geoip->field_count, geoip->language,
                               &geoip->finding);
    }
    if (status != MMDB_SUCCESS || result == FINDING_DAMAGED) {
        return tidemill_fail(context, TIDEMILL_REJECT, "the database %s is damaged where %s is",
                             tidemill_option_text(context, "database"), text);
    }
    if (result == FINDING_WRITTEN) {
        return forward_finding(context, record, root);
    }
    if (kind != NULL) {
        return handle_missing(context, record, "%s is a %s address and not in the database", text,
                              kind);
    }
    return handle_missing(context, record, "the database has nothing of the fields for %s", text);
}

static enum tidemill_status process_one(struct tidemill_context *context,
                                        const struct tidemill_record *record)
{
    struct geoip *geoip = context->instance;
    const char *path = tidemill_option_text(context, "field");
    struct json_value root;
    struct json_value value;
    struct ip ip;
    if (record->value.data == NULL) {
        return context->host->forward(context, record); /* a tombstone stays one */
    }
    if (!json_parse(record->value.data, record->value.size, &root) || root.type != JSON_OBJECT) {
        return tidemill_fail(context, TIDEMILL_REJECT, "the value is not a JSON object");
    }
    if (!trail_find(&geoip->field, root, &value) || value.type != JSON_STRING) {
        return handle_missing(context, record, "there is no text at %s", path);
    }
    builder_clear(&geoip->address);
    json_decode(value, &geoip->address);
    if (!ip_parse(&ip, geoip->address.data, geoip->address.size)) {
        return handle_missing(context, record, "%s is '%.*s', which is no address", path,
                              SHOWN_SIZE, builder_text(&geoip->address));
    }
    return look_up(context, record, root, &ip);
}

static enum tidemill_status geoip_process(struct tidemill_context *context,
                                          const struct tidemill_record *records, size_t count)
{
    enum tidemill_status status = TIDEMILL_OK;
    reload(context, context->instance);
    for (size_t i = 0; i < count && status == TIDEMILL_OK; i++) {
        status = process_one(context, &records[i]);
    }
    return status;
}

static void geoip_close(struct tidemill_context *context)
{
    struct geoip *geoip = context->instance;
    database_close(geoip->database);
    trail_fini(&geoip->field);
    builder_fini(&geoip->address);
    builder_fini(&geoip->name);
    builder_fini(&geoip->finding);
    builder_fini(&geoip->text);
    free(geoip->fields);
    free(geoip);
}

static const struct tidemill_option options[] = {
    {.name = "database",
     .type = TIDEMILL_OPTION_STRING,
     .flags = TIDEMILL_OPTION_REQUIRED,
     .help = "The MaxMind database file (.mmdb)."},
    {.name = "field",
     .type = TIDEMILL_OPTION_STRING,
     .fallback = "$.ip",
     .help = "Where the address is in the record."},
    {.name = "target",
     .type = TIDEMILL_OPTION_STRING,
     .fallback = "geo",
     .help = "The member that what was found is written to; one that is there is replaced."},
    {.name = "fields",
     .type = TIDEMILL_OPTION_LIST,
     .fallback = "country,city,location,asn",
     .help = "What to take of the database, as far as it has it."},
    {.name = "missing",
     .type = TIDEMILL_OPTION_ENUM,
     .allowed = "pass|reject|drop",
     .fallback = "pass",
     .help = "What becomes of a record without an address that the database knows."},
    {.name = "language",
     .type = TIDEMILL_OPTION_STRING,
     .fallback = "en",
     .help = "The language of names; English where the database does not have it."},
};

static const struct tidemill_transform functions = {
    .size = sizeof functions, .open = geoip_open, .process = geoip_process, .close = geoip_close};

static const struct tidemill_kind kind = {.size = sizeof kind,
                                          .type = TIDEMILL_TRANSFORM,
                                          .capabilities = TIDEMILL_KEEPS_KEY,
                                          .name = "geoip",
                                          .help = "Adds where an address of the record is.",
                                          .options = options,
                                          .option_count = sizeof options / sizeof *options,
                                          .validate = geoip_validate,
                                          .transform = &functions};

TIDEMILL_PLUGIN("geoip", TIDEMILL_VERSION, "Apache-2.0", &kind);
