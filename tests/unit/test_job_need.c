#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "service/job_need.h"

static int64_t need_mb(int width_px, int height_px, const char *pixels, double hours,
                       const struct kn_job_options *options)
{
    const struct kn_source source = {
        .has_video = width_px > 0,
        .coded_width_px = width_px,
        .coded_height_px = height_px,
        .pixel_format = pixels,
        .duration_us = (int64_t)(hours * 3600e6),
    };
    return kn_job_need_of(&source, options, NULL) >> 20;
}

static void it_follows_pictures_and_length(void **state)
{
    struct kn_job_options options;
    (void)state;
    kn_job_defaults(&options);
    int64_t small = need_mb(640, 360, "yuv420p", 0.1, &options);
    int64_t hd = need_mb(1920, 1080, "yuv420p", 0.1, &options);
    int64_t large = need_mb(3840, 2160, "yuv420p", 0.1, &options);
    assert_in_range(small, 240, 290); /* an encoder for 1080x1920, whatever the source */
    assert_in_range(hd, small + 20, small + 60);
    assert_in_range(large, small + 100, small + 200);
    assert_true(need_mb(3840, 2160, "yuv420p10le", 0.1, &options) > large + 100);
    assert_true(need_mb(1920, 1080, "yuv420p", 10, &options) > hd + 100);
    assert_true(need_mb(0, 0, NULL, 0.1, &options) < small);
    /* Whatever a source claims to be, sums stay within the type. */
    assert_true(need_mb(16384, 4096, "yuv444p16le", 1e9, &options) > 0);
}

static void it_follows_what_is_asked_for(void **state)
{
    struct kn_job_options plain, slow, copy, shapes;
    (void)state;
    kn_job_defaults(&plain);
    slow = copy = shapes = plain;
    slow.render.preset = "slow";
    copy.copy = true;
    shapes.aspects = (struct kn_aspects){3, {KN_ASPECT_9_16, KN_ASPECT_1_1, KN_ASPECT_16_9}};
    int64_t usual = need_mb(1280, 720, "yuv420p", 0.1, &plain);
    assert_true(need_mb(1280, 720, "yuv420p", 0.1, &slow) > usual + 200);
    assert_true(need_mb(1280, 720, "yuv420p", 0.1, &shapes) > 2 * usual);
    /* Copies encode at the source's size. */
    assert_true(need_mb(640, 360, "yuv420p", 0.1, &copy) < 60);
    assert_true(need_mb(3840, 2160, "yuv420p", 0.1, &copy) > 700);
}

static void renditions_beside_it_count(void **state)
{
    static const struct kn_media_rules narrow = {.width_max_px = 1280, .height_max_px = 1280};
    static const struct kn_media_rules wide = {.width_max_px = 1920};
    const struct kn_media_rules *rules[] = {&wide, &narrow, &narrow};
    const struct kn_renditions_ahead ahead = {"", 3, rules};
    const struct kn_source source = {.has_video = true,
                                     .coded_width_px = 1280,
                                     .coded_height_px = 720,
                                     .frame_rate = {25, 1},
                                     .pixel_format = "yuv420p"};
    struct kn_job_options options;
    (void)state;
    kn_job_defaults(&options);
    int64_t whole = kn_job_need_of(&source, &options, NULL);
    int64_t beside = kn_job_need_of(&source, &options, &ahead) - whole;
    assert_in_range(beside >> 20, 100, 120); /* 720x1280, once: 4/9 of an encoder for 1080x1920 */
    options.copy = true; /* nothing is drawn: of that nothing is made on the way */
    assert_int_equal(kn_job_need_of(&source, &options, &ahead),
                     kn_job_need_of(&source, &options, NULL));
}

static void a_process_has_some_memory(void **state)
{
    (void)state;
    assert_in_range(kn_worker_memory_now(), 1 << 20, INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_follows_pictures_and_length),
        cmocka_unit_test(it_follows_what_is_asked_for),
        cmocka_unit_test(renditions_beside_it_count),
        cmocka_unit_test(a_process_has_some_memory),
    };
    return cmocka_run_group_tests_name("job need", tests, NULL, NULL);
}
