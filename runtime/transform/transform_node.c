/* Nodes of transforms; see transform_node.h. */
#include "runtime/transform/transform_node.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/transform/transform_host.h"

#include <stdlib.h>

struct transform_node {
    struct node node;
    struct transform_host host;
    const struct tidemill_transform *functions;
    bool is_open;
};

static const char *failure_of(const struct transform_host *host)
{
    return host->failure[0] == 0 ? "the transform failed and said nothing" : host->failure;
}

static int fail(struct transform_node *it, struct node_context *context,
                enum tidemill_status status)
{
    context->ends_task = status != TIDEMILL_REJECT;
    return node_fail(&it->node, context, ERROR_INVALID, "process", "%s: %s",
                     it->host.context.kind->name, failure_of(&it->host));
}

/* The call of the plugin has returned: what it forwarded goes on. */
static int finish(struct transform_node *it, struct node_context *context,
                  enum tidemill_status status)
{
    transform_host_end(&it->host);
    if (status == TIDEMILL_OK && it->host.has_failed) {
        status = TIDEMILL_REJECT;
    }
    if (status != TIDEMILL_OK) {
        return fail(it, context, status);
    }
    for (size_t i = 0; i < it->host.pending_count; i++) {
        int error = node_forward(&it->node, context, &it->host.pending[i]);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int transform_node_process(struct node *node, struct node_context *context,
                                  const struct record *record)
{
    struct transform_node *it = (struct transform_node *)(void *)node;
    struct tidemill_record shown;
    transform_host_begin(&it->host, context, record);
    if (transform_host_show(&it->host, &shown) != 0) {
        transform_host_end(&it->host);
        return node_fail(node, context, ERROR_MALFORMED, "decode", "the headers are malformed");
    }
    return finish(it, context, it->functions->process(&it->host.context, &shown, 1));
}

static int transform_node_tick(struct node *node, struct node_context *context, int timer,
                               int64_t scheduled_ms)
{
    struct transform_node *it = (struct transform_node *)(void *)node;
    transform_host_begin(&it->host, context, NULL);
    return finish(it, context, it->functions->tick(&it->host.context, (size_t)timer, scheduled_ms));
}

static int transform_node_start(struct node *node, struct node_context *context)
{
    struct transform_node *it = (struct transform_node *)(void *)node;
    if (!transform_host_start(&it->host, context)) {
        return node_fail(node, context, ERROR_NOT_FOUND, "process", "a store is missing");
    }
    enum tidemill_status status = it->functions->open(&it->host.context);
    if (status != TIDEMILL_OK) {
        return fail(it, context, status);
    }
    it->is_open = true;
    return 0;
}

static void transform_node_free(struct node *node)
{
    struct transform_node *it = (struct transform_node *)(void *)node;
    if (it->is_open && it->functions->close != NULL) {
        it->functions->close(&it->host.context);
    }
    transform_host_fini(&it->host);
    node_fini(node);
    free(it);
}

static const struct node_ops transform_node_ops = {.process = transform_node_process,
                                                   .tick = transform_node_tick,
                                                   .free = transform_node_free,
                                                   .start = transform_node_start};

struct node *transform_node_new(const char *name, struct transform *transform)
{
    struct transform_node *it = memory_new(struct transform_node);
    node_init(&it->node, &transform_node_ops, name);
    transform_host_init(&it->host, it->node.name, transform);
    it->functions = transform_kind(transform)->transform;
    return &it->node;
}

int transform_node_validate(struct transform *transform, struct report *report)
{
    const struct tidemill_kind *kind = transform_kind(transform);
    struct transform_host host;
    if (kind->validate == NULL) {
        return 0;
    }
    transform_host_init(&host, kind->name, transform);
    int error = kind->validate(&host.context) == TIDEMILL_OK
                    ? 0
                    : report_add(report, NULL, "%s", failure_of(&host));
    transform_host_fini(&host);
    return error;
}
