/* Joining two values; see joiner.h. */
#include "runtime/operators/joiner.h"

#include "runtime/topology/outlet.h"

static int add_side(struct node *node, struct node_context *context, const struct kept_value *kept,
                    struct buffer *out)
{
    struct record side = {.value = kept->value, .value_format = kept->value_format};
    if (bytes_is_null(kept->value)) {
        buffer_add_string(out, "null");
        return 0;
    }
    int error = outlet_convert(node, context, VALUE_JSON, &side);
    if (error == 0) {
        buffer_add_bytes(out, side.value);
    }
    return error;
}

static int join_pair(void *owner, struct node *node, struct node_context *context,
                     const struct kept_value *left, const struct kept_value *right,
                     struct record *out)
{
    (void)owner;
    struct buffer text;
    buffer_init(&text);
    buffer_add_string(&text, "{\"left\":");
    int error = add_side(node, context, left, &text);
    buffer_add_string(&text, ",\"right\":");
    error = error == 0 ? add_side(node, context, right, &text) : error;
    buffer_add_byte(&text, '}');
    if (error == 0) {
        out->value = arena_copy(context->arena, buffer_bytes(&text));
        out->value_format = VALUE_JSON;
    }
    buffer_fini(&text);
    return error == 0 ? 1 : error;
}

struct joiner joiner_pair(void)
{
    return (struct joiner){.join = join_pair};
}

int joiner_join(const struct joiner *joiner, struct node *node, struct node_context *context,
                const struct kept_value *left, const struct kept_value *right, struct record *out)
{
    return joiner->join(joiner->owner, node, context, left, right, out);
}
