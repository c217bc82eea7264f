/* Units as topics and back; see assignor_unit.h. */
#include "runtime/client/assignor_unit.h"

#include "runtime/client/assignor_standby.h"
#include "runtime/client/assignor_warmup.h"

/* Topics in the order they came, each with the one that stands for its unit. */
struct assignor_unit_map {
    struct arena *arena;
    const struct assignor_topic *topics;
    const int *units;
    size_t topic_count;
    size_t *faces; /* of each topic the index of its unit's face */
};

/* The face of a unit is its least name, so that the order of topics decides nothing. */
static size_t assignor_unit_find_face(const struct assignor_unit_map *map, size_t index)
{
    size_t face = index;
    for (size_t i = 0; i < map->topic_count && map->units[index] != ASSIGNOR_UNIT_NONE; i++) {
        if (map->units[i] == map->units[index] &&
            bytes_compare(map->topics[i].name, map->topics[face].name) < 0) {
            face = i;
        }
    }
    return face;
}

/* The name a member's wish or claim has among the faces; a topic nobody knows keeps its own. */
static struct bytes assignor_unit_face_name(const struct assignor_unit_map *map, struct bytes topic)
{
    for (size_t i = 0; i < map->topic_count; i++) {
        if (bytes_equal(map->topics[i].name, topic)) {
            return map->topics[map->faces[i]].name;
        }
    }
    return topic;
}

static size_t assignor_unit_make_faces(const struct assignor_unit_map *map,
                                       struct assignor_topic *out)
{
    size_t count = 0;
    for (size_t i = 0; i < map->topic_count; i++) {
        if (map->faces[i] != i) {
            continue;
        }
        out[count] = map->topics[i];
        for (size_t j = 0; j < map->topic_count; j++) {
            if (map->faces[j] == i && map->topics[j].partition_count > out[count].partition_count) {
                out[count].partition_count = map->topics[j].partition_count;
            }
        }
        count++;
    }
    return count;
}

static struct assignor_partition *
assignor_unit_disguise_claims(const struct assignor_unit_map *map,
                              const struct assignor_partition *claims, size_t count)
{
    struct assignor_partition *out = arena_array(map->arena, struct assignor_partition, count);
    for (size_t i = 0; i < count; i++) {
        out[i] = (struct assignor_partition){.topic = assignor_unit_face_name(map, claims[i].topic),
                                             .partition = claims[i].partition};
    }
    return out;
}

static struct assignor_position *
assignor_unit_disguise_positions(const struct assignor_unit_map *map,
                                 const struct assignor_position *positions, size_t count)
{
    struct assignor_position *out = arena_array(map->arena, struct assignor_position, count);
    for (size_t i = 0; i < count; i++) {
        out[i] = positions[i];
        out[i].topic = assignor_unit_face_name(map, positions[i].topic);
    }
    return out;
}

static struct assignor_member assignor_unit_disguise(const struct assignor_unit_map *map,
                                                     const struct assignor_member *member)
{
    struct assignor_member out = *member;
    struct bytes *topics = arena_array(map->arena, struct bytes, member->topic_count);
    for (size_t i = 0; i < member->topic_count; i++) {
        topics[i] = assignor_unit_face_name(map, member->topics[i]);
    }
    out.topics = topics;
    out.owned = assignor_unit_disguise_claims(map, member->owned, member->owned_count);
    out.kept = assignor_unit_disguise_claims(map, member->kept, member->kept_count);
    out.warming = assignor_unit_disguise_claims(map, member->warming, member->warming_count);
    out.positions =
        assignor_unit_disguise_positions(map, member->positions, member->position_count);
    return out;
}

/* What was dealt of the faces, as partitions of the topics that the member wants. */
static struct assignor_partition *assignor_unit_spread(const struct assignor_unit_map *map,
                                                       const struct assignor_member *member,
                                                       const struct assignor_partition *dealt,
                                                       size_t dealt_count, size_t *count)
{
    struct assignor_partition *out =
        arena_array(map->arena, struct assignor_partition, dealt_count * map->topic_count);
    *count = 0;
    for (size_t i = 0; i < map->topic_count; i++) {
        const struct assignor_topic *topic = &map->topics[i];
        struct bytes face = map->topics[map->faces[i]].name;
        for (size_t j = 0; j < dealt_count && assignor_wants(member, topic->name); j++) {
            if (bytes_equal(dealt[j].topic, face) && dealt[j].partition < topic->partition_count) {
                out[(*count)++] = (struct assignor_partition){.topic = topic->name,
                                                              .partition = dealt[j].partition};
            }
        }
    }
    return out;
}

/* Everything but the spreading; how it came out. */
static void assignor_unit_deal_faces(const struct assignor *assignor, struct arena *arena,
                                     struct assignor_member *members, size_t member_count,
                                     const struct assignor_topic *faces, size_t face_count,
                                     struct assignor_unit_terms *terms)
{
    struct assignor_lag lag;
    assignor_lag_init(&lag, arena, members, member_count, faces, face_count, terms->acceptable_lag);
    assignor->deal(arena, members, member_count, faces, face_count, &lag);
    terms->held_count = assignor_warmup_hold(arena, members, &lag);
    assignor_standby_deal(arena, members, &lag, terms->warmups_max);
    assignor_warmup_check(&lag, arena);
    terms->withheld_count = assignor_withhold(members, member_count);
}

void assignor_unit_deal(const struct assignor *assignor, struct arena *arena,
                        struct assignor_member *members, size_t member_count,
                        const struct assignor_topic *topics, const int *units, size_t topic_count,
                        struct assignor_unit_terms *terms)
{
    struct assignor_unit_map map = {.arena = arena,
                                    .topics = topics,
                                    .units = units,
                                    .topic_count = topic_count,
                                    .faces = arena_array(arena, size_t, topic_count)};
    struct assignor_topic *faces = arena_array(arena, struct assignor_topic, topic_count);
    struct assignor_member *disguised = arena_array(arena, struct assignor_member, member_count);
    for (size_t i = 0; i < topic_count; i++) {
        map.faces[i] = assignor_unit_find_face(&map, i);
    }
    for (size_t i = 0; i < member_count; i++) {
        disguised[i] = assignor_unit_disguise(&map, &members[i]);
    }
    size_t face_count = assignor_unit_make_faces(&map, faces);
    assignor_unit_deal_faces(assignor, arena, disguised, member_count, faces, face_count, terms);
    for (size_t i = 0; i < member_count; i++) {
        const struct assignor_member *dealt = &disguised[i];
        struct assignor_member *member = &members[i];
        member->assigned = assignor_unit_spread(&map, member, dealt->assigned,
                                                dealt->assigned_count, &member->assigned_count);
        member->standby = assignor_unit_spread(&map, member, dealt->standby, dealt->standby_count,
                                               &member->standby_count);
        member->warmup = assignor_unit_spread(&map, member, dealt->warmup, dealt->warmup_count,
                                              &member->warmup_count);
    }
}
