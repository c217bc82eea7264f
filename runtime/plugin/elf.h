/* Finds the bytes of an exported constant in an ELF library without loading it.
 *
 * The image comes from outside: every offset and size in it is checked before it is used.
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

/* The first `size` bytes of `symbol`, a view into the image. 0; ERROR_UNSUPPORTED for something
 * that is no 64-bit ELF library of this machine; ERROR_NOT_FOUND without the symbol (or when it is
 * smaller than `size`); ERROR_MALFORMED for damage. */
must_use int elf_find_symbol(struct bytes image, const char *symbol, size_t size,
                             struct bytes *out);
