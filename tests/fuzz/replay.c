/* A main for fuzz targets in ordinary builds: runs every file of the folders it is given, each also
 * cut at every byte and with every byte changed, unless its name begins with "plain_", and says how
 * many inputs that were. An empty folder is an error: it would prove nothing. */
#include "log/base/check.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLAY_FILE_SIZE_MAX = 1 << 20 };

/* The input in memory of exactly its size, so that a sanitizer sees each byte read past it. */
static void replay_input(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size); /* not memory_alloc: see gauge.h */
    check(copy != NULL);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static long replay_variations(uint8_t *data, size_t size)
{
    replay_input(data, size);
    for (size_t i = 0; i < size; i++) {
        replay_input(data, i);
        data[i] ^= 0x80;
        replay_input(data, size);
        data[i] ^= 0x81;
        replay_input(data, size);
        data[i] ^= 0x01;
    }
    return 1 + 3 * (long)size;
}

static long replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(REPLAY_FILE_SIZE_MAX);
    check(file != NULL && data != NULL);
    size_t size = fread(data, 1, REPLAY_FILE_SIZE_MAX, file);
    fclose(file);
    const char *name = strrchr(path, '/');
    long count = 1;
    if (strncmp(name, "/plain_", 7) == 0) {
        replay_input(data, size);
    } else {
        count = replay_variations(data, size);
    }
    free(data);
    return count;
}

static long replay_folder(const char *folder)
{
    struct dirent **entries = NULL;
    int entry_count = scandir(folder, &entries, NULL, alphasort);
    long count = 0;
    for (int i = 0; i < entry_count; i++) {
        if (entries[i]->d_name[0] != '.') {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
            count += replay_file(path);
        }
        free(entries[i]);
    }
    free(entries);
    return count;
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        long inputs = replay_folder(arguments[i]);
        printf("%s: %ld inputs\n", arguments[i], inputs);
        if (inputs == 0) {
            return 1;
        }
    }
    return count > 1 ? 0 : 1;
}
