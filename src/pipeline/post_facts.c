#include "pipeline/post_facts.h"

#include <string.h>

#include "base/memory.h"
#include "base/str.h"
#include "media/boxes.h"
#include "media/probe.h"

/* FFmpeg has one reader for a family of containers; what it is called by people follows the name
 * and the brand. */
static const char *container_of(const struct kn_source *source, const struct kn_boxes *boxes)
{
    if (strstr(source->container, "mp4"))
        return strncmp(boxes->brand, "qt", 2) == 0 ? "mov" : "mp4";
    if (strstr(source->container, "webm"))
        return kn_ends_with(source->path, ".webm") ? "webm" : "mkv";
    return source->container;
}

enum kn_status kn_post_facts(const char *path, struct kn_arena *arena, struct kn_cancel *cancel,
                             struct kn_media_facts *ret_facts, struct kn_error *err)
{
    struct kn_source source;
    struct kn_boxes boxes = {0};
    enum kn_status status = kn_probe(path, arena, cancel, &source, err);
    if (status == KN_OK)
        status = kn_boxes_read(path, &boxes, err);
    if (status != KN_OK)
        return status;
    double seconds = (double)source.duration_us / 1e6;
    *ret_facts = (struct kn_media_facts){
        .bytes = source.size_bytes,
        .duration_us = source.duration_us,
        .width_px = source.width_px,
        .height_px = source.height_px,
        .fps = source.frame_rate.den ? (double)source.frame_rate.num / source.frame_rate.den : 0,
        .container = container_of(&source, &boxes),
        .video_codec = source.has_video ? source.video_codec : NULL,
        .audio_codec = source.has_audio ? source.audio_codec : NULL,
        .audio_rate = source.sample_rate_hz,
        .audio_channels = source.channels,
        /* Of the whole file: what a limit is meant to keep small. */
        .video_bits_a_second = seconds > 0 ? (int64_t)((double)source.size_bytes * 8 / seconds) : 0,
        .index_first = boxes.index_first,
        .edit_lists = boxes.edit_lists,
    };
    return KN_OK;
}
