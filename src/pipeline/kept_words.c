/*
 * What was heard, kept from the end of listening until the timeline is kept: looking and choosing
 * may take longer, and a transcription is the dearest thing that a process could lose when it is
 * killed. It is a timeline with nothing seen in it, beside where the whole one will be.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/timeline_json.h"
#include "pipeline/attempt.h"

static const char *words_path(const struct kn_attempt *attempt, const char *folder)
{
    const char *name = attempt->timeline_name;
    int stem = (int)(strlen(name) - strlen(".json"));
    return kn_arena_printf(attempt->arena, "%s/%.*s.words.json", folder, stem, name);
}

/* ---- reading ---- */

static bool read_in(struct kn_attempt *attempt, const char *folder)
{
    const char *path = words_path(attempt, folder);
    KN_SCOPED_MEM char *text = NULL;
    size_t size;
    struct kn_timeline kept;
    if (!kn_attempt_reuses(attempt, path) ||
        kn_file_read(path, KN_TIMELINE_JSON_MAX, &text, &size, NULL) != KN_OK ||
        kn_timeline_read_json(text, size, attempt->listen_arena, &kept, NULL) != KN_OK ||
        (kept.partial && !kn_attempt_is_own(attempt, path)))
        return false;
    attempt->heard = (struct kn_heard){
        .language = kept.language,
        .speech_engine = kept.speech_engine,
        .word_count = kept.word_count,
        .words = kept.words,
        .utterance_count = kept.utterance_count,
        .utterances = kept.utterances,
        .note_count = kept.note_count,
        .notes = kept.notes,
        .sound = kept.sound,
        .partial = kept.partial,
    };
    return true;
}

bool kn_attempt_read_words(struct kn_attempt *attempt)
{
    const char *folders[KN_KEPT_PLACES + 1];
    kn_attempt_kept_folders(attempt, folders);
    for (int i = 0; folders[i]; i++)
        if (read_in(attempt, folders[i]))
            return true;
    return false;
}

/* ---- keeping ---- */

static void write_words(const struct kn_attempt *attempt, struct kn_str *json)
{
    const struct kn_heard *heard = &attempt->heard;
    const struct kn_timeline timeline = {
        .source = attempt->source,
        .language = heard->language,
        .speech_engine = heard->speech_engine,
        .word_count = heard->word_count,
        .words = heard->words,
        .utterance_count = heard->utterance_count,
        .utterances = heard->utterances,
        .note_count = heard->note_count,
        .notes = heard->notes,
        .sound = heard->sound,
        .partial = heard->partial,
    };
    kn_timeline_write_json(&timeline, json);
}

/* Another machine that continues this job shares the output folder alone. */
void kn_attempt_keep_words(struct kn_attempt *attempt)
{
    const char *folders[KN_KEPT_PLACES + 1];
    KN_SCOPED_STR json = {0};
    bool kept = false;
    if (!attempt->heard.word_count || kn_attempt_check_source(attempt, NULL) != KN_OK)
        return;
    bool holds = attempt->makes_clips && kn_attempt_hold_folder(attempt, NULL) == KN_OK;
    write_words(attempt, &json);
    kn_attempt_kept_folders(attempt, folders);
    for (int i = 0; folders[i]; i++) {
        bool of_clips = attempt->makes_clips && !folders[i + 1];
        if ((!of_clips || holds) && kn_folder_make(folders[i], NULL) == KN_OK)
            kept |=
                kn_file_write(words_path(attempt, folders[i]), json.at, json.length, NULL) == KN_OK;
    }
    if (kept)
        kn_attempt_kept(attempt, "words", json_pack("{s:i}", "words", attempt->heard.word_count),
                        false);
}

void kn_attempt_forget_words(const struct kn_attempt *attempt, const char *folder)
{
    kn_file_discard(words_path(attempt, folder));
}
