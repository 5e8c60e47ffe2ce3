#include "analyze/repeats.h"

#include <stdlib.h>

#include "base/memory.h"

/* Shorter runs are turns of phrase ("I don't know"); longer ones break at each word that a
 * recogniser hears differently the second time. */
enum { RUN = 4 };

struct kn_repeats {
    const struct kn_text *text;
    uint64_t *runs; /* by word: what it and the words after it say; 0: it begins no run */
    uint64_t *set;  /* the runs of the passage, sorted */
    int *before;    /* before[i]: how many of the words [0, i) begin a run of the passage */
    int passage_words;
};

/* FNV-1a (Fowler, Noll, Vo), 64 bit. */
static uint64_t hash_byte(uint64_t hash, uint8_t byte)
{
    return (hash ^ byte) * UINT64_C(0x100000001b3);
}

static uint64_t hash_word(const char *word)
{
    char folded[KN_FOLDED_MAX];
    int length = kn_fold_word(word, folded);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < length; i++)
        hash = hash_byte(hash, (uint8_t)folded[i]);
    return hash;
}

static uint64_t hash_run(const struct kn_text *text, const uint64_t *words, int at)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < RUN; i++) {
        if (at < 0)
            return 0; /* the speaker has not that much left to say */
        for (int shift = 0; shift < 64; shift += 8)
            hash = hash_byte(hash, (uint8_t)(words[at] >> shift));
        at = text->tokens[at].next;
    }
    return hash ? hash : 1;
}

struct kn_repeats *kn_repeats_new(const struct kn_text *text)
{
    int count = text->timeline ? text->timeline->word_count : 0;
    struct kn_repeats *repeats = kn_calloc(1, sizeof *repeats);
    uint64_t *words = kn_calloc((size_t)count + 1, sizeof *words);
    repeats->text = text;
    repeats->runs = kn_calloc((size_t)count + 1, sizeof *repeats->runs);
    repeats->set = kn_calloc((size_t)count + 1, sizeof *repeats->set);
    repeats->before = kn_calloc((size_t)count + 1, sizeof *repeats->before);
    for (int i = 0; i < count; i++)
        words[i] = hash_word(text->timeline->words[i].text);
    for (int i = 0; i < count; i++)
        repeats->runs[i] = hash_run(text, words, i);
    free(words);
    return repeats;
}

void kn_repeats_free(struct kn_repeats *repeats)
{
    if (!repeats)
        return;
    free(repeats->runs);
    free(repeats->set);
    free(repeats->before);
    free(repeats);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void kn_repeats_set(struct kn_repeats *repeats, int first, int count)
{
    int words = repeats->text->timeline ? repeats->text->timeline->word_count : 0, runs = 0;
    for (int i = first; i < first + count; i++)
        if (repeats->runs[i])
            repeats->set[runs++] = repeats->runs[i];
    qsort(repeats->set, (size_t)runs, sizeof *repeats->set, compare);
    for (int i = 0; i < words; i++) {
        const uint64_t *run = &repeats->runs[i];
        bool said = *run && bsearch(run, repeats->set, (size_t)runs, sizeof *run, compare);
        repeats->before[i + 1] = repeats->before[i] + said;
    }
    repeats->passage_words = count;
}

double kn_repeats_share(const struct kn_repeats *repeats, int first, int count)
{
    int said = repeats->before[first + count] - repeats->before[first];
    int shorter = KN_MIN(count, repeats->passage_words);
    return shorter > 0 ? KN_MIN((double)said / shorter, 1.0) : 0;
}
