/* The queue as other programs see it, with a worker in the same process. */
#include "run_help.h"

#include <limits.h>
#include <string.h>

#include <kirinuki/queue.h>

#include "base/file.h"
#include "base/log.h"
#include "service/worker.h"
#include "support/temp_folder.h"

enum { EVENTS_MOST = 200 };

struct fixture {
    char folder[PATH_MAX];
    struct kn_store *store;
    struct kn_queue *queue;
    struct kn_cancel *stop;
    struct kn_job_worker_options options;
    pthread_t thread;
    struct gate halfway, go;
    atomic_int runs;

    /* What was told, by one follower at a time. */
    struct kn_cancel *enough;
    struct kn_queue_event events[EVENTS_MOST];
    int event_count;
    double fraction; /* of the job that was told last */
    int steps;       /* rows of its tree */
    double step_fraction, step_weight;
    char step_stage[KN_PROGRESS_STAGE_BYTES];
    char waits[KN_QUEUE_TEXT_BYTES]; /* the first reason that was told */
    enum kn_queue_state state;
    int64_t last_job;
};

/* ---- a worker ---- */

/* Half of it, then a failure; the next attempt begins anew and gets through. */
static enum kn_status run_job(void *arg, const struct kn_job_run *run, struct kn_error *err)
{
    struct fixture *f = arg;
    bool first = run->job->attempt == 1;
    struct kn_progress *step = kn_progress_add(run->progress, "analysis", 2.5);
    kn_progress_stage(step, "utterance 3 of 12");
    kn_progress_set(step, first ? 0.5 : 0.25);
    f->runs++;
    if (first)
        kn_job_run_record(run, "analysis", "{}");
    gate_add(&f->halfway);
    gate_wait(&f->go, 1);
    return first ? kn_error_set(err, KN_REMOTE, "HTTP 429 from somewhere") : KN_OK;
}

static enum kn_status run_nothing(void *arg, const struct kn_job_run *run, struct kn_error *err)
{
    (void)arg, (void)run, (void)err;
    return KN_OK;
}

static void *worker_thread(void *arg)
{
    struct fixture *f = arg;
    struct kn_error err;
    assert_int_equal(kn_job_worker_run(&f->options, f->stop, &err), KN_OK);
    return NULL;
}

static void start_worker(struct fixture *f)
{
    assert_int_equal(pthread_create(&f->thread, NULL, worker_thread, f), 0);
}

static void stop_worker(struct fixture *f)
{
    kn_cancel_trigger(f->stop);
    pthread_join(f->thread, NULL);
}

/* ---- the fixture ---- */

static int setup(void **state)
{
    struct fixture *f = kn_calloc(1, sizeof *f);
    struct kn_error err;
    char where[PATH_MAX + 16];
    kn_log_set_level(KN_LOG_ERROR);
    assert_non_null(temp_folder_make(f->folder));
    snprintf(where, sizeof where, "%s/queue.db", f->folder);
    if (kn_queue_open(where, &f->queue, &err) != KN_OK ||
        kn_store_open(&(struct kn_store_options){.where = where}, &f->store, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    f->stop = kn_cancel_new(NULL);
    f->enough = kn_cancel_new(NULL);
    f->halfway = f->go = (struct gate)GATE_INIT;
    f->options =
        (struct kn_job_worker_options){.store = f->store, .name = "test", .run = run_job, .arg = f};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    kn_queue_close(f->queue);
    kn_store_close(f->store);
    kn_cancel_free(f->enough);
    kn_cancel_free(f->stop);
    temp_folder_remove(f->folder);
    free(f);
    return 0;
}

static int64_t add(struct fixture *f, const char *name)
{
    struct kn_error err;
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    assert_int_equal(kn_file_write(path, name, strlen(name), &err), KN_OK);
    const struct kn_queue_video video = {.path = path};
    struct kn_queue_added added = {0};
    if (kn_queue_add(f->queue, &video, 1, &added, NULL, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    assert_false(added.known);
    return added.job;
}

/* ---- a follower ---- */

static void hear_event(void *arg, const struct kn_queue_event *event)
{
    struct fixture *f = arg;
    assert_true(f->event_count < EVENTS_MOST);
    f->events[f->event_count++] = *event;
}

static void hear_changed(void *arg, const struct kn_queue_job *job,
                         const struct kn_progress_view *views, int count)
{
    struct fixture *f = arg;
    if (job->job == f->last_job)
        assert_true(job->fraction >= f->fraction); /* never backwards */
    f->last_job = job->job;
    f->fraction = job->fraction;
    f->state = job->state;
    if (job->state == KN_QUEUE_WAITING && !f->waits[0])
        snprintf(f->waits, sizeof f->waits, "%s", job->text);
    if (count > 1) {
        f->steps = count;
        f->step_fraction = views[1].fraction;
        f->step_weight = views[1].weight;
        snprintf(f->step_stage, sizeof f->step_stage, "%s", views[1].stage);
        gate_add(&f->go); /* it was seen: it may go on */
    }
}

static enum kn_status follow(struct fixture *f, const int64_t *job, int64_t since)
{
    struct kn_error err;
    const struct kn_queue_follower follower = {.jobs = job,
                                               .job_count = job ? 1 : 0,
                                               .since = since,
                                               .event = hear_event,
                                               .changed = hear_changed,
                                               .arg = f};
    return kn_queue_follow(f->queue, &follower, NULL, &err);
}

static void expect_events(const struct fixture *f, const char *wanted)
{
    char got[1024] = "";
    for (int i = 0; i < f->event_count; i++) {
        size_t length = strlen(got);
        snprintf(got + length, sizeof got - length, "%s%s", i ? " " : "", f->events[i].what);
        if (i)
            assert_true(f->events[i].id > f->events[i - 1].id);
    }
    assert_string_equal(got, wanted);
}

/* ---- tests ---- */

static void a_job_is_followed_to_its_end(void **state)
{
    struct fixture *f = *state;
    int64_t first = add(f, "first.mp4"), job = add(f, "second.mp4");
    struct kn_error err;
    assert_int_equal(kn_queue_cancel(f->queue, first, &err), KN_OK);
    start_worker(f);
    assert_int_equal(follow(f, &job, 0), KN_OK);
    stop_worker(f);
    expect_events(f, "submitted claimed step retrying released claimed done");
    assert_int_equal(f->runs, 2);
    assert_string_equal(f->events[2].detail, "analysis");
    assert_string_equal(f->events[3].detail, "HTTP 429 from somewhere");
    assert_int_equal(f->state, KN_QUEUE_DONE);
    assert_true(f->fraction == 1);
    assert_int_equal(f->steps, 2);
    assert_string_equal(f->step_stage, "utterance 3 of 12");
    assert_true(f->step_fraction > 0 && f->step_weight == 2.5);
}

static void what_waits_says_why(void **state)
{
    struct fixture *f = *state;
    int64_t first = add(f, "first.mp4"), job = add(f, "second.mp4");
    struct kn_queue_job now;
    struct kn_error err;
    assert_int_equal(kn_queue_get(f->queue, job, &now, &err), KN_OK);
    assert_string_equal(now.text, "waiting: 1 job ahead");
    assert_int_equal(kn_queue_cancel(f->queue, first, &err), KN_OK);
    assert_int_equal(kn_queue_cancel(f->queue, job, &err), KN_OK);
    assert_int_equal(follow(f, &job, KN_QUEUE_FROM_NOW), KN_OK);
    assert_int_equal(f->event_count, 0);
    assert_int_equal(f->state, KN_QUEUE_CANCELLED);
}

static void what_was_missed_is_read_afterwards(void **state)
{
    struct fixture *f = *state;
    f->options.run = run_nothing;
    f->options.drain = true;
    int64_t job = add(f, "first.mp4");
    add(f, "second.mp4");
    start_worker(f);
    pthread_join(f->thread, NULL);
    assert_int_equal(follow(f, NULL, 0), KN_OK); /* all of them, from the beginning */
    assert_int_equal(f->event_count, 6);
    int64_t since = 0;
    for (int i = 0; i < f->event_count; i++)
        if (f->events[i].job == job && strcmp(f->events[i].what, "claimed") == 0)
            since = f->events[i].id;
    f->event_count = 0;
    assert_int_equal(follow(f, &job, since), KN_OK); /* of one, from what was seen last */
    expect_events(f, "done");
}

static void unknown_jobs_are_not_followed(void **state)
{
    struct fixture *f = *state;
    int64_t job = 99;
    assert_int_equal(follow(f, &job, 0), KN_NOT_FOUND);
}

static void add_another(void *arg, const struct kn_queue_event *event)
{
    struct fixture *f = arg;
    hear_event(f, event);
    if (strcmp(event->what, "done") != 0)
        return;
    if (f->event_count < 4)
        add(f, "late.mp4");
    else
        kn_cancel_trigger(f->enough);
}

static void whoever_stays_sees_new_jobs(void **state)
{
    struct fixture *f = *state;
    struct kn_error err;
    f->options.run = run_nothing;
    add(f, "first.mp4");
    start_worker(f);
    const struct kn_queue_follower follower = {
        .since = 0, .stays = true, .event = add_another, .arg = f};
    assert_int_equal(kn_queue_follow(f->queue, &follower, f->enough, &err), KN_CANCELLED);
    stop_worker(f);
    expect_events(f, "submitted claimed done submitted claimed done");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_job_is_followed_to_its_end),       TEST(what_waits_says_why),
        TEST(what_was_missed_is_read_afterwards), TEST(unknown_jobs_are_not_followed),
        TEST(whoever_stays_sees_new_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
