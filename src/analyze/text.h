/*
 * What the words say: terms (folded, stemmed content words that repeat), and for each sentence the
 * traits that ranking, topics and titles are made of.
 *
 * Works in any script: without word classes (they are known for English, Japanese and Chinese) a
 * sentence still has terms, a length, a final mark and pauses. Linear in the number of words.
 *
 * Terms of scripts without spaces are the dictionary's words that have a letter of Han, Katakana or
 * another script: what is Hiragana alone is grammar (particles, auxiliaries, pronouns), numbers
 * with what they count are no terms, and neither are the general words that the lexicon lists.
 */
#ifndef KN_ANALYZE_TEXT_H
#define KN_ANALYZE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/arena.h>

#include "model/timeline.h"

/* One word of the timeline. */
struct kn_token {
    int term;         /* index of its term; -1: function word, filler, number of one digit, ... */
    uint32_t classes; /* enum kn_word_class */
    int next;         /* the same speaker's next word in the timeline; -1: none */
    int line;         /* the sentence that it belongs to */
    int stretch;      /* the stretch of talk that it belongs to */
};

/* What is said in one go: an utterance where the transcript marks them, else a sentence. All shares
 * and strengths are 0..1. */
struct kn_stretch {
    int words; /* as kn_word_measure has them: letters of Japanese and Chinese count by time */
    int terms;
    float substance; /* how much of the source's own subject it brings together */
    float affirm;    /* share of words that only keep talk going */
    float disfluent; /* share of fillers and repeated or broken-off words */
    float stance;    /* weighs, proposes or decides something */
};

/* One sentence; the index is that of timeline->sentences. All shares and strengths are 0..1. */
struct kn_line {
    struct kn_stretch said; /* measured over its own words, not those of others in its range */
    float hook;             /* how well it would catch a listener as the first line */
    float closing;          /* how well it would do as the last */
    float begins;           /* may a clip begin with it? 0: hangs on what was said before */
    float ends;             /* may a clip end with it? 0: unfinished */
    float opening;          /* does it sound like the turn to a new subject? -1..1 */
    bool question;
    const char *hook_reason;    /* static: "a question"; NULL: no hook */
    const char *closing_reason; /* static; NULL: none */
};

struct kn_text {
    const struct kn_timeline *timeline; /* borrowed; its sentences are joined */
    const struct kn_token *tokens;      /* one a word */
    const struct kn_line *lines;        /* one a sentence */
    int stretch_count;
    const struct kn_stretch *stretches;
    int term_count;
    const int *term_uses;          /* how often each occurs in the source */
    const float *term_weights;     /* 0..1: log(1 + uses), the most used near 1 */
    const char *const *term_words; /* as first spoken, folded */
    bool english;                  /* English words are frequent enough to be its language */
    bool classed; /* the words' classes are known in its language; else all are 0 */
};

/* Everything is in `arena` or borrows from the timeline. */
void kn_text_build(const struct kn_timeline *timeline, struct kn_arena *arena,
                   struct kn_text *ret_text);

/* Lower case, punctuation off both ends, typographic apostrophes and letters of full width made
 * plain. Returns the length;
 * 0 when nothing is left ("—"). `folded` has KN_FOLDED_MAX bytes; longer words are cut. */
enum { KN_FOLDED_MAX = 64 };
int kn_fold_word(const char *word, char folded[KN_FOLDED_MAX]);

/* Takes plural and verb endings off an English word in place ("buttons", "pressing", "pressed"). */
void kn_stem_word(char *folded);

#endif
