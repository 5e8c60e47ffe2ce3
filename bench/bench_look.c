/*
 * bench_look VIDEO [FOLDER]: what looking costs, as shares of a full decode in the same run.
 *
 * With FOLDER, pictures of the looked-at segments are written there (PPM) with what was seen drawn
 * on them: faces (white; brighter while the mouth moves), the 9:16 crop (yellow), and a mark in the
 * upper left corner of the first picture of each shot. For a person's eyes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kirinuki/executor.h>

#include "base/clock.h"
#include "base/file.h"
#include "clip/framing.h"
#include "media/probe.h"
#include "media/survey.h"
#include "media/video_reader.h"
#include "pipeline/look.h"

enum { SEGMENTS = 5, SEGMENT_US = 30 * 1000 * 1000, DRAWN_STEP_US = 1000 * 1000 };

struct bench {
    struct kn_arena *arena;
    struct kn_source source;
    struct kn_face_finder *finder;
    struct kn_executor *executor;
    struct kn_seen seen;
    int64_t segment_us; /* where the segment begins that is looked at */
    struct kn_closeup closeup;
};

__attribute__((noreturn)) static void give_up(const struct kn_error *err)
{
    fprintf(stderr, "bench_look: %s\n", kn_error_text(err));
    exit(1);
}

/* ---- What is measured ---- */

static enum kn_status decode_all(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct bench *bench = arg;
    struct kn_video_options options = {.end_us = -1, .pixels = KN_PIXELS_YUV420P};
    KN_SCOPED(kn_video_reader) reader = NULL;
    enum kn_status status = kn_video_reader_open(&bench->source, &options, &reader, err);
    struct kn_picture picture = {0};
    while (status == KN_OK && (status = kn_cancel_check(env->cancel, err)) == KN_OK &&
           (status = kn_video_reader_read(reader, &picture, err)) == KN_OK)
        kn_picture_clear(&picture);
    return status == KN_END ? KN_OK : status;
}

static void hear_nothing(void *arg, const struct kn_coded *coded)
{
    (void)arg;
    (void)coded;
}

static enum kn_status survey(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct bench *bench = arg;
    return kn_survey(&bench->source, env->cancel, hear_nothing, NULL, err);
}

static enum kn_status look_over_without_faces(void *arg, const struct kn_step_env *env,
                                              struct kn_error *err)
{
    struct bench *bench = arg;
    return kn_look_over(&bench->source, NULL, env, bench->arena, &bench->seen, err);
}

static enum kn_status look_over(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct bench *bench = arg;
    return kn_look_over(&bench->source, bench->finder, env, bench->arena, &bench->seen, err);
}

static enum kn_status look_closely(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct bench *bench = arg;
    int64_t end_us = bench->segment_us + SEGMENT_US;
    return kn_look_closely(&bench->source, bench->finder, bench->segment_us,
                           KN_MIN(end_us, bench->source.duration_us), env, bench->arena,
                           &bench->closeup, err);
}

/* CPU seconds of one step. */
static double cost_of(struct bench *bench, kn_step_fn *run)
{
    struct kn_error err = {0};
    struct kn_plan *plan = kn_plan_new();
    const struct kn_step step = {.name = "bench", .lane = KN_LANE_CPU, .run = run, .arg = bench};
    kn_plan_add(plan, &step);
    int64_t before_us = kn_cpu_us();
    if (kn_executor_run_wait(bench->executor, plan, NULL, NULL, &err) != KN_OK)
        give_up(&err);
    double seconds = kn_seconds(kn_cpu_us() - before_us);
    kn_plan_free(plan);
    return seconds;
}

static void print_line(const char *what, double seconds, double whole)
{
    printf("%-34s %8.2f CPU s   %6.3f\n", what, seconds, whole > 0 ? seconds / whole : 0);
}

/* ---- What is drawn ---- */

struct canvas {
    uint8_t *rgb;
    int width, height;
};

static void dot(struct canvas *canvas, int x, int y, const int colour[3])
{
    if (x < 0 || y < 0 || x >= canvas->width || y >= canvas->height)
        return;
    uint8_t *at = canvas->rgb + ((size_t)y * (size_t)canvas->width + (size_t)x) * 3;
    for (int c = 0; c < 3; c++)
        at[c] = (uint8_t)colour[c];
}

/* Shares of the picture. */
static void frame(struct canvas *canvas, double x, double y, double width, double height,
                  const int colour[3])
{
    int x0 = (int)(x * canvas->width), x1 = (int)((x + width) * canvas->width) - 1;
    int y0 = (int)(y * canvas->height), y1 = (int)((y + height) * canvas->height) - 1;
    for (int thick = 0; thick < 2; thick++) {
        for (int i = x0; i <= x1; i++) {
            dot(canvas, i, y0 + thick, colour);
            dot(canvas, i, y1 - thick, colour);
        }
        for (int i = y0; i <= y1; i++) {
            dot(canvas, x0 + thick, i, colour);
            dot(canvas, x1 - thick, i, colour);
        }
    }
}

static void draw_faces(struct canvas *canvas, const struct kn_closeup *closeup, int64_t at_us)
{
    for (int t = 0; t < closeup->track_count; t++) {
        const struct kn_face_track *track = &closeup->tracks[t];
        if (at_us < track->start_us || at_us >= track->end_us)
            continue;
        int i = 0;
        while (i + 1 < track->sample_count && track->samples[i + 1].at_us <= at_us)
            i++;
        const struct kn_track_sample *sample = &track->samples[i];
        int speaks = (int)KN_MIN(sample->mouth * 1000, 255.f);
        frame(canvas, (double)sample->x, (double)sample->y, (double)sample->width,
              (double)sample->height, (const int[3]){255, 255 - speaks, 255 - speaks});
    }
}

static void draw_crops(struct canvas *canvas, const struct kn_source *source,
                       const struct kn_framing *framing, int64_t at_us)
{
    int k = 0;
    while (k + 1 < framing->key_count && framing->keys[k + 1].at_us <= at_us)
        k++;
    const struct kn_frame_key *key = &framing->keys[k], *next = key + 1;
    bool moves = k + 1 < framing->key_count && !next->cut && next->layout == key->layout;
    double t = moves ? (double)(at_us - key->at_us) / (double)(next->at_us - key->at_us) : 0;
    for (int p = 0; p < key->pane_count; p++) {
        struct kn_rect a = key->panes[p], b = moves ? next->panes[p] : a;
        frame(canvas, (a.x + t * (b.x - a.x)) / source->width_px,
              (a.y + t * (b.y - a.y)) / source->height_px,
              (a.width + t * (b.width - a.width)) / source->width_px,
              (a.height + t * (b.height - a.height)) / source->height_px,
              (const int[3]){255, 220, 0});
    }
}

static void write_ppm(const char *path, const struct canvas *canvas)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return;
    fprintf(file, "P6\n%d %d\n255\n", canvas->width, canvas->height);
    fwrite(canvas->rgb, 3, (size_t)canvas->width * (size_t)canvas->height, file);
    fclose(file);
}

static void draw_picture(struct bench *bench, const struct kn_framing *framing,
                         const struct kn_picture *picture, bool cut, const char *folder)
{
    struct canvas canvas = {.width = picture->width_px, .height = picture->height_px};
    canvas.rgb = kn_malloc((size_t)canvas.width * (size_t)canvas.height * 3);
    for (int y = 0; y < canvas.height; y++)
        memcpy(canvas.rgb + (size_t)y * (size_t)canvas.width * 3,
               picture->planes[0] + (ptrdiff_t)y * picture->strides[0], (size_t)canvas.width * 3);
    draw_faces(&canvas, &bench->closeup, picture->at_us);
    draw_crops(&canvas, &bench->source, framing, picture->at_us);
    for (int i = 0; cut && i < 40 * 20; i++)
        dot(&canvas, i % 40, i / 40, (const int[3]){255, 0, 0});
    char *path =
        kn_arena_printf(bench->arena, "%s/%09lld.ppm", folder, (long long)(picture->at_us / 1000));
    write_ppm(path, &canvas);
    free(canvas.rgb);
}

static bool is_cut(const struct kn_closeup *closeup, int64_t at_us)
{
    for (int i = 0; i < closeup->cut_count; i++)
        if (closeup->cuts_us[i] == at_us)
            return true;
    return false;
}

static void draw(struct bench *bench, const char *folder)
{
    struct kn_error err = {0};
    struct kn_framing framing;
    const struct kn_framing_options how = {KN_ASPECT_9_16, KN_LAYOUT_AUTO};
    kn_framing_plan(&bench->source, &bench->closeup, NULL, &how, bench->arena, &framing);
    struct kn_video_options options = {
        .start_us = bench->closeup.start_us,
        .end_us = bench->closeup.end_us,
        .pixels = KN_PIXELS_RGB24,
        .width_px =
            640 * bench->source.width_px / KN_MAX(bench->source.width_px, bench->source.height_px),
        .height_px =
            640 * bench->source.height_px / KN_MAX(bench->source.width_px, bench->source.height_px),
    };
    KN_SCOPED(kn_video_reader) reader = NULL;
    if (kn_video_reader_open(&bench->source, &options, &reader, &err) != KN_OK)
        give_up(&err);
    struct kn_picture picture = {0};
    int64_t last_us = INT64_MIN;
    while (kn_video_reader_read(reader, &picture, &err) == KN_OK) {
        bool cut = is_cut(&bench->closeup, picture.at_us);
        if (cut || last_us == INT64_MIN || picture.at_us - last_us >= DRAWN_STEP_US) {
            draw_picture(bench, &framing, &picture, cut, folder);
            last_us = picture.at_us;
        }
        kn_picture_clear(&picture);
    }
}

/* ---- The run ---- */

static void open_all(struct bench *bench, const char *path)
{
    struct kn_error err = {0};
    bench->arena = kn_arena_new();
    if (kn_probe(path, bench->arena, NULL, &bench->source, &err) != KN_OK)
        give_up(&err);
    if (kn_face_finder_open(NULL, &bench->finder, &err) != KN_OK)
        fprintf(stderr, "without faces: %s\n", kn_error_text(&err));
    int workers[KN_LANE_COUNT];
    kn_executor_defaults(workers);
    if (kn_executor_open(workers, &bench->executor, &err) != KN_OK)
        give_up(&err);
}

/* Five segments spread over the source, or one if it is short. */
static double look_at_segments(struct bench *bench, const char *folder)
{
    int64_t room_us = bench->source.duration_us - SEGMENT_US;
    int count = room_us > SEGMENTS * (int64_t)SEGMENT_US ? SEGMENTS : 1;
    double seconds = 0;
    for (int i = 0; i < count; i++) {
        bench->segment_us = count > 1 ? room_us * i / (count - 1) : 0;
        seconds += cost_of(bench, look_closely);
        printf("  closely from %.1f s: %d cuts, %d faces followed\n", kn_seconds(bench->segment_us),
               bench->closeup.cut_count, bench->closeup.track_count);
        for (int c = 0; c < bench->closeup.cut_count; c++)
            printf("%s%.2f", c ? ", " : "  cuts at ", kn_seconds(bench->closeup.cuts_us[c]));
        printf("%s", bench->closeup.cut_count ? "\n" : "");
        if (folder)
            draw(bench, folder);
    }
    return seconds;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: bench_look VIDEO [FOLDER]\n");
        return 2;
    }
    struct bench bench = {0};
    open_all(&bench, argv[1]);
    double whole = cost_of(&bench, decode_all);
    double sizes = cost_of(&bench, survey);
    double bare = cost_of(&bench, look_over_without_faces);
    double over = cost_of(&bench, look_over);
    double closely = look_at_segments(&bench, argc == 3 ? argv[2] : NULL);
    printf("%-34s %14s   %6s\n", "", "", "share");
    print_line("full decode", whole, whole);
    print_line("survey of packets", sizes, whole);
    print_line("coarse look, without faces", bare, whole);
    print_line("coarse look", over, whole);
    print_line("close looks", closely, whole);
    print_line("looking in all", over + closely, whole);
    kn_executor_close(bench.executor);
    kn_face_finder_close(bench.finder);
    kn_arena_free(bench.arena);
    return 0;
}
