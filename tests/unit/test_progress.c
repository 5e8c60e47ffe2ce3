#include "run_help.h"

#include <math.h>

#include "run/test_clock.h"

static int64_t fake_now_us;

static int64_t fake_clock(void)
{
    return fake_now_us;
}

static struct kn_progress *root_at_one_second(void)
{
    struct kn_progress *root = kn_progress_new("job");
    fake_now_us = 1000000;
    kn_progress_use_clock(root, fake_clock);
    return root;
}

static struct kn_progress_view view_of(struct kn_progress *node)
{
    struct kn_progress_view view;
    kn_progress_view(node, &view);
    return view;
}

static double shown(struct kn_progress *node)
{
    return view_of(node).fraction;
}

#define assert_near(a, b)                                                                          \
    do {                                                                                           \
        double a_ = (a), b_ = (b);                                                                 \
        if (!(fabs(a_ - b_) < 1e-9))                                                               \
            fail_msg("%s:%d: %.12g is not %.12g", __FILE__, __LINE__, a_, b_);                     \
    } while (0)

/* ---- figures ---- */

static void a_leaf_shows_what_is_set_and_never_less(void **state)
{
    (void)state;
    struct kn_progress *root = kn_progress_new("job");
    kn_progress_set(root, 0.4);
    assert_int_equal(view_of(root).state, KN_PROGRESS_RUNNING);
    kn_progress_set(root, 0.2);
    kn_progress_set(root, NAN);
    kn_progress_set(root, -1);
    assert_near(shown(root), 0.4);
    kn_progress_set(root, 7);
    assert_near(shown(root), 1);
    assert_int_equal(view_of(root).state, KN_PROGRESS_RUNNING);
    kn_progress_free(root);
}

static void children_share_by_weight(void **state)
{
    (void)state;
    struct kn_progress *root = kn_progress_new("job");
    struct kn_progress *a = kn_progress_add(root, "a", 3), *b = kn_progress_add(root, "b", 0);
    kn_progress_set(a, 0.5);
    assert_near(shown(root), 0.99 * 0.375);
    kn_progress_set(b, 0.5);
    assert_near(shown(root), 0.99 * 0.5);
    kn_progress_end(a, KN_OK);
    kn_progress_end(b, KN_OK);
    assert_near(shown(root), 0.99); /* open */
    kn_progress_end(root, KN_OK);
    assert_near(shown(root), 1);
    kn_progress_free(root);
}

static void depth_does_not_matter(void **state)
{
    (void)state;
    struct kn_progress *root = kn_progress_new("job");
    struct kn_progress *node = root;
    for (int i = 0; i < 20; i++)
        node = kn_progress_add(node, "deeper", 5);
    kn_progress_set(node, 0.5);
    assert_near(shown(root), 0.5 * pow(0.99, 20));
    assert_int_equal(view_of(node).depth, 20);
    assert_int_equal(view_of(root).state, KN_PROGRESS_RUNNING);
    kn_progress_free(root);
}

static void late_children_share_what_was_open(void **state)
{
    (void)state;
    struct kn_progress *root = kn_progress_new("job");
    struct kn_progress *a = kn_progress_add(root, "a", 1);
    kn_progress_set(a, 0.5);
    assert_near(shown(root), 0.495);
    struct kn_progress *b = kn_progress_add(root, "b", 1);
    assert_near(shown(root), 0.495); /* raw 0.25 now */
    kn_progress_set(b, 1);           /* raw 0.75: two thirds of what was open */
    assert_near(shown(root), 0.495 + 0.495 * 2 / 3);
    kn_progress_end(a, KN_OK);
    assert_near(shown(root), 0.99);
    kn_progress_free(root);
}

static void a_new_weight_does_not_move_what_is_shown(void **state)
{
    (void)state;
    struct kn_progress *root = kn_progress_new("job");
    struct kn_progress *a = kn_progress_add(root, "a", 1), *b = kn_progress_add(root, "b", 3);
    kn_progress_set(a, 0.5);  /* raw 1/8 */
    kn_progress_weight(b, 1); /* raw 1/4, and 3/4 of the raw are to share 0.99 * 7/8 */
    assert_near(shown(root), 0.99 / 8);
    kn_progress_set(a, 0.6);
    assert_near(shown(root), 0.99 / 8 + 0.99 * 7 / 8 * (0.05 / 0.75));
    kn_progress_end(a, KN_OK);
    kn_progress_end(b, KN_OK);
    assert_near(shown(root), 0.99);
    kn_progress_free(root);
}

static void an_expected_weight_spares_the_rush(void **state)
{
    (void)state;
    struct kn_progress *root = kn_progress_new("job");
    kn_progress_expect(root, 10);
    for (int i = 0; i < 10; i++) {
        struct kn_progress *child = kn_progress_add(root, "clip", 1);
        assert_near(shown(root), 0.99 * i / 10);
        kn_progress_end(child, KN_OK);
    }
    kn_progress_end(kn_progress_add(root, "one more", 1), KN_OK);
    assert_near(shown(root), 0.99);
    kn_progress_free(root);
}

static void a_node_that_speaks_for_itself_is_believed(void **state)
{
    (void)state;
    struct kn_progress *root = kn_progress_new("job");
    struct kn_progress *step = kn_progress_add(root, "listen", 1);
    kn_progress_set(step, 0.1); /* before there are children: they share the rest */
    struct kn_progress *a = kn_progress_add(step, "a", 1);
    kn_progress_set(a, 0.5);
    assert_near(shown(step), 0.1 + 0.89 / 2);
    kn_progress_set(step, 0.6); /* after: it alone decides */
    kn_progress_end(a, KN_OK);
    kn_progress_end(kn_progress_add(step, "b", 1), KN_OK);
    assert_near(shown(step), 0.6);
    kn_progress_set(step, 0.8);
    assert_near(shown(step), 0.8);
    assert_near(shown(root), 0.99 * 0.8);
    kn_progress_free(root);
}

static void what_failed_is_settled_what_was_cancelled_is_not(void **state)
{
    (void)state;
    struct kn_progress *root = kn_progress_new("job");
    struct kn_progress *children[4];
    for (int i = 0; i < 4; i++)
        children[i] = kn_progress_add(root, "c", 1);
    for (int i = 0; i < 4; i++)
        kn_progress_set(children[i], 0.2);
    kn_progress_end(children[0], KN_IO);
    assert_near(shown(children[0]), 0.2);
    assert_near(shown(root), 0.99 * 1.6 / 4);
    kn_progress_end(children[1], KN_CANCELLED);
    assert_near(shown(root), 0.99 * 1.6 / 4);
    kn_progress_skip(children[2]);
    assert_near(shown(children[2]), 1);
    assert_near(shown(root), 0.99 * 2.4 / 4);
    kn_progress_free(root);
}

/* Whatever happens in whatever order: no figure falls, none leaves 0..1, and whoever is DONE
 * shows 1. */
static void no_figure_ever_falls(void **state)
{
    (void)state;
    enum { NODES = 40 };
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct dice dice = {seed * 6364136223846793005u};
        struct kn_progress *nodes[NODES] = {kn_progress_new("job")};
        double last[NODES] = {0};
        int count = 1;
        for (int i = 0; i < 400; i++) {
            struct kn_progress *node = nodes[dice_below(&dice, (uint32_t)count)];
            double value = dice_below(&dice, 1001) / 1000.0;
            switch (dice_below(&dice, 16)) {
            case 0:
            case 1:
                if (count < NODES)
                    nodes[count++] = kn_progress_add(node, "n", value * 10);
                break;
            case 2:
                kn_progress_weight(node, value * 100);
                break;
            case 3:
                kn_progress_expect(node, value * 50);
                break;
            case 4:
                if (node != nodes[0])
                    kn_progress_end(node, (enum kn_status)dice_below(&dice, 5));
                break;
            case 5:
                if (node != nodes[0] && !dice_below(&dice, 4))
                    kn_progress_skip(node);
                break;
            default:
                kn_progress_set(node, value);
            }
            for (int k = 0; k < count; k++) {
                struct kn_progress_view view = view_of(nodes[k]);
                if (!(view.fraction >= last[k] && view.fraction <= 1))
                    fail_msg("seed %d, change %d: node %d went from %g to %g", (int)seed, i, k,
                             last[k], view.fraction);
                if (view.state == KN_PROGRESS_DONE || view.state == KN_PROGRESS_SKIPPED)
                    assert_near(view.fraction, 1);
                last[k] = view.fraction;
            }
        }
        kn_progress_end(nodes[0], KN_OK);
        for (int k = 0; k < count; k++)
            assert_true(view_of(nodes[k]).state >= KN_PROGRESS_DONE);
        kn_progress_free(nodes[0]);
    }
}

/* ---- states ---- */

static void the_first_end_wins(void **state)
{
    (void)state;
    static const struct {
        enum kn_status status;
        enum kn_progress_state state;
        const char *name;
    } cases[] = {
        {KN_OK, KN_PROGRESS_DONE, "done"},
        {KN_CANCELLED, KN_PROGRESS_CANCELLED, "cancelled"},
        {KN_REMOTE, KN_PROGRESS_FAILED, "failed"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_progress *root = root_at_one_second();
        assert_int_equal(view_of(root).state, KN_PROGRESS_WAITING);
        assert_int_equal(view_of(root).start_us, 0);
        kn_progress_start(root);
        fake_now_us = 2000000;
        kn_progress_start(root);
        kn_progress_stage(root, "working");
        kn_progress_end(root, cases[i].status);
        fake_now_us = 3000000;
        kn_progress_end(root, KN_OK);
        kn_progress_skip(root);
        kn_progress_start(root);
        kn_progress_set(root, 0.9);
        kn_progress_stage(root, "too late");
        struct kn_progress_view view = view_of(root);
        assert_int_equal(view.state, cases[i].state);
        assert_string_equal(kn_progress_state_name(view.state), cases[i].name);
        assert_int_equal(view.start_us, 1000000);
        assert_int_equal(view.end_us, 2000000);
        assert_int_equal(view.eta_ms, 0);
        assert_string_equal(view.stage, "working");
        assert_near(view.fraction, cases[i].status == KN_OK);
        kn_progress_free(root);
    }
}

static void an_end_ends_what_is_below(void **state)
{
    (void)state;
    static const struct {
        enum kn_status status;
        enum kn_progress_state below;
    } cases[] = {
        {KN_OK, KN_PROGRESS_DONE},
        {KN_CANCELLED, KN_PROGRESS_CANCELLED},
        {KN_REMOTE, KN_PROGRESS_CANCELLED},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_progress *root = kn_progress_new("job");
        struct kn_progress *step = kn_progress_add(root, "step", 1);
        struct kn_progress *open = kn_progress_add(step, "open", 1);
        struct kn_progress *failed = kn_progress_add(step, "failed", 1);
        kn_progress_end(failed, KN_IO);
        kn_progress_end(step, cases[i].status);
        assert_int_equal(view_of(open).state, cases[i].below);
        assert_int_equal(view_of(failed).state, KN_PROGRESS_FAILED);
        assert_int_equal(view_of(kn_progress_add(step, "late", 1)).state, cases[i].below);
        assert_int_equal(view_of(root).state, KN_PROGRESS_WAITING);
        kn_progress_free(root);
    }
}

static void a_null_node_takes_everything(void **state)
{
    (void)state;
    struct kn_progress_view view;
    assert_null(kn_progress_add(NULL, "x", 1));
    kn_progress_expect(NULL, 1);
    kn_progress_start(NULL);
    kn_progress_set(NULL, 1);
    kn_progress_stage(NULL, "%d", 1);
    kn_progress_weight(NULL, 1);
    kn_progress_end(NULL, KN_OK);
    kn_progress_skip(NULL);
    kn_progress_view(NULL, &view);
    assert_int_equal(view.parent, -1);
    assert_int_equal(kn_progress_snapshot(NULL, &view, 1), 0);
    kn_progress_listen(NULL, 1, NULL, NULL);
    kn_progress_free(NULL);
}

static void long_names_are_cut_between_characters(void **state)
{
    (void)state;
    struct kn_progress *root = kn_progress_new("切り抜き切り抜き切り抜き切り抜き切り抜き"
                                               "切り抜き切り抜き切り抜き切り抜き切り抜き");
    char long_stage[200];
    memset(long_stage, 'x', sizeof long_stage - 1);
    long_stage[sizeof long_stage - 1] = '\0';
    kn_progress_stage(root, "%s", long_stage);
    struct kn_progress_view view = view_of(root);
    assert_int_equal(strlen(view.name), (KN_PROGRESS_NAME_BYTES - 1) / 3 * 3);
    assert_int_equal(strlen(view.stage), KN_PROGRESS_STAGE_BYTES - 1);
    assert_string_equal(view.name + strlen(view.name) - 6, "り…");
    assert_string_equal(view.stage + strlen(view.stage) - 4, "x…");
    kn_progress_free(root);
    root = kn_progress_new("autoeditor_example of a name that is as long as they are today.mp4");
    view = view_of(root);
    assert_true(strstr(view.name, "today.mp4"));
    kn_progress_free(root);
}

static void a_snapshot_goes_depth_first(void **state)
{
    (void)state;
    struct kn_progress *root = kn_progress_new("0");
    struct kn_progress *a = kn_progress_add(root, "1", 1);
    struct kn_progress *b = kn_progress_add(root, "2", 1);
    kn_progress_add(b, "3", 1);
    kn_progress_add(a, "4", 1);
    static const struct {
        const char *name;
        int parent, depth;
    } expected[] = {{"0", -1, 0}, {"1", 0, 1}, {"4", 1, 2}, {"2", 0, 1}, {"3", 2, 2}};
    struct kn_progress_view views[5] = {0};
    assert_int_equal(kn_progress_snapshot(root, views, 3), 5);
    assert_string_equal(views[3].name, "");
    assert_int_equal(kn_progress_snapshot(root, views, 5), 5);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(views[i].name, expected[i].name);
        assert_int_equal(views[i].id, strtol(expected[i].name, NULL, 10));
        assert_int_equal(views[i].parent, expected[i].parent);
        assert_int_equal(views[i].depth, expected[i].depth);
    }
    kn_progress_free(root);
}

/* ---- the ETA ---- */

static void the_eta_follows_the_measured_rate(void **state)
{
    (void)state;
    struct kn_progress *root = root_at_one_second();
    assert_int_equal(view_of(root).eta_ms, -1);
    kn_progress_start(root);
    kn_progress_set(root, 0.01);
    assert_int_equal(view_of(root).eta_ms, -1); /* too early to tell */
    for (int i = 1; i <= 40; i++) {
        fake_now_us += 1000000;
        kn_progress_set(root, i / 100.0);
    }
    assert_in_range(view_of(root).eta_ms, 59000, 61000);
    for (int i = 1; i <= 30; i++) { /* half as fast from here on */
        fake_now_us += 2000000;
        kn_progress_set(root, 0.4 + i / 100.0);
    }
    assert_in_range(view_of(root).eta_ms, 45000,
                    62000); /* 60 s; 42 s by the mean since the start */
    kn_progress_free(root);
}

static void the_eta_of_a_job_comes_from_its_steps(void **state)
{
    (void)state;
    struct kn_progress *root = root_at_one_second();
    struct kn_progress *known = kn_progress_add(root, "kept from before", 1000);
    struct kn_progress *listen = kn_progress_add(root, "listen", 30);
    struct kn_progress *render = kn_progress_add(root, "render", 60);
    kn_progress_start(listen);
    kn_progress_skip(known);
    fake_now_us += 10000000;
    kn_progress_set(listen, 1.0 / 3);
    /* 10 of 90 took 10 s. What was skipped took no time and counts for none. */
    assert_in_range(view_of(root).eta_ms, 79000, 81000);
    fake_now_us += 20000000;
    kn_progress_end(listen, KN_OK);
    assert_in_range(view_of(root).eta_ms, 59000, 61000);
    kn_progress_weight(render, 120); /* known better now: longer */
    assert_in_range(view_of(root).eta_ms, 119000, 121000);
    kn_progress_add(root, "post", 30);
    assert_in_range(view_of(root).eta_ms, 149000, 151000);
    kn_progress_free(root);
}

/* ---- listening ---- */

enum { HEARD_MOST = 4000 };

struct ears {
    int count;
    struct kn_progress_view heard[HEARD_MOST];
    atomic_int inside;
    bool overlap;
    struct kn_progress *ask; /* a listener may look at the tree */
};

static void hear(void *arg, const struct kn_progress_view *view)
{
    struct ears *ears = arg;
    if (ears->inside++)
        ears->overlap = true;
    if (ears->count < HEARD_MOST)
        ears->heard[ears->count++] = *view;
    struct kn_progress_view asked;
    kn_progress_view(ears->ask, &asked);
    kn_progress_snapshot(ears->ask, &asked, 1);
    ears->inside--;
}

static void states_are_told_at_once_and_in_order(void **state)
{
    (void)state;
    struct kn_progress *root = root_at_one_second();
    struct ears *ears = kn_calloc(1, sizeof *ears);
    ears->ask = root;
    kn_progress_listen(root, 0, hear, ears);
    struct kn_progress *step = kn_progress_add(root, "step", 1);
    struct kn_progress *clip = kn_progress_add(step, "clip", 1);
    kn_progress_start(clip);
    kn_progress_set(clip, 0.7); /* not for itself alone */
    kn_progress_stage(clip, "cutting");
    kn_progress_end(step, KN_IO);
    kn_progress_end(clip, KN_OK);
    static const struct {
        int id;
        enum kn_progress_state state;
    } expected[] = {
        {1, KN_PROGRESS_WAITING}, {2, KN_PROGRESS_WAITING}, {0, KN_PROGRESS_RUNNING},
        {1, KN_PROGRESS_RUNNING}, {2, KN_PROGRESS_RUNNING}, {2, KN_PROGRESS_CANCELLED},
        {1, KN_PROGRESS_FAILED},
    };
    assert_int_equal(ears->count, KN_COUNT_OF(expected));
    for (size_t i = 0; i < KN_COUNT_OF(expected); i++) {
        assert_int_equal(ears->heard[i].id, expected[i].id);
        assert_int_equal(ears->heard[i].state, expected[i].state);
    }
    assert_near(ears->heard[5].fraction, 0.7); /* the last values came with the state */
    assert_string_equal(ears->heard[5].stage, "cutting");
    kn_progress_free(root);
    free(ears);
}

static void percentages_coalesce(void **state)
{
    (void)state;
    struct kn_progress *root = root_at_one_second();
    struct ears *ears = kn_calloc(1, sizeof *ears);
    ears->ask = root;
    kn_progress_listen(root, 10, hear, ears);
    struct kn_progress *step = kn_progress_add(root, "step", 1);
    kn_progress_start(step);
    int before = ears->count;
    for (int i = 1; i <= 1000; i++) { /* a second */
        fake_now_us += 1000;
        kn_progress_set(step, i / 1001.0);
        kn_progress_stage(step, "frame %d", i);
    }
    int told = ears->count - before;
    assert_in_range(told, 18, 20); /* ten a second for each of two nodes */
    for (int i = before; i + 1 < ears->count; i++)
        assert_true(ears->heard[i].id != 1 || strncmp(ears->heard[i].stage, "frame", 5) == 0);
    kn_progress_end(step, KN_OK);
    assert_near(ears->heard[told + before].fraction, 1);
    assert_string_equal(ears->heard[told + before].stage, "frame 1000");
    kn_progress_free(root);
    free(ears);
}

struct worker {
    struct kn_progress *root;
    uint64_t seed;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct dice dice = {worker->seed};
    for (int i = 0; i < 50; i++) {
        struct kn_progress *node = kn_progress_add(worker->root, "n", 1 + dice_below(&dice, 5));
        for (int k = 0; k < 20; k++) {
            kn_progress_set(node, k / 20.0);
            kn_progress_stage(node, "%d", k);
        }
        kn_progress_end(node, KN_OK);
    }
    return NULL;
}

static void many_threads_report_at_once(void **state)
{
    (void)state;
    enum { WORKERS = 4 };
    struct kn_progress *root = kn_progress_new("job");
    struct ears *ears = kn_calloc(1, sizeof *ears);
    ears->ask = root;
    kn_progress_listen(root, 1000, hear, ears);
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){root, (uint64_t)i + 1};
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    kn_progress_end(root, KN_OK);
    assert_false(ears->overlap);
    /* Every node's states, each once and in order, and no figure told that falls. */
    enum { NODES = WORKERS * 50 + 1 };
    int states[NODES] = {0};
    double last[NODES] = {0};
    for (int i = 0; i < ears->count; i++) {
        const struct kn_progress_view *view = &ears->heard[i];
        assert_true(view->fraction >= last[view->id]);
        last[view->id] = view->fraction;
        assert_true((int)view->state >= states[view->id]);
        states[view->id] = (int)view->state;
    }
    for (int i = 0; i < NODES; i++)
        assert_int_equal(states[i], KN_PROGRESS_DONE);
    kn_progress_free(root);
    free(ears);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leaf_shows_what_is_set_and_never_less),
        cmocka_unit_test(children_share_by_weight),
        cmocka_unit_test(depth_does_not_matter),
        cmocka_unit_test(late_children_share_what_was_open),
        cmocka_unit_test(a_new_weight_does_not_move_what_is_shown),
        cmocka_unit_test(an_expected_weight_spares_the_rush),
        cmocka_unit_test(a_node_that_speaks_for_itself_is_believed),
        cmocka_unit_test(what_failed_is_settled_what_was_cancelled_is_not),
        cmocka_unit_test(no_figure_ever_falls),
        cmocka_unit_test(the_first_end_wins),
        cmocka_unit_test(an_end_ends_what_is_below),
        cmocka_unit_test(a_null_node_takes_everything),
        cmocka_unit_test(long_names_are_cut_between_characters),
        cmocka_unit_test(a_snapshot_goes_depth_first),
        cmocka_unit_test(the_eta_follows_the_measured_rate),
        cmocka_unit_test(the_eta_of_a_job_comes_from_its_steps),
        cmocka_unit_test(states_are_told_at_once_and_in_order),
        cmocka_unit_test(percentages_coalesce),
        cmocka_unit_test(many_threads_report_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
