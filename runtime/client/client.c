/* Routes calls to connections; see client.h. */
#include "runtime/client/client.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/client/catalog.h"
#include "runtime/client/link.h"
#include "runtime/client/refresher.h"

#include <stdlib.h>
#include <string.h>

#define CLIENT_LOOPBACK "loopback:"

struct client {
    struct io *io;
    struct client_options options; /* with copied strings */
    char **seeds;                  /* the bootstrap addresses */
    size_t seed_count;
    size_t rotation; /* which address CLIENT_ANY tries next */
    struct catalog catalog;
    struct refresher *refresher;
    struct link **links;
    size_t link_count;
    size_t closing_count; /* links that were closed and are not gone */
    int next_lane;
    struct list waiting; /* calls to a controller that is not known */
    bool is_finding;     /* the controller */
    struct client_refresh finding;
    struct list failed; /* calls whose `error` is told on the next turn */
    struct io_timer timer;
    int16_t transaction_version;
    bool is_closing;
    void (*closed)(void *owner);
    void *closed_owner;
};

struct client_options client_options_default(void)
{
    return (struct client_options){
        .bootstrap = "localhost:9092",
        .client_id = "tidemill",
        .request_timeout_ms = 30000,
        .metadata_max_age_ms = 300000,
        .retry_backoff_ms = 100,
        .retry_backoff_max_ms = 1000,
    };
}

static void client_fail_later(struct client *client, struct client_call *call, int error)
{
    call->error = error;
    list_add(&client->failed, &call->link);
    io_timer_start(client->io, &client->timer, 0);
}

static void client_finish_if_closed(struct client *client)
{
    if (!client->is_closing || client->closing_count > 0 || client->link_count > 0 ||
        !list_is_empty(&client->failed)) {
        return;
    }
    void (*closed)(void *owner) = client->closed;
    void *owner = client->closed_owner;
    refresher_free(client->refresher);
    catalog_fini(&client->catalog);
    io_timer_stop(client->io, &client->timer);
    for (size_t i = 0; i < client->seed_count; i++) {
        free(client->seeds[i]);
    }
    free(client->seeds);
    free(client->links);
    free((void *)(uintptr_t)client->options.bootstrap);
    free((void *)(uintptr_t)client->options.client_id);
    free(client);
    if (closed != NULL) {
        closed(owner);
    }
}

static void client_on_timer(struct io_timer *timer)
{
    struct client *client = timer->owner;
    /* Only those of now: one that is sent again at once may fail again, on the next turn. */
    struct list failed;
    list_init(&failed);
    struct list_link *link;
    while ((link = list_take(&client->failed)) != NULL) {
        list_add(&failed, link);
    }
    while ((link = list_take(&failed)) != NULL) {
        struct client_call *call = list_member(link, struct client_call, link);
        call->done(call, call->error, 0, NULL);
    }
    client_finish_if_closed(client);
}

static void client_parse_seeds(struct client *client, const char *bootstrap)
{
    const char *at = bootstrap;
    while (*at != 0) {
        size_t size = strcspn(at, ",");
        struct bytes seed = bytes_make(at, size);
        while (seed.size > 0 && seed.data[0] == ' ') {
            seed.data++;
            seed.size--;
        }
        while (seed.size > 0 && seed.data[seed.size - 1] == ' ') {
            seed.size--;
        }
        if (seed.size > 0) {
            client->seeds =
                memory_resize(client->seeds, (client->seed_count + 1) * sizeof *client->seeds);
            client->seeds[client->seed_count++] = bytes_to_string(seed);
        }
        at += size + (at[size] == ',');
    }
    check(client->seed_count > 0);
}

struct client *client_new(struct io *io, const struct client_options *options)
{
    struct client *client = memory_new(struct client);
    client->io = io;
    client->options = *options;
    client->options.bootstrap = memory_string(options->bootstrap);
    client->options.client_id = memory_string(options->client_id);
    client->next_lane = CLIENT_LANE_COMMON + 1;
    client->timer = (struct io_timer){.fired = client_on_timer, .owner = client};
    list_init(&client->waiting);
    list_init(&client->failed);
    client_parse_seeds(client, options->bootstrap);
    bool is_loopback = strncmp(client->seeds[0], CLIENT_LOOPBACK, strlen(CLIENT_LOOPBACK)) == 0;
    catalog_init(&client->catalog, is_loopback ? client->seeds[0] : NULL);
    client->refresher = refresher_new(client, &client->catalog);
    return client;
}

static void client_on_link_closed(void *owner, struct link *link)
{
    (void)link;
    struct client *client = owner;
    client->closing_count--;
    client_finish_if_closed(client);
}

static void client_close_link(struct client *client, size_t index)
{
    struct link *link = client->links[index];
    client->links[index] = client->links[--client->link_count];
    client->closing_count++;
    link_close(link, client_on_link_closed, client);
}

void client_close(struct client *client, void (*closed)(void *owner), void *owner)
{
    check(!client->is_closing);
    client->is_closing = true;
    client->closed = closed;
    client->closed_owner = owner;
    refresher_stop(client->refresher);
    if (client->is_finding) {
        client_refresh_cancel(&client->finding);
    }
    struct list_link *link;
    while ((link = list_take(&client->waiting)) != NULL) {
        client_fail_later(client, list_member(link, struct client_call, link), ERROR_CANCELLED);
    }
    while (client->link_count > 0) {
        client_close_link(client, client->link_count - 1);
    }
    io_timer_start(client->io, &client->timer, 0);
}

struct io *client_io(struct client *client)
{
    return client->io;
}

int client_lane_open(struct client *client)
{
    return client->next_lane++;
}

void client_lane_close(struct client *client, int lane)
{
    check(lane != CLIENT_LANE_COMMON);
    for (size_t i = client->link_count; i-- > 0;) {
        if (link_lane(client->links[i]) == lane) {
            client_close_link(client, i);
        }
    }
}

static struct link *client_find_link(struct client *client, const char *address, int lane)
{
    for (size_t i = 0; i < client->link_count; i++) {
        struct link *link = client->links[i];
        if (link_lane(link) == lane && strcmp(link_address(link), address) == 0) {
            return link;
        }
    }
    return NULL;
}

static struct link *client_get_link(struct client *client, const char *address, int lane)
{
    struct link *link = client_find_link(client, address, lane);
    if (link == NULL) {
        link = link_new(client, address, lane);
        client->links =
            memory_resize(client->links, (client->link_count + 1) * sizeof *client->links);
        client->links[client->link_count++] = link;
    }
    return link;
}

/* Brokers first, then the bootstrap addresses. */
static const char *client_address(const struct client *client, size_t index)
{
    return index < client->catalog.broker_count
               ? client->catalog.brokers[index].address
               : client->seeds[index - client->catalog.broker_count];
}

/* One that stands, or the next in turn that did not just fail. */
static struct link *client_pick_any(struct client *client, int lane)
{
    size_t count = client->catalog.broker_count + client->seed_count;
    for (size_t i = 0; i < count; i++) {
        struct link *link = client_find_link(client, client_address(client, i), lane);
        if (link != NULL && link_is_ready(link)) {
            return link;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const char *address = client_address(client, (client->rotation + i) % count);
        struct link *link = client_find_link(client, address, lane);
        if (link == NULL || !link_is_waiting(link)) {
            client->rotation = (client->rotation + i) % count;
            return client_get_link(client, address, lane);
        }
    }
    client->rotation = (client->rotation + 1) % count;
    return client_get_link(client, client_address(client, client->rotation), lane);
}

static void client_route_to_controller(struct client *client, struct client_call *call)
{
    const char *address = catalog_find_broker(&client->catalog, client->catalog.controller_id);
    if (address == NULL) {
        client_fail_later(client, call, ERROR_REFUSED);
        return;
    }
    link_send(client_get_link(client, address, call->lane), call);
}

static void client_on_controller_found(struct client_refresh *refresh, int error)
{
    struct client *client = refresh->owner;
    client->is_finding = false;
    struct list_link *link;
    while ((link = list_take(&client->waiting)) != NULL) {
        struct client_call *call = list_member(link, struct client_call, link);
        if (error != 0) {
            client_fail_later(client, call, error);
        } else {
            client_route_to_controller(client, call);
        }
    }
}

/* The controller may have moved, so each call asks who it is. */
static void client_find_controller(struct client *client, struct client_call *call)
{
    list_add(&client->waiting, &call->link);
    if (client->is_finding) {
        return;
    }
    client->is_finding = true;
    static const char *const no_topics[1];
    client->finding = (struct client_refresh){
        .topics = no_topics,
        .topic_count = 0,
        .done = client_on_controller_found,
        .owner = client,
    };
    client_refresh_metadata(client, &client->finding);
}

void client_send(struct client *client, struct client_call *call)
{
    check(!client->is_closing);
    int64_t timeout_ms =
        call->timeout_ms > 0 ? call->timeout_ms : client->options.request_timeout_ms;
    call->client = client;
    call->via = NULL;
    call->exchange = NULL;
    call->link = (struct list_link){NULL, NULL};
    buffer_init(&call->frame);
    call->deadline = io_now(client->io) + (uint64_t)timeout_ms * 1000000u;
    if (call->target == CLIENT_CONTROLLER) {
        client_find_controller(client, call);
        return;
    }
    if (call->target == CLIENT_ANY) {
        link_send(client_pick_any(client, call->lane), call);
        return;
    }
    const char *address = catalog_find_broker(&client->catalog, call->target);
    if (address == NULL) {
        client_fail_later(client, call, ERROR_REFUSED);
        return;
    }
    link_send(client_get_link(client, address, call->lane), call);
}

void client_cancel(struct client *client, struct client_call *call)
{
    check(call->client == client);
    if (call->via != NULL) {
        link_cancel(call->via, call);
    }
    list_remove(&call->link);
}

const struct client_topic *client_find_topic(struct client *client, const char *name)
{
    return catalog_find_topic(&client->catalog, name);
}

void client_refresh_metadata(struct client *client, struct client_refresh *refresh)
{
    check(!client->is_closing);
    refresher_add(client->refresher, refresh);
}

void client_refresh_cancel(struct client_refresh *refresh)
{
    list_remove(&refresh->link);
}

void client_expire_topic(struct client *client, const char *name)
{
    catalog_expire_topic(&client->catalog, name);
}

void client_each_topic(struct client *client,
                       void (*each)(void *owner, const struct client_topic *topic), void *owner)
{
    for (map_each (&client->catalog.topics, entry)) {
        const struct client_topic *topic = entry->value;
        if (topic->error == 0) {
            each(owner, topic);
        }
    }
}

size_t client_broker_count(const struct client *client)
{
    return client->catalog.broker_count;
}

void client_each_broker(struct client *client,
                        void (*each)(void *owner, int32_t node_id, const char *address),
                        void *owner)
{
    for (size_t i = 0; i < client->catalog.broker_count; i++) {
        each(owner, client->catalog.brokers[i].node_id, client->catalog.brokers[i].address);
    }
}

void client_add_broker(struct client *client, int32_t node_id, struct bytes host, int32_t port)
{
    catalog_add_broker(&client->catalog, node_id, host, port);
}

const struct client_options *client_get_options(const struct client *client)
{
    return &client->options;
}

void client_check(const struct client *client)
{
    catalog_check(&client->catalog);
    for (size_t i = 0; i < client->link_count; i++) {
        link_check(client->links[i]);
        for (size_t j = 0; j < i; j++) {
            check(link_lane(client->links[i]) != link_lane(client->links[j]) ||
                  strcmp(link_address(client->links[i]), link_address(client->links[j])) != 0);
        }
    }
}

int16_t client_transaction_version(const struct client *client)
{
    return client->transaction_version;
}

void client_set_transaction_version(struct client *client, int16_t version)
{
    client->transaction_version = version;
}
