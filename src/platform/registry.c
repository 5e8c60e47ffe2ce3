#include <stddef.h>
#include <string.h>

#include "platform/platform.h"

static const struct kn_platform *const platforms[] = {
    &kn_platform_youtube,
    &kn_platform_tiktok,
    &kn_platform_instagram,
    &kn_platform_x,
    &kn_platform_folder,
    &kn_platform_webhook,
    NULL,
};

const struct kn_platform *const *kn_platforms(void)
{
    return platforms;
}

const struct kn_platform *kn_platform_find(const char *name)
{
    for (const struct kn_platform *const *at = platforms; *at; at++)
        if (strcmp((*at)->name, name) == 0)
            return *at;
    return NULL;
}
