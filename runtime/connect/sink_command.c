/* Makes and frees commands; see sink_command.h. */
#include "runtime/connect/sink_command.h"

#include "log/base/memory.h"

#include <stdlib.h>

struct sink_command *sink_command_new(enum sink_command_kind kind)
{
    struct sink_command *command = memory_new(struct sink_command);
    command->kind = kind;
    return command;
}

void sink_command_add_place(struct sink_command *command, const char *topic, int32_t partition,
                            int64_t offset)
{
    size_t count = command->place_count + 1;
    command->places = memory_resize(command->places, count * sizeof *command->places);
    command->places[command->place_count] = (struct sink_command_place){
        .topic = memory_string(topic), .partition = partition, .offset = offset};
    command->place_count = count;
}

void sink_command_free(struct sink_command *command)
{
    for (size_t i = 0; i < command->place_count; i++) {
        free(command->places[i].topic);
    }
    free(command->places);
    free(command);
}
