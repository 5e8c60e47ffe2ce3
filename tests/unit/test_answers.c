/* Who asks, and who waits for the answer that another process is paying for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ai/service_parts.h"
#include "base/memory.h"
#include "support/temp_folder.h"

enum { PATIENCE_MS = 60000 };

/* Two that share a folder, as two processes do. */
struct pair {
    char folder[PATH_MAX];
    struct kn_answers *one, *other;
};

static int set_up(void **state)
{
    struct pair *pair = kn_calloc(1, sizeof *pair);
    char answers[PATH_MAX + 16];
    assert_non_null(temp_folder_make(pair->folder));
    snprintf(answers, sizeof answers, "%s/answers", pair->folder);
    pair->one = kn_answers_new(answers, 1 << 20);
    pair->other = kn_answers_new(answers, 1 << 20);
    *state = pair;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *pair = *state;
    kn_answers_free(pair->one);
    kn_answers_free(pair->other);
    temp_folder_remove(pair->folder);
    free(pair);
    return 0;
}

static void one_name_is_claimed_once(void **state)
{
    struct pair *pair = *state;
    assert_true(kn_answers_claim(pair->one, "a", 0, NULL));
    assert_true(kn_answers_claim(pair->one, "b", 0, NULL));
    assert_false(kn_answers_claim(pair->other, "a", 20, NULL));
    assert_true(kn_answers_claim(pair->other, "c", 0, NULL));
    kn_answers_release(pair->one, "a");
    assert_true(kn_answers_claim(pair->other, "a", PATIENCE_MS, NULL));
    assert_false(kn_answers_claim(pair->other, "b", 0, NULL));
    kn_answers_free(pair->one); /* lets go of what is left */
    pair->one = NULL;
    assert_true(kn_answers_claim(pair->other, "b", PATIENCE_MS, NULL));
}

static void without_a_folder_nobody_waits(void **state)
{
    (void)state;
    struct kn_answers *none = kn_answers_new(NULL, 0);
    struct kn_answers *nowhere = kn_answers_new("/dev/null/answers", 0);
    assert_false(kn_answers_claim(none, "a", PATIENCE_MS, NULL));
    assert_false(kn_answers_claim(nowhere, "a", PATIENCE_MS, NULL));
    kn_answers_free(none);
    kn_answers_free(nowhere);
}

struct waiter {
    struct pair *pair;
    struct kn_cancel *cancel;
    atomic_bool began;
    bool claimed;
};

static void *wait_for_it(void *arg)
{
    struct waiter *waiter = arg;
    atomic_store(&waiter->began, true);
    waiter->claimed = kn_answers_claim(waiter->pair->other, "a", PATIENCE_MS, waiter->cancel);
    return NULL;
}

/* Starts one who waits, then lets it have its way or stops it; returns whether it got the claim. */
static bool wait_while(struct pair *pair, bool stop)
{
    struct waiter waiter = {.pair = pair, .cancel = kn_cancel_new(NULL)};
    pthread_t thread;
    assert_true(kn_answers_claim(pair->one, "a", 0, NULL));
    assert_int_equal(pthread_create(&thread, NULL, wait_for_it, &waiter), 0);
    while (!atomic_load(&waiter.began))
        (void)kn_cancel_wait_ms(NULL, 1);
    if (stop)
        kn_cancel_trigger(waiter.cancel);
    else
        kn_answers_release(pair->one, "a");
    pthread_join(thread, NULL);
    kn_cancel_free(waiter.cancel);
    return waiter.claimed;
}

static void who_waits_goes_on_when_it_is_released_or_stopped(void **state)
{
    struct pair *pair = *state;
    assert_false(wait_while(pair, true));
    kn_answers_release(pair->one, "a");
    assert_true(wait_while(pair, false));
}

static void what_died_holds_nothing(void **state)
{
    struct pair *pair = *state;
    int said[2], status;
    char byte;
    assert_int_equal(pipe(said), 0);
    pid_t child = fork();
    if (child == 0) {
        bool claimed = kn_answers_claim(pair->one, "a", 0, NULL);
        (void)!write(said[1], claimed ? "y" : "n", 1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(said[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_false(kn_answers_claim(pair->other, "a", 20, NULL));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(kn_answers_claim(pair->other, "a", PATIENCE_MS, NULL));
    close(said[0]);
    close(said[1]);
}

#define PAIR_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PAIR_TEST(one_name_is_claimed_once),
        cmocka_unit_test(without_a_folder_nobody_waits),
        PAIR_TEST(who_waits_goes_on_when_it_is_released_or_stopped),
        PAIR_TEST(what_died_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
