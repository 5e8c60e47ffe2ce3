/* The sample talk as a timeline of words: eight minutes, one speaker, a pause before each topic. */
#ifndef KN_TESTS_SPOKEN_TALK_H
#define KN_TESTS_SPOKEN_TALK_H

#include "base/memory.h"
#include "support/sample_talk.h"
#include "support/speak.h"

static inline struct kn_timeline spoken_talk(struct kn_arena *arena)
{
    struct speech s = {.arena = arena, .speaker = -1, .now_us = 1000000};
    for (size_t i = 0; i < KN_COUNT_OF(sample_talk); i++) {
        if (sample_talk[i][0] == '=') {
            speak(&s, "(1200)");
            continue;
        }
        speak(&s, sample_talk[i]);
        speak(&s, "(450)");
    }
    return speech_timeline(&s);
}

#endif
