/* OffsetCommit (key 8). Offsets of partitions that are not there are refused one by one.
 *
 * From version 10 on topics have ids. The coordinator knows names, so it gets the topics whose ids
 * are known, and the answer puts the others back where they were asked for. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

enum { OFFSET_COMMIT_ID_VERSION = 10 };

struct offset_commit {
    struct coordinator_commit commit;
    struct offset_commit_request named; /* the topics that are known, by name */
    int32_t *places;                    /* by topic of the request: its index in `named`, or -1 */
};

static void offset_commit_refuse_topic(struct arena *arena,
                                       const struct offset_commit_request_topic *asked,
                                       struct offset_commit_response_topic *answer)
{
    *answer = (struct offset_commit_response_topic){.topic_id = asked->topic_id};
    answer->partitions.items =
        arena_array(arena, struct offset_commit_response_partition, asked->partitions.count + 1);
    for (int32_t i = 0; i < asked->partitions.count; i++) {
        answer->partitions.items[answer->partitions.count++] =
            (struct offset_commit_response_partition){.index = asked->partitions.items[i].index,
                                                      .error_code =
                                                          error_code(ERROR_UNKNOWN_TOPIC_ID)};
    }
}

static void offset_commit_on_done(struct coordinator_request *done)
{
    struct coordinator_commit *commit = list_member(done, struct coordinator_commit, request);
    struct offset_commit *state = (struct offset_commit *)(void *)commit;
    struct request *request = done->owner;
    const struct offset_commit_request *asked = request_message(request, offset_commit_request);
    if (state->places == NULL) {
        request_answer(request, &commit->out);
        return;
    }
    struct offset_commit_response response = commit->out;
    response.topics.items =
        arena_array(&request->arena, struct offset_commit_response_topic, asked->topics.count + 1);
    response.topics.count = asked->topics.count;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        if (state->places[i] >= 0) {
            response.topics.items[i] = commit->out.topics.items[state->places[i]];
        } else {
            offset_commit_refuse_topic(&request->arena, &asked->topics.items[i],
                                       &response.topics.items[i]);
        }
    }
    request_answer(request, &response);
}

static void offset_commit_name_topics(struct request *request, struct offset_commit *state)
{
    const struct offset_commit_request *asked = request_message(request, offset_commit_request);
    const struct meta *meta = request->server->parts.meta;
    int32_t count = asked->topics.count;
    state->named = *asked;
    state->named.topics.count = 0;
    state->named.topics.items =
        arena_array(&request->arena, struct offset_commit_request_topic, count + 1);
    state->places = arena_array(&request->arena, int32_t, count + 1);
    for (int32_t i = 0; i < count; i++) {
        const struct meta_topic *topic = meta_find_topic_id(meta, asked->topics.items[i].topic_id);
        state->places[i] = topic == NULL ? -1 : state->named.topics.count;
        if (topic != NULL) {
            struct offset_commit_request_topic *named =
                &state->named.topics.items[state->named.topics.count++];
            *named = asked->topics.items[i];
            /* The topic may be gone when the commit is answered. */
            named->name = arena_copy(&request->arena, bytes_from_string(topic->name));
        }
    }
    state->commit.in = &state->named;
}

void api_offset_commit(struct request *request)
{
    struct offset_commit *state = arena_new(&request->arena, struct offset_commit);
    state->commit = (struct coordinator_commit){
        .request = {.done = offset_commit_on_done, .owner = request, .arena = &request->arena},
        .version = request->version,
        .in = request_message(request, offset_commit_request)};
    if (request->version >= OFFSET_COMMIT_ID_VERSION) {
        offset_commit_name_topics(request, state);
    }
    coordinator_commit_offsets(request->server->parts.coordinator, &state->commit);
}
