#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kirinuki/cancel.h>

#include "ai/onnx.h"

/* All against the stand-in of tests/fakes/onnxruntime.c; its models are words. */

static const char *fakes(void)
{
    const char *folder = getenv("KN_FAKES");
    assert_non_null(folder);
    return folder;
}

/* How many of the stand-in's objects are alive. */
static int live_objects(void)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/libonnxruntime.so", fakes());
    void *library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    assert_non_null(library);
    int (*count)(void);
    void *symbol = dlsym(library, "fake_live");
    memcpy(&count, &symbol, sizeof count);
    int live = count();
    dlclose(library);
    return live;
}

static struct kn_onnx *open_fake(void)
{
    struct kn_error err = {0};
    struct kn_onnx *onnx = NULL;
    if (kn_onnx_open(fakes(), &onnx, &err) != KN_OK)
        fail_msg("%s", err.text);
    return onnx;
}

static struct kn_onnx_session *open_word(struct kn_onnx *onnx, const char *word)
{
    static const char *const inputs[] = {"x", NULL}, *const outputs[] = {"y", NULL};
    struct kn_onnx_model model = {
        .name = word, .data = word, .size = strlen(word), .inputs = inputs, .outputs = outputs};
    struct kn_error err = {0};
    struct kn_onnx_session *session = NULL;
    if (kn_onnx_session_open(onnx, &model, &session, &err) != KN_OK)
        fail_msg("%s", err.text);
    return session;
}

/* Runs a model on {1, 2, 3} as [1, 3]; *ret_y as from kn_onnx_run. */
static enum kn_status run_word(struct kn_onnx_session *session, struct kn_onnx *onnx,
                               struct kn_onnx_call *call, struct kn_onnx_value **ret_y,
                               struct kn_error *err)
{
    static float data[] = {1, 2, 3};
    static const int64_t dims[] = {1, 3};
    struct kn_onnx_io x = {"x", NULL}, y = {"y", NULL};
    assert_int_equal(kn_onnx_tensor(onnx, KN_ONNX_FLOAT, data, sizeof data, dims, 2, &x.value, err),
                     KN_OK);
    enum kn_status status = kn_onnx_run(session, call, &x, 1, &y, 1, err);
    kn_onnx_value_free(onnx, x.value);
    *ret_y = y.value;
    return status;
}

static void a_model_gives_its_floats(void **state)
{
    (void)state;
    struct kn_error err;
    struct kn_onnx *onnx = open_fake();
    assert_string_equal(kn_onnx_version(onnx), "1.17.0-fake");
    struct kn_onnx_session *session = open_word(onnx, "echo");
    struct kn_onnx_value *y;
    assert_int_equal(run_word(session, onnx, NULL, &y, &err), KN_OK);
    int64_t dims[] = {1, -1};
    const float *floats;
    assert_int_equal(kn_onnx_floats(onnx, y, "y", dims, 2, &floats, &err), KN_OK);
    assert_int_equal(dims[1], 3);
    assert_true(floats[0] == 1 && floats[2] == 3);
    kn_onnx_value_free(onnx, y);
    kn_onnx_session_close(session);
    kn_onnx_close(onnx);
    assert_int_equal(live_objects(), 0);
}

static void another_shape_is_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        int rank;
        int64_t dims[3];
    } cases[] = {
        {"echo", 2, {1, 4}}, {"echo", 2, {2, -1}}, {"echo", 1, {-1}},      {"echo", 3, {1, 3, 1}},
        {"int", 2, {1, 3}},  {"deep", 2, {1, 1}},  {"deep", 3, {1, 1, 1}},
    };
    struct kn_onnx *onnx = open_fake();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_error err;
        struct kn_onnx_session *session = open_word(onnx, cases[i].model);
        struct kn_onnx_value *y;
        assert_int_equal(run_word(session, onnx, NULL, &y, &err), KN_OK);
        int64_t dims[3];
        memcpy(dims, cases[i].dims, sizeof dims);
        const float *floats = NULL;
        assert_int_equal(kn_onnx_floats(onnx, y, "y", dims, cases[i].rank, &floats, &err),
                         KN_DAMAGED);
        assert_null(floats);
        assert_memory_equal(dims, cases[i].dims, sizeof dims);
        kn_onnx_value_free(onnx, y);
        kn_onnx_session_close(session);
    }
    kn_onnx_close(onnx);
    assert_int_equal(live_objects(), 0);
}

static void failures_are_one_line_and_leak_nothing(void **state)
{
    (void)state;
    static const char *const strange[] = {"z", NULL}, *const bad_config[] = {"bad", "1", NULL};
    struct kn_error err;
    struct kn_onnx *onnx = open_fake();
    struct kn_onnx_session *session = NULL;
    struct kn_onnx_model model = {.name = "m.onnx", .data = "no!", .size = 3};
    assert_int_equal(kn_onnx_session_open(onnx, &model, &session, &err), KN_DAMAGED);
    assert_string_equal(err.text, "m.onnx cannot be used: no model");
    model = (struct kn_onnx_model){.name = "m.onnx", .path = "echo", .inputs = strange};
    assert_int_equal(kn_onnx_session_open(onnx, &model, &session, &err), KN_DAMAGED);
    assert_string_equal(err.text, "m.onnx is another model than expected: it takes no z");
    model = (struct kn_onnx_model){.name = "m.onnx", .path = "echo", .outputs = strange};
    assert_int_equal(kn_onnx_session_open(onnx, &model, &session, &err), KN_DAMAGED);
    assert_string_equal(err.text, "m.onnx is another model than expected: it gives no z");
    model = (struct kn_onnx_model){.name = "m.onnx", .path = "echo", .config = bad_config};
    assert_int_equal(kn_onnx_session_open(onnx, &model, &session, &err), KN_INTERNAL);
    assert_null(session);

    session = open_word(onnx, "fail");
    struct kn_onnx_value *y;
    assert_int_equal(run_word(session, onnx, NULL, &y, &err), KN_INTERNAL);
    assert_string_equal(err.text, "fail: no kernel");
    assert_null(y);
    float few[2] = {0};
    int64_t dims[] = {3};
    struct kn_onnx_value *value = NULL;
    assert_int_equal(kn_onnx_tensor(onnx, KN_ONNX_FLOAT, few, sizeof few, dims, 1, &value, &err),
                     KN_INTERNAL);
    assert_null(value);
    kn_onnx_session_close(session);
    kn_onnx_close(onnx);
    assert_int_equal(live_objects(), 0);
}

struct waiting {
    struct kn_onnx *onnx;
    struct kn_onnx_session *session;
    struct kn_cancel *cancel;
    enum kn_status status;
};

static void *run_until_cancelled(void *arg)
{
    struct waiting *waiting = arg;
    struct kn_error err;
    struct kn_onnx_call call;
    struct kn_onnx_value *y;
    if (kn_onnx_call_begin(waiting->onnx, waiting->cancel, &call, &err) != KN_OK)
        return NULL;
    waiting->status = run_word(waiting->session, waiting->onnx, &call, &y, &err);
    kn_onnx_call_end(&call);
    return NULL;
}

static void a_run_ends_when_its_token_is_triggered(void **state)
{
    (void)state;
    for (int before = 0; before < 2; before++) {
        struct waiting waiting = {.onnx = open_fake(), .cancel = kn_cancel_new(NULL)};
        waiting.session = open_word(waiting.onnx, "wait");
        pthread_t thread;
        if (before)
            kn_cancel_trigger(waiting.cancel);
        assert_int_equal(pthread_create(&thread, NULL, run_until_cancelled, &waiting), 0);
        kn_cancel_trigger(waiting.cancel);
        pthread_join(thread, NULL);
        assert_int_equal(waiting.status, KN_CANCELLED);
        kn_onnx_session_close(waiting.session);
        kn_onnx_close(waiting.onnx);
        kn_cancel_free(waiting.cancel);
        assert_int_equal(live_objects(), 0);
    }
}

static void the_runtime_is_shared_until_the_last_close(void **state)
{
    (void)state;
    struct kn_error err;
    struct kn_onnx *first = open_fake(), *second;
    assert_int_equal(kn_onnx_open("/nowhere", &second, &err), KN_OK);
    assert_ptr_equal(first, second);
    struct kn_onnx_session *session = open_word(first, "echo");
    kn_onnx_close(first);
    kn_onnx_close(second);
    assert_true(live_objects() > 0); /* the session keeps it open */
    kn_onnx_session_close(session);
    assert_int_equal(live_objects(), 0);
}

static void a_library_that_will_not_do_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *mode, *text;
    } cases[] = {
        {"old", "ONNX Runtime 1.17.0-fake is too old: 1.17 or newer is needed"},
        {"no-base", "the library that was found is not ONNX Runtime"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_error err;
        struct kn_onnx *onnx = NULL;
        setenv("KN_FAKE_ONNX", cases[i].mode, 1);
        assert_int_equal(kn_onnx_open(fakes(), &onnx, &err), KN_MISSING);
        assert_string_equal(err.text, cases[i].text);
        assert_null(onnx);
        unsetenv("KN_FAKE_ONNX");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_gives_its_floats),
        cmocka_unit_test(another_shape_is_an_error),
        cmocka_unit_test(failures_are_one_line_and_leak_nothing),
        cmocka_unit_test(a_run_ends_when_its_token_is_triggered),
        cmocka_unit_test(the_runtime_is_shared_until_the_last_close),
        cmocka_unit_test(a_library_that_will_not_do_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
