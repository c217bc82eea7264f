/* An address of the Internet protocol, read from text.
 *
 * Keeps:  an IPv4 address that is written inside an IPv6 one (::ffff:192.0.2.1) is an IPv4 address.
 * Thread: any. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct ip {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name;
};

/* False when the text is no address; a zone, a port or a mask are none. */
bool ip_parse(struct ip *ip, const char *text, size_t size);
/* What the address is when it is none of the public Internet: "private", "loopback", …; else NULL.
 */
const char *ip_kind(const struct ip *ip);
