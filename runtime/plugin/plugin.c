/* See plugin.h. One of the few files that touch the machine without `io`: a library is opened once,
 * at start or when a connector is made, never on the record path. */
#include "runtime/plugin/plugin.h"

#include "log/base/bytes.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/plugin/elf.h"
#include "runtime/plugin/plugin_options.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LIBRARY_SIZE_MAX = 256 * 1024 * 1024,
    KIND_COUNT_MAX = 64,
    OPTION_COUNT_MAX = 1000,
    TIMER_COUNT_MAX = 64,
    NAME_SIZE_MAX = 32,
};

struct plugin {
    char *path;
    void *handle;
    const struct tidemill_identity *identity;
    const struct tidemill_kind *const *kinds;
    size_t kind_count;
};

static bool text_ends(const char *text, size_t size)
{
    return text[0] != '\0' && memchr(text, '\0', size) != NULL;
}

/* What the tables measured in version 1.0: up to the first member that came later. */
static const size_t kind_size_min = offsetof(struct tidemill_kind, transform);
static const size_t host_size_min = offsetof(struct tidemill_host, forward);

/* Sizes of values in arrays must be equal; tables may be larger than ours (a newer plugin) or
 * smaller (an older one), but never smaller than in the first release of the major version. */
static bool sizes_match(const struct tidemill_identity *identity)
{
    return identity->kind_size >= kind_size_min &&
           identity->source_size >= sizeof(struct tidemill_source) &&
           identity->sink_size >= sizeof(struct tidemill_sink) &&
           identity->host_size >= host_size_min &&
           identity->context_size >= sizeof(struct tidemill_context) &&
           identity->option_size == sizeof(struct tidemill_option) &&
           identity->option_value_size == sizeof(struct tidemill_option_value) &&
           identity->record_size == sizeof(struct tidemill_record) &&
           identity->header_size == sizeof(struct tidemill_header) &&
           identity->verdict_size == sizeof(struct tidemill_verdict) &&
           identity->partition_size == sizeof(struct tidemill_partition) &&
           identity->saved_offset_size == sizeof(struct tidemill_saved_offset);
}

static int identity_validate(const struct tidemill_identity *identity, const char *path,
                             struct report *report)
{
    if (memcmp(identity->magic, TIDEMILL_MAGIC, sizeof identity->magic) != 0) {
        return report_add(report, path, "is not a Tidemill plugin: its identity block is foreign");
    }
    if (identity->abi_major != TIDEMILL_ABI_MAJOR) {
        return report_add(report, path,
                          "was built for plugin interface %u.%u and this Tidemill speaks %d.%d; "
                          "build the plugin again with this version's tidemill.h",
                          identity->abi_major, identity->abi_minor, TIDEMILL_ABI_MAJOR,
                          TIDEMILL_ABI_MINOR);
    }
    if (identity->abi_minor > TIDEMILL_ABI_MINOR) {
        return report_add(report, path,
                          "was built for plugin interface %u.%u and this Tidemill speaks only "
                          "%d.%d; use a newer Tidemill",
                          identity->abi_major, identity->abi_minor, TIDEMILL_ABI_MAJOR,
                          TIDEMILL_ABI_MINOR);
    }
    if (identity->size != sizeof *identity || !sizes_match(identity)) {
        return report_add(report, path,
                          "was compiled with other struct sizes than plugin interface %u.%u has; "
                          "build it again with this version's tidemill.h",
                          identity->abi_major, identity->abi_minor);
    }
    if (!text_ends(identity->name, sizeof identity->name) ||
        !text_ends(identity->version, sizeof identity->version) ||
        !text_ends(identity->license, sizeof identity->license)) {
        return report_add(report, path, "has an identity block without name, version or license");
    }
    return 0;
}

/* Reads a whole file that is not larger than LIBRARY_SIZE_MAX. */
static int read_file(const char *path, struct buffer *out, struct report *report)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return report_add(report, path, "cannot be opened: %s", strerror(errno));
    }
    int error = 0;
    struct stat status;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
        error = report_add(report, path, "is not a regular file");
    } else if (status.st_size > LIBRARY_SIZE_MAX) {
        error = report_add(report, path, "is too large for a plugin");
    }
    while (error == 0) {
        uint8_t *room = buffer_reserve(out, 65536);
        ssize_t size = read(descriptor, room, 65536);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0 || out->size + (size_t)size > LIBRARY_SIZE_MAX) {
            error = report_add(report, path, "cannot be read: %s", strerror(errno));
        }
        if (size <= 0) {
            break;
        }
        out->size += (size_t)size;
    }
    close(descriptor);
    return error;
}

static int report_image_error(int error, const char *path, struct report *report)
{
    if (error == ERROR_UNSUPPORTED) {
        return report_add(report, path, "is not a 64-bit shared library for this machine");
    }
    if (error == ERROR_NOT_FOUND) {
        return report_add(report, path, "is not a Tidemill plugin: it does not export %s",
                          TIDEMILL_IDENTITY_SYMBOL);
    }
    return report_add(report, path, "is a damaged shared library");
}

int plugin_read_identity(const char *path, struct tidemill_identity *out, struct report *report)
{
    struct buffer content;
    buffer_init(&content);
    int error = read_file(path, &content, report);
    if (error == 0) {
        struct bytes block;
        error =
            elf_find_symbol(buffer_bytes(&content), TIDEMILL_IDENTITY_SYMBOL, sizeof *out, &block);
        if (error != 0) {
            error = report_image_error(error, path, report);
        } else {
            struct tidemill_identity identity;
            memcpy(&identity, block.data, sizeof identity);
            error = identity_validate(&identity, path, report);
            if (error == 0) {
                *out = identity;
            }
        }
    }
    buffer_fini(&content);
    return error;
}

bool plugin_is_name(const char *name)
{
    if (name == NULL || name[0] == '\0' || strlen(name) >= NAME_SIZE_MAX) {
        return false;
    }
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(name);
}

static bool timers_are_valid(const struct tidemill_kind *kind)
{
    const struct tidemill_transform *transform = kind->transform;
    if (transform->timer_count > TIMER_COUNT_MAX ||
        (transform->timer_count > 0 && (transform->timers == NULL || transform->tick == NULL))) {
        return false;
    }
    for (size_t i = 0; i < transform->timer_count; i++) {
        const struct tidemill_timer *timer = &transform->timers[i];
        const struct tidemill_option *option =
            timer->option == NULL ? NULL : plugin_options_find(kind, timer->option);
        bool has_interval = timer->option == NULL
                                ? timer->interval_ms > 0
                                : option != NULL && option->type == TIDEMILL_OPTION_DURATION;
        if (timer->clock > TIDEMILL_STREAM_TIME || !has_interval) {
            return false;
        }
    }
    return true;
}

static bool transform_is_valid(const struct tidemill_kind *kind)
{
    return TIDEMILL_HAS(kind, transform) && kind->transform != NULL &&
           kind->transform->size >= sizeof *kind->transform && kind->transform->open != NULL &&
           kind->transform->process != NULL && timers_are_valid(kind);
}

static bool aggregator_is_valid(const struct tidemill_kind *kind)
{
    const struct tidemill_aggregator *aggregator =
        TIDEMILL_HAS(kind, aggregator) ? kind->aggregator : NULL;
    return aggregator != NULL && aggregator->size >= sizeof *aggregator &&
           aggregator->takes <= TIDEMILL_TAKES_VALUES && aggregator->add != NULL &&
           aggregator->merge != NULL && aggregator->result != NULL;
}

static bool format_is_valid(const struct tidemill_kind *kind)
{
    const struct tidemill_format *format = TIDEMILL_HAS(kind, format) ? kind->format : NULL;
    return format != NULL && format->size >= sizeof *format && format->decode != NULL;
}

static bool functions_are_valid(const struct tidemill_kind *kind)
{
    if (kind->type == TIDEMILL_TRANSFORM) {
        return transform_is_valid(kind);
    }
    if (kind->type == TIDEMILL_AGGREGATOR) {
        return aggregator_is_valid(kind);
    }
    if (kind->type == TIDEMILL_FORMAT) {
        return format_is_valid(kind);
    }
    if (kind->type == TIDEMILL_SOURCE) {
        const struct tidemill_source *source = kind->source;
        return source != NULL && source->size >= sizeof *source && source->open != NULL &&
               source->poll != NULL;
    }
    const struct tidemill_sink *sink = kind->sink;
    bool has_position = (kind->capabilities & TIDEMILL_OWN_OFFSETS) != 0;
    return kind->type == TIDEMILL_SINK && sink != NULL && sink->size >= sizeof *sink &&
           sink->open != NULL && sink->put != NULL && sink->flush != NULL &&
           (!has_position || sink->position != NULL);
}

static int options_validate(const struct tidemill_kind *kind, const char *path,
                            struct report *report)
{
    if (kind->option_count > OPTION_COUNT_MAX ||
        (kind->option_count > 0 && kind->options == NULL)) {
        return report_add(report, path, "kind %s has a broken option table", kind->name);
    }
    for (size_t i = 0; i < kind->option_count; i++) {
        const struct tidemill_option *option = &kind->options[i];
        struct report reason = {.text = ""};
        if (option->name == NULL || option->help == NULL || option->type > TIDEMILL_OPTION_SECRET ||
            (option->type == TIDEMILL_OPTION_ENUM && option->allowed == NULL)) {
            return report_add(report, path, "kind %s has a broken option in row %zu", kind->name,
                              i);
        }
        if (plugin_options_find(kind, option->name) != option) {
            return report_add(report, path, "kind %s has two options %s", kind->name, option->name);
        }
        if (option->fallback != NULL &&
            plugin_options_validate(option, option->fallback, &reason) != 0) {
            return report_add(report, path, "kind %s: the default of option %s does not fit: %s",
                              kind->name, option->name, reason.text);
        }
    }
    return 0;
}

static int kind_validate(const struct tidemill_kind *kind, const char *path, struct report *report)
{
    if (kind->size < kind_size_min || !plugin_is_name(kind->name) || kind->help == NULL) {
        return report_add(report, path, "has a kind with a broken name or size");
    }
    int error = options_validate(kind, path, report);
    if (error == 0 && !functions_are_valid(kind)) {
        return report_add(report, path, "kind %s lacks functions it needs", kind->name);
    }
    return error;
}

static int kinds_validate(struct plugin *plugin, struct report *report)
{
    size_t count = 0;
    while (plugin->kinds[count] != NULL) {
        const struct tidemill_kind *kind = plugin->kinds[count];
        int error = kind_validate(kind, plugin->path, report);
        if (error != 0) {
            return error;
        }
        if (++count > KIND_COUNT_MAX) {
            return report_add(report, plugin->path, "holds more than %d kinds", KIND_COUNT_MAX);
        }
    }
    plugin->kind_count = count;
    return count > 0 ? 0 : report_add(report, plugin->path, "holds no kind of connector");
}

static int plugin_load(struct plugin *plugin, struct report *report)
{
    plugin->handle = dlopen(plugin->path, RTLD_NOW | RTLD_LOCAL);
    if (plugin->handle == NULL) {
        return report_add(report, plugin->path, "cannot be loaded: %s", dlerror());
    }
    plugin->identity = dlsym(plugin->handle, TIDEMILL_IDENTITY_SYMBOL);
    plugin->kinds = dlsym(plugin->handle, TIDEMILL_KINDS_SYMBOL);
    if (plugin->identity == NULL || plugin->kinds == NULL) {
        return report_add(report, plugin->path, "does not export %s and %s",
                          TIDEMILL_IDENTITY_SYMBOL, TIDEMILL_KINDS_SYMBOL);
    }
    int error = identity_validate(plugin->identity, plugin->path, report);
    return error != 0 ? error : kinds_validate(plugin, report);
}

/* The first NAME.so in the directories, allocated; NULL when none has it. */
static char *find_library(const char *name, const char *const *directories, size_t directory_count)
{
    for (size_t i = 0; i < directory_count; i++) {
        char path[PATH_MAX];
        int size = snprintf(path, sizeof path, "%s/%s.so", directories[i], name);
        if (size > 0 && (size_t)size < sizeof path && access(path, F_OK) == 0) {
            return memory_string(path);
        }
    }
    return NULL;
}

static int report_missing(const char *name, const char *const *directories, size_t directory_count,
                          struct report *report)
{
    struct buffer places;
    buffer_init(&places);
    for (size_t i = 0; i < directory_count; i++) {
        buffer_printf(&places, "%s%s", i == 0 ? "" : ", ", directories[i]);
    }
    (void)report_add(report, name, "there is no plugin %s.so in %s", name,
                     directory_count == 0 ? "an empty plugin path" : buffer_string(&places));
    buffer_fini(&places);
    return ERROR_NOT_FOUND;
}

int plugin_open(const char *name, const char *const *directories, size_t directory_count,
                struct plugin **out, struct report *report)
{
    if (!plugin_is_name(name)) {
        return report_add(report, NULL, "\"%s\" is not a plugin's name", name);
    }
    char *path = find_library(name, directories, directory_count);
    if (path == NULL) {
        return report_missing(name, directories, directory_count, report);
    }
    struct plugin *plugin = memory_new(struct plugin);
    plugin->path = path;
    struct tidemill_identity identity;
    int error = plugin_read_identity(path, &identity, report);
    if (error == 0 && strcmp(identity.name, name) != 0) {
        error = report_add(report, path, "holds the plugin %s; name the file %s.so", identity.name,
                           identity.name);
    }
    if (error == 0) {
        error = plugin_load(plugin, report);
    }
    if (error != 0) {
        plugin_close(plugin);
        return error;
    }
    *out = plugin;
    return 0;
}

void plugin_close(struct plugin *plugin)
{
    if (plugin == NULL) {
        return;
    }
    if (plugin->handle != NULL) {
        dlclose(plugin->handle);
    }
    free(plugin->path);
    free(plugin);
}

const struct tidemill_identity *plugin_identity(const struct plugin *plugin)
{
    return plugin->identity;
}

const char *plugin_path(const struct plugin *plugin)
{
    return plugin->path;
}

size_t plugin_kind_count(const struct plugin *plugin)
{
    return plugin->kind_count;
}

const struct tidemill_kind *plugin_kind(const struct plugin *plugin, size_t index)
{
    check(index < plugin->kind_count);
    return plugin->kinds[index];
}

const struct tidemill_kind *plugin_find_kind(const struct plugin *plugin,
                                             enum tidemill_kind_type type, const char *name)
{
    for (size_t i = 0; i < plugin->kind_count; i++) {
        const struct tidemill_kind *kind = plugin->kinds[i];
        bool is_named = strcmp(kind->name, name) == 0 ||
                        (kind->alias != NULL && strcmp(kind->alias, name) == 0);
        if (kind->type == (uint32_t)type && is_named) {
            return kind;
        }
    }
    return NULL;
}

const char *plugin_type_name(uint32_t type)
{
    switch ((enum tidemill_kind_type)type) {
    case TIDEMILL_SOURCE:
        return "source";
    case TIDEMILL_SINK:
        return "sink";
    case TIDEMILL_TRANSFORM:
        return "transform";
    case TIDEMILL_AGGREGATOR:
        return "aggregator";
    case TIDEMILL_FORMAT:
        return "format";
    }
    return "unknown";
}

int plugin_open_kind(const char *name, enum tidemill_kind_type type, const char *const *directories,
                     size_t directory_count, struct plugin **out, const struct tidemill_kind **kind,
                     struct report *report)
{
    struct report inner = {0};
    struct plugin *plugin;
    int error = plugin_open(name, directories, directory_count, &plugin, &inner);
    if (error != 0) {
        (void)report_add(report, NULL, "%s%s%s (--plugins DIR adds a place)",
                         error == ERROR_NOT_FOUND ? "" : inner.place,
                         error == ERROR_NOT_FOUND ? "" : " ", inner.text);
        return error;
    }
    *kind = plugin_find_kind(plugin, type, name);
    if (*kind == NULL) {
        plugin_close(plugin);
        return report_add(report, NULL, "the plugin '%s' has no %s", name,
                          plugin_type_name((uint32_t)type));
    }
    *out = plugin;
    return 0;
}

static int is_library(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 3 && strcmp(entry->d_name + size - 3, ".so") == 0;
}

void plugin_list(const char *const *directories, size_t directory_count,
                 void (*found)(void *data, const char *name, const char *path), void *data)
{
    for (size_t i = 0; i < directory_count; i++) {
        struct dirent **entries = NULL;
        int count = scandir(directories[i], &entries, is_library, alphasort);
        for (int j = 0; j < count; j++) {
            char *name = entries[j]->d_name;
            name[strlen(name) - 3] = '\0';
            char *path = find_library(name, directories, i);
            if (path == NULL && plugin_is_name(name)) {
                path = find_library(name, &directories[i], 1);
                found(data, name, path);
            }
            free(path);
            free(entries[j]);
        }
        free(entries);
    }
}

void plugin_check(const struct plugin *plugin)
{
    check(plugin->handle != NULL);
    check(plugin->kind_count > 0);
    for (size_t i = 0; i < plugin->kind_count; i++) {
        struct report report = {.text = ""};
        check(kind_validate(plugin->kinds[i], plugin->path, &report) == 0);
    }
}
