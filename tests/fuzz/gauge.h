/* Watches what our own code asks of the heap: a length that only an input claims must not become
 * memory. The linker leads every call of memory_alloc, memory_zero and memory_resize through here
 * (CMakeLists.txt), in every build; a request past the limit stops the process where it is made.
 * Thread: one. */
#pragma once

#include <stddef.h>

/* From here on no single request may be larger. */
void gauge_start(size_t limit_size);
