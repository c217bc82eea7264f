/* Units as topics and back; see assignor_unit.h. */
#include "runtime/client/assignor_unit.h"

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

static struct assignor_member assignor_unit_disguise(const struct assignor_unit_map *map,
                                                     const struct assignor_member *member)
{
    struct assignor_member out = *member;
    struct bytes *topics = arena_array(map->arena, struct bytes, member->topic_count);
    struct assignor_partition *owned =
        arena_array(map->arena, struct assignor_partition, member->owned_count);
    for (size_t i = 0; i < member->topic_count; i++) {
        topics[i] = assignor_unit_face_name(map, member->topics[i]);
    }
    for (size_t i = 0; i < member->owned_count; i++) {
        owned[i] = (struct assignor_partition){
            .topic = assignor_unit_face_name(map, member->owned[i].topic),
            .partition = member->owned[i].partition};
    }
    out.topics = topics;
    out.owned = owned;
    return out;
}

static void assignor_unit_spread(const struct assignor_unit_map *map,
                                 const struct assignor_member *dealt,
                                 struct assignor_member *member)
{
    member->assigned = arena_array(map->arena, struct assignor_partition,
                                   dealt->assigned_count * map->topic_count);
    member->assigned_count = 0;
    for (size_t i = 0; i < map->topic_count; i++) {
        const struct assignor_topic *topic = &map->topics[i];
        struct bytes face = map->topics[map->faces[i]].name;
        for (size_t j = 0; j < dealt->assigned_count && assignor_wants(member, topic->name); j++) {
            const struct assignor_partition *place = &dealt->assigned[j];
            if (bytes_equal(place->topic, face) && place->partition < topic->partition_count) {
                member->assigned[member->assigned_count++] = (struct assignor_partition){
                    .topic = topic->name, .partition = place->partition};
            }
        }
    }
}

bool assignor_unit_deal(const struct assignor *assignor, struct arena *arena,
                        struct assignor_member *members, size_t member_count,
                        const struct assignor_topic *topics, const int *units, size_t topic_count)
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
    assignor->deal(arena, disguised, member_count, faces, assignor_unit_make_faces(&map, faces));
    size_t withheld = assignor_withhold(disguised, member_count);
    for (size_t i = 0; i < member_count; i++) {
        assignor_unit_spread(&map, &disguised[i], &members[i]);
    }
    return withheld > 0;
}
