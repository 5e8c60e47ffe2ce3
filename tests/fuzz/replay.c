/*
 * Stands in for libFuzzer where there is none: gives every file of the corpus folder to the
 * target once, and says so in TAP. A crash or a sanitizer's finding is the failure.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool replay(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    /* Of the exact size, so that AddressSanitizer sees a read past the end. */
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    uint8_t *data = size > 0 ? malloc((size_t)size) : NULL;
    bool whole = size >= 0 && (!size || (data && fread(data, (size_t)size, 1, file) == 1));
    if (whole)
        LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    fclose(file);
    return whole;
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    int count = argc == 2 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
    if (count < 0) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    int number = 0, failed = 0;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (name[0] != '.') {
            bool ok = replay(argv[1], name);
            printf("%sok %d - %s\n", ok ? "" : "not ", ++number, name);
            fflush(stdout);
            failed += !ok;
        }
        free(entries[i]);
    }
    free(entries);
    printf("1..%d\n", number);
    return failed || !number;
}
