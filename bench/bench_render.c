/*
 * What rendering a clip costs beyond its encoder.
 *
 *     bench_render [VIDEO [START [SECONDS]]]
 *
 * The frames of a clip (1080x1920, cropped, with captions) are first composed to a file. Then, in
 * turns and each in a process of its own: encoding these frames and nothing else, and the whole
 * render of the clip: seek, decode, crop and scale, captions, loudness, encode, mux. The aim is at
 * most 1.15 times the time of the encoder alone on the same cores.
 *
 * Then, with two threads, the clip and its rendition for X: made of the finished clip, as for clips
 * that were there before, and in the clip's own pass, as `kirinuki run --publish` does it.
 *
 * VIDEO: a talk of 1080p or so; 30 s from the first minute on by default.
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "clip/burn.h"
#include "clip/render.h"
#include "clip/timing.h"
#include "media/compose.h"
#include "media/encoder.h"
#include "media/probe.h"
#include "media/video_reader.h"
#include "pipeline/post_facts.h"
#include "pipeline/rendition.h"
#include "platform/platform.h"

enum { WIDTH = 1080, HEIGHT = 1920, FRAME_BYTES = WIDTH * HEIGHT * 3 / 2, ROUNDS = 2 };

struct bench {
    struct kn_source source;
    struct kn_render_request request;
    struct kn_clip_timing timing;
    struct kn_framing framing;
    struct kn_frame_key key;
    const char *ass;
    const char *raw; /* the composed frames */
    const char *out;
    struct kn_render_smaller smaller;
    struct kn_render_target both[2]; /* the clip, and its rendition in `second` */
    const char *second;
};

struct cost {
    double wall_s, cpu_s;
    long peak_mb;
};

static void must(enum kn_status status, const struct kn_error *err)
{
    if (status != KN_OK) {
        fprintf(stderr, "bench_render: %s\n", kn_error_text(err));
        exit(1);
    }
}

/* Four words at a time, the one that is said in another colour. */
static char *make_captions(struct kn_arena *arena, int seconds)
{
    static const char *const words[] = {"words", "that",  "light", "up",  "one",   "by",
                                        "one",   "while", "they",  "are", "being", "said"};
    KN_SCOPED_STR ass = {0};
    kn_str_add(&ass, "[Script Info]\nScriptType: v4.00+\nPlayResX: 1080\nPlayResY: 1920\n"
                     "[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, "
                     "OutlineColour, BackColour, Bold, Outline, Shadow, Alignment, MarginV\n"
                     "Style: D,DejaVu Sans,84,&H00FFFFFF,&H00000000,&H80000000,-1,6,3,2,480\n"
                     "[Events]\nFormat: Start, End, Style, Text\n");
    for (int n = 0; n < seconds * 3; n++) {
        int from = n * 100 / 3, to = (n + 1) * 100 / 3; /* hundredths of a second */
        kn_str_printf(&ass, "Dialogue: 0:%02d:%02d.%02d,0:%02d:%02d.%02d,D,", from / 6000,
                      from / 100 % 60, from % 100, to / 6000, to / 100 % 60, to % 100);
        for (int i = n / 4 * 4; i < n / 4 * 4 + 4; i++)
            kn_str_printf(&ass, i == n ? "{\\c&H00FFFF&}%s{\\c&HFFFFFF&} " : "%s ",
                          words[i % (int)KN_COUNT_OF(words)]);
        kn_str_add_char(&ass, '\n');
    }
    return kn_arena_strdup(arena, kn_str_text(&ass));
}

/* The costs of `work` in a process of its own. */
static struct cost measure(const struct bench *bench, void (*work)(const struct bench *bench))
{
    int64_t start_us = kn_now_us();
    struct rusage usage;
    int state;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        work(bench);
        _exit(0);
    }
    if (pid < 0 || wait4(pid, &state, 0, &usage) != pid || state != 0)
        exit(1);
    return (struct cost){
        .wall_s = kn_seconds(kn_now_us() - start_us),
        .cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
        .peak_mb = usage.ru_maxrss / 1024,
    };
}

static void write_frame(FILE *file, const struct kn_picture *frame)
{
    for (int i = 0; i < 3; i++)
        for (int y = 0; y < (i ? HEIGHT / 2 : HEIGHT); y++)
            fwrite(frame->planes[i] + (ptrdiff_t)y * frame->strides[i], 1, i ? WIDTH / 2 : WIDTH,
                   file);
}

/* Everything but encoding; also what is encoded alone later. */
static void compose_frames(const struct bench *bench, FILE *file)
{
    struct kn_error err = {0};
    KN_SCOPED(kn_video_reader) reader = NULL;
    KN_SCOPED(kn_burner) burner = NULL;
    KN_SCOPED(kn_composer) composer = kn_composer_new(&bench->source, WIDTH, HEIGHT);
    const struct kn_video_options options = {
        .start_us = bench->request.start_us, .end_us = -1, .pixels = KN_PIXELS_YUV420P};
    must(kn_video_reader_open(&bench->source, &options, &reader, &err), &err);
    must(kn_burner_open(bench->ass, WIDTH, HEIGHT, &burner, &err), &err);
    struct kn_picture picture = {0}, frame = {0};
    for (int n = 0; n < bench->timing.frames; n++) {
        kn_picture_clear(&picture);
        must(kn_video_reader_read(reader, &picture, &err), &err);
        must(kn_composer_run(composer, &picture, &bench->key, &frame, &err), &err);
        kn_burner_draw(burner, &frame, kn_clip_frame_us(&bench->timing, n));
        if (file)
            write_frame(file, &frame);
    }
    kn_picture_clear(&picture);
    kn_picture_clear(&frame);
}

static void compose_only(const struct bench *bench)
{
    compose_frames(bench, NULL);
}

static void encode_only(const struct bench *bench)
{
    const struct kn_render_settings *settings = bench->request.settings;
    struct kn_error err = {0};
    KN_SCOPED(kn_encoder) encoder = NULL;
    const struct kn_encoder_options options = {.path = bench->out,
                                               .width_px = WIDTH,
                                               .height_px = HEIGHT,
                                               .frame_rate = bench->timing.rate,
                                               .encoder = settings->encoder,
                                               .preset = settings->preset,
                                               .crf = settings->crf,
                                               .threads = settings->threads};
    must(kn_encoder_open(&options, &encoder, &err), &err);
    int fd = open(bench->raw, O_RDONLY);
    size_t size = (size_t)FRAME_BYTES * (size_t)bench->timing.frames;
    const uint8_t *at = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (fd < 0 || at == MAP_FAILED)
        exit(1);
    struct kn_picture_pool *pool = kn_picture_pool_new(KN_PIXELS_YUV420P, WIDTH, HEIGHT);
    for (int n = 0; n < bench->timing.frames; n++) {
        struct kn_picture frame = {0};
        kn_picture_pool_get(pool, &frame);
        for (int i = 0; i < 3; i++)
            for (int y = 0, w = i ? WIDTH / 2 : WIDTH; y < (i ? HEIGHT / 2 : HEIGHT); y++, at += w)
                memcpy(kn_picture_rows(&frame, i) + (ptrdiff_t)y * frame.strides[i], at, (size_t)w);
        must(kn_encoder_picture(encoder, &frame, &err), &err);
        kn_picture_clear(&frame);
    }
    must(kn_encoder_finish(encoder, &err), &err);
    kn_picture_pool_free(pool);
}

static void render_all(const struct bench *bench)
{
    struct kn_render_report report;
    struct kn_error err = {0};
    must(kn_render(&bench->request, NULL, NULL, &report, &err), &err);
}

/* ---- a rendition ---- */

static void make_rendition(const struct bench *bench)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_media_facts facts;
    struct kn_file_identity identity;
    struct kn_error err = {0};
    must(kn_post_facts(bench->out, arena, NULL, &facts, &err), &err);
    must(kn_file_identify(bench->out, &identity, &err), &err);
    const struct kn_rendition_order order = {
        .clip_path = bench->out,
        .bytes = identity.size_bytes,
        .modified_us = identity.changed_s * KN_US_PER_S + identity.changed_ns / 1000,
        .target = kn_rendition_target_of(&facts, kn_platform_x.media),
        .path = bench->second,
        .threads = bench->request.settings->threads,
    };
    must(kn_rendition_make(&order, NULL, NULL, &err), &err);
    kn_arena_free(arena);
}

static void clip_then_rendition(const struct bench *bench)
{
    render_all(bench);
    make_rendition(bench);
}

static void both_in_one_pass(const struct bench *bench)
{
    struct bench both = *bench;
    both.request.target_count = 2;
    both.request.targets = bench->both;
    render_all(&both);
}

static void prepare_rendition(struct bench *bench)
{
    const struct kn_media_facts facts = {
        .width_px = WIDTH,
        .height_px = HEIGHT,
        .fps = (double)bench->timing.rate.num / bench->timing.rate.den,
        .duration_us = bench->request.end_us - bench->request.start_us};
    struct kn_rendition_target target = kn_rendition_target_of(&facts, kn_platform_x.media);
    bench->smaller = (struct kn_render_smaller){
        target.width_px, target.height_px, kn_rendition_picture_bits(&target, facts.duration_us)};
    bench->both[0] = bench->both[1] = bench->request.targets[0];
    bench->both[1].path = bench->second;
    bench->both[1].smaller = &bench->smaller;
}

static void print_costs(const char *name, struct cost cost, struct cost alone)
{
    printf("%-37s %6.2f s wall (x%.2f) %7.2f s CPU (x%.2f)", name, cost.wall_s,
           cost.wall_s / alone.wall_s, cost.cpu_s, cost.cpu_s / alone.cpu_s);
    printf(cost.peak_mb ? "   peak %ld MB\n" : "\n", cost.peak_mb);
}

static void add_cost(struct cost *sum, struct cost one)
{
    sum->wall_s += one.wall_s / ROUNDS;
    sum->cpu_s += one.cpu_s / ROUNDS;
    sum->peak_mb = KN_MAX(sum->peak_mb, one.peak_mb);
}

static void run_bench(struct bench *bench, struct kn_render_settings *settings, const char *name)
{
    struct cost alone = {0}, whole = {0};
    for (int round = 0; round < ROUNDS; round++) {
        add_cost(&alone, measure(bench, encode_only));
        add_cost(&whole, measure(bench, render_all));
    }
    alone.peak_mb = 0; /* the mapped frames would count */
    printf("%s, %d encoder threads\n", name, settings->threads);
    print_costs("  x264 alone", alone, alone);
    print_costs("  the whole render", whole, alone);
}

static void run_rendition_bench(struct bench *bench)
{
    struct cost clip = {0}, after = {0}, beside = {0};
    prepare_rendition(bench);
    for (int round = 0; round < ROUNDS; round++) {
        add_cost(&clip, measure(bench, render_all));
        add_cost(&after, measure(bench, clip_then_rendition));
        add_cost(&beside, measure(bench, both_in_one_pass));
    }
    printf("a clip and its rendition of %dx%d, %d encoder threads each\n", bench->smaller.width_px,
           bench->smaller.height_px, bench->request.settings->threads);
    print_costs("  the clip alone", clip, clip);
    print_costs("  the clip, then of it the rendition", after, clip);
    print_costs("  both in one pass", beside, clip);
    printf("aim: both in one pass against one after the other: wall %.2f, CPU %.2f (at most 0.95) "
           "%s\n",
           beside.wall_s / after.wall_s, beside.cpu_s / after.cpu_s,
           beside.cpu_s <= 0.95 * after.cpu_s ? "reached" : "MISSED");
}

int main(int argc, char **argv)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_error err = {0};
    const char *root = getenv("KN_SOURCE_ROOT");
    const char *video = argc > 1 ? argv[1]
                                 : kn_arena_printf(arena, "%s/../shared/corpus/%s",
                                                   root ? root : ".", "autoeditor_example.mp4");
    if (argc < 2 && !kn_file_exists(video)) {
        puts("skipped: no video is given, and the corpus is not here");
        return 0;
    }
    struct bench bench = {.key = {.layout = KN_LAYOUT_FILL, .pane_count = 1}};
    must(kn_probe(video, arena, NULL, &bench.source, &err), &err);
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 30.0;
    double start = argc > 2 ? strtod(argv[2], NULL)
                            : fmin(60.0, kn_seconds(bench.source.duration_us) - seconds - 1.0);
    start = fmax(start, 0.0);
    double width = fmin(bench.source.width_px, bench.source.height_px * 9.0 / 16.0);
    bench.key.panes[0] =
        (struct kn_rect){(bench.source.width_px - width) / 2.0, 0.0, width, bench.source.height_px};
    bench.framing = (struct kn_framing){KN_ASPECT_9_16, 1, &bench.key};
    const char *folder = getenv("TMPDIR") ? getenv("TMPDIR") : "/var/tmp";
    bench.raw = kn_arena_printf(arena, "%s/kn-bench-%d.yuv", folder, (int)getpid());
    bench.out = kn_arena_printf(arena, "%s/kn-bench-%d.mp4", folder, (int)getpid());
    bench.second = kn_arena_printf(arena, "%s/kn-bench-%d-smaller.mp4", folder, (int)getpid());
    bench.ass = make_captions(arena, (int)ceil(seconds));
    struct kn_render_settings settings = {"libx264", "veryfast", 20, 0, -14.0, -1.5, 30};
    struct kn_render_target target = {
        .path = bench.out, .framing = &bench.framing, .ass = bench.ass};
    bench.request = (struct kn_render_request){
        .source = &bench.source,
        .start_us = (int64_t)(start * 1e6),
        .end_us = (int64_t)((start + seconds) * 1e6),
        .settings = &settings,
        .target_count = 1,
        .targets = &target,
    };
    bench.timing = kn_clip_timing_make(&bench.source, bench.request.start_us, bench.request.end_us,
                                       kn_clip_rate(&bench.source, 30), KN_ENCODER_SOUND_HZ);
    FILE *file = fopen(bench.raw, "wb");
    if (!file)
        must(kn_error_errno(&err, 2, "cannot write %s", bench.raw), &err);
    compose_frames(&bench, file);
    fclose(file);
    printf("%d frames of 1080x1920 from %dx%d, x264 veryfast CRF 20, means of %d runs\n",
           bench.timing.frames, bench.source.width_px, bench.source.height_px, ROUNDS);
    struct cost rest = measure(&bench, compose_only);
    printf("decode, compose, captions: %.2f s CPU, %.2f ms a frame\n", rest.cpu_s,
           rest.cpu_s * 1e3 / bench.timing.frames);
    for (int threads = 1; threads <= 2; threads++) {
        settings.threads = threads;
        run_bench(&bench, &settings, "one clip");
    }
    run_rendition_bench(&bench);
    unlink(bench.raw);
    unlink(bench.out);
    unlink(bench.second);
    kn_arena_free(arena);
    return 0;
}
