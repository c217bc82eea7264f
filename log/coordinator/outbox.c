/* See outbox.h. It outlives its coordinator until the last answer has left. */
#include "log/coordinator/outbox.h"

#include "log/base/memory.h"

#include <stdlib.h>

struct outbox {
    struct io *io;
    struct io_request request;
    struct list requests;
    bool is_posted;
    bool is_orphan; /* the coordinator is gone: free it when it is empty */
};

static void outbox_deliver(struct io_request *request, int64_t result)
{
    (void)result;
    struct outbox *outbox = (struct outbox *)request->owner;
    struct list_link *link;
    while ((link = list_take(&outbox->requests)) != NULL) {
        struct coordinator_request *answered = list_member(link, struct coordinator_request, link);
        answered->done(answered);
    }
    outbox->is_posted = false;
    if (outbox->is_orphan) {
        free(outbox);
    }
}

struct outbox *outbox_new(struct io *io)
{
    struct outbox *outbox = memory_new(struct outbox);
    outbox->io = io;
    list_init(&outbox->requests);
    outbox->request = (struct io_request){.done = outbox_deliver, .owner = outbox};
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    outbox->is_orphan = true;
    if (!outbox->is_posted) {
        free(outbox);
    }
}

void outbox_add(struct outbox *outbox, struct coordinator_request *request)
{
    request->link = (struct list_link){0};
    list_add(&outbox->requests, &request->link);
    if (!outbox->is_posted) {
        outbox->is_posted = true;
        io_post(outbox->io, &outbox->request);
    }
}
