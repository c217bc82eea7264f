/* Takes listeners apart and pairs them with what is advertised; see listener_set.h. */
#include "log/listener_set.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"

#include <stdlib.h>
#include <string.h>

#define LISTENER_OPTION "listeners"

/* "NAME://HOST:PORT" in its parts. */
struct listener_part {
    struct bytes name; /* empty when there is none */
    struct bytes address;
};

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

/* What the map says, or the name itself: "PLAINTEXT" means what it says. */
static struct bytes listener_protocol(const char *map, struct bytes name)
{
    struct bytes word;
    while (text_list_next(&map, &word)) {
        const uint8_t *colon = memchr(word.data, ':', word.size);
        size_t size = colon == NULL ? word.size : (size_t)(colon - word.data);
        if (colon != NULL && listener_equal(bytes_make(word.data, size), name)) {
            return bytes_make(colon + 1, word.size - size - 1);
        }
    }
    return name.size == 0 ? BYTES_LITERAL("PLAINTEXT") : name;
}

static int listener_judge_protocol(const struct broker_options *options, struct bytes text,
                                   struct bytes name, struct report *report)
{
    static const char *const secure[] = {"SSL", "SASL_PLAINTEXT", "SASL_SSL"};
    struct bytes protocol = listener_protocol(options->listener_security_protocol_map, name);
    if (listener_equal(protocol, BYTES_LITERAL("PLAINTEXT"))) {
        return 0;
    }
    for (size_t i = 0; i < sizeof secure / sizeof *secure; i++) {
        if (listener_equal(protocol, bytes_from_string(secure[i]))) {
            return report_add(report, LISTENER_OPTION,
                              "%.*s asks for %s, and there is no TLS and no SASL here; "
                              "use a PLAINTEXT listener behind something that has them",
                              BYTES_FORMAT(text), secure[i]);
        }
    }
    return report_add(report, LISTENER_OPTION,
                      "nothing says which protocol %.*s speaks; add %.*s:PLAINTEXT to "
                      "listener.security.protocol.map",
                      BYTES_FORMAT(text), BYTES_FORMAT(name));
}

static bool listener_is_port(const char *text, int64_t min)
{
    int64_t port = 0;
    return text_parse_int64(text, &port) == 0 && port >= min && port <= UINT16_MAX;
}

/* A name is looked up when it is listened on, not here. */
static int listener_judge_address(const char *address, const char *place, struct report *report)
{
    const char *colon = strrchr(address, ':');
    if (strncmp(address, "loopback:", 9) == 0 ||
        (colon != NULL && listener_is_port(colon + 1, 0))) {
        return 0;
    }
    return report_add(
        report, place,
        "'%s' is no address to listen on; an address is HOST:PORT, or :PORT for every "
        "interface, and port 0 takes a free one",
        address);
}

/* The advertised address of this name; without names the first. NULL for none. */
static char *listener_advertised(const struct broker_options *options, struct bytes name)
{
    const char *rest = options->advertised_listeners;
    struct bytes word;
    while (text_list_next(&rest, &word)) {
        struct listener_part part = listener_split(word);
        if (name.size == 0 || part.name.size == 0 || listener_equal(part.name, name)) {
            return bytes_to_string(part.address);
        }
    }
    return NULL;
}

/* Every answer about the cluster sends clients there, so it must be one that they can dial. */
static int listener_judge_advertised(const char *advertised, const char *place,
                                     struct report *report)
{
    const char *colon = strrchr(advertised, ':');
    size_t host_size = colon == NULL ? 0 : (size_t)(colon - advertised);
    bool is_bare = host_size > 0 && advertised[0] != '[' && memchr(advertised, ':', host_size);
    if (host_size == 0 || is_bare || !listener_is_port(colon + 1, 1)) {
        return report_add(
            report, place,
            "the address that clients are told, '%s', is not HOST:PORT; give both, or "
            "leave out --advertise and advertised.listeners: then clients are told "
            "the address they dialled",
            advertised);
    }
    if (strncmp(advertised, "0.0.0.0:", 8) == 0 || strncmp(advertised, "[::]:", 5) == 0) {
        return report_add(
            report, place,
            "the address that clients are told, %s, means every interface and cannot "
            "be dialled; give one that clients can reach, or leave out --advertise "
            "and advertised.listeners: then clients are told the address they dialled",
            advertised);
    }
    return 0;
}

/* What is read, and from what. */
struct listener_reader {
    struct listener_set *set;
    const char *advertised; /* by a flag; NULL: the options say */
    const struct broker_options *options;
    const struct broker_options_ears *ears;
    struct report *report;
    bool has_mistakes;
};

static void listener_note(struct listener_reader *reader, const struct report *mistake)
{
    const struct broker_options_ears *ears = reader->ears;
    reader->has_mistakes = true;
    report_add(reader->report, mistake->place, "%s", mistake->text);
    if (ears != NULL && ears->refuse != NULL) {
        ears->refuse(ears->owner, mistake);
    }
}

/* Both addresses are judged, so that two mistakes are told at once. */
static void listener_set_add(struct listener_reader *reader, struct listener_part part,
                             const char *place)
{
    struct report wrong_address = {0};
    struct report wrong_advertised = {0};
    bool is_flag = reader->advertised != NULL;
    char *address = bytes_to_string(part.address);
    char *advertised = is_flag ? memory_string(reader->advertised)
                               : listener_advertised(reader->options, part.name);
    int error = listener_judge_address(address, place, &wrong_address);
    if (error != 0) {
        listener_note(reader, &wrong_address);
    } else if (reader->set->count == BROKER_LISTEN_MAX) {
        error = report_add(&wrong_address, place, "there may be at most %d", BROKER_LISTEN_MAX);
        listener_note(reader, &wrong_address);
    }
    if (advertised != NULL && !is_flag && /* the flag's was judged, once */
        listener_judge_advertised(advertised, "advertised.listeners", &wrong_advertised) != 0) {
        error = ERROR_INVALID;
        listener_note(reader, &wrong_advertised);
    }
    if (error != 0) {
        free(address);
        free(advertised);
        return;
    }
    reader->set->items[reader->set->count].address = address;
    reader->set->items[reader->set->count].advertised = advertised;
    reader->set->count++;
}

static void listener_leave_out(const struct listener_reader *reader, struct bytes text)
{
    struct report warning = {0};
    if (reader->ears != NULL && reader->ears->warn != NULL) {
        report_add(&warning, LISTENER_OPTION,
                   "%.*s is not opened; a node is its own controller and needs no listener for it",
                   BYTES_FORMAT(text));
        reader->ears->warn(reader->ears->owner, &warning);
    }
}

static void listener_set_read_options(struct listener_reader *reader)
{
    const char *rest = reader->options->listeners;
    struct bytes word;
    struct report mistake = {0};
    while (text_list_next(&rest, &word)) {
        struct listener_part part = listener_split(word);
        mistake = (struct report){0};
        if (text_list_has(reader->options->controller_listener_names, part.name)) {
            listener_leave_out(reader, word);
        } else if (listener_judge_protocol(reader->options, word, part.name, &mistake) != 0) {
            listener_note(reader, &mistake);
        } else {
            listener_set_add(reader, part, LISTENER_OPTION);
        }
    }
    if (!reader->has_mistakes && reader->set->count == 0) {
        report_add(&mistake, LISTENER_OPTION,
                   "no listener is left for clients: %s is all the controller's "
                   "(controller.listener.names); add one, like PLAINTEXT://:9092",
                   reader->options->listeners);
        listener_note(reader, &mistake);
    }
}

int listener_set_read(const char *const listen[BROKER_LISTEN_MAX], const char *advertised,
                      const struct broker_options *options, const struct broker_options_ears *ears,
                      struct listener_set *out, struct report *report)
{
    struct listener_reader reader = {
        .set = out, .advertised = advertised, .options = options, .ears = ears, .report = report};
    struct report mistake = {0};
    *out = (struct listener_set){0};
    if (advertised != NULL && listener_judge_advertised(advertised, "--advertise", &mistake) != 0) {
        listener_note(&reader, &mistake);
    }
    for (size_t i = 0; i < BROKER_LISTEN_MAX && listen[i] != NULL; i++) {
        struct listener_part part = {.name = BYTES_LITERAL(""),
                                     .address = bytes_from_string(listen[i])};
        listener_set_add(&reader, part, "--listen");
    }
    if (listen[0] == NULL) {
        listener_set_read_options(&reader);
    }
    if (reader.has_mistakes) {
        listener_set_fini(out);
        return ERROR_INVALID;
    }
    return 0;
}

void listener_set_fini(struct listener_set *set)
{
    while (set->count > 0) {
        set->count--;
        free(set->items[set->count].address);
        free(set->items[set->count].advertised);
    }
}
