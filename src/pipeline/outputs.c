/* What a run does with its folder before and after the clips: see output_folder.h. */
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/str.h"
#include "pipeline/attempt.h"
#include "pipeline/clip_names.h"
#include "pipeline/output_folder.h"

static const char transcript_name[] = "transcript.srt";

/* ---- the words of the whole source ---- */

static void write_words(const struct kn_attempt *attempt, struct kn_str *srt)
{
    const struct kn_timeline *timeline = &attempt->timeline;
    const struct kn_caption_options reading = {.style = KN_CAPTIONS_OFF};
    struct kn_arena *arena = kn_arena_new();
    struct kn_captions captions;
    /* Subtitles that were given may go on for a little longer than the source. */
    kn_captions_layout(timeline, 0, timeline->source.duration_us + 60 * KN_US_PER_S, &reading,
                       arena, &captions);
    kn_captions_srt(&captions, srt);
    kn_arena_free(arena);
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat left, right;
    return a && stat(a, &left) == 0 && stat(b, &right) == 0 && left.st_dev == right.st_dev &&
           left.st_ino == right.st_ino;
}

/* Words that somebody corrected must not be lost to a run that was not told to use them. */
static bool was_edited(const char *path, const char *written)
{
    char hash[KN_HASH_TEXT_BYTES];
    return kn_file_hash(path, NULL, NULL, hash, NULL) == KN_OK &&
           (!written || strcmp(hash, written) != 0);
}

static enum kn_status write_transcript(struct kn_attempt *attempt, struct kn_output_record *record,
                                       struct kn_error *err)
{
    const char *path = kn_path_join(attempt->arena, attempt->folder, transcript_name);
    KN_SCOPED_STR srt = {0};
    char hash[KN_HASH_TEXT_BYTES];
    if (attempt->timeline.word_count == 0)
        return KN_OK;
    write_words(attempt, &srt);
    kn_hash_bytes(kn_str_text(&srt), srt.length, hash);
    if (was_edited(path, record->transcript) && was_edited(path, hash)) {
        if (is_same_file(attempt->options->transcript, path))
            attempt->result.transcript = transcript_name;
        else
            kn_attempt_note(attempt, "transcript.srt is not as kirinuki wrote it, so it was left "
                                     "as it is; --transcript makes use of it");
        return KN_OK;
    }
    attempt->result.transcript = transcript_name;
    record->transcript = kn_arena_strdup(attempt->arena, hash);
    return kn_file_write(path, srt.at, srt.length, err);
}

/* ---- before ---- */

/* Whatever a clip may leave: an interrupted run has no chance to say what it did. */
static void add_planned(const struct clip_work *clip, struct kn_names *names)
{
    static const char *const beside[] = {"jpg", "srt", "vtt", "ass"};
    const struct kn_aspects *aspects = &clip->attempt->options->aspects;
    struct kn_arena *arena = clip->attempt->arena;
    for (int a = 0; a < aspects->count; a++)
        kn_names_add(names, kn_clip_file_name(arena, clip->stem, aspects->at[a], a == 0));
    for (size_t b = 0; b < KN_COUNT_OF(beside); b++)
        kn_names_add(names, kn_arena_printf(arena, "%s.%s", clip->stem, beside[b]));
}

/* Every run writes them anew, last of all. */
static const char *const pages[] = {"result.json", "report.html"};

static void add_pages(struct kn_names *names)
{
    for (size_t i = 0; i < KN_COUNT_OF(pages); i++)
        kn_names_add(names, pages[i]);
}

static bool is_page(const char *name)
{
    return strcmp(name, pages[0]) == 0 || strcmp(name, pages[1]) == 0;
}

/* What another source left goes as a whole, with the page that shows it. */
static enum kn_status clear_folder(struct kn_attempt *attempt, struct kn_names *names,
                                   struct kn_error *err)
{
    const char *older;
    int moved;
    kn_names_add(names, transcript_name);
    add_pages(names);
    enum kn_status status =
        kn_output_set_aside(attempt->folder, names, attempt->arena, &older, &moved, err);
    kn_vec_clear(names);
    if (status == KN_OK && moved)
        kn_attempt_note(attempt, kn_arena_printf(attempt->arena,
                                                 "what was made here of another source is in %s "
                                                 "now",
                                                 older));
    return status;
}

/* Is what lies under the name not ours, or not as we wrote it? */
static bool is_in_the_way(const struct kn_attempt *attempt, const struct kn_output_record *record,
                          const char *name)
{
    struct stat st;
    char hash[KN_HASH_TEXT_BYTES];
    const char *path = kn_path_join(attempt->arena, attempt->folder, name);
    const struct kn_written *written = kn_output_record_find(record, name);
    if (lstat(path, &st) != 0)
        return false;
    if (!written || !S_ISREG(st.st_mode))
        return true;
    return written->hash && kn_file_hash(path, NULL, NULL, hash, NULL) == KN_OK &&
           strcmp(hash, written->hash) != 0;
}

/* What somebody else put there, or changed since, is not overwritten. */
static enum kn_status clear_the_way(struct kn_attempt *attempt,
                                    const struct kn_output_record *record, struct kn_error *err)
{
    struct kn_names written = {0}, foreign = {0};
    const char *older;
    int moved;
    for (int i = 0; i < attempt->clip_count; i++)
        if (!attempt->clips[i].clip.reused)
            add_planned(&attempt->clips[i], &written);
    add_pages(&written);
    for (int i = 0; i < written.count; i++)
        if (is_in_the_way(attempt, record, written.at[i]))
            kn_names_add(&foreign, written.at[i]);
    enum kn_status status =
        kn_output_set_aside(attempt->folder, &foreign, attempt->arena, &older, &moved, err);
    if (status == KN_OK && moved)
        kn_attempt_note(attempt,
                        kn_arena_printf(attempt->arena,
                                        "%d file%s that kirinuki had not written, or not like "
                                        "that, %s in the way and %s in %s now",
                                        moved, moved == 1 ? "" : "s", moved == 1 ? "was" : "were",
                                        moved == 1 ? "is" : "are", older));
    kn_vec_free(&written);
    kn_vec_free(&foreign);
    return status;
}

/* The names, with what was known of them. */
static enum kn_status write_record(const struct kn_attempt *attempt,
                                   struct kn_output_record *record, const struct kn_names *names,
                                   struct kn_error *err)
{
    struct kn_written *files =
        kn_arena_array(attempt->arena, (size_t)names->count + 1, sizeof *files);
    for (int i = 0; i < names->count; i++) {
        const struct kn_written *before = kn_output_record_find(record, names->at[i]);
        files[i] = (struct kn_written){names->at[i], before ? before->hash : NULL};
    }
    record->source = attempt->hash;
    record->files = files;
    record->file_count = names->count;
    return kn_output_record_write(attempt->folder, record, err);
}

/* What will be written anew is ours from now on, whatever it will be. */
static void forget_hashes(struct kn_output_record *record, const struct kn_attempt *attempt)
{
    struct kn_names anew = {0};
    struct kn_written *files =
        kn_arena_array(attempt->arena, (size_t)record->file_count + 1, sizeof *files);
    for (int i = 0; i < attempt->clip_count; i++)
        if (!attempt->clips[i].clip.reused)
            add_planned(&attempt->clips[i], &anew);
    for (int i = 0; i < record->file_count; i++) {
        files[i] = record->files[i];
        if (kn_names_have(&anew, files[i].name))
            files[i].hash = NULL;
    }
    record->files = files;
    kn_vec_free(&anew);
}

enum kn_status kn_outputs_claim(struct kn_attempt *attempt, struct kn_error *err)
{
    struct kn_output_record record;
    struct kn_names names = {0};
    enum kn_status status = KN_OK;
    bool owned = kn_output_record_read(attempt->folder, attempt->arena, &record);
    for (int i = 0; i < record.file_count; i++)
        kn_names_add(&names, record.files[i].name);
    if (owned && strcmp(record.source, attempt->hash) != 0) {
        status = clear_folder(attempt, &names, err);
        record = (struct kn_output_record){0};
    }
    if (status == KN_OK)
        status = clear_the_way(attempt, &record, err);
    if (status == KN_OK)
        status = write_transcript(attempt, &record, err);
    for (int i = 0; i < attempt->clip_count; i++)
        add_planned(&attempt->clips[i], &names);
    add_pages(&names);
    if (attempt->result.transcript)
        kn_names_add(&names, transcript_name);
    forget_hashes(&record, attempt);
    if (status == KN_OK)
        status = write_record(attempt, &record, &names, err);
    kn_vec_free(&names);
    return status;
}

/* ---- after ---- */

static void add_made(const struct kn_result *result, struct kn_names *names)
{
    for (int i = 0; i < result->clip_count; i++) {
        const struct kn_clip *clip = &result->clips[i];
        for (int f = 0; f < clip->file_count; f++)
            kn_names_add(names, clip->files[f].path);
        kn_names_add(names, clip->thumbnail);
        kn_names_add(names, clip->srt);
        kn_names_add(names, clip->vtt);
        kn_names_add(names, clip->ass);
    }
    kn_names_add(names, result->transcript);
}

static void set_leftovers_aside(struct kn_attempt *attempt, const struct kn_names *leftovers)
{
    const char *older;
    int moved;
    struct kn_error why;
    const char *text = NULL;
    if (kn_output_set_aside(attempt->folder, leftovers, attempt->arena, &older, &moved, &why) !=
        KN_OK)
        text = kn_arena_printf(attempt->arena, "files of earlier runs still lie beside these: %s",
                               kn_error_text(&why));
    else if (moved)
        text = kn_arena_printf(attempt->arena,
                               "%d file%s that earlier runs had made and that %s not part of this "
                               "result %s in %s now",
                               moved, moved == 1 ? "" : "s", moved == 1 ? "is" : "are",
                               moved == 1 ? "is" : "are", older);
    if (text)
        kn_attempt_note(attempt, text);
}

/* As they are now, if this run has written them. */
static void note_hashes(struct kn_output_record *record, const struct kn_attempt *attempt)
{
    struct kn_written *files =
        kn_arena_array(attempt->arena, (size_t)record->file_count + 1, sizeof *files);
    for (int i = 0; i < record->file_count; i++) {
        char hash[KN_HASH_TEXT_BYTES];
        const char *path = kn_path_join(attempt->arena, attempt->folder, record->files[i].name);
        files[i] = record->files[i];
        if (!files[i].hash && !is_page(files[i].name) &&
            kn_file_hash(path, NULL, NULL, hash, NULL) == KN_OK)
            files[i].hash = kn_arena_strdup(attempt->arena, hash);
    }
    record->files = files;
}

void kn_outputs_settle(struct kn_attempt *attempt)
{
    struct kn_output_record record;
    struct kn_names made = {0}, leftovers = {0};
    (void)kn_output_record_read(attempt->folder, attempt->arena, &record); /* as it was claimed */
    add_made(&attempt->result, &made);
    if (was_edited(kn_path_join(attempt->arena, attempt->folder, transcript_name),
                   record.transcript))
        kn_names_add(&made, transcript_name);
    for (int i = 0; i < record.file_count; i++)
        if (!kn_names_have(&made, record.files[i].name) && !is_page(record.files[i].name))
            kn_names_add(&leftovers, record.files[i].name);
    set_leftovers_aside(attempt, &leftovers);
    note_hashes(&record, attempt);
    add_pages(&made);
    /* Should this fail, the record names too much: the next run finds nothing there. */
    (void)write_record(attempt, &record, &made, NULL);
    kn_vec_free(&made);
    kn_vec_free(&leftovers);
}
