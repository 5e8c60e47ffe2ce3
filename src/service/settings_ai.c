/* Values of the options about AI. Names of engines stand here once more, because the light program
 * that shows the help does not load engines; a test compares them with the registries. */
#include "service/settings_ai.h"

#include <string.h>

#include "pipeline/engines.h"

const char *const kn_speech_engine_names[] = {"moonshine", "openai", NULL};
const char *const kn_vision_engine_names[] = {"openai-vision", NULL};
const char *const kn_ranking_engine_names[] = {"openai-ranker", NULL};

void kn_service_settings_defaults(struct kn_service_settings *ret_settings)
{
    *ret_settings = (struct kn_service_settings){
        .url = "https://api.openai.com/v1",
        .concurrency = 16,
        .limit_s = 300,
        .cache = true,
    };
}

/* ---- lists of engines ---- */

static const char *find_name(const char *const *names, const char *text, size_t length)
{
    for (int i = 0; names[i]; i++)
        if (strlen(names[i]) == length && strncmp(names[i], text, length) == 0)
            return names[i];
    return NULL;
}

static bool lists(const struct kn_engine_names *engines, const char *name)
{
    for (int i = 0; i < engines->count; i++)
        if (engines->at[i] == name)
            return true;
    return false;
}

static enum kn_status wrong_engine(const struct kn_option *option, const char *const *names,
                                   const char *value, struct kn_error *err)
{
    KN_SCOPED_STR known = {0};
    for (int i = 0; names[i]; i++)
        kn_str_printf(&known, "%s%s", i ? ", " : "", names[i]);
    return kn_error_set(err, KN_INVALID,
                        "--%s takes none or a list of engines (%s) joined by commas, not “%.60s”",
                        option->name, kn_str_text(&known), value);
}

static enum kn_status parse_engines(const struct kn_option *option, const char *const *names,
                                    const char *value, void *field, struct kn_error *err)
{
    struct kn_engine_names engines = {.given = true};
    for (const char *at = value; strcmp(value, "none") != 0;) {
        size_t length = strcspn(at, ",");
        const char *name = find_name(names, at, length);
        if (!name)
            return wrong_engine(option, names, value, err);
        if (!lists(&engines, name)) /* named twice is meant once */
            engines.at[engines.count++] = name;
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    *(struct kn_engine_names *)field = engines;
    return KN_OK;
}

enum kn_status kn_parse_speech_engines(const struct kn_option *option, const char *value,
                                       void *field, struct kn_arena *arena, struct kn_error *err)
{
    (void)arena;
    return parse_engines(option, kn_speech_engine_names, value, field, err);
}

enum kn_status kn_parse_vision_engines(const struct kn_option *option, const char *value,
                                       void *field, struct kn_arena *arena, struct kn_error *err)
{
    (void)arena;
    return parse_engines(option, kn_vision_engine_names, value, field, err);
}

enum kn_status kn_parse_ranking_engines(const struct kn_option *option, const char *value,
                                        void *field, struct kn_arena *arena, struct kn_error *err)
{
    (void)arena;
    return parse_engines(option, kn_ranking_engine_names, value, field, err);
}

void kn_print_engines(const struct kn_option *option, const void *field, struct kn_str *out)
{
    (void)option;
    const struct kn_engine_names *engines = field;
    if (engines->given && engines->count == 0)
        kn_str_add(out, "none");
    for (int i = 0; i < engines->count; i++)
        kn_str_printf(out, "%s%s", i ? "," : "", engines->at[i]);
}

/* ---- addresses ---- */

enum kn_status kn_parse_url(const struct kn_option *option, const char *value, void *field,
                            struct kn_arena *arena, struct kn_error *err)
{
    enum { URL_MAX = 1000 };
    size_t scheme = kn_starts_with(value, "http://")    ? strlen("http://")
                    : kn_starts_with(value, "https://") ? strlen("https://")
                                                        : 0;
    bool plain = scheme && strlen(value) <= URL_MAX && !strchr("/:", value[scheme]);
    for (const char *at = value; *at; at++)
        plain &= *at > ' ' && *at < 0x7f;
    if (!plain || strpbrk(value, "@?#"))
        return kn_error_set(err, KN_INVALID,
                            "--%s takes an address such as %s without a name or key in it, not "
                            "“%.60s”",
                            option->name,
                            strcmp(option->name, "webhook") == 0
                                ? "https://example.com/clips or http://127.0.0.1:8080/clips"
                                : "https://api.openai.com/v1 or http://127.0.0.1:8080/v1",
                            strpbrk(value, "@?#") ? "…" : value);
    *(const char **)field = kn_arena_strdup(arena, value);
    return KN_OK;
}

void kn_print_url(const struct kn_option *option, const void *field, struct kn_str *out)
{
    (void)option;
    const char *url = *(const char *const *)field;
    if (url)
        kn_str_add(out, url);
}
