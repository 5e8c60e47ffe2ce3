/*
 * Transcripts made elsewhere: SubRip (.srt), WebVTT (.vtt, W3C Candidate Recommendation 4 April
 * 2019), tab-separated values and the timeline's own JSON. The content decides, not the name.
 *
 * TSV has a header line; columns are found by name in any order: `start` and `end` (seconds, or
 * h:mm:ss.mmm; whole milliseconds as some recognisers write them are noticed), `word` or `text`
 * (a text of several words gets times by length), and optionally `spk` or `speaker` (a name) and
 * `utt` (anything that changes from one utterance to the next).
 *
 * Subtitles: tags, {\an8}, entities, NOTE and STYLE blocks and sounds in brackets are taken off;
 * <v Name>, "NAME:" and leading dashes give speakers or new utterances; inline times of WebVTT are
 * used; lines repeated from cue to cue (rolling captions) count once. Words without a time of
 * their own share the cue's by their number of characters.
 */
#ifndef KN_MODEL_TRANSCRIPT_H
#define KN_MODEL_TRANSCRIPT_H

#include <stddef.h>

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "model/timeline.h"

#define KN_TRANSCRIPT_MAX_BYTES ((size_t)64 << 20) /* JSON may be longer: KN_TIMELINE_JSON_MAX */
enum { KN_TRANSCRIPT_MAX_WORDS = 2000000 };

/*
 * `text` has `size` bytes and a closing NUL (kn_file_read gives one). `length_us` is that of the
 * video (INT64_MAX: not known): lines that begin in it end with it, however long they stay. Gives
 * the words, in `arena`, sorted by start; source.duration_us is the last word's end, notes say what
 * was passed over, and speech_engine is "subtitles" (or what the JSON says). Sentences are not
 * joined yet, except where the JSON had them. DAMAGED: none of the forms, or broken; the error
 * names the line. LIMIT: too long. UNSUPPORTED: UTF-16 or another encoding than UTF-8.
 */
enum kn_status kn_transcript_parse(const char *text, size_t size, int64_t length_us,
                                   struct kn_arena *arena, struct kn_timeline *ret_timeline,
                                   struct kn_error *err);

/* The same for a file; source.path is set, and errors begin with the file's name. */
enum kn_status kn_transcript_read(const char *path, int64_t length_us, struct kn_arena *arena,
                                  struct kn_timeline *ret_timeline, struct kn_error *err);

#endif
