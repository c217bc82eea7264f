/* Writes the seeds of all corpora into the folder it is given. Run by make_corpus. */
#include "tests/fuzz/seeds.h"

#include "log/base/check.h"

#include <stdio.h>

void seeds_save(const char *folder, const char *name, struct bytes content)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    check(file != NULL);
    check(fwrite(content.data, 1, content.size, file) == content.size);
    check(fclose(file) == 0);
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
        return 1;
    }
    seeds_wire(arguments[1]);
    seeds_store(arguments[1]);
    seeds_group(arguments[1]);
    seeds_text(arguments[1]);
    seeds_server(arguments[1]);
    return 0;
}
