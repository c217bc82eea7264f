/* Writes small databases in MaxMind's format, whose search tree and data come from a list of
 * networks. Source: the MaxMind DB file format specification 2.0.
 *
 *     search tree    nodes of two records of 24 bits: another node; node_count: nothing;
 *                    node_count + 16 + position: data
 *     separator      16 zero bytes
 *     data           a map for each network
 *     marker         \xab\xcd\xefMaxMind.com
 *     metadata       a map
 *
 * Thread: the test's. */
#pragma once

#include "log/base/bytes.h"

struct mmdb_network {
    const char *prefix; /* "81.2.69.0" or "2001:db8::" */
    int bit_count;
    const char *json; /* an object; integers become uint32, other numbers double */
};

/* Appends a database; `ip_version` 6 has IPv4 below ::/96. No network lies inside another. */
void mmdb_build(int ip_version, const struct mmdb_network *networks, size_t count,
                struct buffer *out);
