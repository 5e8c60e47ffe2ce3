#include "service/post_ahead.h"

#include <string.h>

#include "pipeline/rendition_cache.h"
#include "platform/platform.h"
#include "store/store_posts.h"

static bool names(const char *to, const char *name)
{
    size_t wanted = strlen(name);
    for (const char *at = to; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        size_t length = strcspn(at, ":,");
        if (length == wanted && strncmp(at, name, length) == 0)
            return true;
    }
    return false;
}

bool kn_posts_mean(const char *to, const char *platform)
{
    return names(to, "all") || names(to, platform);
}

static bool has_account(struct kn_store *store, const struct kn_platform *platform,
                        struct kn_arena *arena)
{
    const struct kn_account *rows;
    int count;
    struct kn_error ignored;
    if (kn_store_accounts(store, platform->name, arena, &rows, &count, &ignored) != KN_OK)
        return false;
    for (int i = 0; i < count; i++)
        if (!rows[i].service_url[0])
            return true;
    return false;
}

static bool will_post(struct kn_store *store, const struct kn_publish_settings *settings,
                      const struct kn_platform *platform, struct kn_arena *arena)
{
    if (names(settings->to, platform->name))
        return true;
    return names(settings->to, "all") && platform->oauth &&
           (settings->sandbox || has_account(store, platform, arena));
}

const struct kn_renditions_ahead *kn_posts_ahead(struct kn_store *store,
                                                 const struct kn_publish_settings *settings,
                                                 struct kn_arena *arena)
{
    struct kn_renditions_ahead *ahead = kn_arena_alloc(arena, sizeof *ahead);
    struct kn_error ignored;
    int count = 0;
    *ahead = (struct kn_renditions_ahead){0};
    if (!settings->to || !settings->rendition ||
        kn_rendition_folder(arena, &ahead->folder, &ignored) != KN_OK)
        return NULL;
    while (kn_platforms()[count])
        count++;
    const struct kn_media_rules **rules = kn_arena_array(arena, (size_t)count, sizeof *rules);
    for (int i = 0; i < count; i++) {
        const struct kn_platform *platform = kn_platforms()[i];
        if (platform->media && will_post(store, settings, platform, arena))
            rules[ahead->rule_count++] = platform->media;
    }
    ahead->rules = rules;
    return ahead->rule_count ? ahead : NULL;
}
