/* A compiled descriptor of shop.proto, made by the build. */
#pragma once

#include "runtime/format/format.h"

#include <stdio.h>

#ifndef SHOP_DESCRIPTOR
#define SHOP_DESCRIPTOR "" /* this header alone: nobody reads it then */
#endif

#define SHOP_ORDER                                                                                 \
    "{\"format\":\"protobuf\",\"descriptor\":\"shop.desc\",\"message\":\"shop.Order\"}"

/* For value_files.read: any name gives the descriptor. */
static inline int shop_read(void *owner, const char *name, struct buffer *out)
{
    (void)owner;
    (void)name;
    FILE *file = fopen(SHOP_DESCRIPTOR, "rb");
    check(file != NULL);
    out->size += fread(buffer_reserve(out, 1 << 16), 1, 1 << 16, file);
    fclose(file);
    return 0;
}

static const struct value_files shop_files = {.read = shop_read};
