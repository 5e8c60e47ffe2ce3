/*
 * Renditions that a render makes on its way, where it is known before which rules its clips have to
 * keep: further targets of the same decode, whose captions are drawn at their own size. A finished
 * one lies where kn_rendition_get looks for it, so that whoever posts the clip makes nothing.
 *
 * Rules come in as plain data; whose they are is not known here. What cannot be told from them
 * before the clip is there (its bytes), or would need another rate, is made of the finished clip
 * as ever.
 */
#ifndef KN_PIPELINE_RENDITION_AHEAD_H
#define KN_PIPELINE_RENDITION_AHEAD_H

#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "clip/render.h"
#include "pipeline/job.h"
#include "pipeline/rendition.h"

struct kn_renditions_ahead {
    const char *folder; /* of rendition_cache.h */
    int rule_count;
    const struct kn_media_rules *const *rules;
};

enum { KN_RENDITIONS_AHEAD_MAX = KN_RENDER_TARGETS_MAX - KN_ASPECT_COUNT };

struct kn_rendition_ahead {
    int aspect;                         /* index into the options' aspects */
    const struct kn_media_rules *rules; /* that ask for it */
    struct kn_rendition_target target;
    int64_t picture_bits; /* a second; see kn_rendition_picture_bits */
};

/* What these rules ask for of a clip of the source that lasts so long, each once; `ahead` NULL:
 * nothing. Pure. Returns how many. */
int kn_renditions_plan(const struct kn_renditions_ahead *ahead, const struct kn_source *source,
                       const struct kn_job_options *options, int64_t duration_us,
                       struct kn_rendition_ahead ret_renditions[KN_RENDITIONS_AHEAD_MAX]);

/*
 * Keeps what was made for the finished clip at `clip`; what is at `made` is gone afterwards,
 * whatever the outcome. INVALID: it is not what the rules ask for after all. DAMAGED, IO, NO_SPACE,
 * CANCELLED.
 */
enum kn_status kn_rendition_ahead_keep(const struct kn_renditions_ahead *ahead,
                                       const struct kn_rendition_ahead *rendition, const char *clip,
                                       const char *made, struct kn_cancel *cancel,
                                       struct kn_error *err);

#endif
