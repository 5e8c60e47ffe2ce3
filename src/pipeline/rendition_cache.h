/*
 * Renditions are kept under what they were made of and what was asked for: the clip's name, and a
 * hash of its content and the target. Whoever needs the same one takes it as it is; the first makes
 * it, and the others wait for that, whichever process they are in.
 *
 * The folder holds NAME-WxH-HASH.mp4, files of writers (base/file.h), and locks, of which there are
 * a fixed number that stay: a lock that is removed could be held twice. When a rendition was last
 * wanted is its time of access, because its time of change belongs to the posts that it is sent in.
 */
#ifndef KN_PIPELINE_RENDITION_CACHE_H
#define KN_PIPELINE_RENDITION_CACHE_H

#include <kirinuki/arena.h>

#include "model/post.h"
#include "pipeline/rendition.h"

struct kn_rendition {
    struct kn_post_clip file; /* with the clip's own thumbnail and subtitles */
    struct kn_media_facts facts;
    bool reused;
};

/* The user's folder for renditions, in the arena. MISSING: there is no cache folder. */
enum kn_status kn_rendition_folder(struct kn_arena *arena, const char **ret_folder,
                                   struct kn_error *err);

/* Is it there? Nothing is looked into. */
bool kn_rendition_kept(const char *folder, const struct kn_post_clip *clip,
                       const struct kn_rendition_target *target);

/*
 * Takes the clip's rendition from the folder, which is made, or makes it. Texts in the arena.
 * `threads` and the statuses as in kn_rendition_make.
 */
enum kn_status kn_rendition_get(const char *folder, const struct kn_post_clip *clip,
                                const struct kn_rendition_target *target, int threads,
                                struct kn_arena *arena, struct kn_cancel *cancel,
                                struct kn_progress *progress, struct kn_rendition *ret_rendition,
                                struct kn_error *err);

/*
 * Puts a file that was made elsewhere, in the same folder under a name of writers (base/file.h), in
 * the place of the clip's rendition. Where that is there already it stays, for it may be on its way
 * to a platform. The file is gone from where it was, whatever the outcome. Of the clip its path and
 * hash count.
 */
enum kn_status kn_rendition_put(const char *folder, const struct kn_post_clip *clip,
                                const struct kn_rendition_target *target, const char *made,
                                struct kn_cancel *cancel, struct kn_error *err);

struct kn_rendition_limits {
    int64_t unused_us; /* what nobody wanted for so long goes */
    int64_t bytes_max; /* of what is left, the longest unwanted go until so many bytes are left, */
    int64_t young_us;  /* but none that was wanted so lately */
};
extern const struct kn_rendition_limits kn_rendition_limits; /* 30 days, 4 GB, 1 day */

/* Removes old renditions and what writers that died left. Those at `needed[count]` stay, and so do
 * those that somebody is making or taking just then. What can't be removed only takes up space. */
void kn_renditions_trim(const char *folder, const struct kn_rendition_limits *limits,
                        const char *const *needed, int needed_count);

#endif
