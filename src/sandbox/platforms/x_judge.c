/* What X finds out about a file ("Media best practices", 2026-09-01), and what it calls it. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sandbox/platforms/x.h"

enum {
    LEAST_PX = 32,
    LONG_PX = 1280,
    SHORT_PX = 1024,
    GIF_WIDTH_PX = 1280,
    GIF_HEIGHT_PX = 1080,
    ASPECT = 3,
    CHANNELS = 2,
    LEAST_US = 500000,
    HEAD_BYTES = 4096,
};
#define FPS 60.01 /* 60, and what a container rounds */

/* NULL: fine. Sizes may be turned. */
static const char *judge_picture(const struct kn_shown_facts *facts)
{
    int longer = KN_MAX(facts->width, facts->height), shorter = KN_MIN(facts->width, facts->height);
    if (shorter < LEAST_PX || longer > LONG_PX || shorter > SHORT_PX)
        return "Unsupported video size";
    if (longer > ASPECT * shorter)
        return "Unsupported aspect ratio";
    return facts->fps > FPS ? "Unsupported frame rate" : NULL;
}

static const char *judge_video(const struct kn_shown_facts *facts)
{
    if (!facts->readable || !facts->video[0] || !strstr(facts->container, "mp4"))
        return "Unsupported video format";
    if (strcmp(facts->video, "h264") != 0)
        return "Unsupported video codec";
    if (facts->audio[0] && (strcmp(facts->audio, "aac") != 0 || facts->audio_channels > CHANNELS))
        return "Unsupported audio codec";
    if (facts->duration_us < LEAST_US)
        return "Video is too short";
    return judge_picture(facts);
}

static const char *judge_gif(const struct kn_shown_facts *facts)
{
    if (!facts->readable || strcmp(facts->video, "gif") != 0)
        return "Unsupported image format";
    return facts->width > GIF_WIDTH_PX || facts->height > GIF_HEIGHT_PX ? "Unsupported image size"
                                                                        : NULL;
}

void kn_xapi_judge(struct kn_xapi_media *media, bool fails)
{
    const struct kn_shown_facts *facts = &media->upload->facts;
    const char *why = media->kind == KN_XAPI_GIF ? judge_gif(facts) : judge_video(facts);
    if (!why && !fails)
        return;
    bool unreadable = !facts->readable || !facts->video[0];
    media->code = fails || unreadable ? 1 : 3;
    media->failure = fails ? "InternalError" : unreadable ? "InvalidMedia" : "UnsupportedMedia";
    media->message = fails ? "Internal error" : why;
}

/* Whether a text is in the file's first bytes. */
static bool begins_with_text(const char *path, const char *text)
{
    char head[HEAD_BYTES];
    FILE *file = fopen(path, "rbe");
    size_t size = file ? fread(head, 1, sizeof head, file) : 0;
    if (file)
        fclose(file);
    return memmem(head, size, text, strlen(text)) != NULL;
}

const char *kn_xapi_judge_small(const struct kn_xapi_media *media)
{
    if (media->kind == KN_XAPI_IMAGE && !media->upload->facts.video[0])
        return "The file is no image that is known.";
    if (media->kind == KN_XAPI_CAPTIONS && !begins_with_text(media->upload->path, "-->"))
        return "The file has no subtitles.";
    return NULL;
}
