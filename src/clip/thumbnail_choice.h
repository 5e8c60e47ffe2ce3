/*
 * Choosing a thumbnail among pictures as they come by: judging, keeping the best, writing it. One
 * piece for clips that are rendered (clip/render.h), whose frames pass anyway, and for those that
 * are copied, whose pictures are fetched for it (clip/thumbnail.h).
 */
#ifndef KN_CLIP_THUMBNAIL_CHOICE_H
#define KN_CLIP_THUMBNAIL_CHOICE_H

#include <kirinuki/status.h>

#include "media/compose.h"
#include "media/picture.h"
#include "model/clip.h"

/* A moment that is worth a look, because a good face is to be seen: `merit` 0..1 for how good. */
struct kn_thumbnail_hint {
    int64_t at_us; /* media time */
    float merit;
};

struct kn_thumbnail_span {
    int64_t start_us, end_us; /* media time */
};

/* What is asked of a thumbnail, however its pictures are come by. */
struct kn_thumbnail_order {
    int hint_count;
    const struct kn_thumbnail_hint *hints; /* those outside the clip don't count */
    int known_count;
    const struct kn_thumbnail_span *known; /* another clip shows the same: half as good */
    /* What is drawn over the picture of that moment (media time) as at the script's time 0: a title
     * that knows what it must not hide. Called once, when that picture is chosen, by whoever asked
     * for the thumbnail. Its ASS lives as long as the order; NULL, either of them: nothing. */
    const char *(*title)(void *arg, int64_t at_us);
    void *title_arg;
    const char *path; /* .jpg; written whole or not at all */
};

struct kn_thumbnail_report {
    int64_t at_us; /* of the chosen picture, media time */
    float score;   /* 0..1 */
};

/* The best so far. All zero but for the order, or begun by kn_thumbnail_watch. */
struct kn_thumbnail_choice {
    const struct kn_thumbnail_order *order;
    int looked_at;
    struct kn_picture picture; /* as decoded: it is framed again for writing */
    struct kn_thumbnail_report best;
    int moment_count, moment_next; /* of a clip whose frames pass by */
    struct kn_thumbnail_hint *moments;
};

/*
 * For a clip whose frames pass by in order of time: looks at the first at or after each hint, and
 * at one every half second, which has no merit but its looks. Other frames cost nothing. `frame` is
 * `picture` framed, and shows the moment `at_us`.
 */
void kn_thumbnail_watch(struct kn_thumbnail_choice *choice, const struct kn_thumbnail_order *order,
                        int64_t start_us, int64_t end_us);
void kn_thumbnail_pass(struct kn_thumbnail_choice *choice, int64_t at_us,
                       const struct kn_picture *picture, const struct kn_picture *frame);

/* Judges `frame`, which is `picture` framed. Of several that are equally good, the first stays. */
void kn_thumbnail_consider(struct kn_thumbnail_choice *choice, const struct kn_picture *picture,
                           const struct kn_picture *frame, float merit);
/* Writes the best of at least one, framed by `composer`. */
enum kn_status kn_thumbnail_write(const struct kn_thumbnail_choice *choice,
                                  struct kn_composer *composer, const struct kn_framing *framing,
                                  struct kn_error *err);
void kn_thumbnail_choice_clear(struct kn_thumbnail_choice *choice);

/* How good a picture is to look at, 0..1, by its middle. About 0.25 ms at 1080x1920. Pure. */
float kn_thumbnail_score(const struct kn_picture *picture);

/* Clips begin and end in transitions, often: the part of [start, end) without them, where that
 * leaves something. */
struct kn_thumbnail_span kn_thumbnail_inside(int64_t start_us, int64_t end_us);

#endif
