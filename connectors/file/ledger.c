/* The commit file of the sink. See ledger.h. */
#include "connectors/file/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEDGER_SIZE_MAX = 64 * 1024 * 1024 };

void ledger_init(struct ledger *ledger, const char *path)
{
    *ledger = (struct ledger){.path = builder_copy(path)};
}

void ledger_fini(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->position_count; i++) {
        free(ledger->positions[i].topic);
    }
    free(ledger->positions);
    free(ledger->path);
}

static struct ledger_position *find_position(const struct ledger *ledger, const char *topic,
                                             int32_t partition)
{
    for (size_t i = 0; i < ledger->position_count; i++) {
        struct ledger_position *position = &ledger->positions[i];
        if (position->partition == partition && strcmp(position->topic, topic) == 0) {
            return position;
        }
    }
    return NULL;
}

int64_t ledger_position(const struct ledger *ledger, const char *topic, int32_t partition)
{
    const struct ledger_position *position = find_position(ledger, topic, partition);
    return position == NULL ? -1 : position->next_offset;
}

void ledger_set_position(struct ledger *ledger, const char *topic, int32_t partition,
                         int64_t next_offset)
{
    struct ledger_position *position = find_position(ledger, topic, partition);
    if (position == NULL) {
        ledger->positions = builder_resize(ledger->positions, ledger->position_count + 1,
                                           sizeof *ledger->positions);
        position = &ledger->positions[ledger->position_count++];
        *position = (struct ledger_position){.topic = builder_copy(topic), .partition = partition};
    }
    position->next_offset = next_offset;
}

static void write_member_text(struct builder *out, const char *before, const char *text)
{
    builder_add_text(out, before);
    json_write_text(out, text, strlen(text));
}

static void write_member_integer(struct builder *out, const char *before, int64_t number)
{
    builder_add_text(out, before);
    builder_add_integer(out, number);
}

static void write_positions(const struct ledger *ledger, struct builder *out)
{
    for (size_t i = 0; i < ledger->position_count; i++) {
        const struct ledger_position *position = &ledger->positions[i];
        write_member_text(out, i == 0 ? "{\"topic\":" : ",\n{\"topic\":", position->topic);
        write_member_integer(out, ",\"partition\":", position->partition);
        write_member_integer(out, ",\"next\":", position->next_offset);
        builder_add_byte(out, '}');
    }
}

static void write_outputs(struct output *const *outputs, size_t count, bool is_finished,
                          struct builder *out)
{
    const char *before = "{\"path\":";
    for (size_t i = 0; i < count; i++) {
        const struct output *output = outputs[i];
        if (output->is_finished != is_finished) {
            continue;
        }
        write_member_text(out, before, output->path);
        if (!is_finished) {
            write_member_text(out, ",\"key\":", output->key);
            write_member_integer(out, ",\"size\":", output->size);
            write_member_integer(out, ",\"rows\":", output->row_count);
            write_member_integer(out, ",\"opened\":", output->opened_ms);
        }
        builder_add_byte(out, '}');
        before = ",\n{\"path\":";
    }
}

/* Writes `text` to a new file and makes it durable. 0 or errno. */
static int write_file(const char *path, const struct builder *text)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int error = descriptor < 0 ? errno : 0;
    for (size_t done = 0; done < text->size && error == 0;) {
        ssize_t size = write(descriptor, text->data + done, text->size - done);
        if (size > 0) {
            done += (size_t)size;
        } else if (errno != EINTR) {
            error = errno;
        }
    }
    if (error == 0 && fsync(descriptor) != 0) {
        error = errno;
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    return error;
}

int ledger_write(const struct ledger *ledger, struct output *const *outputs, size_t count)
{
    struct builder text = {.data = NULL};
    struct builder path = {.data = NULL};
    builder_add_text(&text, "{\"positions\":[");
    write_positions(ledger, &text);
    builder_add_text(&text, "],\n\"open\":[");
    write_outputs(outputs, count, false, &text);
    builder_add_text(&text, "],\n\"finished\":[");
    write_outputs(outputs, count, true, &text);
    builder_add_text(&text, "]}\n");
    builder_add_text(&path, ledger->path);
    builder_add_text(&path, ".new");
    int error = write_file(builder_text(&path), &text);
    if (error == 0) {
        error = rename(builder_text(&path), ledger->path) == 0 ? output_sync_folder(ledger->path)
                                                               : errno;
    }
    builder_fini(&text);
    builder_fini(&path);
    return error;
}

static bool read_position(struct ledger *ledger, struct json_value object)
{
    struct json_value topic;
    struct json_value partition;
    struct json_value next;
    int64_t number;
    int64_t next_offset;
    if (!json_find(object, "topic", &topic) || topic.type != JSON_STRING ||
        !json_find(object, "partition", &partition) || !json_integer(partition, &number) ||
        !json_find(object, "next", &next) || !json_integer(next, &next_offset)) {
        return false;
    }
    struct builder name = {.data = NULL};
    json_decode(topic, &name);
    ledger_set_position(ledger, builder_text(&name), (int32_t)number, next_offset);
    builder_fini(&name);
    return true;
}

static int read_file(const char *path, struct builder *text)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return errno;
    }
    int error = 0;
    for (ssize_t size = 1; size != 0 && error == 0;) {
        size = read(descriptor, builder_reserve(text, 65536), 65536);
        if (size > 0) {
            text->size += (size_t)size;
        } else if (size < 0 && errno != EINTR) {
            error = errno;
        }
        if (text->size > LEDGER_SIZE_MAX) {
            error = EFBIG;
        }
    }
    close(descriptor);
    return error;
}

int ledger_read(struct ledger *ledger, struct builder *text, struct json_value *out)
{
    struct json_value list;
    struct json_value item;
    int error = read_file(ledger->path, text);
    if (error != 0) {
        return error;
    }
    if (!json_parse(builder_text(text), text->size, out) || !json_find(*out, "positions", &list) ||
        list.type != JSON_ARRAY) {
        return EINVAL;
    }
    struct json_cursor cursor = json_start(list);
    while (json_next(&cursor, NULL, &item)) {
        if (!read_position(ledger, item)) {
            return EINVAL;
        }
    }
    return 0;
}
