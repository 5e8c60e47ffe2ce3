/*
 * The renditions that a clip's render makes on its way. They lie aside, in the folder that they
 * will be kept in, until the clip is finished and kept: only then is its content known, by which
 * they are found. Nothing that goes wrong with them is the clip's.
 */
#include <string.h>

#include "pipeline/attempt.h"
#include "pipeline/rendition_ahead.h"

/* One of them, in the clip's arena. */
struct aside {
    struct kn_rendition_ahead ahead;
    struct kn_render_smaller smaller;
    const char *path; /* NULL: it was not made */
};

struct clip_renditions {
    int count;
    struct aside at[KN_RENDITIONS_AHEAD_MAX];
};

/* Whoever else renders the same clip does it into another folder; `number` among those of the clip,
 * of which two may be of one size. */
static const char *path_aside(struct clip_work *clip, const char *clip_path, int number,
                              const struct kn_rendition_target *target)
{
    char key[KN_HASH_TEXT_BYTES];
    kn_hash_bytes(clip_path, strlen(clip_path), key);
    const char *folder = clip->attempt->context.renditions->folder;
    return kn_file_part_path(clip->arena,
                             kn_arena_printf(clip->arena, "%s/%.16s-%d-%dx%d.mp4", folder, key,
                                             number, target->width_px, target->height_px));
}

int kn_clip_renditions_add(struct clip_work *clip, struct kn_render_target *targets, int count)
{
    const struct kn_attempt *attempt = clip->attempt;
    const struct kn_renditions_ahead *ahead = attempt->context.renditions;
    struct kn_rendition_ahead found[KN_RENDITIONS_AHEAD_MAX];
    int64_t duration_us = clip->segment->end_us - clip->segment->start_us;
    int found_count =
        kn_renditions_plan(ahead, &attempt->source, attempt->options, duration_us, found);
    if (!found_count)
        return count;
    (void)kn_folder_make(ahead->folder, NULL); /* the encoder says what is wrong with it */
    struct clip_renditions *renditions = kn_arena_alloc(clip->arena, sizeof *renditions);
    *renditions = (struct clip_renditions){.count = found_count};
    for (int i = 0; i < found_count; i++) {
        struct aside *aside = &renditions->at[i];
        const struct kn_render_target *whole = &targets[found[i].aspect];
        *aside = (struct aside){
            .ahead = found[i],
            .smaller = {.width_px = found[i].target.width_px,
                        .height_px = found[i].target.height_px,
                        .bits_a_second_max = found[i].picture_bits},
            .path = path_aside(clip, whole->path, i, &found[i].target),
        };
        targets[count + i] = *whole;
        targets[count + i].path = aside->path;
        targets[count + i].smaller = &aside->smaller;
    }
    clip->renditions = renditions;
    return count + found_count;
}

/* In the result, for who asks what was done. */
static void tell(struct clip_work *clip, const struct aside *aside, enum kn_status status,
                 const struct kn_error *why)
{
    const struct kn_rendition_target *target = &aside->ahead.target;
    const char *before = clip->clip.renditions;
    const char *text = kn_arena_printf(clip->arena, "%s%s%dx%d", before ? before : "",
                                       before ? ", " : "", target->width_px, target->height_px);
    clip->clip.renditions =
        status == KN_OK ? text
                        : kn_arena_printf(clip->arena, "%s failed (%s)", text, kn_error_text(why));
}

void kn_clip_renditions_made(struct clip_work *clip, const struct kn_error *errors)
{
    struct clip_renditions *renditions = clip->renditions;
    for (int i = 0; renditions && i < renditions->count; i++) {
        if (errors[i].status == KN_OK)
            continue;
        tell(clip, &renditions->at[i], errors[i].status, &errors[i]);
        renditions->at[i].path = NULL;
    }
}

void kn_clip_renditions_keep(struct clip_work *clip, struct kn_cancel *cancel)
{
    struct clip_renditions *renditions = clip->renditions;
    for (int i = 0; renditions && i < renditions->count; i++) {
        struct aside *aside = &renditions->at[i];
        struct kn_error why = {0};
        if (!aside->path)
            continue;
        const char *file = clip->clip.files[aside->ahead.aspect].path;
        enum kn_status status =
            kn_rendition_ahead_keep(clip->attempt->context.renditions, &aside->ahead,
                                    kn_clip_path(clip, file), aside->path, cancel, &why);
        tell(clip, aside, status, &why);
    }
}

void kn_clip_renditions_discard(struct clip_work *clip)
{
    struct clip_renditions *renditions = clip->renditions;
    for (int i = 0; renditions && i < renditions->count; i++)
        if (renditions->at[i].path)
            kn_file_discard(renditions->at[i].path);
    clip->clip.renditions = NULL;
}
