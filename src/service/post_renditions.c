#include "service/post_renditions.h"

#include <string.h>

#include <kirinuki/executor.h>

#include "base/file.h"
#include "base/str.h"
#include "pipeline/rendition_cache.h"
#include "platform/post_json.h"

enum { POSTS_MAX = 10000 }; /* that are looked at before old renditions go */

/* One file, for one post or several. */
struct item {
    const struct kn_post_renditions *all;
    const struct kn_post_clip *clip;
    const struct kn_rendition_target *target;
    bool missing;
    enum kn_status status;
    struct kn_error error;
    struct kn_rendition made;
    struct kn_arena *arena; /* of `made`: steps run on threads of their own */
};

struct kn_post_renditions {
    struct kn_arena *arena;
    const char *folder;
    struct kn_planned_post *posts;
    int post_count;
    int *item_of; /* a post; -1: its clip goes as it is */
    struct item *items;
    int count, threads;
};

/* ---- which ---- */

static bool is_same(const struct item *item, const struct kn_planned_post *post)
{
    const struct kn_rendition_target *a = item->target, *b = post->rendition;
    return strcmp(item->clip->hash, post->file.hash) == 0 && a->width_px == b->width_px &&
           a->height_px == b->height_px && a->fps_min == b->fps_min && a->fps_max == b->fps_max &&
           a->bits_a_second == b->bits_a_second;
}

static int find_item(struct kn_post_renditions *renditions, const struct kn_planned_post *post)
{
    for (int i = 0; i < renditions->count; i++)
        if (is_same(&renditions->items[i], post))
            return i;
    renditions->items[renditions->count] = (struct item){
        .all = renditions,
        .clip = &post->file,
        .target = post->rendition,
        .missing = !kn_rendition_kept(renditions->folder, &post->file, post->rendition),
        .arena = kn_arena_new(),
    };
    return renditions->count++;
}

enum kn_status kn_post_renditions_open(struct kn_planned_post *posts, int count,
                                       struct kn_post_renditions **ret_renditions,
                                       struct kn_error *err)
{
    KN_SCOPED(kn_post_renditions) renditions = kn_calloc(1, sizeof *renditions);
    struct kn_arena *arena = renditions->arena = kn_arena_new();
    renditions->posts = posts;
    renditions->post_count = count;
    renditions->items = kn_arena_array(arena, (size_t)count + 1, sizeof *renditions->items);
    renditions->item_of = kn_arena_array(arena, (size_t)count + 1, sizeof *renditions->item_of);
    for (int i = 0; i < count; i++) {
        renditions->item_of[i] = -1;
        if (!posts[i].rendition)
            continue;
        if (!renditions->folder) {
            enum kn_status status = kn_rendition_folder(arena, &renditions->folder, err);
            if (status != KN_OK)
                return status;
        }
        renditions->item_of[i] = find_item(renditions, &posts[i]);
    }
    *ret_renditions = KN_MOVE(renditions);
    return KN_OK;
}

void kn_post_renditions_close(struct kn_post_renditions *renditions)
{
    if (!renditions)
        return;
    for (int i = 0; i < renditions->count; i++)
        kn_arena_free(renditions->items[i].arena);
    kn_arena_free(renditions->arena);
    free(renditions);
}

int kn_post_renditions_count(const struct kn_post_renditions *renditions)
{
    return renditions->count;
}

int kn_post_renditions_missing(const struct kn_post_renditions *renditions)
{
    int missing = 0;
    for (int i = 0; i < renditions->count; i++)
        missing += renditions->items[i].missing;
    return missing;
}

static bool asks(const struct kn_post_renditions *renditions, const struct kn_platform *platform)
{
    for (int i = 0; i < renditions->post_count; i++)
        if (renditions->item_of[i] >= 0 && renditions->items[renditions->item_of[i]].missing &&
            renditions->posts[i].target->platform == platform)
            return true;
    return false;
}

const char *kn_post_renditions_for(const struct kn_post_renditions *renditions,
                                   struct kn_arena *arena)
{
    KN_SCOPED_STR names = {0};
    int left = 0;
    for (const struct kn_platform *const *at = kn_platforms(); *at; at++)
        left += asks(renditions, *at);
    for (const struct kn_platform *const *at = kn_platforms(); *at; at++)
        if (asks(renditions, *at)) {
            left--;
            kn_str_printf(&names, "%s%s", (*at)->label, left > 1 ? ", " : left ? " and " : "");
        }
    return kn_arena_strdup(arena, kn_str_text(&names));
}

/* ---- making them ---- */

/* What becomes of one is no failure of the others, so only a stop ends the plan. */
static enum kn_status make_one(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct item *item = arg;
    item->status =
        kn_rendition_get(item->all->folder, item->clip, item->target, item->all->threads,
                         item->arena, env->cancel, env->progress, &item->made, &item->error);
    if (item->status == KN_CANCELLED)
        return kn_error_set(err, KN_CANCELLED, "stopped by request");
    return KN_OK;
}

/* One for every two cores, as clips are rendered. */
static enum kn_status run_all(struct kn_post_renditions *renditions, struct kn_cancel *cancel,
                              struct kn_progress *progress, struct kn_error *err)
{
    int workers[KN_LANE_COUNT];
    kn_executor_defaults(workers);
    int cores = workers[KN_LANE_CPU], at_once = KN_MIN((cores + 1) / 2, renditions->count);
    renditions->threads = KN_MAX(cores / at_once, 1);
    workers[KN_LANE_CPU] = at_once;
    struct kn_executor *executor = NULL;
    enum kn_status status = kn_executor_open(workers, &executor, err);
    if (status != KN_OK)
        return status;
    struct kn_plan *plan = kn_plan_new();
    for (int i = 0; i < renditions->count; i++)
        kn_plan_add(plan, &(struct kn_step){
                              .name = kn_path_base(renditions->items[i].clip->path),
                              .lane = KN_LANE_CPU,
                              .weight = (double)renditions->items[i].clip->duration_us / 1e6,
                              .run = make_one,
                              .arg = &renditions->items[i],
                          });
    status = kn_executor_run_wait(executor, plan, cancel, progress, err);
    kn_plan_free(plan);
    kn_executor_close(executor);
    return status;
}

/* ---- into the posts ---- */

static void refuse(struct kn_planned_post *post, const struct item *item, struct kn_arena *arena)
{
    struct kn_finding *finding = kn_arena_alloc(arena, sizeof *finding);
    *finding = (struct kn_finding){
        .rule = "rendition",
        .text = kn_arena_printf(arena, "%s: the rendition that it needs cannot be made: %s",
                                post->target->platform->label, kn_error_text(&item->error)),
        .remedy = "put that right, and publish it again: nothing was sent there",
    };
    post->findings = finding;
    post->finding_count = 1;
    post->bad = true;
}

enum kn_status kn_post_renditions_make(struct kn_post_renditions *renditions,
                                       struct kn_arena *arena, struct kn_cancel *cancel,
                                       struct kn_progress *progress, struct kn_error *err)
{
    enum kn_status status = renditions->count ? run_all(renditions, cancel, progress, err) : KN_OK;
    for (int i = 0; status == KN_OK && i < renditions->post_count; i++) {
        struct kn_planned_post *post = &renditions->posts[i];
        if (renditions->item_of[i] < 0)
            continue;
        const struct item *item = &renditions->items[renditions->item_of[i]];
        if (item->status == KN_OK)
            kn_planned_post_take(post, &item->made.file, &item->made.facts, arena);
        else
            refuse(post, item, arena);
    }
    return status;
}

/* ---- old ones ---- */

void kn_post_renditions_tidy(const struct kn_post_renditions *renditions, struct kn_store *store)
{
    const struct kn_post_filter filter = {
        .states = 1u << KN_POST_PLANNED | 1u << KN_POST_UPLOADING | 1u << KN_POST_PROCESSING |
                  1u << KN_POST_UNKNOWN,
        .limit = POSTS_MAX,
    };
    if (!renditions->folder)
        return;
    struct kn_arena *arena = kn_arena_new();
    struct kn_error ignored;
    const struct kn_post *posts;
    int count, needed_count = 0;
    enum kn_status status = kn_store_posts_list(store, &filter, arena, &posts, &count, &ignored);
    /* Where it is not known what is needed, nothing goes. */
    if (status == KN_OK && count < POSTS_MAX) {
        const char **needed = kn_arena_array(arena, (size_t)count + 1, sizeof *needed);
        for (int i = 0; i < count; i++) {
            struct kn_post_clip clip;
            if (kn_post_clip_read(posts[i].clip, arena, &clip, &ignored) == KN_OK)
                needed[needed_count++] = clip.path;
        }
        kn_renditions_trim(renditions->folder, &kn_rendition_limits, needed, needed_count);
    }
    kn_arena_free(arena);
}
