#include "service/job_need.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "media/probe.h"

/* Pictures, of 4:2:0 with 8 bits: an encoder's have half-pixel planes beside them, which is why one
 * of its own counts for two and a half. */
enum {
    DECODER_PICTURES = 12, /* references, two threads, and what waits to be composed */
    ENCODER_PICTURES = 44, /* references, and the working copies of two threads (kn_clips_plan) */
    COMPOSED_PICTURES = 14,
    OTHER_BYTES = 8 << 20, /* sound, filters, captions */
    HOUR_BYTES = 12 << 20, /* words, shots and curves of an hour */
    LENGTH_MOST_H = 100,
};
static const double LOOKAHEAD_PICTURES = 2.5; /* for each that it looks ahead */

/* Pictures that x264 looks ahead at (x264.h, x264_param_default_preset). */
static int lookahead_of(const char *preset)
{
    static const struct {
        const char *preset;
        int pictures;
    } table[] = {
        {"ultrafast", 0}, {"superfast", 0}, {"veryfast", 10}, {"faster", 20},
        {"fast", 30},     {"medium", 40},   {"slow", 50},
    };
    for (size_t i = 0; preset && i < KN_COUNT_OF(table); i++)
        if (strcmp(preset, table[i].preset) == 0)
            return table[i].pictures;
    return 50;
}

static int64_t decoder_bytes(const struct kn_source *source)
{
    int64_t pixels = (int64_t)source->coded_width_px * source->coded_height_px;
    const char *format = source->pixel_format ? source->pixel_format : "";
    bool deep = strstr(format, "10") || strstr(format, "12") || strstr(format, "16");
    bool full = strstr(format, "444") || strstr(format, "rgb");
    return DECODER_PICTURES * pixels * (full ? 3 : 2) * (deep ? 2 : 1) * 3 / 4;
}

static int64_t encoder_bytes(int64_t pixels, int pictures, const char *preset)
{
    pictures += ENCODER_PICTURES + (int)(LOOKAHEAD_PICTURES * lookahead_of(preset));
    return pictures * pixels * 3 / 2;
}

static int64_t renditions_bytes(const struct kn_source *source,
                                const struct kn_job_options *options,
                                const struct kn_renditions_ahead *ahead)
{
    struct kn_rendition_ahead renditions[KN_RENDITIONS_AHEAD_MAX];
    int64_t need = 0;
    int count = kn_renditions_plan(ahead, source, options, options->segments.max_us, renditions);
    for (int i = 0; i < count; i++)
        need +=
            encoder_bytes((int64_t)renditions[i].target.width_px * renditions[i].target.height_px,
                          COMPOSED_PICTURES, options->render.preset);
    return need;
}

int64_t kn_job_need_of(const struct kn_source *source, const struct kn_job_options *options,
                       const struct kn_renditions_ahead *ahead)
{
    const struct kn_render_settings *render = &options->render;
    double hours = kn_seconds(source->duration_us) / 3600;
    int64_t need = OTHER_BYTES + (int64_t)(KN_CLAMP(hours, 0, LENGTH_MOST_H) * HOUR_BYTES);
    if (source->has_video)
        need += decoder_bytes(source);
    if (options->copy)
        return need + encoder_bytes((int64_t)source->coded_width_px * source->coded_height_px, 0,
                                    render->preset);
    for (int i = 0; i < options->aspects.count; i++) {
        int width_px, height_px;
        kn_aspect_size(options->aspects.at[i], &width_px, &height_px);
        need += encoder_bytes((int64_t)width_px * height_px, COMPOSED_PICTURES, render->preset);
    }
    return need + renditions_bytes(source, options, ahead);
}

int64_t kn_job_need(const char *video, const struct kn_job_options *options,
                    const struct kn_renditions_ahead *ahead, struct kn_cancel *cancel,
                    struct kn_error *ret_why)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_source source;
    *ret_why = (struct kn_error){0};
    bool known = kn_probe(video, arena, cancel, &source, ret_why) == KN_OK;
    int64_t need = known ? kn_job_need_of(&source, options, ahead) : KN_JOB_NEED_UNKNOWN_BYTES;
    kn_arena_free(arena);
    return need;
}

int64_t kn_worker_memory_now(void)
{
    long long pages, resident = 0; /* proc(5): statm counts pages */
    FILE *in = fopen("/proc/self/statm", "re");
    if (!in)
        return 0;
    if (fscanf(in, "%lld %lld", &pages, &resident) != 2)
        resident = 0;
    fclose(in);
    return resident * sysconf(_SC_PAGESIZE);
}
