#include "run_help.h"

#include <poll.h>
#include <sched.h>

static void triggers_reach_children_now_and_later(void **state)
{
    (void)state;
    struct kn_cancel *root = kn_cancel_new(NULL);
    struct kn_cancel *child = kn_cancel_new(root), *sibling = kn_cancel_new(root);
    struct kn_cancel *grandchild = kn_cancel_new(child);
    kn_cancel_trigger(child);
    assert_false(kn_cancel_requested(root));
    assert_false(kn_cancel_requested(sibling));
    assert_true(kn_cancel_requested(child));
    assert_true(kn_cancel_requested(grandchild));
    struct kn_cancel *born_late = kn_cancel_new(grandchild);
    assert_true(kn_cancel_requested(born_late));
    kn_cancel_trigger(root);
    assert_true(kn_cancel_requested(sibling));
    kn_cancel_free(born_late);
    kn_cancel_free(grandchild);
    kn_cancel_free(sibling);
    kn_cancel_free(child);
    kn_cancel_free(root);
}

static void children_leave_in_any_order(void **state)
{
    (void)state;
    enum { CHILDREN = 6 };
    for (int first = 0; first < CHILDREN; first++) {
        struct kn_cancel *root = kn_cancel_new(NULL), *children[CHILDREN];
        for (int i = 0; i < CHILDREN; i++)
            children[i] = kn_cancel_new(root);
        kn_cancel_free(children[first]);
        kn_cancel_trigger(root);
        for (int i = 0; i < CHILDREN; i++)
            if (i != first) {
                assert_true(kn_cancel_requested(children[i]));
                kn_cancel_free(children[i]);
            }
        kn_cancel_free(root);
    }
}

static void a_null_token_is_never_triggered(void **state)
{
    (void)state;
    struct kn_cancel_watch watch = {.wake = NULL};
    kn_cancel_trigger(NULL);
    assert_false(kn_cancel_requested(NULL));
    assert_int_equal(kn_cancel_check(NULL, NULL), KN_OK);
    assert_int_equal(kn_cancel_fd(NULL), -1);
    assert_false(kn_cancel_wait_ms(NULL, 1));
    kn_cancel_watch(NULL, &watch);
    kn_cancel_unwatch(NULL, &watch);
    kn_cancel_free(NULL);
}

static void a_check_says_so_in_words(void **state)
{
    (void)state;
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    struct kn_error err = {0};
    assert_int_equal(kn_cancel_check(cancel, &err), KN_OK);
    assert_string_equal(err.text, "");
    kn_cancel_trigger(cancel);
    assert_int_equal(kn_cancel_check(cancel, &err), KN_CANCELLED);
    assert_int_equal(err.status, KN_CANCELLED);
    assert_string_equal(err.text, "stopped by request");
    kn_cancel_free(cancel);
}

static bool readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN);
}

static void the_descriptor_becomes_readable(void **state)
{
    (void)state;
    struct kn_cancel *root = kn_cancel_new(NULL), *child = kn_cancel_new(root);
    int fd = kn_cancel_fd(child);
    assert_true(fd >= 0);
    assert_int_equal(kn_cancel_fd(child), fd);
    assert_false(readable(fd));
    kn_cancel_trigger(root);
    assert_true(readable(fd));
    assert_true(readable(kn_cancel_fd(root))); /* asked for after the trigger */
    kn_cancel_trigger(root);
    assert_true(readable(fd)); /* sticky */
    kn_cancel_free(child);
    kn_cancel_free(root);
}

/* ---- watches ---- */

static void count(void *arg)
{
    ++*(atomic_int *)arg;
}

static void watches_wake_once_and_only_while_they_last(void **state)
{
    (void)state;
    struct kn_cancel *root = kn_cancel_new(NULL), *child = kn_cancel_new(root);
    atomic_int wakes[3] = {0, 0, 0}, late = 0;
    struct kn_cancel_watch watches[3];
    for (int i = 0; i < 3; i++) {
        watches[i] = (struct kn_cancel_watch){.wake = count, .arg = &wakes[i]};
        kn_cancel_watch(i == 2 ? root : child, &watches[i]);
    }
    kn_cancel_unwatch(child, &watches[0]);
    kn_cancel_trigger(root);
    kn_cancel_trigger(root);
    kn_cancel_trigger(child);
    assert_int_equal(wakes[0], 0);
    assert_int_equal(wakes[1], 1);
    assert_int_equal(wakes[2], 1);
    struct kn_cancel_watch after = {.wake = count, .arg = &late};
    kn_cancel_watch(child, &after); /* at once */
    assert_int_equal(late, 1);
    kn_cancel_unwatch(child, &after);
    kn_cancel_unwatch(child, &watches[1]);
    kn_cancel_unwatch(root, &watches[2]);
    kn_cancel_free(child);
    kn_cancel_free(root);
}

static void *trigger_on_thread(void *arg)
{
    kn_cancel_trigger(arg);
    return NULL;
}

struct slow_wake {
    struct gate entered, may_leave;
    atomic_bool left;
};

static void wake_slowly(void *arg)
{
    struct slow_wake *slow = arg;
    gate_add(&slow->entered);
    gate_wait(&slow->may_leave, 1);
    slow->left = true;
}

struct unwatching {
    struct kn_cancel *cancel;
    struct kn_cancel_watch *watch;
    struct slow_wake *slow;
    bool had_left;
};

static void *unwatch_on_thread(void *arg)
{
    struct unwatching *unwatching = arg;
    kn_cancel_unwatch(unwatching->cancel, unwatching->watch);
    unwatching->had_left = unwatching->slow->left;
    return NULL;
}

static void unwatch_waits_for_a_wake_that_runs(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct kn_cancel *cancel = kn_cancel_new(NULL);
        struct slow_wake slow = {.entered = GATE_INIT, .may_leave = GATE_INIT};
        struct kn_cancel_watch watch = {.wake = wake_slowly, .arg = &slow};
        struct unwatching unwatching = {cancel, &watch, &slow, false};
        kn_cancel_watch(cancel, &watch);
        pthread_t trigger, unwatch;
        pthread_create(&trigger, NULL, trigger_on_thread, cancel);
        gate_wait(&slow.entered, 1);
        pthread_create(&unwatch, NULL, unwatch_on_thread, &unwatching);
        gate_add(&slow.may_leave);
        pthread_join(unwatch, NULL);
        assert_true(unwatching.had_left);
        pthread_join(trigger, NULL);
        kn_cancel_free(cancel);
    }
}

/* ---- waiting ---- */

static void *wait_on_thread(void *arg)
{
    return kn_cancel_wait_ms(arg, 600000) ? arg : NULL;
}

static void sleepers_wake_up(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct kn_cancel *root = kn_cancel_new(NULL), *child = kn_cancel_new(root);
        pthread_t sleepers[3];
        for (int i = 0; i < 3; i++)
            pthread_create(&sleepers[i], NULL, wait_on_thread, i ? child : root);
        kn_cancel_trigger(root);
        for (int i = 0; i < 3; i++) {
            void *woken;
            pthread_join(sleepers[i], &woken);
            assert_non_null(woken);
        }
        kn_cancel_free(child);
        kn_cancel_free(root);
    }
}

static void waits_end_by_themselves(void **state)
{
    (void)state;
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    assert_false(kn_cancel_wait_ms(cancel, 0));
    assert_false(kn_cancel_wait_ms(cancel, -5));
    assert_false(kn_cancel_wait_ms(cancel, 2));
    kn_cancel_trigger(cancel);
    assert_true(kn_cancel_wait_ms(cancel, 0));
    assert_true(kn_cancel_wait_ms(cancel, INT64_MAX));
    kn_cancel_free(cancel);
}

/* ---- races ---- */

static void *free_when_triggered(void *arg)
{
    kn_cancel_wait_ms(arg, 600000);
    kn_cancel_free(arg);
    return NULL;
}

static void *free_when_seen(void *arg)
{
    while (!kn_cancel_requested(arg))
        sched_yield();
    kn_cancel_free(arg);
    return NULL;
}

static void who_was_woken_may_free_the_token_at_once(void **state)
{
    (void)state;
    for (int round = 0; round < 500; round++) {
        struct kn_cancel *cancel = kn_cancel_new(NULL);
        pthread_t thread;
        pthread_create(&thread, NULL, round % 2 ? free_when_triggered : free_when_seen, cancel);
        kn_cancel_trigger(cancel); /* must not touch it any more when the thread has freed it */
        pthread_join(thread, NULL);
    }
}

struct busy {
    struct kn_cancel *root;
    uint64_t seed;
    atomic_int *wakes, *triggered_children;
};

/* Makes and drops children and watches while others trigger: every child that lives through the
 * trigger sees it, and its watch has been called exactly once. */
static void *come_and_go(void *arg)
{
    struct busy *busy = arg;
    struct dice dice = {busy->seed};
    for (int i = 0; i < 300; i++) {
        struct kn_cancel *child = kn_cancel_new(busy->root);
        struct kn_cancel *below = kn_cancel_new(child);
        atomic_int wakes = 0;
        struct kn_cancel_watch watch = {.wake = count, .arg = &wakes};
        kn_cancel_watch(below, &watch);
        if (!dice_below(&dice, 3))
            kn_cancel_trigger(child);
        if (!dice_below(&dice, 3))
            kn_cancel_fd(below);
        bool requested = kn_cancel_requested(below);
        kn_cancel_unwatch(below, &watch);
        if (wakes > 1 || (wakes && !kn_cancel_requested(below)))
            ++*busy->wakes; /* an error, counted for the main thread */
        *busy->triggered_children += requested;
        kn_cancel_free(below);
        kn_cancel_free(child);
    }
    return NULL;
}

static void tokens_may_come_and_go_while_others_are_triggered(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 5; round++) {
        struct kn_cancel *root = kn_cancel_new(NULL);
        atomic_int errors = 0, triggered = 0;
        pthread_t threads[4];
        struct busy busy[4];
        for (uint64_t i = 0; i < 4; i++) {
            busy[i] = (struct busy){root, round * 4 + i + 1, &errors, &triggered};
            pthread_create(&threads[i], NULL, come_and_go, &busy[i]);
        }
        if (round % 2)
            kn_cancel_trigger(root);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(errors, 0);
        assert_true(triggered > 0);
        kn_cancel_free(root);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(triggers_reach_children_now_and_later),
        cmocka_unit_test(children_leave_in_any_order),
        cmocka_unit_test(a_null_token_is_never_triggered),
        cmocka_unit_test(a_check_says_so_in_words),
        cmocka_unit_test(the_descriptor_becomes_readable),
        cmocka_unit_test(watches_wake_once_and_only_while_they_last),
        cmocka_unit_test(unwatch_waits_for_a_wake_that_runs),
        cmocka_unit_test(sleepers_wake_up),
        cmocka_unit_test(waits_end_by_themselves),
        cmocka_unit_test(who_was_woken_may_free_the_token_at_once),
        cmocka_unit_test(tokens_may_come_and_go_while_others_are_triggered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
