/* Holds clients to their quotas: measures what they do and says how long they have to wait.
 *
 * A quota is shared by all who fall under the entity it was found at (log/meta/quota.h); each such
 * share has one measure per kind of quota. Nothing is measured, and no memory held, while no quota
 * is set.
 * Owns:   the measures.
 * Keeps:  (1) at most quota.state.max measures; the one that was longest unused makes room;
 *         (2) a measure belongs to one kind of quota and one share.
 * Thread: the server's shard. */
#pragma once

#include "log/io/io.h"
#include "log/meta/meta.h"

struct throttle;

/* Who is measured; borrowed during a call. */
struct throttle_client {
    struct bytes user;
    struct bytes client_id;
};

struct throttle *throttle_new(struct io *io, const struct meta *meta);
void throttle_free(struct throttle *throttle);
/* False while nothing is limited: nothing needs to be measured. */
bool throttle_is_active(const struct throttle *throttle);
/* Counts the amount; the milliseconds after which the client may go on. Kinds of bytes and time. */
int32_t throttle_record(struct throttle *throttle, enum quota_kind kind,
                        const struct throttle_client *client, double amount);
/* The most that the kind's quota grants within all its windows; INFINITY without a quota. */
double throttle_room(const struct throttle *throttle, enum quota_kind kind,
                     const struct throttle_client *client);
/* Takes permits to create or delete partitions (KIP-599). False, and nothing is taken, when earlier
 * ones have not been earned yet and `is_strict`. */
bool throttle_take_mutations(struct throttle *throttle, const struct throttle_client *client,
                             double count, bool is_strict);
/* The milliseconds until all permits taken so far are earned. */
int32_t throttle_mutation_delay_ms(struct throttle *throttle, const struct throttle_client *client);
/* A new connection from an address ("127.0.0.1"): 0, or for how many milliseconds it must be kept
 * waiting before it is closed. */
int32_t throttle_connection(struct throttle *throttle, struct bytes address);
/* Against max.connection.creation.rate: 0, or for how long the connection waits for its turn. */
int32_t throttle_accept(struct throttle *throttle);
size_t throttle_measure_count(const struct throttle *throttle);
void throttle_check(const struct throttle *throttle);
