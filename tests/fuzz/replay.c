/* SPDX-License-Identifier: MIT
 *
 * What libFuzzer calls, called once for each file of a folder: any compiler, every test
 * run. An input that once found something finds it again.
 *
 *     replay_npy FOLDER
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int replay(const char *folder, const char *name)
{
    static uint8_t bytes[1 << 20];
    char path[4096];
    size_t size;
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "re");
    if (!f)
        return 0;
    size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    fprintf(stderr, "%s: %zu bytes\n", path, size); /* the last one is the one */
    LLVMFuzzerTestOneInput(bytes, size);
    return 1;
}

int main(int argc, char **argv)
{
    DIR *dir = opendir(argc > 1 ? argv[1] : ".");
    struct dirent *e;
    int played = 0;

    while (dir && (e = readdir(dir)))
        if (e->d_name[0] != '.')
            played += replay(argv[1], e->d_name);
    if (dir)
        closedir(dir);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    printf("%d inputs\n", played);
    return played == 0;
}
