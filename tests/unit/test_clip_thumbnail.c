#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/attempt.h"

enum { S = 1000000 };

/* A talk: a title, a slide, the speaker, a slide whose beginning is not known exactly. */
static const struct kn_shot shots[] = {
    {.start_us = 0, .end_us = 10 * S, .kind = KN_SHOT_SLIDE},
    {.start_us = 10 * S, .end_us = 30 * S, .kind = KN_SHOT_SLIDE},
    {.start_us = 30 * S, .end_us = 60 * S, .kind = KN_SHOT_PEOPLE},
    {.start_us = 60 * S, .end_us = 90 * S, .slack_us = 4 * S, .kind = KN_SHOT_FROZEN},
};

static void a_still_belongs_to_the_better_clip(void **state)
{
    (void)state;
    static const struct kn_segment segments[] = {
        {.start_us = 20 * S, .end_us = 40 * S},
        {.start_us = 5 * S, .end_us = 20 * S},  /* shares a slide with the first */
        {.start_us = 40 * S, .end_us = 58 * S}, /* the speaker, and perhaps the slide after them */
        {.start_us = 58 * S, .end_us = 80 * S},
        {.start_us = 80 * S, .end_us = 90 * S},
    };
    static const struct {
        int count;
        int64_t start_us, end_us;
    } want[] = {{0}, {1, 10 * S, 30 * S}, {0}, {1, 56 * S, 90 * S}, {1, 56 * S, 90 * S}};
    struct kn_attempt attempt = {
        .timeline = {.shot_count = KN_COUNT_OF(shots), .shots = shots},
        .segments = {.count = KN_COUNT_OF(segments), .segments = segments},
    };
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(segments); i++) {
        struct clip_work clip = {.attempt = &attempt, .arena = arena, .segment = &segments[i]};
        const struct kn_thumbnail_span *known;
        assert_int_equal(kn_clip_known_stills(&clip, &known), want[i].count);
        for (int k = 0; k < want[i].count; k++) {
            assert_int_equal(known[k].start_us, want[i].start_us);
            assert_int_equal(known[k].end_us, want[i].end_us);
        }
    }
    kn_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_still_belongs_to_the_better_clip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
