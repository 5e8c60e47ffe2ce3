/* For tests that recognise: they are skipped where the models are not installed. */
#ifndef KN_TESTS_SPEECH_SUPPORT_H
#define KN_TESTS_SPEECH_SUPPORT_H

#include "support/media.h"

#include <ctype.h>
#include <math.h>

#include "ai/models.h"
#include "base/vec.h"
#include "media/audio_reader.h"

static inline void need_models(void)
{
    struct kn_arena *arena = kn_arena_new();
    const char *path;
    bool here = true;
    for (int i = 0; i < KN_MODEL_COUNT; i++)
        here = here && kn_model_find(NULL, (enum kn_model)i, arena, &path, NULL) == KN_OK;
    kn_arena_free(arena);
    if (!here) {
        print_message("skipped: the models are not installed (run `make`)\n");
        skip();
    }
}

/* Mono sound at 16 kHz, in `arena`. */
struct sound {
    float *samples;
    int count;
};

static inline struct sound read_sound(struct kn_arena *arena, const char *path)
{
    static const struct kn_audio_format format = {16000, 1};
    struct kn_source source = probed(arena, path);
    struct kn_error err = {0};
    KN_SCOPED(kn_audio_reader) reader = NULL;
    KN_VEC(float) samples = {0};
    if (kn_audio_reader_open(&source, &format, 0, -1, &reader, &err) != KN_OK)
        fail_msg("%s", err.text);
    for (int got = 1; got > 0;) {
        kn_vec_reserve(&samples, samples.count + 16000);
        enum kn_status status =
            kn_audio_reader_read(reader, samples.at + samples.count, 16000, &got, &err);
        if (status == KN_END)
            break;
        assert_int_equal(status, KN_OK);
        samples.count += got;
    }
    struct sound sound = {kn_vec_to_arena(&samples, arena), samples.count};
    kn_vec_free(&samples);
    return sound;
}

/* The text's words in lower case without punctuation; what is in brackets is no speech. */
KN_VEC_TYPE(plain_words, const char *);

static inline struct plain_words plain(struct kn_arena *arena, const char *text)
{
    struct plain_words words = {0};
    char *copy = kn_arena_strdup(arena, text), *to = copy, *from = copy;
    for (int depth = 0; *from; from++) {
        depth += (*from == '(') - (*from == ')');
        if (depth == 0 && (isalnum((unsigned char)*from) || *from == '\''))
            *to++ = (char)tolower((unsigned char)*from);
        else if (isspace((unsigned char)*from) || *from == '-')
            *to++ = ' ';
    }
    *to = '\0';
    char *rest;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        kn_vec_push(&words, word);
    return words;
}

/* Words that are wrong, missing or too many, as a share of the reference's. */
static inline double word_error_rate(const char *reference, const char *heard)
{
    struct kn_arena *arena = kn_arena_new();
    struct plain_words a = plain(arena, reference), b = plain(arena, heard);
    int *row = kn_arena_array(arena, (size_t)b.count + 1, sizeof *row);
    for (int k = 0; k <= b.count; k++)
        row[k] = k;
    for (int i = 1; i <= a.count; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int k = 1; k <= b.count; k++) {
            int changed = diagonal + (strcmp(a.at[i - 1], b.at[k - 1]) != 0);
            diagonal = row[k];
            row[k] = KN_MIN(changed, KN_MIN(row[k], row[k - 1]) + 1);
        }
    }
    double rate = (double)row[b.count] / KN_MAX(a.count, 1);
    kn_vec_free(&a);
    kn_vec_free(&b);
    kn_arena_free(arena);
    return rate;
}

/* Reads a reference text; the corpus puts "text" in the first line. */
static inline const char *reference_text(struct kn_arena *arena, const char *path)
{
    char *text;
    size_t size;
    assert_int_equal(kn_file_read(path, 1 << 20, &text, &size, NULL), KN_OK);
    const char *body = strncmp(text, "text\n", 5) == 0 ? text + 5 : text;
    const char *kept = kn_arena_strdup(arena, body);
    free(text);
    return kept;
}

#endif
