/*
 * From settings to services: addresses, keys, folders.
 *
 * A key is only given to whom it was made for: KIRINUKI_SPEECH_KEY and its like, or
 * KIRINUKI_AI_KEY, to whatever address is set; OPENAI_API_KEY and GROQ_API_KEY, which other
 * programs set as well, to their own hosts alone. Another address does not get them by mistake.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "service/settings_ai.h"

struct key {
    const char *text, *hint;
};

static const struct {
    const char *origin, *variable;
} known[] = {
    {"https://api.openai.com", "OPENAI_API_KEY"},
    {"https://api.groq.com", "GROQ_API_KEY"},
};

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

static struct key find_key(const struct kn_service_settings *settings, enum kn_service_kind kind,
                           const char *url, struct kn_arena *arena)
{
    static const char *const own[KN_SERVICE_KIND_COUNT] = {
        "KIRINUKI_SPEECH_KEY", "KIRINUKI_VISION_KEY", "KIRINUKI_RANKING_KEY"};
    if (settings->key)
        return (struct key){settings->key, "KIRINUKI_AI_KEY"};
    const char *const names[] = {own[kind], "KIRINUKI_AI_KEY"};
    for (size_t i = 0; i < KN_COUNT_OF(names); i++)
        if (environment(names[i]))
            return (struct key){environment(names[i]), names[i]};
    const char *origin = kn_url_origin(arena, url);
    for (size_t i = 0; i < KN_COUNT_OF(known); i++)
        if (strcmp(origin, known[i].origin) == 0)
            return (struct key){environment(known[i].variable), known[i].variable};
    return (struct key){NULL, "KIRINUKI_AI_KEY"};
}

const char *kn_service_settings_url(const struct kn_service_settings *settings,
                                    enum kn_service_kind kind)
{
    return settings->urls[kind] ? settings->urls[kind] : settings->url;
}

enum kn_status kn_service_settings_open(const struct kn_service_settings *settings,
                                        struct kn_services **ret_services, struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    const char *cache = kn_path_cache(arena), *data = kn_path_data(arena);
    struct kn_services_options options = {
        .concurrency = settings->concurrency,
        .requests_a_minute = settings->requests_a_minute,
        .tokens_a_minute = settings->tokens_a_minute,
        .limit_ms = INT64_C(1000) * settings->limit_s,
        .cache = settings->cache && cache ? kn_path_join(arena, cache, "answers") : NULL,
        .usage = data ? kn_path_join(arena, data, "usage") : NULL,
        .day = {.usd = settings->day_usd,
                .tokens = settings->day_tokens,
                .hint = "--day-budget or --day-tokens"},
    };
    for (int kind = 0; kind < KN_SERVICE_KIND_COUNT; kind++) {
        const char *url = kn_service_settings_url(settings, (enum kn_service_kind)kind);
        struct key key = find_key(settings, (enum kn_service_kind)kind, url, arena);
        options.at[kind].url = url;
        options.at[kind].key = key.text;
        options.at[kind].key_hint = key.hint;
    }
    enum kn_status status = kn_services_open(&options, ret_services, err);
    kn_arena_free(arena);
    return status;
}
