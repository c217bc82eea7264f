/* The row of operations, registration and producer ids; see controller.h.
 *
 * An operation waits in the row until the one before it is answered; then it is decided on a turn
 * of its own, proposed, and answered when its commands were applied. */
#include "log/controller/controller.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/controller/alteration.h"
#include "log/controller/creation.h"
#include "log/controller/decision.h"
#include "log/controller/growth.h"
#include "log/controller/rationing.h"
#include "log/controller/removal.h"
#include "log/controller/upgrade.h"
#include "log/meta/feature.h"

#include <stdlib.h>
#include <string.h>

enum { CONTROLLER_PRODUCER_ID_COUNT = 1000 }; /* of one block */

struct controller {
    struct io *io;
    struct quorum *quorum;
    struct meta *meta;
    struct list operations;                /* waiting; the one under way is not in it */
    struct controller_operation *underway; /* proposed, not yet answered; or NULL */
    struct io_request *wake;               /* on the way, or NULL; see controller_wake */
    int32_t *brokers;
    size_t broker_count;
    struct meta_listener listener;
    int64_t next_producer_id; /* of this node's block */
    int64_t end_producer_id;
};

/* Outlives the controller when it is freed with a post under way. */
struct controller_wake {
    struct io_request request;
    struct controller *controller; /* NULL: it is gone */
    struct list cancelled;         /* operations to call back then */
};

static void controller_run(struct controller *controller);

static void controller_on_wake(struct io_request *request, int64_t result)
{
    (void)result;
    struct controller_wake *wake = (struct controller_wake *)request->owner;
    struct controller *controller = wake->controller;
    struct list_link *link;
    while ((link = list_take(&wake->cancelled)) != NULL) {
        struct controller_operation *operation =
            list_member(link, struct controller_operation, link);
        operation->error = ERROR_SHUTDOWN;
        operation->done(operation);
    }
    free(wake);
    if (controller != NULL) {
        controller->wake = NULL;
        controller_run(controller);
    }
}

static struct controller_wake *controller_wake_new(struct controller *controller)
{
    struct controller_wake *wake = memory_new(struct controller_wake);
    list_init(&wake->cancelled);
    wake->request.done = controller_on_wake;
    wake->request.owner = wake;
    controller->wake = &wake->request;
    return wake;
}

/* Looks at the row on a later turn. */
static void controller_schedule(struct controller *controller)
{
    if (controller->wake == NULL && controller->underway == NULL) {
        struct controller_wake *wake = controller_wake_new(controller);
        wake->controller = controller;
        io_post(controller->io, &wake->request);
    }
}

static void controller_finish(struct controller_operation *operation, int error)
{
    operation->error = error;
    operation->kind->settle(operation, error);
    operation->done(operation);
}

static void controller_on_decided(struct quorum_proposal *proposal, int error, int64_t offset)
{
    (void)offset;
    struct controller_operation *operation = (struct controller_operation *)proposal->owner;
    struct controller *controller = operation->controller;
    if (controller == NULL) {
        controller_finish(operation, error == 0 ? ERROR_SHUTDOWN : error);
        return;
    }
    check(controller->underway == operation);
    controller->underway = NULL;
    controller_schedule(controller);
    controller_finish(operation, error);
}

/* Decides one operation; it is answered at once when there is nothing to propose. */
static void controller_begin(struct controller *controller, struct controller_operation *operation)
{
    struct decision decision = {
        .operation = operation,
        .io = controller->io,
        .meta = controller->meta,
        .arena = operation->arena,
        .brokers = controller->brokers,
        .broker_count = controller->broker_count,
    };
    if (!quorum_is_leader(controller->quorum)) {
        controller_finish(operation, ERROR_NOT_CONTROLLER);
        return;
    }
    int error = operation->kind->decide(&decision, operation);
    if (error != 0 || decision.command_count == 0) {
        controller_finish(operation, error);
        return;
    }
    controller->underway = operation; /* (1) */
    operation->proposal.done = controller_on_decided;
    operation->proposal.owner = operation;
    quorum_propose(controller->quorum, &operation->proposal, decision.commands,
                   decision.command_count); /* (2) */
}

/* One operation a turn, so that a callback may free the controller. */
static void controller_run(struct controller *controller)
{
    if (controller->underway != NULL) {
        return;
    }
    struct list_link *link = list_take(&controller->operations);
    if (link == NULL) {
        return;
    }
    struct controller_operation *operation = list_member(link, struct controller_operation, link);
    if (!list_is_empty(&controller->operations)) {
        controller_schedule(controller);
    }
    controller_begin(controller, operation);
}

static void controller_submit(struct controller *controller, struct controller_operation *operation,
                              const struct decision_kind *kind)
{
    operation->kind = kind;
    operation->controller = controller;
    operation->error = 0;
    operation->link = (struct list_link){0};
    list_add(&controller->operations, &operation->link);
    controller_schedule(controller);
}

/* Only blocks allocated in this life are used: what the last life had may be handed out. */
static void controller_on_producer_ids(void *owner, int32_t node, int64_t first_id, int32_t count)
{
    struct controller *controller = (struct controller *)owner;
    if (node == meta_node_id(controller->meta)) {
        controller->next_producer_id = first_id;
        controller->end_producer_id = first_id + count;
    }
}

struct controller *controller_new(struct io *io, struct quorum *quorum, struct meta *meta)
{
    struct controller *controller = memory_new(struct controller);
    int32_t node = meta_node_id(meta);
    controller->io = io;
    controller->quorum = quorum;
    controller->meta = meta;
    list_init(&controller->operations);
    controller_set_brokers(controller, &node, 1);
    controller->listener = (struct meta_listener){
        .owner = controller,
        .producer_ids_allocated = controller_on_producer_ids,
    };
    meta_listen(meta, &controller->listener);
    return controller;
}

void controller_free(struct controller *controller)
{
    if (controller == NULL) {
        return;
    }
    if (!list_is_empty(&controller->operations) && controller->wake == NULL) {
        struct controller_wake *wake = controller_wake_new(controller);
        io_post(controller->io, &wake->request);
    }
    if (controller->wake != NULL) {
        struct controller_wake *wake = (struct controller_wake *)controller->wake->owner;
        struct list_link *link;
        wake->controller = NULL;
        while ((link = list_take(&controller->operations)) != NULL) {
            list_add(&wake->cancelled, link);
        }
    }
    if (controller->underway != NULL) {
        controller->underway->controller = NULL;
    }
    meta_unlisten(&controller->listener);
    free(controller->brokers);
    free(controller);
}

void controller_set_brokers(struct controller *controller, const int32_t *brokers, size_t count)
{
    check(count > 0);
    free(controller->brokers);
    controller->brokers = (int32_t *)memory_zero(count, sizeof *brokers);
    controller->broker_count = count;
    for (size_t i = 0; i < count; i++) {
        controller->brokers[i] = brokers[i];
        check(i == 0 || brokers[i] > brokers[i - 1]);
    }
}

/* A feature that this log has not seen begins at its highest level; one that was set, also lower,
 * stays, unless this version cannot do without more. */
static void controller_decide_features(struct decision *decision)
{
    for (const struct feature *feature = feature_next(NULL); feature != NULL;
         feature = feature_next(feature)) {
        if (!meta_has_feature(decision->meta, feature->name) ||
            meta_feature_level(decision->meta, feature->name) < feature->lowest) {
            decision_set_feature(decision, feature->name, feature->highest);
        }
    }
}

static void controller_decide_cluster_name(struct decision *decision, struct bytes cluster_id)
{
    struct wire_uuid id;
    char text[META_UUID_TEXT_SIZE];
    io_random(decision->io, id.octets, sizeof id.octets);
    meta_tame_uuid(&id);
    meta_print_uuid(id, text);
    Meta__ClusterNamed named = META__CLUSTER_NAMED__INIT;
    named.cluster_id = cluster_id.size > 0 ? decision_string(decision, cluster_id) : text;
    Meta__Command command = META__COMMAND__INIT;
    command.kind_case = META__COMMAND__KIND_CLUSTER_NAMED;
    command.cluster_named = &named;
    decision_add(decision, &command);
}

static int controller_decide_registration(struct decision *decision,
                                          struct controller_operation *head)
{
    struct controller_registration *operation = (struct controller_registration *)head;
    if (*meta_cluster_id(decision->meta) == 0) {
        controller_decide_cluster_name(decision, operation->cluster_id);
    }
    controller_decide_features(decision);
    struct wire_uuid incarnation;
    char text[META_UUID_TEXT_SIZE];
    io_random(decision->io, incarnation.octets, sizeof incarnation.octets);
    meta_print_uuid(incarnation, text);
    Meta__NodeRegistered registered = META__NODE_REGISTERED__INIT;
    registered.node = meta_node_id(decision->meta);
    registered.incarnation = text;
    Meta__Command command = META__COMMAND__INIT;
    command.kind_case = META__COMMAND__KIND_NODE_REGISTERED;
    command.node_registered = &registered;
    decision_add(decision, &command);
    return 0;
}

static void controller_settle_nothing(struct controller_operation *operation, int error)
{
    (void)operation;
    (void)error;
}

static int controller_decide_producer_id(struct decision *decision,
                                         struct controller_operation *operation)
{
    struct controller *controller = operation->controller;
    if (controller->next_producer_id < controller->end_producer_id) {
        return 0;
    }
    int64_t first_id = meta_next_producer_id(decision->meta);
    if (first_id > INT64_MAX - CONTROLLER_PRODUCER_ID_COUNT) {
        return ERROR_UNKNOWN_SERVER;
    }
    Meta__ProducerIdsAllocated allocated = META__PRODUCER_IDS_ALLOCATED__INIT;
    allocated.node = meta_node_id(decision->meta);
    allocated.first_id = first_id;
    allocated.count = CONTROLLER_PRODUCER_ID_COUNT;
    Meta__Command command = META__COMMAND__INIT;
    command.kind_case = META__COMMAND__KIND_PRODUCER_IDS_ALLOCATED;
    command.producer_ids_allocated = &allocated;
    decision_add(decision, &command);
    return 0;
}

static void controller_settle_producer_id(struct controller_operation *head, int error)
{
    struct controller_producer_id *operation = (struct controller_producer_id *)head;
    struct controller *controller = head->controller;
    if (error == 0) {
        check(controller->next_producer_id < controller->end_producer_id);
        operation->producer_id = controller->next_producer_id++; /* (4) */
    }
}

static const struct decision_kind controller_registration_kind = {
    .decide = controller_decide_registration,
    .settle = controller_settle_nothing,
};

static const struct decision_kind controller_producer_id_kind = {
    .decide = controller_decide_producer_id,
    .settle = controller_settle_producer_id,
};

void controller_register(struct controller *controller, struct controller_registration *operation)
{
    controller_submit(controller, &operation->operation, &controller_registration_kind);
}

void controller_create_topics(struct controller *controller,
                              struct controller_create_topics *operation)
{
    operation->results = NULL;
    controller_submit(controller, &operation->operation, &creation_kind);
}

void controller_delete_topics(struct controller *controller,
                              struct controller_delete_topics *operation)
{
    operation->results = NULL;
    controller_submit(controller, &operation->operation, &removal_kind);
}

void controller_create_partitions(struct controller *controller,
                                  struct controller_create_partitions *operation)
{
    operation->results = NULL;
    controller_submit(controller, &operation->operation, &growth_kind);
}

void controller_alter_configs(struct controller *controller,
                              struct controller_alter_configs *operation)
{
    operation->results = NULL;
    controller_submit(controller, &operation->operation, &alteration_kind);
}

void controller_alter_quotas(struct controller *controller,
                             struct controller_alter_quotas *operation)
{
    operation->results = NULL;
    controller_submit(controller, &operation->operation, &rationing_kind);
}

void controller_update_features(struct controller *controller,
                                struct controller_update_features *operation)
{
    operation->refusal = 0;
    operation->message = NULL;
    controller_submit(controller, &operation->operation, &upgrade_kind);
}

void controller_take_producer_id(struct controller *controller,
                                 struct controller_producer_id *operation)
{
    operation->producer_id = -1;
    controller_submit(controller, &operation->operation, &controller_producer_id_kind);
}

void controller_check(const struct controller *controller)
{
    check(controller->broker_count > 0);
    check(controller->next_producer_id <= controller->end_producer_id);
    check(controller->end_producer_id <= meta_next_producer_id(controller->meta)); /* (4) */
    if (controller->underway == NULL && !list_is_empty(&controller->operations)) {
        check(controller->wake != NULL);
    }
    if (controller->underway != NULL) {
        check(!list_has(&controller->underway->link)); /* (1) */
    }
}
