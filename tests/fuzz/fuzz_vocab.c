/* The vocabulary file: any bytes give a vocabulary or one sentence, and what it decodes is text. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "ai/vocab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every token by itself and all of them together are valid UTF-8. */
static void decode_all(const struct kn_vocab *vocab)
{
    int count = kn_vocab_count(vocab);
    int *tokens = kn_calloc((size_t)count + 2, sizeof *tokens);
    KN_SCOPED_STR all = {0};
    for (int i = 0; i < count + 2; i++) {
        KN_SCOPED_STR one = {0};
        tokens[i] = i - 1; /* from before the first to behind the last */
        kn_vocab_decode(vocab, &tokens[i], 1, &one);
        assert(!u8_check((const uint8_t *)kn_str_text(&one), one.length));
        (void)kn_vocab_starts_word(vocab, tokens[i]);
        (void)kn_vocab_is_spoken(vocab, tokens[i]);
    }
    kn_vocab_decode(vocab, tokens, count + 2, &all);
    assert(!u8_check((const uint8_t *)kn_str_text(&all), all.length));
    assert(strlen(kn_str_text(&all)) == all.length);
    free(tokens);
}

/* What is encoded has numbers within the vocabulary. */
static void encode(const struct kn_vocab *vocab, const uint8_t *data, size_t size)
{
    enum { MAX = 64 };
    char text[200];
    int tokens[MAX];
    size_t n = KN_MIN(size, sizeof text - 1);
    memcpy(text, data, n);
    text[n] = '\0';
    int count = kn_vocab_encode(vocab, text, tokens, MAX);
    for (int i = 0; i < KN_MIN(count, MAX); i++)
        assert(tokens[i] >= 0 && tokens[i] < kn_vocab_count(vocab));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kn_error err = {0};
    KN_SCOPED(kn_vocab) vocab = NULL;
    enum kn_status status = kn_vocab_parse((const char *)data, size, &vocab, &err);
    if (status != KN_OK) {
        assert(err.status == status && strlen(err.text) > 10 && !vocab);
        return 0;
    }
    decode_all(vocab);
    encode(vocab, data, size);
    return 0;
}
