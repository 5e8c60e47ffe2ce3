#include "pipeline/rendition_ahead.h"

#include "base/file.h"
#include "clip/timing.h"
#include "media/encoder.h"
#include "pipeline/post_facts.h"
#include "pipeline/rendition_cache.h"

/* ---- before ---- */

/* Of a rendered clip, as far as it is known before it is there: what is not breaks no rule. */
static struct kn_media_facts foresee(const struct kn_source *source,
                                     const struct kn_job_options *options, enum kn_aspect aspect,
                                     int64_t duration_us)
{
    struct kn_rational rate = kn_clip_rate(source, options->render.max_rate_hz);
    struct kn_media_facts facts = {
        .bytes = 1,
        .duration_us = duration_us,
        .fps = (double)rate.num / rate.den,
        .container = "mp4",
        .video_codec = "h264",
        .audio_codec = "aac",
        .audio_rate = KN_ENCODER_SOUND_HZ,
        .audio_channels = KN_ENCODER_SOUND_CHANNELS,
        .index_first = true,
    };
    kn_aspect_size(aspect, &facts.width_px, &facts.height_px);
    return facts;
}

static bool is_alike(const struct kn_rendition_ahead *a, const struct kn_rendition_ahead *b)
{
    return a->aspect == b->aspect && a->target.width_px == b->target.width_px &&
           a->target.height_px == b->target.height_px &&
           a->target.bits_a_second == b->target.bits_a_second;
}

static int add(struct kn_rendition_ahead *renditions, int count,
               const struct kn_rendition_ahead *one)
{
    bool other_rate = one->target.fps_min > 0 || one->target.fps_max > 0;
    if (other_rate || !one->picture_bits || count == KN_RENDITIONS_AHEAD_MAX)
        return count;
    for (int i = 0; i < count; i++)
        if (is_alike(&renditions[i], one))
            return count;
    renditions[count] = *one;
    return count + 1;
}

int kn_renditions_plan(const struct kn_renditions_ahead *ahead, const struct kn_source *source,
                       const struct kn_job_options *options, int64_t duration_us,
                       struct kn_rendition_ahead ret_renditions[KN_RENDITIONS_AHEAD_MAX])
{
    int count = 0;
    if (!ahead || options->copy)
        return 0;
    for (int i = 0; i < options->aspects.count; i++) {
        const struct kn_media_facts facts =
            foresee(source, options, options->aspects.at[i], duration_us);
        for (int k = 0; k < ahead->rule_count; k++) {
            const struct kn_media_rules *rules = ahead->rules[k];
            if (kn_media_fit(rules, &facts) != KN_FITS_AS_RENDITION)
                continue;
            struct kn_rendition_ahead one = {.aspect = i, .rules = rules};
            one.target = kn_rendition_target_of(&facts, rules);
            one.picture_bits = kn_rendition_picture_bits(&one.target, duration_us);
            count = add(ret_renditions, count, &one);
        }
    }
    return count;
}

/* ---- after ---- */

static bool proceed(void *arg, double fraction)
{
    (void)fraction;
    return !kn_cancel_requested(arg);
}

/* Is what was made what whoever posts the finished clip will look for? *ret_target is that. */
static enum kn_status compare(const struct kn_rendition_ahead *rendition, const char *clip,
                              const char *made, struct kn_arena *arena, struct kn_cancel *cancel,
                              struct kn_rendition_target *ret_target, struct kn_error *err)
{
    struct kn_media_facts facts, smaller;
    enum kn_status status = kn_post_facts(clip, arena, cancel, &facts, err);
    if (status == KN_OK)
        status = kn_post_facts(made, arena, cancel, &smaller, err);
    if (status != KN_OK)
        return status;
    struct kn_rendition_target target = kn_rendition_target_of(&facts, rendition->rules);
    if (kn_media_fit(rendition->rules, &facts) != KN_FITS_AS_RENDITION ||
        kn_media_fit(rendition->rules, &smaller) != KN_FITS ||
        smaller.width_px != target.width_px || smaller.height_px != target.height_px ||
        smaller.video_bits_a_second > target.bits_a_second)
        return kn_error_set(err, KN_INVALID, "the clip came out other than it was expected to");
    *ret_target = target;
    return KN_OK;
}

static enum kn_status put(const struct kn_renditions_ahead *ahead,
                          const struct kn_rendition_target *target, const char *clip,
                          const char *made, struct kn_cancel *cancel, struct kn_error *err)
{
    char hash[KN_HASH_TEXT_BYTES];
    enum kn_status status = kn_file_hash(clip, proceed, cancel, hash, err);
    if (status != KN_OK)
        return status;
    const struct kn_post_clip of = {.path = clip, .hash = hash};
    return kn_rendition_put(ahead->folder, &of, target, made, cancel, err);
}

enum kn_status kn_rendition_ahead_keep(const struct kn_renditions_ahead *ahead,
                                       const struct kn_rendition_ahead *rendition, const char *clip,
                                       const char *made, struct kn_cancel *cancel,
                                       struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_rendition_target target;
    enum kn_status status = compare(rendition, clip, made, arena, cancel, &target, err);
    if (status == KN_OK)
        status = put(ahead, &target, clip, made, cancel, err);
    kn_file_discard(made);
    kn_arena_free(arena);
    return status;
}
