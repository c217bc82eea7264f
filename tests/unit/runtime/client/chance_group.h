/* A group by chance, for tests of how partitions are dealt to its members. */
#pragma once

#include "runtime/client/assignor.h"
#include "tests/unit/chance.h"

enum {
    CHANCE_GROUP_MEMBERS_MAX = 8,
    CHANCE_GROUP_TOPICS_MAX = 5,
    CHANCE_GROUP_PARTITIONS_MAX = 11, /* of a topic; it may have none */
};

/* Members refer to its wishes: it stays where it was filled as long as they are dealt to. */
struct chance_group {
    struct assignor_topic topics[CHANCE_GROUP_TOPICS_MAX];
    struct bytes wishes[CHANCE_GROUP_MEMBERS_MAX][CHANCE_GROUP_TOPICS_MAX];
    struct assignor_member members[CHANCE_GROUP_MEMBERS_MAX];
    size_t topic_count;
    size_t member_count;
};

/* Nobody owns anything yet. `is_uniform`: all members want all topics. */
static inline void chance_group_fill(struct chance_group *group, uint64_t *seed, bool is_uniform)
{
    static const char *const names[CHANCE_GROUP_TOPICS_MAX] = {"a", "b", "c", "d", "e"};
    static const char *const ids[CHANCE_GROUP_MEMBERS_MAX] = {"m3", "m1", "m7", "m0",
                                                              "m2", "m5", "m4", "m6"};
    *group =
        (struct chance_group){.topic_count = 1 + chance_next(seed) % CHANCE_GROUP_TOPICS_MAX,
                              .member_count = 1 + chance_next(seed) % CHANCE_GROUP_MEMBERS_MAX};
    for (size_t i = 0; i < group->topic_count; i++) {
        int32_t count = (int32_t)(chance_next(seed) % (CHANCE_GROUP_PARTITIONS_MAX + 1));
        group->topics[i] = (struct assignor_topic){bytes_from_string(names[i]), count};
    }
    for (size_t i = 0; i < group->member_count; i++) {
        struct assignor_member *member = &group->members[i];
        member->id = bytes_from_string(ids[i]);
        member->topics = group->wishes[i];
        member->generation = 1;
        for (size_t j = 0; j < group->topic_count; j++) {
            if (is_uniform || chance_next(seed) % 3 > 0) {
                group->wishes[i][member->topic_count++] = group->topics[j].name;
            }
        }
    }
}
