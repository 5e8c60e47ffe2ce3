/* The configuration file: any text gives settings or one sentence. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "service/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_settings settings;
    struct kn_error err = {0};
    kn_settings_defaults(&settings);
    enum kn_status status = kn_options_read_file(kn_settings_table(KN_FOR_ALL), "kirinuki.conf",
                                                 (const char *)data, size, &settings, arena, &err);
    if (status != KN_OK)
        assert(err.status == status && strlen(err.text) > 10 && !strchr(err.text, '\n'));
    assert(settings.job.segments.min_us <= settings.job.segments.max_us);
    assert(settings.job.aspects.count >= 1 && settings.job.aspects.count <= KN_ASPECT_COUNT);
    kn_arena_free(arena);
    return 0;
}
