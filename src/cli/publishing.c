#include "cli/publishing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/post_display.h"
#include "cli/post_view.h"
#include "cli/progress_view.h"
#include "cli/publishing_parts.h"
#include "cli/queue_view.h"
#include "platform/post_json.h"
#include "service/post_ahead.h"
#include "service/post_renditions.h"
#include "service/publisher.h"

static enum kn_status open_all(struct publishing *publishing)
{
    publishing->arena = kn_arena_new();
    enum kn_status status =
        kn_http_open(&(struct kn_http_options){0}, &publishing->http, &publishing->err);
    if (status == KN_OK)
        publishing->accounts = kn_accounts_open(
            &(struct kn_accounts_options){.store = publishing->store, .http = publishing->http});
    return status;
}

static void close_all(struct publishing *publishing)
{
    kn_publish_clips_done(&publishing->clips);
    kn_vec_free(&publishing->posts);
    kn_vec_free(&publishing->refused);
    kn_accounts_close(publishing->accounts);
    kn_http_close(publishing->http);
    kn_arena_free(publishing->arena);
}

/* ---- the sandbox ---- */

static bool has_account(struct publishing *publishing, const char *platform)
{
    const struct kn_account *rows;
    int count;
    struct kn_error ignored;
    bool has = false;
    if (kn_store_accounts(publishing->store, platform, publishing->arena, &rows, &count,
                          &ignored) != KN_OK)
        return false;
    for (int i = 0; i < count; i++)
        has |= strcmp(rows[i].service_url, publishing->settings->publish.sandbox) == 0;
    return has;
}

/* Connects an account of each platform that is meant: anew, as a sandbox that was started again
 * knows nobody. Where that fails on a bad day, the one that was connected before will do. */
static enum kn_status connect_sandbox(struct publishing *publishing)
{
    const char *url = publishing->settings->publish.sandbox;
    const char *to = publishing->settings->publish.to;
    for (const struct kn_platform *const *at = kn_platforms(); url && *at; at++) {
        struct kn_accounts_connected connected;
        if (!(*at)->oauth || !kn_posts_mean(to, (*at)->name))
            continue;
        enum kn_status status = kn_accounts_connect_sandbox(
            publishing->accounts, (*at)->oauth, url, NULL, publishing->cancel, publishing->arena,
            &connected, &publishing->err);
        bool bad_day = status == KN_REMOTE || status == KN_TIMEOUT;
        if (status != KN_OK && !(bad_day && has_account(publishing, (*at)->name)))
            return status;
    }
    return KN_OK;
}

/* ---- before anything is sent ---- */

static const char *where(const struct kn_publish_target *target, struct kn_arena *arena)
{
    return target->platform->oauth
               ? kn_arena_printf(arena, "%s:%s", target->platform->name, target->account)
               : target->platform->name;
}

static json_t *finding_json(const struct kn_finding *finding)
{
    return json_pack("{s:s, s:o, s:o, s:b, s:b}", "rule", finding->rule, "text",
                     kn_json_text(finding->text), "what_to_do", kn_json_text(finding->remedy),
                     "warning", finding->warning, "rendition", finding->rendition);
}

static json_t *rendition_json(const struct kn_rendition_target *target)
{
    return target ? json_pack("{s:i, s:i}", "width", target->width_px, "height", target->height_px)
                  : json_null();
}

/* Then there is nothing to do about it. */
static bool met_by_rendition(const struct kn_planned_post *post, const struct kn_finding *finding)
{
    return post->rendition && finding->rendition && !post->bad;
}

static void say_check(struct publishing *publishing, const struct kn_planned_post *post)
{
    const struct kn_publish_clip *clip = &publishing->clips.at[post->clip];
    const char *place = where(post->target, publishing->arena);
    int64_t appear_us = post->planned.appear_us;
    char when[KN_TIME_TEXT_BYTES];
    if (publishing->settings->json) {
        json_t *findings = json_array();
        for (int i = 0; i < post->finding_count; i++)
            json_array_append_new(findings, finding_json(&post->findings[i]));
        kn_print_json(
            json_pack("{s:s, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "event", "checked", "clip",
                      kn_json_text(clip->name), "to", kn_json_text(place), "good", !post->bad,
                      "rendition", rendition_json(post->rendition), "findings", findings, "title",
                      kn_json_text(post->text.title), "caption", kn_json_text(post->text.caption),
                      "at", appear_us ? json_string(kn_time_iso(appear_us, when)) : json_null()));
        return;
    }
    if (publishing->settings->publish.check && (post->rendition || !post->finding_count))
        kn_say("%s -> %s: %s%s%s", clip->name, place,
               post->rendition
                   ? kn_arena_printf(publishing->arena, "a rendition of %dx%d will be made",
                                     post->rendition->width_px, post->rendition->height_px)
                   : "fine",
               !appear_us                 ? ""
               : appear_us > kn_wall_us() ? ", at "
                                          : ", at once: the time is over that was given, ",
               appear_us ? kn_time_local(appear_us, when) : "");
    for (int i = 0; i < post->finding_count; i++)
        if (!met_by_rendition(post, &post->findings[i]))
            kn_say("%s -> %s%s; %s", clip->name, post->findings[i].warning ? "a remark: " : "",
                   post->findings[i].text, post->findings[i].remedy);
}

static void show_text(const struct kn_planned_post *post)
{
    if (post->text.title[0])
        kn_post_print_text("title", post->text.title);
    kn_post_print_text("text", post->text.caption);
}

/* What keeps it from being posted, in the places of a post's reason and remedy. */
static void refuse(struct publishing *publishing, const struct kn_planned_post *post)
{
    KN_SCOPED_STR reasons = {0}, remedies = {0};
    for (int i = 0; i < post->finding_count; i++) {
        const struct kn_finding *finding = &post->findings[i];
        if (finding->warning || met_by_rendition(post, finding))
            continue;
        kn_str_printf(&reasons, "%s%s", reasons.length ? "; " : "", finding->text);
        if (!strstr(kn_str_text(&remedies), finding->remedy)) /* of several rules */
            kn_str_printf(&remedies, "%s%s", remedies.length ? "; " : "", finding->remedy);
    }
    kn_vec_push(&publishing->refused, kn_post_refused(&post->spec, kn_str_text(&reasons),
                                                      kn_str_text(&remedies), publishing->arena));
}

/* Of those that may go into the store, with room for what comes of them. In the arena. */
static struct kn_post_spec *good_specs(struct publishing *publishing,
                                       struct kn_post_planned **ret_made, int *ret_count)
{
    size_t room = (size_t)publishing->planned_count + 1;
    struct kn_post_spec *specs = kn_arena_array(publishing->arena, room, sizeof *specs);
    int count = 0;
    for (int i = 0; i < publishing->planned_count; i++) {
        if (publishing->planned[i].bad)
            continue;
        specs[count] = publishing->planned[i].spec;
        specs[count].owner = publishing->settings->queue.owner;
        specs[count++].force = publishing->settings->queue.force;
    }
    *ret_made = kn_arena_array(publishing->arena, room, sizeof **ret_made);
    *ret_count = count;
    return specs;
}

/* When the good ones would appear. */
static enum kn_status foresee(struct publishing *publishing)
{
    int count, at = 0;
    struct kn_post_planned *made;
    const struct kn_post_spec *specs = good_specs(publishing, &made, &count);
    enum kn_status status =
        kn_store_posts_foresee(publishing->store, specs, count, made, &publishing->err);
    for (int i = 0; status == KN_OK && i < publishing->planned_count; i++)
        if (!publishing->planned[i].bad)
            publishing->planned[i].planned = made[at++];
    return status;
}

static void check_all(struct publishing *publishing)
{
    for (int i = 0; i < publishing->planned_count; i++) {
        const struct kn_planned_post *post = &publishing->planned[i];
        if (post->bad)
            refuse(publishing, post);
        say_check(publishing, post);
        if (publishing->settings->publish.check && !publishing->settings->json)
            show_text(post);
    }
}

/* One that can't be used is told, and the others go on. */
static void say_bad(void *arg, const char *path, const struct kn_error *why)
{
    struct publishing *publishing = arg;
    struct kn_arena *arena = publishing->arena;
    char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
    const struct kn_post_clip clip = {.path = here ? kn_path_join(arena, here, path) : path,
                                      .hash = ""};
    const struct kn_post_spec spec = {
        .platform = "", .account = "", .clip = kn_post_clip_write(&clip, arena), .request = "{}"};
    free(here);
    (void)kn_complain(why->status, why);
    kn_vec_push(&publishing->refused, kn_post_refused(&spec, kn_error_text(why), "", arena));
}

static enum kn_status plan(struct publishing *publishing, char **paths, int count)
{
    const struct kn_publish_settings *settings = &publishing->settings->publish;
    const struct kn_publish_target *targets;
    int target_count;
    enum kn_status status =
        kn_publish_clips_find(paths, count, publishing->arena, publishing->cancel, say_bad,
                              publishing, &publishing->clips, &publishing->err);
    if (status != KN_OK || !publishing->clips.count)
        return status;
    if (status == KN_OK)
        status = connect_sandbox(publishing);
    if (status == KN_OK)
        status = kn_publish_targets_find(publishing->store, settings, publishing->arena, &targets,
                                         &target_count, &publishing->err);
    if (status != KN_OK)
        return status;
    publishing->planned_count = kn_publish_plan(&publishing->clips, targets, target_count, settings,
                                                publishing->arena, &publishing->planned);
    if (settings->check)
        status = foresee(publishing);
    if (status == KN_OK)
        check_all(publishing);
    return status;
}

/* ---- renditions ---- */

static void say_renditions(const struct publishing *publishing,
                           const struct kn_post_renditions *renditions)
{
    int missing = kn_post_renditions_missing(renditions);
    const char *platforms = kn_post_renditions_for(renditions, publishing->arena);
    if (publishing->settings->json)
        kn_print_json(json_pack("{s:s, s:i, s:i, s:o}", "event", "renditions", "count",
                                kn_post_renditions_count(renditions), "to_make", missing, "for",
                                kn_json_text(platforms)));
    else if (missing && !publishing->settings->quiet)
        kn_say("making %d rendition%s for %s", missing, missing == 1 ? "" : "s", platforms);
}

/* What the first check could not know is told. */
static void check_renditions(struct publishing *publishing)
{
    for (int i = 0; i < publishing->planned_count; i++) {
        const struct kn_planned_post *post = &publishing->planned[i];
        if (!post->rendition || !post->bad)
            continue;
        refuse(publishing, post);
        say_check(publishing, post);
    }
}

static enum kn_status make_renditions(struct publishing *publishing,
                                      struct kn_post_renditions *renditions)
{
    const struct kn_settings *settings = publishing->settings;
    if (!kn_post_renditions_count(renditions))
        return KN_OK;
    say_renditions(publishing, renditions);
    fflush(stdout); /* before the bars */
    struct kn_progress *progress = kn_progress_new("renditions");
    const struct kn_progress_options view = {
        .style = settings->json || settings->quiet ? KN_PROGRESS_QUIET : KN_PROGRESS_AUTO,
        .out = stderr,
    };
    struct kn_progress_display *display = kn_progress_display_start(&view);
    kn_progress_display_add(display, 1, progress);
    enum kn_status status = kn_post_renditions_make(renditions, publishing->arena,
                                                    publishing->cancel, progress, &publishing->err);
    kn_progress_end(progress, status);
    kn_progress_display_stop(display);
    kn_progress_free(progress);
    if (status == KN_OK)
        check_renditions(publishing);
    return status;
}

/* ---- into the store ---- */

/* A post that is there is gone on with. */
static enum kn_status store_posts(struct publishing *publishing)
{
    int count;
    struct kn_post_planned *made;
    const struct kn_post_spec *specs = good_specs(publishing, &made, &count);
    enum kn_status status = count ? kn_store_posts_plan(publishing->store, specs, count, made,
                                                        publishing->cancel, &publishing->err)
                                  : KN_OK;
    for (int i = 0; status == KN_OK && i < count; i++) {
        kn_vec_push(&publishing->posts, made[i].id);
        bool again = made[i].state == KN_POST_UNKNOWN && publishing->settings->publish.retry;
        if (again)
            status = kn_store_post_retry(publishing->store, made[i].id, &publishing->err);
    }
    return status;
}

/* For those of which nothing is left to send, no rendition is made. */
static enum kn_status look_for_known(struct publishing *publishing)
{
    int count = publishing->settings->queue.force ? 0 : publishing->planned_count;
    size_t room = (size_t)count + 1;
    struct kn_post_spec *specs = kn_arena_array(publishing->arena, room, sizeof *specs);
    struct kn_post_planned *known = kn_arena_array(publishing->arena, room, sizeof *known);
    for (int i = 0; i < count; i++)
        specs[i] = publishing->planned[i].spec;
    enum kn_status status =
        kn_store_posts_known(publishing->store, specs, count, known, &publishing->err);
    for (int i = 0; status == KN_OK && i < count; i++) {
        bool open = known[i].state == KN_POST_UNKNOWN && publishing->settings->publish.retry;
        if (known[i].id && kn_post_state_final(known[i].state) && !open)
            publishing->planned[i].rendition = NULL;
    }
    return status;
}

static enum kn_status keep(struct publishing *publishing)
{
    KN_SCOPED(kn_post_renditions) renditions = NULL;
    enum kn_status status = look_for_known(publishing);
    if (status == KN_OK)
        status = kn_post_renditions_open(publishing->planned, publishing->planned_count,
                                         &renditions, &publishing->err);
    if (status == KN_OK)
        status = make_renditions(publishing, renditions);
    if (status == KN_OK)
        status = store_posts(publishing);
    if (status == KN_OK)
        kn_post_renditions_tidy(renditions, publishing->store);
    return status;
}

/* ---- posting ---- */

/* Whether what platforms show by themselves is there, now that its time is over: whoever publishes
 * asks. In the arena, behind the posts of the call. */
static enum kn_status add_looks(struct publishing *publishing, const int64_t **ret_only,
                                int *ret_count)
{
    const struct kn_post_filter filter = {
        .states = 1u << KN_POST_SCHEDULED, .open = true, .limit = 10000};
    const struct kn_post *found;
    int count, own = publishing->posts.count, only_count = own;
    enum kn_status status = kn_store_posts_list(publishing->store, &filter, publishing->arena,
                                                &found, &count, &publishing->err);
    if (status != KN_OK)
        return status;
    int64_t *only =
        kn_arena_array(publishing->arena, (size_t)own + (size_t)count + 1, sizeof *only);
    if (own)
        memcpy(only, publishing->posts.at, (size_t)own * sizeof *only);
    for (int i = 0; i < count; i++)
        if (found[i].due_us && found[i].due_us <= kn_store_now_us(publishing->store))
            only[only_count++] = found[i].id;
    *ret_only = only;
    *ret_count = only_count;
    return KN_OK;
}

static enum kn_status post_all(struct publishing *publishing)
{
    const struct kn_settings *settings = publishing->settings;
    const struct kn_post *posts;
    const int64_t *only = NULL;
    int count, only_count = 0;
    enum kn_status status = kn_publishing_posts(publishing, &posts, &count);
    if (status == KN_OK)
        status = add_looks(publishing, &only, &only_count);
    if (status != KN_OK || !only_count)
        return status;
    struct kn_post_display *display =
        kn_post_display_open(posts, count, settings->json, settings->quiet);
    const struct kn_publisher_options options = {
        .store = publishing->store,
        .http = publishing->http,
        .accounts = publishing->accounts,
        .webhook_secret = settings->publish.webhook_secret,
        .name = "publish",
        .at_once = settings->publish.at_once,
        .only = only,
        .only_count = only_count,
        .heard = kn_post_display_hear,
        .arg = display,
    };
    status = kn_publisher_run(&options, publishing->cancel, &publishing->err);
    kn_post_display_close(display);
    return status;
}

/* ---- the command ---- */

/* What was refused, with --check. */
static int sum_up_check(const struct publishing *publishing)
{
    int refused = publishing->refused.count, fine = publishing->planned_count;
    for (int i = 0; i < refused; i++)
        fine -= publishing->refused.at[i].platform[0] != '\0'; /* the others are no clips */
    return !refused ? KN_EXIT_OK : fine ? KN_EXIT_SOME_FAILED : KN_EXIT_FAILED;
}

int kn_publish_now(struct kn_store *store, const struct kn_settings *settings, char **paths,
                   int count, struct kn_cancel *cancel)
{
    struct publishing publishing = {.store = store, .settings = settings, .cancel = cancel};
    enum kn_status status = open_all(&publishing);
    int code = KN_EXIT_OK;
    if (status == KN_OK)
        status = plan(&publishing, paths, count);
    if (status == KN_OK && settings->publish.check) {
        code = sum_up_check(&publishing);
    } else if (status == KN_OK) {
        status = keep(&publishing);
        if (status == KN_OK && settings->publish.wait)
            status = post_all(&publishing);
        code = kn_publishing_end(&publishing, status);
    } else if (status != KN_OK) {
        code = kn_complain(status, &publishing.err);
    }
    close_all(&publishing);
    return code;
}

/* Failed ones and those whose end is not known are asked for again; others are gone on with. Of
 * those that their platform shows, the ones whose time is over are looked at. */
static enum kn_status take_rest(struct publishing *publishing)
{
    const struct kn_post_filter filter = {
        .states = 1u << KN_POST_PLANNED | 1u << KN_POST_UPLOADING | 1u << KN_POST_PROCESSING |
                  1u << KN_POST_SCHEDULED | 1u << KN_POST_FAILED | 1u << KN_POST_UNKNOWN,
        .owner = publishing->settings->queue.owner,
        .limit = 10000,
    };
    const struct kn_post *posts;
    int count;
    enum kn_status status = kn_store_posts_list(publishing->store, &filter, publishing->arena,
                                                &posts, &count, &publishing->err);
    for (int i = 0; status == KN_OK && i < count; i++) {
        struct kn_error why;
        bool scheduled = posts[i].state == KN_POST_SCHEDULED;
        bool ended = kn_post_state_final(posts[i].state) && !scheduled;
        if (scheduled && (!posts[i].due_us || posts[i].due_us > kn_store_now_us(publishing->store)))
            continue;
        enum kn_status again =
            ended ? kn_store_post_retry(publishing->store, posts[i].id, &why) : KN_OK;
        if (again == KN_OK)
            kn_vec_push(&publishing->posts, posts[i].id);
        else if (again != KN_INVALID) /* posted anew meanwhile */
            (void)kn_complain(again, &why);
    }
    return status;
}

int kn_publish_rest(struct kn_store *store, const struct kn_settings *settings,
                    struct kn_cancel *cancel)
{
    struct publishing publishing = {.store = store, .settings = settings, .cancel = cancel};
    enum kn_status status = open_all(&publishing);
    if (status == KN_OK)
        status = take_rest(&publishing);
    if (status == KN_OK)
        status = post_all(&publishing);
    int code = kn_publishing_end(&publishing, status);
    if (status == KN_OK && !publishing.posts.count && !settings->json)
        puts("nothing is left to be posted; `kirinuki posts` lists what was");
    close_all(&publishing);
    return code;
}
