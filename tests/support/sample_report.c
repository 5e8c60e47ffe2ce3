/* sample_report FOLDER [MINUTES] [hostile] [failed] [silent]: the report of a job that never ran,
 * for looking at the page and for the tests that open it in a browser. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "pipeline/report.h"
#include "support/sample_result.h"

int main(int argc, char **argv)
{
    struct sample_options options = {0};
    for (int i = 2; i < argc; i++) {
        long long minutes;
        if (kn_parse_int(argv[i], 1, 1440, &minutes))
            options.minutes = (int)minutes;
        options.hostile |= strcmp(argv[i], "hostile") == 0;
        options.failed |= strcmp(argv[i], "failed") == 0;
        options.silent |= strcmp(argv[i], "silent") == 0;
    }
    if (argc < 2) {
        fprintf(stderr, "usage: sample_report FOLDER [MINUTES] [hostile] [failed] [silent]\n");
        return 2;
    }
    struct kn_error err;
    struct kn_arena *arena = kn_arena_new();
    const struct kn_result *result = sample_result(arena, &options);
    enum kn_status status = kn_folder_make(argv[1], &err);
    if (status == KN_OK)
        status = kn_report_write(result, argv[1], &err);
    if (status != KN_OK)
        fprintf(stderr, "%s\n", kn_error_text(&err));
    /* Whoever wants players puts these files there. */
    for (int i = 0; i < result->clip_count; i++)
        for (int f = 0; f < result->clips[i].file_count; f++)
            printf("%s\t%s\t%d\t%d\t%.3f\n", result->clips[i].files[f].path,
                   result->clips[i].thumbnail, result->clips[i].files[f].width_px,
                   result->clips[i].files[f].height_px, (double)result->clips[i].duration_us / 1e6);
    kn_arena_free(arena);
    return status == KN_OK ? 0 : 1;
}
