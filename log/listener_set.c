/* Takes listeners apart and pairs them with what is advertised; see listener_set.h. */
#include "log/listener_set.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"

#include <stdlib.h>
#include <string.h>

/* "NAME://HOST:PORT" in its parts. */
struct listener_part {
    struct bytes name; /* empty when there is none */
    struct bytes address;
};

static bool listener_next(const char **rest, struct bytes *word)
{
    if (*rest == NULL) {
        return false;
    }
    *rest += strspn(*rest, ", ");
    size_t size = strcspn(*rest, ", ");
    *word = bytes_make(*rest, size);
    *rest += size;
    return size > 0;
}

static struct listener_part listener_split(struct bytes text)
{
    for (size_t i = 0; i + 3 <= text.size; i++) {
        if (memcmp(text.data + i, "://", 3) == 0) {
            return (struct listener_part){.name = bytes_make(text.data, i),
                                          .address =
                                              bytes_make(text.data + i + 3, text.size - i - 3)};
        }
    }
    return (struct listener_part){.name = BYTES_LITERAL(""), .address = text};
}

static bool listener_equal(struct bytes left, struct bytes right)
{
    return left.size == right.size &&
           strncasecmp((const char *)left.data, (const char *)right.data, left.size) == 0;
}

static bool listener_has_name(const char *names, struct bytes name)
{
    struct bytes word;
    while (listener_next(&names, &word)) {
        if (listener_equal(word, name)) {
            return true;
        }
    }
    return false;
}

/* What the map says, or the name itself: "PLAINTEXT" means what it says. */
static struct bytes listener_protocol(const char *map, struct bytes name)
{
    struct bytes word;
    while (listener_next(&map, &word)) {
        const uint8_t *colon = memchr(word.data, ':', word.size);
        size_t size = colon == NULL ? word.size : (size_t)(colon - word.data);
        if (colon != NULL && listener_equal(bytes_make(word.data, size), name)) {
            return bytes_make(colon + 1, word.size - size - 1);
        }
    }
    return name.size == 0 ? BYTES_LITERAL("PLAINTEXT") : name;
}

static int listener_judge(const struct broker_options *options, struct bytes text,
                          struct bytes name, struct report *report)
{
    static const char *const secure[] = {"SSL", "SASL_PLAINTEXT", "SASL_SSL"};
    struct bytes protocol = listener_protocol(options->listener_security_protocol_map, name);
    if (listener_equal(protocol, BYTES_LITERAL("PLAINTEXT"))) {
        return 0;
    }
    for (size_t i = 0; i < sizeof secure / sizeof *secure; i++) {
        if (listener_equal(protocol, bytes_from_string(secure[i]))) {
            return report_add(report, NULL,
                              "listeners: %.*s asks for %s, and there is no TLS and no SASL here; "
                              "use a PLAINTEXT listener behind something that has them",
                              BYTES_FORMAT(text), secure[i]);
        }
    }
    return report_add(report, NULL,
                      "listeners: nothing says which protocol %.*s speaks; add %.*s:PLAINTEXT to "
                      "listener.security.protocol.map",
                      BYTES_FORMAT(text), BYTES_FORMAT(name));
}

/* The advertised address of this name; without names the first. NULL for none. */
static char *listener_advertised(const struct broker_options *options, struct bytes name)
{
    const char *rest = options->advertised_listeners;
    struct bytes word;
    while (listener_next(&rest, &word)) {
        struct listener_part part = listener_split(word);
        if (name.size == 0 || part.name.size == 0 || listener_equal(part.name, name)) {
            return bytes_to_string(part.address);
        }
    }
    return NULL;
}

/* Every answer about the cluster sends clients there, so it must be one that they can dial. */
static int listener_judge_advertised(const char *advertised, struct report *report)
{
    const char *colon = strrchr(advertised, ':');
    size_t host_size = colon == NULL ? 0 : (size_t)(colon - advertised);
    int64_t port = 0;
    bool is_bare = host_size > 0 && advertised[0] != '[' && memchr(advertised, ':', host_size);
    if (host_size == 0 || is_bare || text_parse_int64(colon + 1, &port) != 0 || port < 1 ||
        port > UINT16_MAX) {
        return report_add(
            report, NULL,
            "the address that clients are told, '%s', is not HOST:PORT; give both, or "
            "leave out --advertise and advertised.listeners: then clients are told "
            "the address they dialled",
            advertised);
    }
    if (strncmp(advertised, "0.0.0.0:", 8) == 0 || strncmp(advertised, "[::]:", 5) == 0) {
        return report_add(
            report, NULL,
            "the address that clients are told, %s, means every interface and cannot "
            "be dialled; give one that clients can reach, or leave out --advertise "
            "and advertised.listeners: then clients are told the address they dialled",
            advertised);
    }
    return 0;
}

static int listener_set_add(struct listener_set *set, struct bytes address, char *advertised,
                            struct report *report)
{
    int error = advertised == NULL ? 0 : listener_judge_advertised(advertised, report);
    if (error != 0) {
        free(advertised);
        return error;
    }
    if (set->count == BROKER_LISTEN_MAX) {
        free(advertised);
        return report_add(report, NULL, "listeners: there may be at most %d", BROKER_LISTEN_MAX);
    }
    set->items[set->count].address = bytes_to_string(address);
    set->items[set->count].advertised = advertised;
    set->count++;
    return 0;
}

static void listener_leave_out(struct bytes text, broker_options_warn warn, void *owner)
{
    struct report warning = {0};
    if (warn != NULL) {
        report_add(&warning, NULL,
                   "listeners: %.*s is not opened; a node is its own controller and needs no "
                   "listener for it",
                   BYTES_FORMAT(text));
        warn(owner, &warning);
    }
}

static int listener_set_read_options(struct listener_set *set, const char *advertised,
                                     const struct broker_options *options, broker_options_warn warn,
                                     void *owner, struct report *report)
{
    const char *rest = options->listeners;
    struct bytes word;
    int error = 0;
    while (error == 0 && listener_next(&rest, &word)) {
        struct listener_part part = listener_split(word);
        if (listener_has_name(options->controller_listener_names, part.name)) {
            listener_leave_out(word, warn, owner);
            continue;
        }
        error = listener_judge(options, word, part.name, report);
        if (error == 0) {
            error = listener_set_add(set, part.address,
                                     advertised != NULL ? memory_string(advertised)
                                                        : listener_advertised(options, part.name),
                                     report);
        }
    }
    if (error == 0 && set->count == 0) {
        error = report_add(report, NULL,
                           "listeners: no listener is left for clients: %s is all the controller's "
                           "(controller.listener.names); add one, like PLAINTEXT://:9092",
                           options->listeners);
    }
    return error;
}

int listener_set_read(const char *const listen[BROKER_LISTEN_MAX], const char *advertised,
                      const struct broker_options *options, broker_options_warn warn, void *owner,
                      struct listener_set *out, struct report *report)
{
    int error = 0;
    *out = (struct listener_set){0};
    for (size_t i = 0; i < BROKER_LISTEN_MAX && listen[i] != NULL && error == 0; i++) {
        error =
            listener_set_add(out, bytes_from_string(listen[i]),
                             advertised != NULL ? memory_string(advertised)
                                                : listener_advertised(options, BYTES_LITERAL("")),
                             report);
    }
    if (error == 0 && out->count == 0) {
        error = listener_set_read_options(out, advertised, options, warn, owner, report);
    }
    if (error != 0) {
        listener_set_fini(out);
    }
    return error;
}

void listener_set_fini(struct listener_set *set)
{
    while (set->count > 0) {
        set->count--;
        free(set->items[set->count].address);
        free(set->items[set->count].advertised);
    }
}
