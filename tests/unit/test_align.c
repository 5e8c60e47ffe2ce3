#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ai/align.h"
#include "base/memory.h"

static void the_path_follows_attention(void **state)
{
    (void)state;
    static const float at[3][6] = {
        {.9F, .8F, 0, 0, 0, 0},
        {0, 0, .7F, 0, 0, 0},
        {0, 0, 0, .1F, .9F, .9F},
    };
    struct kn_arena *arena = kn_arena_new();
    int first[3], last[3];
    kn_align_path(&(struct kn_attention){&at[0][0], 3, 6}, arena, first, last);
    static const int want_first[] = {0, 2, 3}, want_last[] = {1, 2, 5};
    assert_memory_equal(first, want_first, sizeof first);
    assert_memory_equal(last, want_last, sizeof last);
    kn_arena_free(arena);
}

/* Whatever the numbers are, rows cover the frames from first to last without going back. */
static void any_matrix_has_a_path(void **state)
{
    (void)state;
    static const struct {
        int rows, frames;
        float fill;
    } cases[] = {{1, 1, 0},
                 {1, 9, 1},
                 {9, 1, 1},
                 {40, 7, .5F},
                 {7, 40, 0},
                 {12, 30, (float)NAN},
                 {12, 30, (float)INFINITY},
                 {12, 30, -1}};
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        struct kn_arena *arena = kn_arena_new();
        int rows = cases[c].rows, frames = cases[c].frames;
        float *at = kn_arena_array(arena, (size_t)(rows * frames), sizeof *at);
        for (int i = 0; i < rows * frames; i++)
            at[i] = cases[c].fill;
        int *first = kn_arena_array(arena, (size_t)rows, sizeof *first);
        int *last = kn_arena_array(arena, (size_t)rows, sizeof *last);
        kn_align_path(&(struct kn_attention){at, rows, frames}, arena, first, last);
        assert_int_equal(first[0], 0);
        assert_int_equal(last[rows - 1], frames - 1);
        for (int r = 0; r < rows; r++) {
            assert_true(first[r] <= last[r] && first[r] >= 0 && last[r] < frames);
            if (r)
                assert_in_range(first[r] - last[r - 1], 0, 1);
        }
        kn_arena_free(arena);
    }
}

/* A second of sound at 16 kHz: noise of the given strength in [from, to) seconds, near silence
 * elsewhere. */
enum { RATE = 16000, FRAMES = 41 };

static void add_noise(float *samples, double from_s, double to_s)
{
    for (int i = (int)(from_s * RATE); i < (int)(to_s * RATE); i++)
        samples[i] = ((float)drand48() - .5F) * .4F;
}

static void quiet_second(float *samples)
{
    srand48(3);
    for (int i = 0; i < RATE; i++)
        samples[i] = ((float)drand48() - .5F) * .001F;
}

static void look(float *at, int row, double from_s, double to_s)
{
    for (int f = 0; f < FRAMES; f++) {
        double s = f * .024 + .05;
        if (s >= from_s && s < to_s)
            at[row * FRAMES + f] = 1;
    }
}

/* Two words, a comma and the end: "one, two" spoken at 0.20-0.40 and 0.60-0.90 s. Attention is 60
 * ms late for the first and early for the second; the pause between them sets it right. */
static void words_reach_up_to_the_pause(void **state)
{
    (void)state;
    static float samples[RATE], at[4 * FRAMES];
    quiet_second(samples);
    add_noise(samples, .20, .40);
    add_noise(samples, .60, .90);
    look(at, 0, 0, .34);
    look(at, 1, .34, .66);
    look(at, 2, .66, .86);
    look(at, 3, .86, 1.1);
    struct kn_align_word words[] = {{.first = 0, .count = 2, .spoken = 1},
                                    {.first = 2, .count = 1, .spoken = 1}};
    struct kn_arena *arena = kn_arena_new();
    kn_align_words(&(struct kn_attention){at, 4, FRAMES}, samples, RATE, arena, words, 2);
    static const double want[2][2] = {{.20, .40}, {.60, .86}};
    for (int i = 0; i < 2; i++)
        if (fabs(words[i].start_s - want[i][0]) > .045 || fabs(words[i].end_s - want[i][1]) > .045)
            fail_msg("word %d: %.3f-%.3f", i, words[i].start_s, words[i].end_s);
    kn_arena_free(arena);
}

/* Random attention over random sound must still give words in order, apart, within the sound. */
static void words_never_overlap_or_leave_the_sound(void **state)
{
    (void)state;
    srand48(11);
    for (int round = 0; round < 200; round++) {
        static float samples[RATE];
        struct kn_arena *arena = kn_arena_new();
        int rows = 2 + lrand48() % 60, count = 0, length = 1600 + lrand48() % (RATE - 1600);
        int frames = (length - 895) / 384 + 1;
        float *at = kn_arena_array(arena, (size_t)(rows * frames), sizeof *at);
        for (int i = 0; i < rows * frames; i++)
            at[i] = lrand48() % 5 ? 0 : (float)drand48();
        quiet_second(samples);
        for (int i = 0; i < 4; i++) {
            double from = drand48() * .8;
            add_noise(samples, from, from + .15);
        }
        struct kn_align_word words[64];
        for (int row = 0; row < rows - 1;) {
            int n = KN_MIN(1 + (int)lrand48() % 3, rows - 1 - row), spoken = 1 + lrand48() % n;
            words[count++] = (struct kn_align_word){row, n, spoken, 0, 0};
            row += n;
        }
        kn_align_words(&(struct kn_attention){at, rows, frames}, samples, length, arena, words,
                       count);
        double previous = 0, least = KN_MIN(.040, (double)length / RATE / count);
        for (int i = 0; i < count; i++) {
            double duration = words[i].end_s - words[i].start_s;
            if (words[i].start_s < previous - 1e-9 || duration < least * .5 ||
                words[i].end_s > (double)length / RATE + 1e-9)
                fail_msg("round %d word %d of %d: %.3f-%.3f after %.3f in %.3f", round, i, count,
                         words[i].start_s, words[i].end_s, previous, (double)length / RATE);
            previous = words[i].end_s;
        }
        kn_arena_free(arena);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_path_follows_attention),
        cmocka_unit_test(any_matrix_has_a_path),
        cmocka_unit_test(words_reach_up_to_the_pause),
        cmocka_unit_test(words_never_overlap_or_leave_the_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
