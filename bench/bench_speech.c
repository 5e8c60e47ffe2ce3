/*
 * What listening costs.
 *
 *     bench_speech [FILE]
 *
 * Each line is measured in a process of its own: the voice detector alone, recognition of the
 * whole sound in pieces of 15 s by one and by two threads over one session, and the whole of
 * kn_listen (decoding, curves, detector, recognition) with one and two workers. Real-time factors
 * are wall time over the sound's length, and CPU seconds over it: the second one is what counts on
 * a busy machine. The aim is a real-time factor of 0.03 or less on two cores.
 *
 * FILE: anything with speech; the corpus's lecture by default.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kirinuki/kirinuki.h>

#include "ai/moonshine.h"
#include "ai/silero.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/vec.h"
#include "media/audio_reader.h"
#include "media/probe.h"
#include "pipeline/listen.h"

enum { RATE_HZ = 16000, PIECE = 15 * RATE_HZ };

struct bench {
    struct kn_source source;
    struct kn_arena *arena;
    KN_VEC(float) sound; /* mono, 16 kHz */
};

/* What a measured process sends back. */
struct cost {
    double load_s, wall_s, cpu_s;
    int words;
};

static void must(enum kn_status status, const struct kn_error *err)
{
    if (status != KN_OK) {
        fprintf(stderr, "bench_speech: %s\n", kn_error_text(err));
        exit(1);
    }
}

static void read_sound(struct bench *bench)
{
    static const struct kn_audio_format format = {RATE_HZ, 1};
    struct kn_error err = {0};
    KN_SCOPED(kn_audio_reader) reader = NULL;
    must(kn_audio_reader_open(&bench->source, &format, 0, -1, &reader, &err), &err);
    for (;;) {
        int got;
        kn_vec_reserve(&bench->sound, bench->sound.count + RATE_HZ);
        enum kn_status status =
            kn_audio_reader_read(reader, bench->sound.at + bench->sound.count, RATE_HZ, &got, &err);
        if (status == KN_END)
            return;
        must(status, &err);
        bench->sound.count += got;
    }
}

/* The measurements */

static void detect(struct bench *bench, int workers, struct cost *cost)
{
    struct kn_error err = {0};
    KN_SCOPED(kn_silero) silero = NULL;
    (void)workers;
    int64_t start_us = kn_now_us();
    must(kn_silero_open(NULL, &silero, &err), &err);
    cost->load_s = kn_seconds(kn_now_us() - start_us);
    float probability;
    for (int i = 0; i + KN_SILERO_FRAME <= bench->sound.count; i += KN_SILERO_FRAME)
        must(kn_silero_next(silero, bench->sound.at + i, &probability, &err), &err);
}

struct pieces {
    struct bench *bench;
    struct kn_moonshine *moonshine;
    atomic_int next;
};

static void *recognise_pieces(void *arg)
{
    struct pieces *pieces = arg;
    struct kn_arena *arena = kn_arena_new();
    struct kn_error err = {0};
    for (;;) {
        int from = atomic_fetch_add(&pieces->next, PIECE);
        int count = KN_MIN(PIECE, pieces->bench->sound.count - from);
        if (count <= 0)
            break;
        struct kn_moonshine_text text;
        must(kn_moonshine_listen(pieces->moonshine, pieces->bench->sound.at + from, count, NULL,
                                 arena, &text, &err),
             &err);
        kn_arena_reset(arena);
    }
    kn_arena_free(arena);
    return NULL;
}

static void recognise(struct bench *bench, int workers, struct cost *cost)
{
    struct kn_error err = {0};
    struct pieces pieces = {.bench = bench};
    pthread_t threads[8];
    int64_t start_us = kn_now_us();
    must(kn_moonshine_open(NULL, &pieces.moonshine, &err), &err);
    cost->load_s = kn_seconds(kn_now_us() - start_us);
    for (int i = 0; i < workers; i++)
        if (pthread_create(&threads[i], NULL, recognise_pieces, &pieces) != 0)
            abort();
    for (int i = 0; i < workers; i++)
        pthread_join(threads[i], NULL);
    kn_moonshine_close(pieces.moonshine);
}

struct listening {
    struct bench *bench;
    struct kn_heard heard;
};

static enum kn_status listen_step(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct listening *listening = arg;
    const struct kn_listen_options options = {.recognise = true};
    return kn_listen(&listening->bench->source, &options, env, listening->bench->arena,
                     &listening->heard, err);
}

static void listen_whole(struct bench *bench, int workers, struct cost *cost)
{
    struct kn_error err = {0};
    struct listening listening = {.bench = bench};
    struct kn_executor *executor;
    const int lanes[KN_LANE_COUNT] = {1, workers, 0};
    must(kn_executor_open(lanes, &executor, &err), &err);
    struct kn_plan *plan = kn_plan_new();
    kn_plan_add(plan,
                &(struct kn_step){
                    .name = "listen", .lane = KN_LANE_CPU, .run = listen_step, .arg = &listening});
    must(kn_executor_run_wait(executor, plan, NULL, NULL, &err), &err);
    cost->words = listening.heard.word_count;
    kn_plan_free(plan);
    kn_executor_close(executor);
}

typedef void measured_fn(struct bench *bench, int workers, struct cost *cost);

/* Runs `measured` in a child process and prints its line. `sound`: the child needs it decoded. */
static void measure(const char *name, struct bench *bench, measured_fn *measured, int workers,
                    bool sound)
{
    int ends[2];
    struct cost cost = {0};
    struct rusage usage;
    int status;
    if (pipe(ends) != 0)
        abort();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (sound)
            read_sound(bench);
        int64_t wall_us = kn_now_us(), cpu_us = kn_cpu_us();
        measured(bench, workers, &cost);
        cost.wall_s = kn_seconds(kn_now_us() - wall_us);
        cost.cpu_s = kn_seconds(kn_cpu_us() - cpu_us);
        _exit(write(ends[1], &cost, sizeof cost) == sizeof cost ? 0 : 1);
    }
    close(ends[1]);
    bool whole = read(ends[0], &cost, sizeof cost) == sizeof cost;
    close(ends[0]);
    if (wait4(pid, &status, 0, &usage) != pid || !whole)
        exit(1);
    double length_s = kn_seconds(bench->source.duration_us);
    printf("%-32s %7d %8.2f %8.2f %9.4f %9.4f %8.2f %7ld\n", name, workers, cost.wall_s, cost.cpu_s,
           cost.wall_s / length_s, cost.cpu_s / length_s, cost.load_s, usage.ru_maxrss / 1024);
    if (cost.words)
        printf("%-32s %7d words\n", "", cost.words);
}

int main(int argc, char **argv)
{
    struct bench bench = {.arena = kn_arena_new()};
    struct kn_error err = {0};
    const char *root = getenv("KN_SOURCE_ROOT");
    const char *path =
        argc > 1 ? argv[1]
                 : kn_arena_printf(bench.arena, "%s/../shared/corpus/physicsworks_6ch_opus.webm",
                                   root ? root : ".");
    if (argc < 2 && !kn_file_exists(path)) {
        printf("skipped: the corpus is not here; give a file with speech\n");
        return 0;
    }
    must(kn_probe(path, bench.arena, NULL, &bench.source, &err), &err);
    printf("%s, %.1f s of sound\n", kn_path_base(path), kn_seconds(bench.source.duration_us));
    printf("%-32s %7s %8s %8s %9s %9s %8s %7s\n", "", "workers", "wall s", "CPU s", "wall RTF",
           "CPU RTF", "load s", "RSS MB");
    measure("voice detector", &bench, detect, 1, true);
    measure("recognition, pieces of 15 s", &bench, recognise, 1, true);
    measure("recognition, pieces of 15 s", &bench, recognise, 2, true);
    measure("listening, the whole", &bench, listen_whole, 1, false);
    measure("listening, the whole", &bench, listen_whole, 2, false);
    kn_arena_free(bench.arena);
    return 0;
}
