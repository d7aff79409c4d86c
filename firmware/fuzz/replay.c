/* Runs each file of the folders and each file it is given once: a fuzz target without libFuzzer. */
#include <dirent.h>
#include <string.h>

#include "check.h"

static uint32_t inputs;

static void replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
    const long size = ftell(file);
    CHECK(size >= 0 && fseek(file, 0, SEEK_SET) == 0);
    uint8_t *data = malloc((size_t)size);
    CHECK(fread(data, 1, (size_t)size, file) == (size_t)size);
    fclose(file);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    inputs++;
}

int main(int count, char **paths) {
    for (int i = 1; i < count; i++) {
        DIR *folder = opendir(paths[i]);
        if (folder == NULL) {
            replay_file(paths[i]);
            continue;
        }
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            char path[4096];
            if (entry->d_name[0] != '.') {
                CHECK(snprintf(path, sizeof path, "%s/%s", paths[i], entry->d_name) < (int)sizeof path);
                replay_file(path);
            }
        }
        closedir(folder);
    }
    printf("%u inputs\n", (unsigned)inputs);
    CHECK(inputs > 0);
    return 0;
}
