/*
 * The queue's speed, with all that it does: leases, attempts, fair share, events.
 *
 *   bench_queue                        every measure beside the floor (queue_floor.h), as ratios
 *   bench_queue pg|sqlite              the same of one kind
 *   bench_queue pg|sqlite reset        empties the queue
 *   bench_queue pg|sqlite produce --n N --mode single|batch|paced [--gap MS] [--chunk N]
 *   bench_queue pg|sqlite work --n N --conc C --sleep MS
 *
 * The last three are for a harness that compares programs: each prints a line of JSON. PostgreSQL
 * is at $PGURL or $KN_TEST_POSTGRES, the SQLite file at $KN_BENCH_SQLITE.
 */
#include <kirinuki/kirinuki.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "queue/wake.h"
#include "queue_floor.h"
#include "store/store.h"

enum { JOBS = 20000, PACED_JOBS = 200, ROUNDS = 5, LEASE_US = 60000000, PAYLOAD_BYTES = 256 };

struct arguments {
    int jobs, concurrency, sleep_ms, gap_ms, chunk;
    const char *mode;
};

static void must(enum kn_status status, const struct kn_error *err)
{
    if (status == KN_OK)
        return;
    fprintf(stderr, "bench_queue: %s\n", kn_error_text(err));
    exit(1);
}

/* NULL: none is given. */
static const char *server(void)
{
    const char *given = getenv("PGURL");
    return given ? given : getenv("KN_TEST_POSTGRES");
}

static const char *place_of(const char *kind)
{
    const char *where = strcmp(kind, "pg") == 0 ? server() : getenv("KN_BENCH_SQLITE");
    if (where)
        return where;
    if (strcmp(kind, "pg") != 0)
        return "/tmp/kirinuki-bench-queue.db";
    fputs("bench_queue: PGURL names no server\n", stderr);
    exit(1);
}

static struct kn_store *open_store(const char *where)
{
    struct kn_store *store = NULL;
    struct kn_error err;
    must(kn_store_open(&(struct kn_store_options){.where = where}, &store, &err), &err);
    return store;
}

/* About 200 bytes. The time is monotonic, in nanoseconds: comparable within a machine. */
static void make_payload(char payload[PAYLOAD_BYTES], int job, bool stamped)
{
    int length =
        snprintf(payload, PAYLOAD_BYTES,
                 "{\"job\":%d,\"t0\":\"%" PRId64 "\",\"video\":\"vid_%08d\",\"stage\":"
                 "\"analyze\",\"opts\":{\"lang\":\"ja\",\"preset\":\"veryfast\"},\"pad\":\"",
                 job, stamped ? kn_now_us() * 1000 : 0, job);
    while (length < 198)
        payload[length++] = 'x';
    memcpy(payload + length, "\"}", 3);
}

static void reset(const char *where)
{
    struct kn_store *store = open_store(where);
    bool postgres = kn_database_kind(kn_store_database(store)) == KN_DATABASE_POSTGRES;
    const char *const tables[] = {"job",  "share",    "reason", "event",
                                  "step", "progress", "worker", postgres ? "lease" : "job_spec"};
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(tables); i++) {
        struct kn_error err;
        struct kn_statement statement = {.name = "reset", .access = KN_WRITE, .tables = tables[i]};
        statement.sqlite = kn_arena_printf(arena, "DELETE FROM %s", tables[i]);
        statement.postgres = kn_arena_printf(arena, "TRUNCATE %s", tables[i]);
        struct kn_operation operation = {.statement = &statement};
        must(kn_batch_run(kn_store_database(store), &operation, 1, arena, NULL, &err), &err);
    }
    kn_arena_free(arena);
    kn_store_close(store);
}

/* ---- producing ---- */

static void submit(struct kn_store *store, int first, int count, bool stamped)
{
    struct kn_job_spec *specs = kn_calloc((size_t)count, sizeof *specs);
    struct kn_submitted *made = kn_calloc((size_t)count, sizeof *made);
    char(*payloads)[PAYLOAD_BYTES] = kn_malloc((size_t)count * PAYLOAD_BYTES);
    for (int i = 0; i < count; i++) {
        make_payload(payloads[i], first + i, stamped);
        specs[i] = (struct kn_job_spec){
            .source = "v.mp4", .options = payloads[i], .level = 2 - (first + i) % 3};
    }
    struct kn_error err;
    must(kn_store_submit(store, specs, count, made, NULL, &err), &err);
    free(payloads);
    free(made);
    free(specs);
}

static double produce(struct kn_store *store, const struct arguments *a)
{
    bool batch = strcmp(a->mode, "batch") == 0, paced = strcmp(a->mode, "paced") == 0;
    int chunk = batch ? a->chunk : 1;
    int64_t start_us = kn_now_us();
    for (int i = 0; i < a->jobs; i += chunk) {
        if (paced) /* apart from each other, and not in step with anything */
            usleep((useconds_t)(a->gap_ms * 1000 + i * 7919 % (a->gap_ms * 1000 + 1)));
        submit(store, i, KN_MIN(chunk, a->jobs - i), paced);
    }
    return kn_seconds(kn_now_us() - start_us);
}

/* ---- working ---- */

struct running {
    int64_t job, end_us;
    int attempt;
};

struct work {
    struct kn_store *store;
    struct kn_wake *wake;
    const struct arguments *a;
    int64_t worker;
    struct kn_arena *arena;
    struct running *running; /* the one that began first at the front */
    struct kn_finish *finishes;
    int running_count, done;
    double *latencies_ms;
    int latency_count;
    int64_t first_us;
};

static void begin(struct work *w, const struct kn_job *job, int64_t now_us)
{
    const char *stamp = strstr(job->options, "\"t0\":\"");
    int64_t sent_us = stamp ? strtoll(stamp + 6, NULL, 10) / 1000 : 0;
    if (sent_us && w->latency_count < w->a->jobs)
        w->latencies_ms[w->latency_count++] = (double)(now_us - sent_us) / 1000;
    w->running[w->running_count++] =
        (struct running){job->id, now_us + w->a->sleep_ms * 1000, job->attempt};
}

/* Those that are over leave the list. */
static int collect(struct work *w)
{
    int count = 0;
    int64_t now_us = kn_now_us();
    while (count < w->running_count && w->running[count].end_us <= now_us) {
        w->finishes[count] =
            (struct kn_finish){.job = w->running[count].job, .attempt = w->running[count].attempt};
        count++;
    }
    w->running_count -= count;
    memmove(w->running, w->running + count, (size_t)w->running_count * sizeof *w->running);
    return count;
}

static void take_turn(struct work *w)
{
    struct kn_error err;
    int finished = collect(w);
    struct kn_turn turn = {.worker = w->worker,
                           .finishes = w->finishes,
                           .finish_count = finished,
                           .claim_max = w->a->concurrency - w->running_count};
    kn_arena_reset(w->arena);
    must(kn_store_turn(w->store, &turn, w->arena, NULL, &err), &err);
    int64_t now_us = kn_now_us();
    for (int i = 0; i < finished; i++)
        w->done += w->finishes[i].status == KN_OK;
    for (int i = 0; i < turn.claimed_count; i++)
        begin(w, &turn.claimed[i], now_us);
    if (turn.claimed_count && !w->first_us)
        w->first_us = now_us;
    if (w->done >= w->a->jobs || (turn.claimed_count && !w->a->sleep_ms))
        return;
    int64_t until_us = w->running_count ? w->running[0].end_us : INT64_MAX;
    if (w->running_count == w->a->concurrency && until_us > kn_now_us())
        usleep((useconds_t)(until_us - kn_now_us())); /* full: nothing else matters */
    else
        (void)kn_wake_wait(w->wake, until_us, NULL);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Seconds from the first claim; latencies (room for a->jobs) sorted. */
static double work(struct kn_store *store, const struct arguments *a, bool tell,
                   double *latencies_ms, int *ret_latencies)
{
    struct kn_error err;
    struct work w = {.store = store, .a = a, .latencies_ms = latencies_ms};
    w.arena = kn_arena_new();
    w.running = kn_calloc((size_t)a->concurrency, sizeof *w.running);
    w.finishes = kn_calloc((size_t)a->concurrency, sizeof *w.finishes);
    must(kn_wake_open(store, &w.wake, &err), &err);
    must(kn_store_join(store, "bench", LEASE_US, &w.worker, &err), &err);
    if (tell) {
        puts("READY");
        fflush(stdout);
    }
    while (w.done < a->jobs)
        take_turn(&w);
    double seconds = kn_seconds(kn_now_us() - w.first_us);
    qsort(latencies_ms, (size_t)w.latency_count, sizeof *latencies_ms, by_value);
    *ret_latencies = w.latency_count;
    must(kn_store_leave(store, w.worker, &err), &err);
    kn_wake_close(w.wake);
    free(w.running);
    free(w.finishes);
    kn_arena_free(w.arena);
    return seconds;
}

/* ---- for the harness ---- */

static double at_fraction(const double *sorted, int count, double fraction)
{
    return count ? sorted[KN_MIN((int)(fraction * count), count - 1)] : 0;
}

static void print_json(const char *kind, const char *what, const struct arguments *a,
                       double seconds, int64_t cpu_us, const double *latencies, int count)
{
    printf("{\"peer\":\"kirinuki-%s\",\"op\":\"%s\",\"n\":%d,\"mode\":\"%s\",\"wall_s\":%.6f,"
           "\"rate\":%.1f,\"cpu_s\":%.4f,\"cpu_us_per_job\":%.2f,\"done\":%d,\"left\":0,\"dup\":0",
           kind, what, a->jobs, a->mode, seconds, a->jobs / seconds, kn_seconds(cpu_us),
           (double)cpu_us / a->jobs, a->jobs);
    if (a->sleep_ms)
        printf(",\"efficiency\":%.3f", a->jobs / seconds / (a->concurrency * 1000.0 / a->sleep_ms));
    if (count)
        printf(",\"lat\":{\"n\":%d,\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f,\"min\":%.3f}", count,
               at_fraction(latencies, count, 0.5), at_fraction(latencies, count, 0.99),
               latencies[count - 1], latencies[0]);
    puts("}");
}

static int serve_harness(const char *kind, const char *what, const struct arguments *a)
{
    const char *where = place_of(kind);
    if (strcmp(what, "reset") == 0) {
        reset(where);
        puts("{}");
        return 0;
    }
    if (strncmp(what, "floor-", 6) == 0) {
        char payload[PAYLOAD_BYTES];
        make_payload(payload, 1, false);
        struct floor floor = {strcmp(kind, "pg") == 0, where, payload};
        print_json(kind, what, a,
                   strcmp(what, "floor-drain") == 0 ? floor_drain(&floor, a->jobs, a->concurrency)
                                                    : floor_batch(&floor, a->jobs, a->chunk),
                   0, NULL, 0);
        return 0;
    }
    struct kn_store *store = open_store(where);
    double *latencies = kn_calloc((size_t)a->jobs + 1, sizeof *latencies);
    int count = 0;
    int64_t cpu_us = kn_cpu_us();
    double seconds =
        strcmp(what, "produce") == 0 ? produce(store, a) : work(store, a, true, latencies, &count);
    print_json(kind, what, a, seconds, kn_cpu_us() - cpu_us, latencies, count);
    free(latencies);
    kn_store_close(store);
    return 0;
}

/* ---- by itself ---- */

/* Another process submits while this one waits. */
static void measure_latency(const char *where)
{
    struct arguments a = {
        .jobs = PACED_JOBS, .concurrency = 50, .gap_ms = 10, .chunk = 1, .mode = "paced"};
    double latencies[PACED_JOBS];
    int count, state;
    reset(where);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct kn_store *store = open_store(where);
        usleep(200000); /* until the other one waits */
        (void)produce(store, &a);
        kn_store_close(store);
        _exit(0);
    }
    struct kn_store *store = open_store(where);
    (void)work(store, &a, false, latencies, &count);
    kn_store_close(store);
    (void)waitpid(child, &state, 0);
    printf("  start of an idle worker   p50 %.2f ms, p99 %.2f ms\n",
           at_fraction(latencies, count, 0.5), at_fraction(latencies, count, 0.99));
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

/* The ratio is the median of the rounds' own: both halves of a round meet the same machine. */
static void print_ratio(const char *what, int jobs, double *seconds, double *floors)
{
    double ratios[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        ratios[i] = floors[i] / seconds[i];
    double own = jobs / median(seconds), bound = jobs / median(floors), ratio = median(ratios);
    printf("  %-24s %8.0f /s, the floor %8.0f /s, ratio %.2f (%.2f to %.2f)\n", what, own, bound,
           ratio, ratios[0], ratios[ROUNDS - 1]);
}

static void measure(const char *kind)
{
    const char *where = place_of(kind);
    char payload[PAYLOAD_BYTES];
    make_payload(payload, 1, false);
    struct floor floor = {strcmp(kind, "pg") == 0, where, payload};
    struct arguments single = {.jobs = JOBS / 10, .chunk = 1, .mode = "single"};
    struct arguments batch = {.jobs = JOBS, .concurrency = 50, .chunk = 1000, .mode = "batch"};
    double own[3][ROUNDS], floors[3][ROUNDS];
    double *latencies = kn_calloc(JOBS, sizeof *latencies);
    for (int round = 0; round < ROUNDS; round++) {
        int count;
        floors[0][round] = floor_single(&floor, single.jobs);
        floors[1][round] = floor_batch(&floor, batch.jobs, batch.chunk);
        floors[2][round] = floor_drain(&floor, batch.jobs, batch.concurrency);
        reset(where);
        struct kn_store *store = open_store(where);
        own[0][round] = produce(store, &single);
        kn_store_close(store);
        reset(where);
        store = open_store(where);
        own[1][round] = produce(store, &batch);
        own[2][round] = work(store, &batch, false, latencies, &count);
        kn_store_close(store);
    }
    free(latencies);
    printf("%s\n", kind);
    print_ratio("enqueued one by one", single.jobs, own[0], floors[0]);
    print_ratio("enqueued in batches", batch.jobs, own[1], floors[1]);
    print_ratio("drained at 50", batch.jobs, own[2], floors[2]);
    measure_latency(where);
}

static int number_of(int count, char **arguments, const char *name, int otherwise)
{
    for (int i = 3; i + 1 < count; i++)
        if (strncmp(arguments[i], "--", 2) == 0 && strcmp(arguments[i] + 2, name) == 0)
            return (int)strtol(arguments[i + 1], NULL, 10);
    return otherwise;
}

int main(int count, char **arguments)
{
    if (count == 1) {
        measure("sqlite");
        if (server())
            measure("pg");
        return 0;
    }
    bool known = count >= 2 && (!strcmp(arguments[1], "pg") || !strcmp(arguments[1], "sqlite"));
    if (!known) {
        fputs("usage: bench_queue [pg|sqlite [reset|produce|work [--n N] …]]\n", stderr);
        return 2;
    }
    if (count == 2) {
        measure(arguments[1]);
        return 0;
    }
    struct arguments a = {
        .jobs = number_of(count, arguments, "n", JOBS),
        .concurrency = number_of(count, arguments, "conc", 50),
        .sleep_ms = number_of(count, arguments, "sleep", 0),
        .gap_ms = number_of(count, arguments, "gap", 30),
        .chunk = number_of(count, arguments, "chunk", 1000),
        .mode = "single",
    };
    for (int i = 3; i + 1 < count; i++)
        if (strcmp(arguments[i], "--mode") == 0)
            a.mode = arguments[i + 1];
    return serve_harness(arguments[1], arguments[2], &a);
}
