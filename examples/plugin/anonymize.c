/* A transform: lines that begin with an address leave with its network instead. `stream:plugin(
 * "anonymize", { keep4 = 24, keep6 = 48 })` keeps so many bits of an address of IPv4 and IPv6; all
 * other bits are 0. A line that begins with anything else is refused, with the reason. */
#include <arpa/inet.h>
#include <tidemill.h>

enum { ADDRESS_SIZE_MAX = 16 };

static void clear_bits(uint8_t *address, size_t size, size_t keep)
{
    for (size_t i = 0; i < size; i++) {
        size_t kept = keep > 8 * i ? keep - 8 * i : 0;
        address[i] &= kept >= 8 ? 0xff : (uint8_t)(0xff00 >> kept);
    }
}

/* The network of the address `text`, written back into `text`; false when it is none. */
static bool anonymize(char text[INET6_ADDRSTRLEN], size_t keep4, size_t keep6)
{
    uint8_t address[ADDRESS_SIZE_MAX];
    if (inet_pton(AF_INET, text, address) == 1) {
        clear_bits(address, 4, keep4);
        return inet_ntop(AF_INET, address, text, INET6_ADDRSTRLEN) != NULL;
    }
    if (inet_pton(AF_INET6, text, address) == 1) {
        clear_bits(address, ADDRESS_SIZE_MAX, keep6);
        return inet_ntop(AF_INET6, address, text, INET6_ADDRSTRLEN) != NULL;
    }
    return false;
}

static enum tidemill_status process_one(struct tidemill_context *context,
                                        const struct tidemill_record *record)
{
    char line[8192];
    char text[INET6_ADDRSTRLEN] = {0};
    const uint8_t *value = record->value.data;
    size_t size = 0;
    while (size < record->value.size && value[size] != ' ' && size < sizeof text - 1) {
        text[size] = (char)value[size];
        size++;
    }
    size_t rest = record->value.size - size;
    if (rest > sizeof line - sizeof text) {
        return tidemill_fail(context, TIDEMILL_REJECT, "a line of %zu bytes is too long",
                             record->value.size);
    }
    if (!anonymize(text, (size_t)tidemill_option_integer(context, "keep4"),
                   (size_t)tidemill_option_integer(context, "keep6"))) {
        return tidemill_fail(context, TIDEMILL_REJECT, "the line begins with no address: '%s'",
                             text);
    }
    size_t head = strlen(text);
    memcpy(line, text, head);
    memcpy(line + head, value + size, rest);
    struct tidemill_record out = *record;
    out.value = tidemill_bytes_make(line, head + rest);
    return context->host->forward(context, &out);
}

static enum tidemill_status anonymize_process(struct tidemill_context *context,
                                              const struct tidemill_record *records, size_t count)
{
    enum tidemill_status status = TIDEMILL_OK;
    for (size_t i = 0; i < count && status == TIDEMILL_OK; i++) {
        status = process_one(context, &records[i]);
    }
    return status;
}

static enum tidemill_status anonymize_open(struct tidemill_context *context)
{
    (void)context; /* it remembers nothing */
    return TIDEMILL_OK;
}

static const struct tidemill_option options[] = {
    {.name = "keep4",
     .type = TIDEMILL_OPTION_INT,
     .fallback = "24",
     .allowed = "0..32",
     .help = "How many bits of an address of IPv4 are kept."},
    {.name = "keep6",
     .type = TIDEMILL_OPTION_INT,
     .fallback = "48",
     .allowed = "0..128",
     .help = "How many bits of an address of IPv6 are kept."},
};
static const struct tidemill_transform functions = {
    .size = sizeof functions, .open = anonymize_open, .process = anonymize_process};
static const struct tidemill_kind kind = {
    .size = sizeof kind,
    .type = TIDEMILL_TRANSFORM,
    .capabilities = TIDEMILL_KEEPS_KEY,
    .name = "anonymize",
    .help = "Replaces the address that a line begins with by its network.",
    .options = options,
    .option_count = 2,
    .transform = &functions};
TIDEMILL_PLUGIN("anonymize", "1.0", "Apache-2.0", &kind);
