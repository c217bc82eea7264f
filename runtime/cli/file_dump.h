/* The files of a log that are no segments, as text: indexes, snapshots, checkpoints.
 *
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include "runtime/cli/dump_writer.h"

/* Prints a file of this name, in the words of Kafka's own dump tool. False, and nothing is printed,
 * when a file of this name is none of ours. *problem: NULL, or what follows no format behind that
 * which could be read. */
must_use bool file_dump_print(const char *path, struct bytes content, struct dump_writer *writer,
                              const char **problem);
