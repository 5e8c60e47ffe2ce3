#include "service/post_plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/vec.h"
#include "platform/post_json.h"
#include "platform/post_text.h"
#include "service/best_times.h"

/* ---- where to ---- */

struct finding_targets {
    struct kn_store *store;
    struct kn_arena *arena;
    const struct kn_publish_settings *settings;
    KN_VEC(struct kn_publish_target) targets;
};

enum { PLACE_BYTES_MAX = 200 };

static void add_target(struct finding_targets *finding, const struct kn_platform *platform,
                       const char *account)
{
    for (int i = 0; i < finding->targets.count; i++)
        if (finding->targets.at[i].platform == platform &&
            strcmp(finding->targets.at[i].account, account) == 0)
            return;
    kn_vec_push(&finding->targets,
                ((struct kn_publish_target){.platform = platform, .account = account}));
}

/* Accounts of the place that is meant: those of a sandbox never mix with real ones. */
static enum kn_status list_accounts(struct finding_targets *finding, const char *platform,
                                    const struct kn_account **ret_rows, int *ret_count,
                                    struct kn_error *err)
{
    const char *url = finding->settings->sandbox ? finding->settings->sandbox : "";
    const struct kn_account *rows;
    int count, kept = 0;
    enum kn_status status =
        kn_store_accounts(finding->store, platform, finding->arena, &rows, &count, err);
    if (status != KN_OK)
        return status;
    struct kn_account *fitting = kn_arena_array(finding->arena, (size_t)count + 1, sizeof *fitting);
    for (int i = 0; i < count; i++)
        if (strcmp(rows[i].service_url, url) == 0)
            fitting[kept++] = rows[i];
    *ret_rows = fitting;
    *ret_count = kept;
    return KN_OK;
}

static enum kn_status add_all(struct finding_targets *finding, struct kn_error *err)
{
    const struct kn_account *rows;
    int count;
    enum kn_status status = list_accounts(finding, NULL, &rows, &count, err);
    for (int i = 0; status == KN_OK && i < count; i++) {
        const struct kn_platform *platform = kn_platform_find(rows[i].platform);
        if (platform)
            add_target(finding, platform, rows[i].name);
    }
    if (status == KN_OK && !finding->targets.count)
        return kn_error_set(
            err, KN_MISSING,
            "no account is connected yet: `kirinuki auth youtube` connects one, and "
            "--to folder needs none");
    return status;
}

/* What needs no account: a folder or an address stands in its place. */
static enum kn_status add_place(struct finding_targets *finding, const struct kn_platform *platform,
                                const char *name, struct kn_error *err)
{
    bool folder = strcmp(platform->name, "folder") == 0;
    const char *place = name     ? name
                        : folder ? finding->settings->outbox
                                 : finding->settings->webhook;
    if (!place && !folder)
        return kn_error_set(err, KN_MISSING,
                            "the webhook has no address: give --webhook URL, or set webhook in "
                            "kirinuki.conf");
    if (!place) {
        const char *data = kn_path_data(finding->arena);
        if (!data)
            return kn_error_set(err, KN_MISSING, "there is no data folder: give --outbox FOLDER");
        place = kn_path_join(finding->arena, data, "outbox");
    }
    if (folder && place[0] != '/') {
        char *here = getcwd(NULL, 0);
        place = here ? kn_path_join(finding->arena, here, place) : place;
        free(here);
    }
    if (strlen(place) > PLACE_BYTES_MAX)
        return kn_error_set(err, KN_LIMIT, "%.60s… is longer than %d bytes", place,
                            PLACE_BYTES_MAX);
    add_target(finding, platform, place);
    return KN_OK;
}

static enum kn_status add_platform(struct finding_targets *finding,
                                   const struct kn_platform *platform, const char *name,
                                   struct kn_error *err)
{
    const struct kn_account *rows;
    int count;
    if (!platform->oauth)
        return add_place(finding, platform, name, err);
    enum kn_status status = list_accounts(finding, platform->name, &rows, &count, err);
    if (status != KN_OK)
        return status;
    for (int i = 0; i < count; i++)
        if (!name || strcmp(rows[i].name, name) == 0) {
            add_target(finding, platform, rows[i].name);
            return KN_OK;
        }
    if (name)
        return kn_error_set(err, KN_INVALID,
                            "%s has no account “%.60s”; `kirinuki accounts` lists those that are "
                            "connected",
                            platform->label, name);
    return kn_error_set(err, KN_MISSING,
                        "no account of %s is connected: `kirinuki auth %s` connects one",
                        platform->label, platform->name);
}

enum kn_status kn_publish_targets_find(struct kn_store *store,
                                       const struct kn_publish_settings *settings,
                                       struct kn_arena *arena,
                                       const struct kn_publish_target **ret_targets, int *ret_count,
                                       struct kn_error *err)
{
    struct finding_targets finding = {.store = store, .arena = arena, .settings = settings};
    const char *to = settings->to ? settings->to : "folder";
    enum kn_status status = KN_OK;
    for (const char *at = to; status == KN_OK;) {
        size_t length = strcspn(at, ",");
        const char *one = kn_arena_strndup(arena, at, length), *colon = strchr(one, ':');
        const char *name = colon ? kn_arena_strndup(arena, one, (size_t)(colon - one)) : one;
        if (strcmp(name, "all") == 0)
            status = add_all(&finding, err);
        else
            status = add_platform(&finding, kn_platform_find(name), colon ? colon + 1 : NULL, err);
        if (!at[length])
            break;
        at += length + 1;
    }
    struct kn_publish_target *targets =
        kn_arena_array(arena, (size_t)finding.targets.count + 1, sizeof *targets);
    if (finding.targets.count)
        memcpy(targets, finding.targets.at, (size_t)finding.targets.count * sizeof *targets);
    *ret_targets = targets;
    *ret_count = finding.targets.count;
    kn_vec_free(&finding.targets);
    return status;
}

/* ---- with what words ---- */

struct planning {
    const struct kn_publish_settings *settings;
    struct kn_arena *arena;
};

/* "sleep, deep work #health" */
static void split_hashtags(const struct planning *planning, const char *text,
                           struct kn_post_parts *parts)
{
    const char **tags = kn_arena_array(planning->arena, strlen(text) + 1, sizeof *tags);
    int count = 0;
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, ",\n");
        tags[count++] = kn_arena_strndup(planning->arena, at, length);
        at += length + (at[length] != '\0');
    }
    parts->hashtags = tags;
    parts->hashtag_count = count;
}

/* What a model wrote for this platform. */
static void take_proposed(const struct planning *planning, const json_t *posts,
                          const struct kn_platform *platform, struct kn_post_parts *parts)
{
    const json_t *proposed = json_object_get(posts, platform->name);
    const json_t *hashtags = json_object_get(proposed, "hashtags");
    size_t count = json_array_size(hashtags);
    const char **tags = kn_arena_array(planning->arena, count + 1, sizeof *tags);
    for (size_t i = 0; i < count; i++)
        tags[i] = json_string_value(json_array_get(hashtags, i));
    parts->description = json_string_value(json_object_get(proposed, "description"));
    parts->hashtags = tags;
    parts->hashtag_count = (int)count;
}

static struct kn_post_text write_text(const struct planning *planning,
                                      const struct kn_publish_clip *clip,
                                      const struct kn_platform *platform)
{
    const struct kn_publish_settings *settings = planning->settings;
    struct kn_post_parts parts = {
        .title = clip->title,
        .source = clip->source,
        .filename = kn_path_stem(planning->arena, clip->name),
        .language = settings->language ? settings->language : clip->language,
    };
    const struct kn_post_templates templates = {settings->title, settings->caption};
    struct kn_post_text text;
    take_proposed(planning, clip->posts, platform, &parts);
    parts.hook = settings->hook ? settings->hook : clip->hook;
    if (settings->description)
        parts.description = settings->description;
    if (settings->hashtags)
        split_hashtags(planning, settings->hashtags, &parts);
    if (!parts.title[0] && !parts.hook[0])
        parts.title = kn_path_stem(planning->arena, clip->name);
    kn_post_text_fit(platform, &templates, &parts, planning->arena, &text);
    return text;
}

/* ---- when, and how ---- */

static struct kn_post_options choose_options(const struct planning *planning,
                                             const struct kn_platform *platform, int64_t due_us)
{
    const struct kn_publish_settings *settings = planning->settings;
    return (struct kn_post_options){
        .privacy = (enum kn_privacy)settings->privacy,
        .publish_at_us = platform->schedules ? due_us : 0,
        .cover_us = -1,
        .made_for_kids = settings->made_for_kids,
        .notify = settings->notify,
        .draft = settings->draft,
        .made_with_ai = settings->ai_label,
        .share_to_feed = settings->share_to_feed,
        .category = settings->category,
    };
}

static void check(struct kn_planned_post *post, const struct kn_media_facts *facts,
                  struct kn_arena *arena)
{
    const struct kn_preflight asked = {
        .platform = post->target->platform,
        .facts = facts,
        .text = &post->text,
        .options = &post->options,
        .now_us = kn_wall_us(),
        .timed = post->target->slots != NULL,
    };
    post->finding_count = kn_preflight(&asked, arena, &post->findings);
    post->bad = kn_findings_fit(post->findings, post->finding_count) != KN_FITS;
}

/* Where that is all that is wrong. */
static void ask_for_rendition(struct kn_planned_post *post, const struct kn_media_facts *facts,
                              struct kn_arena *arena)
{
    if (kn_findings_fit(post->findings, post->finding_count) != KN_FITS_AS_RENDITION)
        return;
    struct kn_rendition_target *target = kn_arena_alloc(arena, sizeof *target);
    *target = kn_rendition_target_of(facts, post->target->platform->media);
    post->rendition = target;
    post->bad = false;
}

void kn_planned_post_take(struct kn_planned_post *post, const struct kn_post_clip *file,
                          const struct kn_media_facts *facts, struct kn_arena *arena)
{
    struct kn_post_clip sent = *file;
    sent.original = post->file.path;
    check(post, facts, arena);
    post->spec.clip = kn_post_clip_write(&sent, arena);
    post->spec.bytes = file->bytes;
}

static void plan_one(const struct planning *planning, const struct kn_publish_clip *clip,
                     int64_t due_us, struct kn_planned_post *post)
{
    const struct kn_publish_target *target = post->target;
    const char *sandbox = target->platform->oauth ? planning->settings->sandbox : NULL;
    post->file = clip->file;
    if (!planning->settings->thumbnails)
        post->file.thumbnail = NULL;
    if (!planning->settings->subtitles)
        post->file.subtitles = NULL;
    post->text = write_text(planning, clip, target->platform);
    post->options = choose_options(planning, target->platform, due_us);
    check(post, &clip->facts, planning->arena);
    if (post->bad && planning->settings->rendition)
        ask_for_rendition(post, &clip->facts, planning->arena);
    post->spec = (struct kn_post_spec){
        .key = kn_arena_printf(planning->arena, "%s %s:%s%s%s", post->file.hash,
                               target->platform->name, target->account, sandbox ? " at " : "",
                               sandbox ? sandbox : ""),
        .platform = target->platform->name,
        .account = target->account,
        .clip = kn_post_clip_write(&post->file, planning->arena),
        .request = kn_post_request_write(&post->text, &post->options, planning->arena),
        .bytes = post->file.bytes,
        .due_us = target->platform->schedules ? 0 : due_us,
        .appear_us = due_us,
        .slots = post->target->slots,
        .sent_ahead = target->platform->schedules,
    };
}

/* As many as one account may have in a day, of what it is to post then. */
static int day_max(const struct kn_platform *platform, bool drafts)
{
    static const int64_t day_us = 86400 * KN_US_PER_S;
    int most = 0;
    for (int i = 0; i < platform->quota_count; i++) {
        const struct kn_quota *quota = &platform->quotas[i];
        bool counts = !(drafts ? quota->of_posts : quota->of_drafts) &&
                      (!quota->span_us || quota->span_us >= day_us);
        if (counts && (!most || quota->limit < most))
            most = quota->limit;
    }
    return most;
}

/* The targets with their slots. */
static const struct kn_publish_target *spread(const struct planning *planning,
                                              const struct kn_publish_target *targets, int count)
{
    const struct kn_publish_settings *settings = planning->settings;
    struct kn_publish_target *spread =
        kn_arena_array(planning->arena, (size_t)count + 1, sizeof *spread);
    for (int i = 0; i < count; i++) {
        const struct kn_platform *platform = targets[i].platform;
        struct kn_best_times *times = kn_arena_alloc(planning->arena, sizeof *times);
        struct kn_post_slots *slots = kn_arena_alloc(planning->arena, sizeof *slots);
        *times = kn_best_times_of(settings->best_times, platform, targets[i].account);
        *slots = (struct kn_post_slots){
            .next = kn_best_times_next,
            .arg = times,
            .not_before_us = settings->at_us,
            .apart_us = settings->every_us,
            .day_max = day_max(platform, settings->draft),
        };
        spread[i] = targets[i];
        spread[i].slots = slots;
    }
    return spread;
}

int kn_publish_plan(const struct kn_publish_clips *clips, const struct kn_publish_target *targets,
                    int target_count, const struct kn_publish_settings *settings,
                    struct kn_arena *arena, struct kn_planned_post **ret_posts)
{
    const struct planning planning = {settings, arena};
    int count = clips->count * target_count;
    int64_t first_us = settings->at_us ? settings->at_us : settings->every_us ? kn_wall_us() : 0;
    struct kn_planned_post *posts = kn_arena_array(arena, (size_t)count + 1, sizeof *posts);
    if (settings->spread)
        targets = spread(&planning, targets, target_count);
    for (int i = 0; i < count; i++) {
        int clip = i / target_count;
        /* The first of a series goes at once where no time is set. */
        bool at_once = settings->spread || (!clip && !settings->at_us);
        int64_t due_us = at_once ? 0 : first_us + clip * settings->every_us;
        posts[i].clip = clip;
        posts[i].target = &targets[i % target_count];
        plan_one(&planning, &clips->at[clip], due_us, &posts[i]);
    }
    *ret_posts = posts;
    return count;
}
