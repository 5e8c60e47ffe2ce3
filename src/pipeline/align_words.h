/*
 * Setting the words of given subtitles to the sound: `run --transcript`.
 *
 * Subtitles have a time a line; captions that light up word by word need one a word. The recogniser
 * reads the given text while it listens, which tells where each word is spoken and whether it is
 * spoken there at all.
 */
#ifndef KN_PIPELINE_ALIGN_WORDS_H
#define KN_PIPELINE_ALIGN_WORDS_H

#include <kirinuki/plan.h>

#include "model/timeline.h"
#include "pipeline/listen.h"

/*
 * Sharpens the times of words[count], which are sorted by start and roughly right (to half a
 * second; kn_transcript_read shares each line's time among its words). `starts_utterance` marks
 * where lines begin. Where the text does not belong to the sound, or is in another language than
 * the engine's, the times stay as they are. *ret_aligned is how many words were set; texts are not
 * touched, nor the order of words.
 *
 * A step of its own on the CPU lane, or part of one. MISSING: no models; the words are as before
 * and can be used like that.
 */
enum kn_status kn_words_align(const struct kn_source *source,
                              const struct kn_listen_options *options,
                              const struct kn_step_env *env, struct kn_word *words, int count,
                              int *ret_aligned, struct kn_error *err);

#endif
