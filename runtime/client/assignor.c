/* The table of assignors and what they share; see assignor.h. */
#include "runtime/client/assignor.h"

#include "log/base/endian.h"
#include "log/base/map.h"
#include "runtime/client/range.h"
#include "runtime/client/sticky.h"

const struct assignor assignor_table[] = {
    {"cooperative-sticky", sticky_deal},
    {"range", range_deal},
    {NULL, NULL},
};

const struct assignor *assignor_find(struct bytes name)
{
    for (const struct assignor *row = assignor_table; row->name != NULL; row++) {
        if (bytes_equal_string(name, row->name)) {
            return row;
        }
    }
    return NULL;
}

bool assignor_wants(const struct assignor_member *member, struct bytes topic)
{
    for (size_t i = 0; i < member->topic_count; i++) {
        if (bytes_equal(member->topics[i], topic)) {
            return true;
        }
    }
    return false;
}

static struct bytes assignor_key(struct buffer *key, const struct assignor_partition *partition)
{
    uint8_t suffix[4];
    endian_write_i32(suffix, partition->partition);
    buffer_clear(key);
    buffer_add_bytes(key, partition->topic);
    buffer_add(key, suffix, sizeof suffix);
    return buffer_bytes(key);
}

size_t assignor_withhold(struct assignor_member *members, size_t member_count)
{
    size_t withheld = 0;
    struct map owners; /* the one with the newest claim */
    struct buffer key = {0};
    map_init(&owners);
    for (size_t i = 0; i < member_count; i++) {
        for (size_t j = 0; j < members[i].owned_count; j++) {
            struct bytes place = assignor_key(&key, &members[i].owned[j]);
            const struct assignor_member *known = map_find(&owners, place);
            if (known == NULL || known->generation <= members[i].generation) {
                map_put(&owners, place, &members[i]);
            }
        }
    }
    for (size_t i = 0; i < member_count; i++) {
        size_t kept = 0;
        for (size_t j = 0; j < members[i].assigned_count; j++) {
            const struct assignor_member *owner =
                map_find(&owners, assignor_key(&key, &members[i].assigned[j]));
            if (owner == NULL || owner == &members[i]) {
                members[i].assigned[kept++] = members[i].assigned[j];
            }
        }
        withheld += members[i].assigned_count - kept;
        members[i].assigned_count = kept;
    }
    map_fini(&owners, NULL);
    buffer_fini(&key);
    return withheld;
}
