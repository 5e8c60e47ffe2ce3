/*
 * What general words of English, Japanese and Chinese say about the sentence that they stand in.
 * Written by hand from grammar and from how people speak; nothing here is learned from a corpus,
 * and nothing is about a subject. Words of other languages are in no class.
 */
#ifndef KN_ANALYZE_LEXICON_H
#define KN_ANALYZE_LEXICON_H

#include <stdbool.h>
#include <stdint.h>

enum kn_word_class {
    KN_CLASS_FUNCTION = 1 << 0,   /* the, of, would: no subject of their own */
    KN_CLASS_FILLER = 1 << 1,     /* uh, um */
    KN_CLASS_AFFIRM = 1 << 2,     /* yeah, okay, mm-hmm: answers that only keep talk going */
    KN_CLASS_NUMBER = 1 << 3,     /* seven, third, percent */
    KN_CLASS_WE = 1 << 4,         /* we, our, let's */
    KN_CLASS_YOU = 1 << 5,        /* you, your */
    KN_CLASS_STANCE = 1 << 6,     /* should, need, think, maybe: weighs, proposes, decides */
    KN_CLASS_CLAIM = 1 << 7,      /* never, always, most, biggest, best: strong statements */
    KN_CLASS_CONTRAST = 1 << 8,   /* but, however, instead, actually */
    KN_CLASS_REASON = 1 << 9,     /* because, therefore, means, reason */
    KN_CLASS_QUESTION = 1 << 10,  /* what, why, how: at the start of a sentence */
    KN_CLASS_HANGING = 1 << 11,   /* and, but, because: needs what was said before */
    KN_CLASS_POINTING = 1 << 12,  /* it, that, he, this: as a first word points backwards */
    KN_CLASS_OPENING = 1 << 13,   /* okay, right, so, now, alright, next: turns to something new */
    KN_CLASS_LEFT_OPEN = 1 << 14, /* and, of, the, to: a sentence that ends so is not finished */
    KN_CLASS_EMOTION = 1 << 15,   /* love, terrible, amazing, afraid */
    KN_CLASS_SPEAKING = 1 << 16,  /* I, me, my: the speaker's own story */
    KN_CLASS_NEGATION = 1 << 17,  /* not, don't, nothing */
};

/* The classes of a word in its folded form (kn_fold_word), 0 for most words. Any thread. */
uint32_t kn_word_classes(const char *folded);

/* Is it a number of Japanese or Chinese, with what it counts: 三十分, 20人? */
bool kn_word_counts(const char *folded);

/*
 * How strongly a phrase in `folded` (folded words with one space between and around) catches a
 * listener, 0..1, and the phrase itself in *ret_phrase (static). 0 and NULL: none.
 */
float kn_hook_phrase(const char *folded, const char **ret_phrase);

/* The same for phrases that sum up: "that's why", "in the end", "so remember". */
float kn_closing_phrase(const char *folded, const char **ret_phrase);

#endif
