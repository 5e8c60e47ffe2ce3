#include "platform/post_document.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"

static json_t *clip_document(const struct kn_post_clip *clip, const char *file_name)
{
    return json_pack("{s:o, s:o, s:I, s:o, s:i, s:i}", "file", kn_json_text(file_name), "xxh3_128",
                     kn_json_text(clip->hash), "bytes", (json_int_t)clip->bytes, "duration_s",
                     kn_json_seconds(clip->duration_us), "width_px", clip->width_px, "height_px",
                     clip->height_px);
}

json_t *kn_post_document(const struct kn_posting *posting, const char *file_name)
{
    const struct kn_post_text *text = &posting->text;
    const struct kn_post_options *options = &posting->options;
    char at[KN_TIME_TEXT_BYTES];
    json_t *tags = json_array();
    for (int i = 0; i < text->tag_count; i++)
        json_array_append_new(tags, kn_json_text(text->tags[i]));
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:b, s:b, s:b, s:o}", "marker", posting->marker,
        "title", kn_json_text(text->title), "caption", kn_json_text(text->caption), "tags", tags,
        "language", kn_json_text(text->language), "privacy", kn_privacy_name(options->privacy),
        "publish_at",
        options->publish_at_us ? kn_json_text(kn_time_iso(options->publish_at_us, at))
                               : json_null(),
        "cover_s", options->cover_us >= 0 ? kn_json_seconds(options->cover_us) : json_null(),
        "draft", options->draft, "made_for_kids", options->made_for_kids, "made_with_ai",
        options->made_with_ai, "clip", clip_document(&posting->clip, file_name));
}

const char *kn_post_content_type(const char *path)
{
    static const struct {
        const char *ending, *type;
    } types[] = {{".mov", "video/quicktime"}, {".webm", "video/webm"}};
    for (size_t i = 0; i < KN_COUNT_OF(types); i++)
        if (kn_ends_with(path, types[i].ending))
            return types[i].type;
    return "video/mp4";
}
