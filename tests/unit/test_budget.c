/* Budgets: nothing is ever spent beyond them, by whatever number of threads and processes. */
#include "run_help.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ai/budget.h"
#include "ai/prices.h"
#include "ai/test_clock.h"
#include "base/file.h"
#include "support/temp_folder.h"

static int make_folder(void **state)
{
    static char room[PATH_MAX];
    *state = room;
    return temp_folder_make(room) ? 0 : -1;
}

static int remove_folder(void **state)
{
    return temp_folder_remove(*state);
}

static const int64_t day_us = INT64_C(86400) * 1000000;
static int64_t fake_wall_us;

static int64_t fake_wall(void)
{
    return fake_wall_us;
}

static struct kn_usage costs(double usd, int64_t tokens)
{
    return (struct kn_usage){.requests = 1, .input_tokens = tokens, .usd = usd};
}

static enum kn_status spend(struct kn_budget *budget, double usd, int64_t tokens,
                            struct kn_error *err)
{
    struct kn_usage usage = costs(usd, tokens);
    enum kn_status status = kn_budget_reserve(budget, &usage, err);
    if (status == KN_OK)
        kn_budget_settle(budget, &usage, &usage);
    return status;
}

static void what_does_not_fit_is_refused_and_says_so(void **state)
{
    (void)state;
    struct kn_error err = {0};
    struct kn_budget_limits limits = {.usd = 0.10, .hint = "--job-budget"};
    KN_SCOPED(kn_budget) money = kn_budget_new("the job's budget", &limits, NULL);
    for (int i = 0; i < 10; i++) /* ten times 0.01 is 0.1, to the last bit */
        assert_int_equal(spend(money, 0.01, 5, &err), KN_OK);
    assert_int_equal(spend(money, 0.005, 0, &err), KN_LIMIT);
    assert_string_equal(err.text,
                        "the job's budget of $0.10 does not reach: $0.00 is left, and the next "
                        "request may cost $0.0050; raise it with --job-budget to go on");
    assert_int_equal(spend(money, 0, 1000000, &err), KN_OK); /* tokens have no bound here */
    struct kn_usage unpriced = {.requests = 1, .unpriced = 1};
    assert_int_equal(kn_budget_reserve(money, &unpriced, &err), KN_LIMIT);
    assert_non_null(strstr(err.text, "is not known"));

    limits = (struct kn_budget_limits){.tokens = 100};
    KN_SCOPED(kn_budget) tokens = kn_budget_new("the budget", &limits, NULL);
    assert_int_equal(kn_budget_reserve(tokens, &unpriced, &err), KN_OK);
    kn_budget_settle(tokens, &unpriced, &unpriced);
    assert_int_equal(spend(tokens, 99, 100, &err), KN_OK);
    assert_int_equal(spend(tokens, 0, 1, &err), KN_LIMIT);
    assert_string_equal(err.text, "the budget of 100 tokens does not reach: 0 are left, and the "
                                  "next request may use 1; raise it to go on");
    assert_int_equal(kn_budget_reserve(NULL, &unpriced, &err), KN_OK);
    kn_budget_settle(NULL, &unpriced, &unpriced);
}

static void a_reservation_becomes_what_was_used(void **state)
{
    (void)state;
    struct kn_budget_limits limits = {.usd = 1, .tokens = 1000};
    KN_SCOPED(kn_budget) budget = kn_budget_new("the budget", &limits, NULL);
    struct kn_usage most = costs(0.6, 600), used = costs(0.1, 100), sum;
    assert_int_equal(kn_budget_reserve(budget, &most, NULL), KN_OK);
    assert_int_equal(kn_budget_reserve(budget, &most, NULL), KN_LIMIT);
    kn_budget_used(budget, &sum);
    assert_int_equal(sum.requests, 0); /* what is reserved is not used */
    kn_budget_settle(budget, &most, &used);
    assert_int_equal(kn_budget_reserve(budget, &most, NULL), KN_OK);
    used.usd = 2; /* a service that bills more than the most: it is written down, and the end */
    kn_budget_settle(budget, &most, &used);
    assert_int_equal(spend(budget, 0.0001, 0, NULL), KN_LIMIT);
    kn_budget_used(budget, &sum);
    assert_int_equal(sum.requests, 2);
    assert_int_equal(sum.input_tokens, 200);
    assert_true(sum.usd > 2.0999 && sum.usd < 2.1001);
}

static void a_parent_that_refuses_leaves_nothing_reserved_below(void **state)
{
    (void)state;
    struct kn_error err = {0};
    struct kn_budget_limits large = {.tokens = 100}, small = {.tokens = 50};
    KN_SCOPED(kn_budget) parent = kn_budget_new("the batch's budget", &small, NULL);
    KN_SCOPED(kn_budget) child = kn_budget_new("the job's budget", &large, parent);
    assert_int_equal(spend(child, 0, 60, &err), KN_LIMIT);
    assert_true(strncmp(err.text, "the batch's budget of 50", 24) == 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(spend(child, 0, 10, &err), KN_OK);
    assert_int_equal(spend(child, 0, 1, &err), KN_LIMIT);
    struct kn_usage sum;
    kn_budget_used(child, &sum);
    assert_int_equal(sum.input_tokens, 50);
    kn_budget_used(parent, &sum);
    assert_int_equal(sum.input_tokens, 50);
}

/* ---- many at once ---- */

enum { THREADS = 64, ROUNDS = 200, TOKENS = 20000 };

static struct {
    struct kn_budget *jobs[2];
    atomic_llong outstanding[2], spent; /* as the spenders count it themselves */
    atomic_int exceeded, refused;
} many;

static void *spend_at_random(void *arg)
{
    int number = (int)(intptr_t)arg, job = number % 2;
    struct dice dice = {.state = (uint64_t)number * 7919 + 1};
    for (int i = 0; i < ROUNDS; i++) {
        struct kn_usage most = costs(0, dice_below(&dice, 200) + 1), used = most;
        used.input_tokens = dice_below(&dice, (uint32_t)most.input_tokens + 1);
        if (kn_budget_reserve(many.jobs[job], &most, NULL) != KN_OK) {
            atomic_fetch_add(&many.refused, 1);
            continue;
        }
        /* Reserved: in the books of the budget since before this and until after that. */
        long long before = atomic_fetch_add(&many.outstanding[job], most.input_tokens);
        if (before + most.input_tokens > TOKENS)
            atomic_fetch_add(&many.exceeded, 1);
        sched_yield();
        atomic_fetch_sub(&many.outstanding[job], most.input_tokens - used.input_tokens);
        atomic_fetch_add(&many.spent, used.input_tokens);
        kn_budget_settle(many.jobs[job], &most, &used);
    }
    return NULL;
}

static void a_budget_is_never_exceeded(void **state)
{
    (void)state;
    struct kn_budget_limits each = {.tokens = TOKENS}, both = {.tokens = TOKENS * 3 / 2};
    KN_SCOPED(kn_budget) parent = kn_budget_new("the day's budget", &both, NULL);
    for (int i = 0; i < 2; i++)
        many.jobs[i] = kn_budget_new("the job's budget", &each, parent);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, spend_at_random, (void *)(intptr_t)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    struct kn_usage sum;
    kn_budget_used(parent, &sum);
    assert_int_equal(atomic_load(&many.exceeded), 0);
    assert_true(atomic_load(&many.refused) > 0); /* it was tight */
    assert_int_equal(sum.input_tokens, atomic_load(&many.spent));
    assert_in_range(sum.input_tokens, TOKENS * 3 / 2 - 200, TOKENS * 3 / 2);
    for (int i = 0; i < 2; i++)
        kn_budget_free(many.jobs[i]);
}

/* ---- days ---- */

static struct kn_budget *day_budget(const char *folder, int64_t tokens)
{
    struct kn_budget_limits limits = {.tokens = tokens};
    return kn_budget_of_day(folder, &limits);
}

/* In a process of its own: spends one token after the other until that is refused, and counts. */
static pid_t spend_in_process(const char *folder, int64_t limit, int reserve_and_die,
                              atomic_int *spent)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct kn_budget *budget = day_budget(folder, limit);
    struct kn_usage one = costs(0.001, 1), some = costs(0, reserve_and_die);
    if (reserve_and_die)
        _exit(kn_budget_reserve(budget, &some, NULL) == KN_OK ? 0 : 1);
    while (kn_budget_reserve(budget, &one, NULL) == KN_OK) {
        kn_budget_settle(budget, &one, &one);
        atomic_fetch_add(spent, 1);
    }
    kn_budget_free(budget);
    _exit(0);
}

static int exit_code_of(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void processes_share_the_days_budget(void **state)
{
    enum { LIMIT = 5000 };
    char *folder = *state;
    char days[4096];
    snprintf(days, sizeof days, "%s/made/on the way", folder);
    atomic_int *spent =
        mmap(NULL, sizeof *spent, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(spent, MAP_FAILED);
    pid_t dead = spend_in_process(days, LIMIT, 30, spent);
    assert_int_equal(exit_code_of(dead), 0); /* 30 died reserved, and count as spent */
    pid_t pids[4];
    for (int i = 0; i < 4; i++)
        pids[i] = spend_in_process(days, LIMIT, 0, spent);
    for (int i = 0; i < 4; i++)
        assert_int_equal(exit_code_of(pids[i]), 0);
    assert_int_equal(atomic_load(spent), LIMIT - 30);
    munmap(spent, sizeof *spent);
    KN_SCOPED(kn_budget) budget = day_budget(days, LIMIT);
    struct kn_error err = {0};
    assert_int_equal(spend(budget, 0, 1, &err), KN_LIMIT);
    assert_true(strncmp(err.text, "the day's budget of 5000 tokens", 31) == 0);
    /* Their money is in the same account. */
    struct kn_budget_limits limits = {.usd = (LIMIT - 30) * 0.001 + 0.002};
    KN_SCOPED(kn_budget) money = kn_budget_of_day(days, &limits);
    assert_int_equal(spend(money, 0.003, 0, &err), KN_LIMIT);
    assert_int_equal(spend(money, 0.002, 0, &err), KN_OK);
}

static void a_new_day_begins_at_midnight_utc(void **state)
{
    KN_SCOPED(kn_budget) budget = day_budget(*state, 10);
    kn_budget_use_clock(budget, fake_wall);
    struct kn_usage most = costs(0, 10), used = costs(0, 4);
    fake_wall_us = 20783 * day_us - 1; /* 2026-11-25 24:00 */
    assert_int_equal(kn_budget_reserve(budget, &most, NULL), KN_OK);
    assert_int_equal(spend(budget, 0, 1, NULL), KN_LIMIT);
    fake_wall_us++;
    assert_int_equal(spend(budget, 0, 7, NULL), KN_OK);
    kn_budget_settle(budget, &most, &used); /* of yesterday: does not touch today's three */
    assert_int_equal(spend(budget, 0, 4, NULL), KN_LIMIT);
    assert_int_equal(spend(budget, 0, 3, NULL), KN_OK);
    assert_int_equal(spend(budget, 0, 1, NULL), KN_LIMIT);
    fake_wall_us--;
    assert_int_equal(spend(budget, 0, 7, NULL), KN_LIMIT);
    assert_int_equal(spend(budget, 0, 6, NULL), KN_OK);
}

/* Earlier versions counted more than anybody read. */
static void a_day_of_an_older_version_goes_on(void **state)
{
    static const char older[] =
        "{\"used\":{\"usd_nano\":7,\"tokens\":4},\"reserved\":{\"usd_nano\":0,\"tokens\":2},"
        "\"requests\":3,\"cached\":1,\"unpriced\":0,\"audio_ms\":12,\"input_tokens\":3,"
        "\"output_tokens\":1}";
    char path[4096], text[512];
    KN_SCOPED(kn_budget) budget = day_budget(*state, 10);
    kn_budget_use_clock(budget, fake_wall);
    fake_wall_us = 20000 * day_us;
    memset(text, ' ', sizeof text);
    memcpy(text, older, strlen(older));
    snprintf(path, sizeof path, "%s/2024-10-04.json", (char *)*state);
    assert_int_equal(kn_file_write(path, text, sizeof text, NULL), KN_OK);
    assert_int_equal(spend(budget, 0, 5, NULL), KN_LIMIT);
    assert_int_equal(spend(budget, 0, 4, NULL), KN_OK);
    assert_int_equal(spend(budget, 0, 1, NULL), KN_LIMIT);
}

static void an_account_that_cannot_be_kept_is_an_error(void **state)
{
    char path[4096];
    struct kn_error err = {0};
    KN_SCOPED(kn_budget) budget = day_budget(*state, 10);
    kn_budget_use_clock(budget, fake_wall);
    fake_wall_us = 20000 * day_us;
    assert_int_equal(spend(budget, 0, 1, &err), KN_OK);
    snprintf(path, sizeof path, "%s/2024-10-04.json", (char *)*state);
    static const char *const bad[] = {"{}", "nonsense",
                                      "{\"used\":{\"usd_nano\":-5,\"tokens\":0}}"};
    for (size_t i = 0; i < KN_COUNT_OF(bad); i++) {
        char text[512];
        memset(text, ' ', sizeof text);
        memcpy(text, bad[i], strlen(bad[i]));
        assert_int_equal(kn_file_write(path, text, i == 0 ? 2 : sizeof text, NULL), KN_OK);
        assert_int_equal(spend(budget, 0, 1, &err), KN_DAMAGED);
        assert_non_null(strstr(err.text, "remove it"));
    }
    unlink(path);
    assert_int_equal(spend(budget, 0, 10, &err), KN_OK);

    /* Somebody who was stopped while he held it. */
    int fd;
    assert_int_equal(kn_file_lock(path, &fd, &err), KN_OK);
    fake_wall_us += 1000;
    assert_int_equal(spend(budget, 0, 1, &err), KN_LOST);
    close(fd);

    KN_SCOPED(kn_budget) nowhere = day_budget("/proc/no/such", 10);
    assert_int_not_equal(spend(nowhere, 0, 1, &err), KN_OK);
}

/* ---- prices ---- */

static void prices_go_by_the_longest_name(void **state)
{
    (void)state;
    static const char openai[] = "https://api.openai.com/v1";
    static const struct {
        const char *url, *model;
        bool known;
        double usd; /* of a minute, a million tokens in, a million out */
    } cases[] = {
        {openai, "whisper-1", true, 0.006},
        {openai, "gpt-4o", true, 12.5},
        {openai, "gpt-4o-2024-08-06", true, 12.5},
        {openai, "gpt-4o-mini", true, 0.75},
        {openai, "gpt-4o-mini-2024-07-18", true, 0.75},
        {openai, "gpt-4o-mini-transcribe-2025-12-15", true, 5.003},
        {openai, "gpt-4o-audio-preview", false, 0},
        {openai, "gpt-4oo", false, 0},
        {openai, "gpt-99", false, 0},
        {openai, NULL, false, 0},
        {"https://api.openai.com:8443", "gpt-4.1", true, 10},
        {"https://api.openai.com.example.org/v1", "gpt-4.1", false, 0},
        {"https://example.org/api.openai.com", "gpt-4.1", false, 0},
        {"https://api.groq.com/openai/v1", "whisper-large-v3-turbo", true, 0.04 / 60},
        {"https://api.groq.com/openai/v1", "whisper-1", false, 0},
        {"http://127.0.0.1:8080/v1", "gpt-4o", true, 0},
        {"http://localhost:11434/v1", "llava", true, 0},
        {"http://[::1]:9/v1", NULL, true, 0},
    };
    struct kn_usage usage = {
        .requests = 1, .audio_s = 60, .input_tokens = 1000000, .output_tokens = 1000000};
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_price price = {0};
        bool known = kn_price_find(cases[i].url, cases[i].model, &price);
        double usd = known ? kn_price_usd(&price, &usage, 0) : 0;
        if (known != cases[i].known || usd < cases[i].usd - 1e-9 || usd > cases[i].usd + 1e-9)
            fail_msg("%s at %s: known %d, $%f", cases[i].model, cases[i].url, known, usd);
    }
    struct kn_price groq = {0};
    assert_true(kn_price_find("https://api.groq.com", "whisper-large-v3", &groq));
    usage = (struct kn_usage){.audio_s = 1}; /* billed as ten seconds */
    double usd = kn_price_usd(&groq, &usage, 0);
    assert_true(usd > 0.000308 && usd < 0.000309);
    struct kn_price cached = {.usd_input = 4, .usd_cached = 1};
    usage = (struct kn_usage){.input_tokens = 1000000};
    usd = kn_price_usd(&cached, &usage, 500000);
    assert_true(usd > 2.499 && usd < 2.501);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_is_refused_and_says_so),
        cmocka_unit_test(a_reservation_becomes_what_was_used),
        cmocka_unit_test(a_parent_that_refuses_leaves_nothing_reserved_below),
        cmocka_unit_test_setup_teardown(processes_share_the_days_budget, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_new_day_begins_at_midnight_utc, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_day_of_an_older_version_goes_on, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(an_account_that_cannot_be_kept_is_an_error, make_folder,
                                        remove_folder),
        cmocka_unit_test(a_budget_is_never_exceeded),
        cmocka_unit_test(prices_go_by_the_longest_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
