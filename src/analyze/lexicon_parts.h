/* What lexicon.c, which knows English, and lexicon_cjk.c share; used by these alone. */
#ifndef KN_ANALYZE_LEXICON_PARTS_H
#define KN_ANALYZE_LEXICON_PARTS_H

#include <stddef.h>

#include "analyze/lexicon.h"

/* One list a class, words parted by single spaces; a word may be in several. */
struct kn_word_list {
    enum kn_word_class class;
    const char *words; /* NULL ends the lists */
};
extern const struct kn_word_list kn_lexicon_cjk[];

struct kn_phrase {
    const char *text; /* NULL ends the list */
    float strength;
};
extern const struct kn_phrase kn_hooks_cjk[], kn_closings_cjk[];

#endif
