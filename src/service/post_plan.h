/*
 * From clips and settings to posts: which words, checked against which rules, to which account,
 * when.
 */
#ifndef KN_SERVICE_POST_PLAN_H
#define KN_SERVICE_POST_PLAN_H

#include <jansson.h>
#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>

#include "pipeline/rendition.h"
#include "platform/preflight.h"
#include "service/settings_publish.h"
#include "store/store_posts.h"

/* A clip and what is known of it; texts in the arena. */
struct kn_publish_clip {
    struct kn_post_clip file;
    struct kn_media_facts facts;
    const char *name;         /* of the file, for people */
    const char *title, *hook; /* "" where nothing is known */
    const char *source;       /* the long video's name; "" */
    const char *language;     /* NULL: not known */
    const json_t *posts;      /* what a model wrote for platforms, by their names; NULL */
};

struct kn_publish_clips {
    int count;
    struct kn_publish_clip *at;
    json_t **results; /* of what the clips borrow their texts */
    int result_count;
};

/*
 * Every argument is a clip, or a folder that `kirinuki run` has filled, whose clips are meant in
 * the order of their ranks, or its result.json. Clips in such a folder bring their words along.
 * Reads each file once. `bad` hears of an argument that is no clip (NOT_FOUND, INVALID, DAMAGED:
 * the sentence names it), and the others go on.
 */
enum kn_status
kn_publish_clips_find(char **paths, int count, struct kn_arena *arena, struct kn_cancel *cancel,
                      void (*bad)(void *arg, const char *path, const struct kn_error *why),
                      void *arg, struct kn_publish_clips *ret_clips, struct kn_error *err);
void kn_publish_clips_done(struct kn_publish_clips *clips);

/* Where to: a platform with an account. */
struct kn_publish_target {
    const struct kn_platform *platform;
    const char *account; /* its name; of a folder its path, of a webhook its address */
    const struct kn_post_slots
        *slots; /* of a planned post: when it may appear; NULL: at its time */
};
/*
 * What settings->to says ("folder" where it says nothing): "all" is every connected account; a
 * platform alone is its only account, or the first one by name where it has several; a folder or a
 * webhook has its place in the account's. With settings->sandbox only accounts of that sandbox.
 * MISSING: nothing is connected there, with what to type. INVALID: there is no such account.
 */
enum kn_status kn_publish_targets_find(struct kn_store *store,
                                       const struct kn_publish_settings *settings,
                                       struct kn_arena *arena,
                                       const struct kn_publish_target **ret_targets, int *ret_count,
                                       struct kn_error *err);

/* One post as it would be. */
struct kn_planned_post {
    int clip; /* of the clips */
    const struct kn_publish_target *target;
    struct kn_post_clip file; /* the clip, with what is sent along */
    struct kn_post_text text;
    struct kn_post_options options;
    const struct kn_finding *findings; /* of the check */
    int finding_count;
    bool bad; /* one of them keeps it from being posted */
    /* What the findings ask for, where a rendition meets them all (service/post_renditions.h). */
    const struct kn_rendition_target *rendition; /* NULL: the clip goes as it is */
    struct kn_post_spec spec;
    struct kn_post_planned planned; /* set when it is in the store */
};

/* Every clip at every target, clip by clip; nothing is stored. With settings->spread specs have
 * slots, from at_us on and every_us apart, and no time yet: storing finds it. */
int kn_publish_plan(const struct kn_publish_clips *clips, const struct kn_publish_target *targets,
                    int target_count, const struct kn_publish_settings *settings,
                    struct kn_arena *arena, struct kn_planned_post **ret_posts);

/* Another file goes in the clip's place, as a rendition of it: checks it, and puts it into the
 * spec, whose key stays. */
void kn_planned_post_take(struct kn_planned_post *post, const struct kn_post_clip *file,
                          const struct kn_media_facts *facts, struct kn_arena *arena);

#endif
