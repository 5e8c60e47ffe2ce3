/*
 * Timelines out of scripts, for tests of what is made of words.
 *
 * Words are parted by spaces (and in scripts without them by a dictionary); each lasts 60 ms and 30
 * ms a byte, and 20 ms lie between. "(700)" makes a pause of 700 ms, "A:" sets the speaker, "|"
 * starts an utterance.
 */
#ifndef KN_TESTS_SPEAK_H
#define KN_TESTS_SPEAK_H

#include <stdio.h>
#include <string.h>

#include <kirinuki/arena.h>

#include "base/words.h"
#include "model/timeline.h"

struct speech {
    struct kn_arena *arena;
    struct kn_word *words;
    int count, room;
    int64_t now_us;
    int16_t speaker;
    bool starts;
};

static inline void speech_add_word(struct speech *s, const char *text, int64_t end_us)
{
    if (s->count == s->room) {
        int room = s->room ? s->room * 2 : 256;
        struct kn_word *words = kn_arena_array(s->arena, (size_t)room, sizeof *words);
        if (s->count)
            memcpy(words, s->words, (size_t)s->count * sizeof *words);
        s->words = words;
        s->room = room;
    }
    s->words[s->count++] = (struct kn_word){.start_us = s->now_us,
                                            .end_us = end_us,
                                            .text = text,
                                            .confidence = 1,
                                            .speaker = s->speaker,
                                            .starts_utterance = s->starts};
    s->starts = false;
    s->now_us = end_us + 20000;
}

static inline void speech_add_words(struct speech *s, const char *text)
{
    struct kn_word_spans spans = {0};
    kn_words_find(text, strlen(text), &spans);
    for (int i = 0; i < spans.count; i++) {
        size_t bytes = spans.at[i].to - spans.at[i].from;
        speech_add_word(s, kn_arena_strndup(s->arena, text + spans.at[i].from, bytes),
                        s->now_us + 60000 + 30000 * (int64_t)bytes);
    }
    kn_vec_free(&spans);
}

static inline void speak(struct speech *s, const char *script)
{
    char *rest = NULL, *copy = kn_arena_strdup(s->arena, script);
    for (char *w = strtok_r(copy, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
        int pause_ms;
        if (sscanf(w, "(%d)", &pause_ms) == 1)
            s->now_us += pause_ms * 1000 - 20000;
        else if (strlen(w) == 2 && w[1] == ':')
            s->speaker = (int16_t)(w[0] - 'A');
        else if (strcmp(w, "|") == 0)
            s->starts = true;
        else
            speech_add_words(s, w);
    }
}

static inline struct kn_timeline speech_timeline(const struct speech *s)
{
    struct kn_timeline t = {.words = s->words, .word_count = s->count};
    t.source.duration_us = s->now_us;
    return t;
}

/* A whole script at once. */
static inline struct kn_timeline spoken(struct kn_arena *arena, const char *script)
{
    struct speech s = {.arena = arena, .speaker = -1, .starts = false};
    speak(&s, script);
    return speech_timeline(&s);
}

#endif
