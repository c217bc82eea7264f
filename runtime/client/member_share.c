/* A member's share: what it gives up first, and where the rest goes on; see member_state.h. */
#include "log/base/error.h"
#include "runtime/client/member_state.h"

static void member_tell_standby(struct member *member)
{
    struct arena arena;
    if (!member->has_standby_news) {
        return;
    }
    member->has_standby_news = false;
    arena_init(&arena, 0);
    size_t count = holding_count(&member->standby);
    struct member_partition *list = holding_list(&member->standby, &arena);
    for (size_t i = 0; i < count; i++) {
        list[i].is_warmup =
            holding_has(&member->warmup, bytes_from_string(list[i].topic), list[i].partition);
    }
    member->events.standby(member->owner, list, count);
    arena_fini(&arena);
}

static void member_settle(struct member *member)
{
    member_tell_standby(member);
    member_move(member, MEMBER_STABLE);
    if (member->needs_rejoin) {
        member_restart(member, false);
    }
}

static void member_on_loaded(struct offsets_fetch *load, int error,
                             const struct member_partition *partitions, size_t count)
{
    struct member *member = load->owner;
    member->is_loading = false;
    if (error == ERROR_UNSTABLE_OFFSET_COMMIT || error == ERROR_COORDINATOR_LOAD_IN_PROGRESS) {
        member_step_later(member, backoff_next(&member->backoff, member->io));
        return;
    }
    if (error != 0) {
        member_on_error(member, error);
        return;
    }
    member_touch(member);
    holding_put_all(&member->owned, &member->target);
    member->events.assigned(member->owner, partitions, count);
    if (member->state == MEMBER_LOADING) {
        member_settle(member);
    }
}

/* Asks for the committed offsets of what is new. */
void member_load(struct member *member)
{
    struct holding added;
    holding_init(&added);
    holding_subtract(&added, &member->target, &member->owned);
    size_t count = holding_count(&added);
    if (count == 0) {
        holding_fini(&added);
        member_settle(member);
        return;
    }
    if (member->state != MEMBER_LOADING) {
        member_move(member, MEMBER_LOADING);
    }
    arena_clear(&member->arena);
    struct member_partition *list = holding_list(&added, &member->arena);
    for (size_t i = 0; i < count; i++) {
        list[i].topic = arena_string(&member->arena, bytes_from_string(list[i].topic));
    }
    holding_fini(&added);
    member->load = (struct offsets_fetch){
        .group = member_group(member),
        .partitions = list,
        .count = count,
        .is_stable = true,
        .coordinator_id = member->locator.node_id,
        .done = member_on_loaded,
        .owner = member,
    };
    member->is_loading = true;
    offsets_fetch_start(member->client, &member->load);
}

/* Asks the owner to give up what is in `revoking`. */
void member_revoke(struct member *member)
{
    struct arena arena;
    arena_init(&arena, 0);
    member_move(member, MEMBER_REVOKING);
    member->is_answered = false;
    size_t count = holding_count(&member->revoking);
    member->events.revoked(member->owner, holding_list(&member->revoking, &arena), count);
    arena_fini(&arena);
}

void member_revoked(struct member *member)
{
    if (member->state == MEMBER_REVOKING && !member->is_answered) {
        member->is_answered = true;
        member_step_later(member, 0);
    }
}

void member_after_revoked(struct member *member)
{
    struct holding kept;
    holding_init(&kept);
    holding_subtract(&kept, &member->owned, &member->revoking);
    holding_fini(&member->owned);
    member->owned = kept;
    holding_clear(&member->revoking);
    if (member->is_eager) {
        member_restart(member, false);
        return;
    }
    member->needs_rejoin = true;
    member_load(member);
}
