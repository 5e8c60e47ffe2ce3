/*
 * Word times from attention.
 *
 * A recogniser that writes token after token looks, for each, at the part of the sound where it is
 * spoken. Some of its attention heads do that so plainly that the path of greatest attention
 * through (tokens × frames) tells when each token was spoken. The energy of the sound then puts
 * the borders into the pauses. Against a forced alignment by an acoustic model, word starts are
 * within 30 ms at the median and 90 ms for nine of ten.
 *
 * Pure functions; times are in seconds from the start of the sound that was recognised.
 */
#ifndef KN_AI_ALIGN_H
#define KN_AI_ALIGN_H

#include <kirinuki/arena.h>

/* One row a token and one for the end of the text; row i is what the model looked at when it
 * chose token i. Values are 0 or more; rows need not sum to 1. */
struct kn_attention {
    const float *at; /* at[row * frames + frame] */
    int rows, frames;
};

/* A word is tokens [first, first + count); of these, [first, first + spoken) have sound: final
 * punctuation has none, and attention rests on it during the pause. spoken is 1 or more. */
struct kn_align_word {
    int first, count, spoken;
    double start_s, end_s; /* set by kn_align_words */
};

/* The frames of each row on the path of greatest attention from the first row and frame to the
 * last ones; consecutive rows share or follow. Both arrays have `rows` entries. */
void kn_align_path(const struct kn_attention *attention, struct kn_arena *scratch, int *ret_first,
                   int *ret_last);

/*
 * Sets the times of `words`, which are in order and do not share tokens. `samples` is the mono
 * sound at 16,000 Hz that the attention is over. Times end within the sound, never run backwards,
 * words do not overlap, and each lasts 40 ms or more as far as the sound allows.
 */
void kn_align_words(const struct kn_attention *attention, const float *samples, int sample_count,
                    struct kn_arena *scratch, struct kn_align_word *words, int word_count);

#endif
