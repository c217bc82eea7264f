/* Addresses and the networks that are not public; see ip.h. */
#include "connectors/geoip/ip.h"

#include <arpa/inet.h>
#include <string.h>

struct network {
    int family;
    uint8_t prefix[16];
    int bit_count;
    const char *kind;
};

/* RFC 6890 and what stands in its registries, as far as a log shows it. */
static const struct network networks[] = {
    {AF_INET, {0}, 8, "unspecified"},
    {AF_INET, {10}, 8, "private"},
    {AF_INET, {100, 64}, 10, "private"},
    {AF_INET, {127}, 8, "loopback"},
    {AF_INET, {169, 254}, 16, "link-local"},
    {AF_INET, {172, 16}, 12, "private"},
    {AF_INET, {192, 168}, 16, "private"},
    {AF_INET, {224}, 4, "multicast"},
    {AF_INET, {240}, 4, "reserved"},
    {AF_INET6, {0}, 128, "unspecified"},
    {AF_INET6, {[15] = 1}, 128, "loopback"},
    {AF_INET6, {0xfc}, 7, "private"},
    {AF_INET6, {0xfe, 0x80}, 10, "link-local"},
    {AF_INET6, {0xff}, 8, "multicast"},
};

bool ip_parse(struct ip *ip, const char *text, size_t size)
{
    char copy[INET6_ADDRSTRLEN];
    struct ip parsed = {.name = {.any = {.sa_family = AF_INET}}};
    if (size >= sizeof copy || memchr(text, '\0', size) != NULL) {
        return false;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (inet_pton(AF_INET, copy, &parsed.name.v4.sin_addr) == 1) {
        *ip = parsed;
        return true;
    }
    struct in6_addr long_address;
    if (inet_pton(AF_INET6, copy, &long_address) != 1) {
        return false;
    }
    if (IN6_IS_ADDR_V4MAPPED(&long_address)) {
        memcpy(&parsed.name.v4.sin_addr, long_address.s6_addr + 12, 4);
    } else {
        parsed = (struct ip){.name = {.v6 = {.sin6_family = AF_INET6, .sin6_addr = long_address}}};
    }
    *ip = parsed;
    return true;
}

static bool is_inside(const uint8_t *address, const struct network *network)
{
    int whole = network->bit_count / 8;
    int rest = network->bit_count % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);
    return memcmp(address, network->prefix, (size_t)whole) == 0 &&
           (rest == 0 || (address[whole] & mask) == network->prefix[whole]);
}

const char *ip_kind(const struct ip *ip)
{
    int family = ip->name.any.sa_family;
    const uint8_t *address =
        family == AF_INET ? (const uint8_t *)&ip->name.v4.sin_addr : ip->name.v6.sin6_addr.s6_addr;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        if (networks[i].family == family && is_inside(address, &networks[i])) {
            return networks[i].kind;
        }
    }
    return NULL;
}
