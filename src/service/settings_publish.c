#include "service/settings_publish.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "platform/platform.h"
#include "platform/post_text.h"
#include "platform/youtube_category.h"
#include "service/best_times.h"
#include "service/settings_queue.h"
#include "service/settings_rows.h"

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

static enum kn_status unknown_target(const struct kn_option *option, const char *name,
                                     struct kn_error *err)
{
    const char *names[16] = {"all"};
    size_t count = 1;
    for (const struct kn_platform *const *at = kn_platforms();
         *at && count < KN_COUNT_OF(names) - 1; at++)
        names[count++] = (*at)->name;
    names[count] = NULL;
    const char *nearest = name[0] ? kn_nearest_name(name, names) : NULL;
    if (nearest)
        return kn_error_set(err, KN_INVALID, "--%s knows no “%.60s”; did you mean %s?",
                            option->name, name, nearest);
    return kn_error_set(err, KN_INVALID,
                        "--%s takes all, or a list of youtube, tiktok, instagram, x, folder and "
                        "webhook, each with :ACCOUNT if you like, not “%.60s”",
                        option->name, name);
}

enum kn_status kn_parse_targets(const struct kn_option *option, const char *value, void *field,
                                struct kn_arena *arena, struct kn_error *err)
{
    for (const char *at = value;;) {
        size_t length = strcspn(at, ","), name = strcspn(at, ":,");
        const char *platform = kn_arena_strndup(arena, at, name);
        if (strcmp(platform, "all") != 0 && !kn_platform_find(platform))
            return unknown_target(option, platform, err);
        if (!at[length])
            break;
        at += length + 1;
    }
    *(const char **)field = kn_arena_strdup(arena, value);
    return KN_OK;
}

/* unsigned: 1 << state each. */
static enum kn_status parse_post_states(const struct kn_option *option, const char *value,
                                        void *field, struct kn_arena *arena, struct kn_error *err)
{
    unsigned states = 0;
    for (const char *at = value; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        const char *name = kn_arena_strndup(arena, at, strcspn(at, ","));
        int state = 0;
        while (state < KN_POST_STATE_COUNT &&
               strcmp(kn_post_state_name((enum kn_post_state)state), name) != 0)
            state++;
        if (state == KN_POST_STATE_COUNT)
            return kn_error_set(err, KN_INVALID,
                                "--%s takes a list of planned, uploading, processing, live, "
                                "scheduled, failed, unknown, cancelled, not “%.60s”",
                                option->name, name);
        states |= 1u << state;
    }
    *(unsigned *)field = states;
    return KN_OK;
}

/* const char *: see service/best_times.h. */
static enum kn_status parse_best_times(const struct kn_option *option, const char *value,
                                       void *field, struct kn_arena *arena, struct kn_error *err)
{
    struct kn_error why;
    if (kn_best_times_check(value, &why) != KN_OK)
        return kn_error_set(err, KN_INVALID, "--%s: %s", option->name, kn_error_text(&why));
    *(const char **)field = kn_arena_strdup(arena, value);
    return KN_OK;
}

/* int: the name of a category of YouTube's, or its number. */
static enum kn_status parse_category(const struct kn_option *option, const char *value, void *field,
                                     struct kn_arena *arena, struct kn_error *err)
{
    int category = kn_youtube_category(value);
    if (!category)
        return kn_error_set(err, KN_INVALID,
                            "--%s takes one of YouTube's categories (%s), or its number, not "
                            "“%.60s”",
                            option->name, kn_youtube_categories(arena), value);
    *(int *)field = category;
    return KN_OK;
}

static void print_category(const struct kn_option *option, const void *field, struct kn_str *out)
{
    (void)option;
    const char *name = kn_youtube_category_name(*(const int *)field);
    kn_str_add(out, name ? name : "");
}

/* ---- the rows ---- */

#define QUEUE(f)   offsetof(struct kn_settings, queue.f)
#define PUBLISH(f) offsetof(struct kn_settings, publish.f)
#define POSTS      (KN_FOR_PUBLISH | KN_FOR_RUN)

/* clang-format off */
const struct kn_settings_row kn_publish_rows[] = {
    {KN_FOR_PUBLISH, {"to", 't', KN_OPTION_CUSTOM, PUBLISH(to), "WHERE",
                      "all, or a list such as youtube,x:ACCOUNT,folder; folder if not given", "Posts", .parse = kn_parse_targets}},
    {KN_FOR_RUN, {"publish", 0, KN_OPTION_CUSTOM, PUBLISH(to), "WHERE",
                  "post the clips when they are made: all, or a list of platforms", "Posts",
                  .args_only = true, .aside = true, .parse = kn_parse_targets}},
    {KN_FOR_PUBLISH, {"title", 0, KN_OPTION_CUSTOM, PUBLISH(title), "TEXT",
                      "where there are titles; {title}, {hook}, {source} are the clip's own",
                      "Posts", .parse = kn_parse_template}},
    {KN_FOR_PUBLISH, {"caption", 'c', KN_OPTION_CUSTOM, PUBLISH(caption), "TEXT",
                      "the text: {title}, {hook}, {description}, {source}, {hashtags} and words", "Posts", .parse = kn_parse_template}},
    {KN_FOR_PUBLISH, {"hook", 0, KN_OPTION_TEXT, PUBLISH(hook), "TEXT",
                      "instead of each clip's own", "Posts"}},
    {KN_FOR_PUBLISH, {"description", 0, KN_OPTION_TEXT, PUBLISH(description), "TEXT",
                      "instead of each clip's own", "Posts"}},
    {KN_FOR_PUBLISH, {"hashtags", 0, KN_OPTION_TEXT, PUBLISH(hashtags), "LIST",
                      "instead of each clip's own: sleep, health", "Posts"}},
    {KN_FOR_PUBLISH, {"privacy", 0, KN_OPTION_CHOICE, PUBLISH(privacy), "WHO",
                      "who may see it, where the platform lets one choose", "Posts",
                      .choices = kn_privacy_choices}},
    {KN_FOR_PUBLISH, {"at", 0, KN_OPTION_CUSTOM, PUBLISH(at_us), "TIME",
                      "not before: 14:30, \"2027-01-31 14:30\", +2h", "Posts", .args_only = true,
                      .parse = kn_parse_at}},
    {KN_FOR_PUBLISH, {"every", 0, KN_OPTION_CUSTOM, PUBLISH(every_us), "TIME",
                      "between two clips: 4h, 90m, 1d", "Posts", .parse = kn_parse_span}},
    {POSTS, {"spread", 0, KN_OPTION_FLAG, PUBLISH(spread), NULL,
             "each clip at the next best time of its account that is free", "Posts",
             .aside = true}},
    {POSTS, {"best-times", 0, KN_OPTION_CUSTOM, PUBLISH(best_times), "TIMES",
             "of --spread: 09:00,18:00 for all, or \"youtube=16:00; x=09:00,12:00\"",
             "Posts", .aside = true, .parse = parse_best_times}},
    {KN_FOR_PUBLISH, {"category", 0, KN_OPTION_CUSTOM, PUBLISH(category), "NAME",
                      "on YouTube: education, gaming, howto …; people if not given", "Posts",
                      .parse = parse_category, .print = print_category}},
    {KN_FOR_PUBLISH, {"made-for-kids", 0, KN_OPTION_FLAG, PUBLISH(made_for_kids), NULL,
                      "say so, where the platform asks", "Posts"}},
    {KN_FOR_PUBLISH, {"ai-label", 0, KN_OPTION_FLAG, PUBLISH(ai_label), NULL,
                      "say that the pictures are made or altered by AI", "Posts"}},
    {KN_FOR_PUBLISH, {"notify", 0, KN_OPTION_FLAG, PUBLISH(notify), NULL,
                      "tell subscribers, where one can choose", "Posts"}},
    {KN_FOR_PUBLISH, {"draft", 0, KN_OPTION_FLAG, PUBLISH(draft), NULL,
                      "into the app's inbox, to be finished there (tiktok)", "Posts"}},
    {KN_FOR_PUBLISH, {"thumbnails", 0, KN_OPTION_FLAG, PUBLISH(thumbnails), NULL,
                      "send the clip's thumbnail along", "Posts"}},
    {KN_FOR_PUBLISH, {"subtitles", 0, KN_OPTION_FLAG, PUBLISH(subtitles), NULL,
                      "send the clip's subtitles along", "Posts"}},
    {POSTS, {"rendition", 0, KN_OPTION_FLAG, PUBLISH(rendition), NULL,
             "make a smaller file for a platform that does not take the clip as it is", "Posts",
             .aside = true}},
    {KN_FOR_PUBLISH, {"check", 0, KN_OPTION_FLAG, PUBLISH(check), NULL,
                      "only say what each platform would refuse", "Work", .args_only = true}},
    {KN_FOR_PUBLISH, {"retry", 0, KN_OPTION_FLAG, PUBLISH(retry), NULL,
                      "go on with what is not live: of these clips, or of all", "Work",
                      .args_only = true}},
    {KN_FOR_PUBLISH, {"force", 0, KN_OPTION_FLAG, QUEUE(force), NULL,
                      "post it though it was posted there before", "Work", .args_only = true}},
    {KN_FOR_PUBLISH, {"wait", 0, KN_OPTION_FLAG, PUBLISH(wait), NULL,
                      "until all are posted; --no-wait leaves them to `kirinuki worker`", "Work"}},
    {KN_FOR_PUBLISH, {"sandbox", 0, KN_OPTION_CUSTOM, PUBLISH(sandbox), "URL",
                      "to a running `kirinuki sandbox` instead of the platforms", "Work",
                      .args_only = true, .value_optional = true, .parse = kn_parse_sandbox_url}},
    {KN_FOR_PUBLISH | KN_FOR_WORKER, {"posts-at-once", 0, KN_OPTION_INT, PUBLISH(at_once), "N",
                      "posts under way at most", "Work", 1, 256, .aside = true}},
    {POSTS, {"outbox", 0, KN_OPTION_TEXT, PUBLISH(outbox), "DIR",
             "where --to folder puts clips; your data folder if not given", "Posts", .aside = true}},
    {POSTS, {"webhook", 0, KN_OPTION_CUSTOM, PUBLISH(webhook), "URL",
             "what --to webhook hands clips to", "Posts", .aside = true, .parse = kn_parse_url,
             .print = kn_print_url}},
    {POSTS | KN_FOR_WORKER, {"webhook-secret", 0, KN_OPTION_TEXT, PUBLISH(webhook_secret),
                             "TEXT", "signs what is handed to a webhook", NULL, .aside = true,
                             .secret = true}},
    {KN_FOR_WORKER, {"posts", 0, KN_OPTION_FLAG, PUBLISH(posts), NULL,
                     "post clips that are due as well", "Work", .aside = true}},
    {KN_FOR_POSTS, {"state", 0, KN_OPTION_CUSTOM, PUBLISH(states), "LIST",
                    "only these: planned, uploading, processing, live, scheduled, failed, ...",
                    "Posts", .args_only = true, .parse = parse_post_states}},
    {KN_FOR_POSTS, {"url", 0, KN_OPTION_TEXT, PUBLISH(found_url), "URL",
                    "resolve: where the post is", "Posts", .args_only = true}},
    {KN_FOR_POSTS, {"absent", 0, KN_OPTION_FLAG, PUBLISH(absent), NULL,
                    "resolve: it is not there, so it is posted again", "Posts", .args_only = true}},
    {KN_FOR_POSTS, {"unknown", 0, KN_OPTION_FLAG, PUBLISH(unknown), NULL,
                    "retry: all of which it is not known whether they are there", "Posts",
                    .args_only = true}},
    {KN_FOR_POSTS, {"at", 0, KN_OPTION_CUSTOM, PUBLISH(at_us), "TIME", "move: to this time",
                    "Posts", .args_only = true, .parse = kn_parse_at}},
    {0}};
/* clang-format on */
