#include "analyze/sampling.h"

#include <stdlib.h>

#include "base/vec.h"

enum {
    NEAR = 24,    /* coded pictures to each side that one is compared with */
    TOO_NEAR = 2, /* but not these: a change may show in two or three of them */
    RANK = 3,     /* the reference is the third largest: two other changes may be near */
};
static const float HINT_STRENGTH = 1.5f;

/* A key frame among the coded pictures. */
struct key {
    int64_t at_us;
    int64_t before_us; /* the newest picture before it in order of decoding */
    int length;        /* so many pictures are shown from here to the next key frame */
};
KN_VEC_TYPE(key_list, struct key);
KN_VEC_TYPE(sample_list, struct kn_sample);
KN_VEC_TYPE(hint_list, struct kn_cut_hint);

/* ---- Key frames ---- */

static int compare_int(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* Lengths of groups of pictures that the encoder goes by when nothing happens; 0: none. */
struct regular {
    int common, longest;
};

/* A length is its habit if a good part of all groups has it, or if it is the longest and repeats.
 */
static struct regular regular_lengths(const int *lengths, int count)
{
    struct regular regular = {0};
    if (count == 0)
        return regular;
    int *sorted = kn_malloc((size_t)count * sizeof *sorted);
    for (int i = 0; i < count; i++)
        sorted[i] = lengths[i];
    qsort(sorted, (size_t)count, sizeof *sorted, compare_int);
    int best_run = KN_MAX(count / 4, 2);
    for (int i = 0, run = 0; i < count; i++) {
        run = i > 0 && sorted[i] == sorted[i - 1] ? run + 1 : 1;
        if (run > best_run) {
            regular.common = sorted[i];
            best_run = run;
        }
    }
    if (count > 1 && sorted[count - 1] == sorted[count - 2])
        regular.longest = sorted[count - 1];
    free(sorted);
    return regular;
}

/* When a picture of this time was hard to predict: how long before it the change may lie. The
 * newest picture before it in order of decoding is still of the old shot. */
static int64_t slack_of(int64_t at_us, int64_t before_us, int64_t frame_us)
{
    return before_us == INT64_MIN ? 0 : KN_MAX(at_us - before_us - frame_us, 0);
}

static void find_keys(const struct kn_coded *coded, int count, struct key_list *keys)
{
    int64_t newest_us = INT64_MIN;
    for (int i = 0; i < count; i++) {
        int64_t at_us = coded[i].at_us;
        bool first = keys->count == 0;
        if (coded[i].key && (first || at_us > kn_vec_last(keys)->at_us))
            kn_vec_push(keys, ((struct key){at_us, newest_us, 0}));
        newest_us = KN_MAX(newest_us, at_us);
        /* Pictures that lead up to a key frame are decoded after it. */
        if (keys->count > 1 && at_us < kn_vec_last(keys)->at_us)
            keys->at[keys->count - 2].length++;
        else if (keys->count > 0)
            kn_vec_last(keys)->length++;
    }
}

static void choose_samples(const struct key_list *keys, int64_t end_us, int64_t frame_us,
                           struct sample_list *samples)
{
    int *lengths = kn_malloc((size_t)KN_MAX(keys->count, 1) * sizeof *lengths);
    for (int i = 0; i + 1 < keys->count; i++)
        lengths[i] = keys->at[i].length;
    struct regular regular = regular_lengths(lengths, KN_MAX(keys->count - 1, 0));

    for (int i = 0; i < keys->count; i++) {
        const struct key *key = &keys->at[i];
        int64_t next_us = i + 1 < keys->count ? keys->at[i + 1].at_us : end_us;
        bool irregular =
            i > 0 && lengths[i - 1] != regular.common && lengths[i - 1] != regular.longest;
        int64_t step_us = irregular ? KN_SAMPLE_IRREGULAR_US : KN_SAMPLE_STEP_US;
        if (samples->count > 0 && key->at_us - kn_vec_last(samples)->at_us < step_us)
            continue;
        const struct kn_sample sample = {
            .at_us = key->at_us,
            .forward_until_us = next_us - key->at_us > KN_SAMPLE_GAP_US ? next_us : 0,
            .irregular = irregular,
            .slack_us = slack_of(key->at_us, key->before_us, frame_us),
        };
        kn_vec_push(samples, sample);
    }
    free(lengths);
}

/* ---- Sizes ---- */

/* The size that a picture beside number `at` may have without being remarkable; 0: cannot be told,
 * too few neighbours. */
static int usual_bytes(const struct kn_coded *coded, int count, int at)
{
    int largest[RANK] = {0}; /* descending */
    for (int i = KN_MAX(at - NEAR, 0); i <= KN_MIN(at + NEAR, count - 1); i++) {
        if (coded[i].key || abs(i - at) <= TOO_NEAR)
            continue;
        int bytes = coded[i].bytes;
        for (int k = 0; k < RANK; k++)
            if (bytes > largest[k]) {
                int pushed = largest[k];
                largest[k] = bytes;
                bytes = pushed;
            }
    }
    return largest[RANK - 1];
}

static void find_hints(const struct kn_coded *coded, int count, int64_t frame_us,
                       struct hint_list *hints)
{
    int64_t newest_us = INT64_MIN;
    for (int i = 0; i < count; i++) {
        int64_t at_us = coded[i].at_us, before_us = newest_us;
        newest_us = KN_MAX(newest_us, at_us);
        /* A picture between others is not where a change is first met. */
        if (coded[i].key || at_us < before_us || before_us == INT64_MIN)
            continue;
        int usual = usual_bytes(coded, count, i);
        if (usual == 0 || (float)coded[i].bytes < HINT_STRENGTH * (float)usual)
            continue;
        const struct kn_cut_hint hint = {
            .at_us = at_us,
            .slack_us = slack_of(at_us, before_us, frame_us),
            .strength = (float)coded[i].bytes / (float)usual,
        };
        kn_vec_push(hints, hint);
    }
}

void kn_sampling_plan(const struct kn_coded *coded, int count, int64_t frame_us,
                      struct kn_arena *arena, struct kn_sampling *ret_sampling)
{
    struct key_list keys = {0};
    struct sample_list samples = {0};
    struct hint_list hints = {0};
    find_keys(coded, count, &keys);
    choose_samples(&keys, count > 0 ? coded[count - 1].at_us : 0, frame_us, &samples);
    find_hints(coded, count, frame_us, &hints);
    *ret_sampling = (struct kn_sampling){
        .sample_count = samples.count,
        .hint_count = hints.count,
        .samples = kn_vec_to_arena(&samples, arena),
        .hints = kn_vec_to_arena(&hints, arena),
    };
    kn_vec_free(&keys);
    kn_vec_free(&samples);
    kn_vec_free(&hints);
}
