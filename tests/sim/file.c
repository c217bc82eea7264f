/* The file, path and directory operations of an io over a simulated disk; see sim.h.
 *
 * Keeps:  (1) an operation asks for a permit first and ends with sim_permit_end, so that the hook
 *             may stop the process on either side of it;
 *         (2) on a dead process nothing is touched. */
#include "tests/sim/disk.h"
#include "tests/sim/world.h"

#include <stdlib.h>
#include <string.h>

static struct sim_disk *disk_of(struct io *io)
{
    return sim_node_of(sim_process_of(io))->disk;
}

static struct sim_permit permit_for_file(struct io *io, enum sim_operation operation,
                                         const struct io_file *file, uint64_t position,
                                         uint64_t size)
{
    check(sim_process_of(io)->is_dead || file->inode != NULL);
    return sim_permit_get(sim_process_of(io), operation, file->path, position, size);
}

static int end_permit(struct io *io, struct sim_permit permit, int result)
{
    return (int)sim_permit_end(sim_process_of(io), permit, result);
}

static void inode_touch(struct io *io, struct sim_inode *inode)
{
    inode->modified_ms = io_wall_clock(io);
}

static int inode_open(struct io *io, const char *path, int flags, struct sim_inode **out)
{
    struct sim_disk *disk = disk_of(io);
    struct sim_inode *directory;
    char name[SIM_NAME_SIZE];
    int error = sim_disk_find(disk, path, out);
    if (error == 0) {
        if ((*out)->is_directory) {
            return ERROR_IO; /* What EISDIR becomes. */
        }
        return (flags & IO_OPEN_CREATE) && (flags & IO_OPEN_EXCLUSIVE) ? ERROR_EXISTS : 0;
    }
    if ((flags & IO_OPEN_CREATE) == 0) {
        return error;
    }
    error = sim_disk_parent(disk, path, &directory, name);
    if (error != 0) {
        return error;
    }
    *out = sim_inode_new(disk, false);
    inode_touch(io, *out);
    sim_disk_add(disk, directory, name, *out);
    sim_inode_release(*out); /* Its name holds it now. */
    return 0;
}

static int file_open(struct io *io, const char *path, int flags, struct io_file **out)
{
    struct sim_inode *inode;
    struct sim_permit permit =
        sim_permit_get(sim_process_of(io), SIM_FILE_OPEN, path, 0, (uint64_t)flags);
    int error = permit.error != 0 ? permit.error : inode_open(io, path, flags, &inode);
    if (error != 0) {
        return error;
    }
    struct io_file *file = memory_new(struct io_file);
    file->inode = inode;
    file->path = memory_string(path);
    file->is_writable = (flags & IO_OPEN_WRITE) != 0;
    sim_inode_take(inode);
    inode->open_count++;
    list_add(&inode->disk->files, &file->link);
    error = end_permit(io, permit, 0);
    if (error == 0) {
        *out = file;
    }
    return error;
}

static void file_close(struct io *io, struct io_file *file)
{
    if (!sim_process_of(io)->is_dead) {
        check(file->inode != NULL);
        check(file->request_count == 0);
        if (file->inode->lock_holder == file) {
            file->inode->lock_holder = NULL;
        }
        file->inode->open_count--;
        sim_inode_charge(file->inode);
        sim_inode_release(file->inode);
    }
    list_remove(&file->link);
    free(file->path);
    free(file);
}

static int file_size(struct io *io, struct io_file *file, uint64_t *out)
{
    if (sim_process_of(io)->is_dead) {
        return ERROR_CANCELLED;
    }
    *out = file->inode->size;
    return 0;
}

static int64_t inode_read(const struct sim_inode *inode, void *out, size_t size, uint64_t position)
{
    uint64_t left = position < inode->size ? inode->size - position : 0;
    size_t count = left < size ? (size_t)left : size;
    sim_pages_read(&inode->content, out, position, count);
    return (int64_t)count;
}

static int64_t file_read(struct io *io, struct io_file *file, void *out, size_t size,
                         uint64_t position, enum io_read_mode mode)
{
    struct sim_process *process = sim_process_of(io);
    struct sim_permit permit = permit_for_file(io, SIM_FILE_READ, file, position, size);
    if (permit.error != 0) {
        return permit.error;
    }
    if (mode == IO_READ_CACHED && sim_chance(process->sim, sim_node_of(process)->plan.read_again)) {
        return sim_permit_end(process, permit, ERROR_AGAIN);
    }
    int64_t count = inode_read(file->inode, out, size, position);
    return sim_permit_end(process, permit, count);
}

static void read_run(struct sim_event *event)
{
    struct io_request *request = event->subject;
    struct io_file *file = event->detail;
    int64_t result = event->number;
    file->request_count--;
    if (result == 0) {
        result = inode_read(file->inode, request->private_state[0],
                            (size_t)(uintptr_t)request->private_state[1],
                            (uint64_t)(uintptr_t)request->private_state[2]);
    }
    request->done(request, result);
}

static struct sim_event *request_start(struct io *io, struct io_request *request,
                                       struct io_file *file, struct sim_range range,
                                       void (*run)(struct sim_event *event), int error)
{
    struct sim_process *process = sim_process_of(io);
    struct sim_event *event = sim_event_add(process, sim_delay(process->sim, range), run);
    event->subject = request;
    event->detail = file;
    event->number = error;
    file->request_count++;
    return event;
}

static void file_read_async(struct io *io, struct io_request *request, struct io_file *file,
                            void *out, size_t size, uint64_t position)
{
    struct sim_permit permit = permit_for_file(io, SIM_FILE_READ, file, position, size);
    sim_permit_end(sim_process_of(io), permit, 0);
    if (sim_process_of(io)->is_dead) {
        return;
    }
    request->private_state[0] = out;
    request->private_state[1] = (void *)(uintptr_t)size;
    request->private_state[2] = (void *)(uintptr_t)position;
    struct sim_range range = sim_node_of(sim_process_of(io))->plan.read;
    request_start(io, request, file, range, read_run, permit.error);
}

/* There is no memory that a disk could read into beforehand. */
static void file_pace(struct io *io, struct io_file *file, size_t ahead_size)
{
    (void)io;
    (void)file;
    (void)ahead_size;
}

/* A part of the bytes, one at least missing. */
static void write_part(struct io *io, struct io_file *file, const struct buffer *bytes,
                       uint64_t position)
{
    struct sim *sim = sim_process_of(io)->sim;
    if (bytes->size > 0) {
        size_t part = (size_t)sim_random(sim, bytes->size);
        sim_inode_write(file->inode, bytes->data, part, position);
    }
}

static int write_all(struct io *io, struct io_file *file, const struct buffer *bytes,
                     uint64_t position)
{
    const struct sim_plan *plan = &sim_node_of(sim_process_of(io))->plan;
    uint64_t room = bytes->size;
    if (plan->disk_capacity > 0) {
        uint64_t capacity = plan->disk_capacity / SIM_PAGE_SIZE;
        uint64_t used = disk_of(io)->used_pages;
        room = sim_inode_room(file->inode, position, bytes->size,
                              used < capacity ? capacity - used : 0);
    }
    sim_inode_write(file->inode, bytes->data, (size_t)room, position);
    return room < bytes->size ? ERROR_NO_SPACE : 0;
}

static int file_write(struct io *io, struct io_file *file, const struct bytes *parts, size_t count,
                      uint64_t position)
{
    struct buffer bytes;
    buffer_init(&bytes);
    for (size_t i = 0; i < count; i++) {
        buffer_add_bytes(&bytes, parts[i]);
    }
    struct sim_permit permit = permit_for_file(io, SIM_FILE_WRITE, file, position, bytes.size);
    int error = permit.error;
    if (error != ERROR_CANCELLED) {
        check(file->is_writable);
        inode_touch(io, file->inode);
    }
    if (error == ERROR_IO || error == ERROR_NO_SPACE || permit.verdict == SIM_KILL) {
        write_part(io, file, &bytes, position);
    } else if (error == 0) {
        error = write_all(io, file, &bytes, position);
    }
    buffer_fini(&bytes);
    return end_permit(io, permit, error);
}

static void inode_sync(struct sim_inode *inode, uint64_t mark, int error)
{
    if (error == 0) {
        sim_inode_sync(inode, mark);
    } else {
        sim_inode_lose(inode, mark);
    }
}

static int file_sync(struct io *io, struct io_file *file)
{
    struct sim_permit permit = permit_for_file(io, SIM_FILE_SYNC, file, 0, 0);
    if (permit.error != ERROR_CANCELLED) {
        inode_sync(file->inode, file->inode->effect_count, permit.error);
    }
    return end_permit(io, permit, permit.error);
}

static void sync_run(struct sim_event *event)
{
    struct io_request *request = event->subject;
    struct io_file *file = event->detail;
    file->request_count--;
    inode_sync(file->inode, (uint64_t)(uintptr_t)request->private_state[0], (int)event->number);
    request->done(request, event->number);
}

static void file_sync_async(struct io *io, struct io_request *request, struct io_file *file)
{
    struct sim_permit permit = permit_for_file(io, SIM_FILE_SYNC, file, 0, 0);
    if (permit.verdict == SIM_CRASH_AFTER || permit.verdict == SIM_KILL_AFTER) {
        sim_inode_sync(file->inode, file->inode->effect_count);
    }
    sim_permit_end(sim_process_of(io), permit, 0);
    if (sim_process_of(io)->is_dead) {
        return;
    }
    request->private_state[0] = (void *)(uintptr_t)file->inode->effect_count;
    struct sim_range range = sim_node_of(sim_process_of(io))->plan.sync;
    request_start(io, request, file, range, sync_run, permit.error);
}

static int file_truncate(struct io *io, struct io_file *file, uint64_t size)
{
    struct sim_permit permit = permit_for_file(io, SIM_FILE_TRUNCATE, file, 0, size);
    if (permit.error != 0) {
        return permit.error;
    }
    check(file->is_writable);
    inode_touch(io, file->inode);
    sim_inode_truncate(file->inode, size);
    return end_permit(io, permit, 0);
}

static int allocate(struct io *io, struct io_file *file, uint64_t end)
{
    const struct sim_plan *plan = &sim_node_of(sim_process_of(io))->plan;
    struct sim_inode *inode = file->inode;
    uint64_t old_reserved_size = inode->reserved_size;
    if (!plan->can_allocate) {
        return ERROR_UNSUPPORTED;
    }
    inode->reserved_size = end > old_reserved_size ? end : old_reserved_size;
    sim_inode_charge(inode);
    if (plan->disk_capacity > 0 && inode->disk->used_pages > plan->disk_capacity / SIM_PAGE_SIZE) {
        inode->reserved_size = old_reserved_size;
        sim_inode_charge(inode);
        return ERROR_NO_SPACE;
    }
    return 0;
}

static int file_allocate(struct io *io, struct io_file *file, uint64_t position, uint64_t size)
{
    struct sim_permit permit = permit_for_file(io, SIM_FILE_ALLOCATE, file, position, size);
    if (permit.error != 0) {
        return permit.error;
    }
    check(file->is_writable);
    return end_permit(io, permit, allocate(io, file, position + size));
}

static int file_lock(struct io *io, struct io_file *file)
{
    struct sim_permit permit = permit_for_file(io, SIM_FILE_LOCK, file, 0, 0);
    if (permit.error != 0) {
        return permit.error;
    }
    struct io_file *holder = file->inode->lock_holder;
    if (holder == NULL) {
        file->inode->lock_holder = file;
    }
    return end_permit(io, permit, holder == NULL || holder == file ? 0 : ERROR_BUSY);
}

static int path_info(struct io *io, const char *path, struct io_file_info *out)
{
    struct sim_inode *inode;
    struct sim_permit permit = sim_permit_get(sim_process_of(io), SIM_PATH_INFO, path, 0, 0);
    int error = permit.error != 0 ? permit.error : sim_disk_find(disk_of(io), path, &inode);
    if (error != 0) {
        return error;
    }
    *out = (struct io_file_info){
        .size = inode->size,
        .modified_ms = inode->modified_ms,
        .is_directory = inode->is_directory,
    };
    return end_permit(io, permit, 0);
}

/* Whether `inside` is the directory or lies in it at any depth. */
static bool inode_contains(const struct sim_inode *directory, const struct sim_inode *inside)
{
    if (directory == inside) {
        return true;
    }
    for (map_each (&directory->names, entry)) {
        const struct sim_inode *child = entry->value;
        if (child->is_directory && inode_contains(child, inside)) {
            return true;
        }
    }
    return false;
}

static int rename_checked(struct sim_disk *disk, const char *from, const char *to)
{
    struct sim_inode *inode, *replaced, *from_directory, *to_directory;
    char from_name[SIM_NAME_SIZE], to_name[SIM_NAME_SIZE];
    int error = sim_disk_find(disk, from, &inode);
    if (error == 0) {
        error = sim_disk_parent(disk, from, &from_directory, from_name);
    }
    if (error == 0) {
        error = sim_disk_parent(disk, to, &to_directory, to_name);
    }
    if (error != 0) {
        return error;
    }
    replaced = map_find_string(&to_directory->names, to_name);
    if (replaced != NULL && replaced != inode) {
        if (inode->is_directory && !replaced->is_directory) {
            return ERROR_NOT_FOUND; /* What ENOTDIR becomes. */
        }
        if (!inode->is_directory && replaced->is_directory) {
            return ERROR_IO; /* What EISDIR becomes. */
        }
        if (replaced->names.size > 0) {
            return ERROR_EXISTS;
        }
    }
    if (inode->is_directory && inode_contains(inode, to_directory)) {
        return ERROR_IO; /* What EINVAL becomes. */
    }
    sim_disk_rename(disk, from_directory, from_name, to_directory, to_name);
    return 0;
}

static int path_space(struct io *io, const char *path, struct io_space *out)
{
    const struct sim_plan *plan = &sim_node_of(sim_process_of(io))->plan;
    (void)path;
    if (plan->disk_capacity == 0) {
        return ERROR_UNSUPPORTED;
    }
    uint64_t used_size = disk_of(io)->used_pages * SIM_PAGE_SIZE;
    uint64_t free_size = used_size < plan->disk_capacity ? plan->disk_capacity - used_size : 0;
    *out = (struct io_space){.total_size = (int64_t)plan->disk_capacity,
                             .usable_size = (int64_t)free_size};
    return 0;
}

/* A simulated process is no process of a machine. */
static int process_info(struct io *io, struct io_process *out)
{
    (void)io;
    (void)out;
    return ERROR_UNSUPPORTED;
}

static int path_rename(struct io *io, const char *from, const char *to)
{
    struct sim_permit permit = sim_permit_get(sim_process_of(io), SIM_PATH_RENAME, from, 0, 0);
    int error = permit.error != 0 ? permit.error : rename_checked(disk_of(io), from, to);
    return error != 0 ? error : end_permit(io, permit, 0);
}

static int path_remove(struct io *io, const char *path)
{
    struct sim_inode *inode, *directory;
    char name[SIM_NAME_SIZE];
    struct sim_permit permit = sim_permit_get(sim_process_of(io), SIM_PATH_REMOVE, path, 0, 0);
    int error = permit.error != 0 ? permit.error : sim_disk_find(disk_of(io), path, &inode);
    if (error == 0) {
        error = sim_disk_parent(disk_of(io), path, &directory, name);
    }
    if (error == 0 && inode->names.size > 0) {
        error = ERROR_EXISTS;
    }
    if (error != 0) {
        return error;
    }
    sim_disk_remove(disk_of(io), directory, name);
    return end_permit(io, permit, 0);
}

static int dir_make(struct io *io, const char *path)
{
    struct sim_inode *directory;
    char name[SIM_NAME_SIZE];
    struct sim_permit permit = sim_permit_get(sim_process_of(io), SIM_DIR_MAKE, path, 0, 0);
    int error = permit.error;
    if (error == 0) {
        error = sim_disk_parent(disk_of(io), path, &directory, name);
    }
    if (error == 0 && map_find_string(&directory->names, name) != NULL) {
        error = ERROR_EXISTS;
    }
    if (error != 0) {
        return error;
    }
    struct sim_inode *made = sim_inode_new(disk_of(io), true);
    inode_touch(io, made);
    sim_disk_add(disk_of(io), directory, name, made);
    sim_inode_release(made);
    return end_permit(io, permit, 0);
}

struct dir_entry {
    char *name;
    bool is_directory;
};

static int entry_compare(const void *left, const void *right)
{
    return strcmp(((const struct dir_entry *)left)->name, ((const struct dir_entry *)right)->name);
}

/* The entries are copied first: `each` may change the directory. */
static struct dir_entry *entries_copy(const struct sim_inode *directory, size_t count)
{
    struct dir_entry *entries = memory_zero(count, sizeof(struct dir_entry));
    size_t index = 0;
    for (map_each (&directory->names, entry)) {
        entries[index].name = bytes_to_string(entry->key);
        entries[index++].is_directory = ((const struct sim_inode *)entry->value)->is_directory;
    }
    qsort(entries, count, sizeof *entries, entry_compare);
    return entries;
}

static int dir_list(struct io *io, const char *path,
                    void (*each)(void *owner, const char *entry, bool is_directory), void *owner)
{
    struct sim_inode *directory;
    struct sim_permit permit = sim_permit_get(sim_process_of(io), SIM_DIR_LIST, path, 0, 0);
    int error = permit.error != 0 ? permit.error : sim_disk_find(disk_of(io), path, &directory);
    if (error != 0) {
        return error;
    }
    if (!directory->is_directory) {
        return ERROR_NOT_FOUND; /* What ENOTDIR becomes. */
    }
    size_t count = directory->names.size;
    struct dir_entry *entries = entries_copy(directory, count);
    for (size_t i = 0; i < count; i++) {
        each(owner, entries[i].name, entries[i].is_directory);
        free(entries[i].name);
    }
    free(entries);
    return end_permit(io, permit, 0);
}

static int dir_sync(struct io *io, const char *path)
{
    struct sim_inode *directory;
    struct sim_permit permit = sim_permit_get(sim_process_of(io), SIM_DIR_SYNC, path, 0, 0);
    int error = permit.error != 0 ? permit.error : sim_disk_find(disk_of(io), path, &directory);
    if (error != 0) {
        return error;
    }
    sim_disk_sync_directory(disk_of(io), directory);
    return end_permit(io, permit, 0);
}

void sim_file_ops(struct io_ops *ops)
{
    ops->file_open = file_open;
    ops->file_close = file_close;
    ops->file_size = file_size;
    ops->file_read = file_read;
    ops->file_read_async = file_read_async;
    ops->file_pace = file_pace;
    ops->file_write = file_write;
    ops->file_sync = file_sync;
    ops->file_sync_async = file_sync_async;
    ops->file_truncate = file_truncate;
    ops->file_allocate = file_allocate;
    ops->file_lock = file_lock;
    ops->path_info = path_info;
    ops->path_space = path_space;
    ops->process = process_info;
    ops->path_rename = path_rename;
    ops->path_remove = path_remove;
    ops->dir_make = dir_make;
    ops->dir_list = dir_list;
    ops->dir_sync = dir_sync;
}

static bool content_flip(struct sim_pages *pages, uint64_t size, uint64_t position, int bit)
{
    uint8_t value;
    if (position >= size) {
        return false;
    }
    sim_pages_read(pages, &value, position, 1);
    value = (uint8_t)(value ^ (1u << bit));
    sim_pages_write(pages, &value, position, 1);
    return true;
}

bool sim_corrupt(struct sim *sim, int node, const char *path, uint64_t position, int bit)
{
    struct sim_inode *inode;
    if (sim_disk_find(sim->nodes[node].disk, path, &inode) != 0 || inode->is_directory) {
        return false;
    }
    content_flip(&inode->durable, inode->durable_size, position, bit);
    return content_flip(&inode->content, inode->size, position, bit);
}

uint64_t sim_disk_used(struct sim *sim, int node)
{
    return sim->nodes[node].disk->used_pages * SIM_PAGE_SIZE;
}
