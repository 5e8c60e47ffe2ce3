/*
 * The result of a job that never ran: a talk of some ten minutes (sample_talk.h) or of hours, with
 * curves, shots, faces, clips and step times such as a real job leaves. Deterministic.
 */
#ifndef KN_TESTS_SAMPLE_RESULT_H
#define KN_TESTS_SAMPLE_RESULT_H

#include <kirinuki/arena.h>

#include "model/result.h"

struct sample_options {
    int minutes;  /* the talk is given again and again until so much time is full; 0: once */
    bool hostile; /* titles, words and file names try to break out of a page */
    bool failed;  /* the last clip failed, one was made by an earlier run, notes were left */
    bool silent;  /* no speech, hence no words */
};

/* Everything lives in `arena`. The clips' files are named, not made. */
const struct kn_result *sample_result(struct kn_arena *arena, const struct sample_options *options);

#endif
