#include "service/settings_publish.h"

#include <string.h>

#include "base/clock.h"
#include "platform/platform.h"
#include "platform/post_text.h"

const char *const kn_privacy_choices[] = {"default", "public",  "unlisted", "followers",
                                          "friends", "private", NULL};

enum kn_status kn_parse_span(const struct kn_option *option, const char *value, void *field,
                             struct kn_arena *arena, struct kn_error *err)
{
    static const char units[] = "smhd";
    static const int64_t seconds[] = {1, 60, 3600, 86400};
    size_t length = strlen(value);
    const char *unit = length > 1 ? strchr(units, value[length - 1]) : NULL;
    double number;
    const char *digits = unit ? kn_arena_strndup(arena, value, length - 1) : "";
    if (!unit || !kn_parse_double(digits, 0, 1e6, &number) || number <= 0)
        return kn_error_set(err, KN_INVALID, "--%s takes a time such as 90m, 4h or 1d, not “%.60s”",
                            option->name, value);
    *(int64_t *)field = (int64_t)(number * (double)(seconds[unit - units] * KN_US_PER_S));
    return KN_OK;
}

enum kn_status kn_parse_template(const struct kn_option *option, const char *value, void *field,
                                 struct kn_arena *arena, struct kn_error *err)
{
    struct kn_error why;
    KN_SCOPED_STR text = {0};
    for (const char *at = value; *at; at++) { /* a line end cannot be typed everywhere */
        bool end = at[0] == '\\' && at[1] == 'n';
        kn_str_add_char(&text, end ? '\n' : *at);
        at += end;
    }
    enum kn_status status = kn_post_template_check(kn_str_text(&text), &why);
    if (status != KN_OK)
        return kn_error_set(err, status, "--%s: %s", option->name, kn_error_text(&why));
    *(const char **)field = kn_arena_strdup(arena, kn_str_text(&text));
    return KN_OK;
}

enum kn_status kn_parse_targets(const struct kn_option *option, const char *value, void *field,
                                struct kn_arena *arena, struct kn_error *err)
{
    for (const char *at = value;;) {
        size_t length = strcspn(at, ","), name = strcspn(at, ":,");
        const char *platform = kn_arena_strndup(arena, at, name);
        if (strcmp(platform, "all") != 0 && !kn_platform_find(platform))
            return kn_error_set(err, KN_INVALID,
                                "--%s takes all, or a list of youtube, tiktok, instagram, x, "
                                "folder and webhook, each with :ACCOUNT if you like, not “%.60s”",
                                option->name, value);
        if (!at[length])
            break;
        at += length + 1;
    }
    *(const char **)field = kn_arena_strdup(arena, value);
    return KN_OK;
}
