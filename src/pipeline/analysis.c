/*
 * From the file to the segments: probe, identify, listen beside look, join, choose; with a vision
 * engine it is asked while listening goes on, with a ranking engine before the choice.
 *
 * The joined timeline is kept in the cache under the hash of the source's content and of whatever
 * changes it (language, subtitles, engines); a later attempt reads it back instead of listening
 * and looking again. What was heard is kept before that, as soon as it is known. Where clips are
 * made, a copy lies in the output folder beside the clips' records: another machine that continues
 * the job shares that folder, but not the cache.
 */
#include <string.h>

#include "ai/engine.h"
#include "analyze/sentences.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "media/cut.h"
#include "media/probe.h"
#include "model/timeline_json.h"
#include "model/transcript.h"
#include "pipeline/align_words.h"
#include "pipeline/attempt.h"

/* Of the timelines in the cache: those of some thousand hours. */
static const int64_t KEPT_BYTES_MAX = INT64_C(1) << 30;

/* Raise when listening or looking find something else than before: old timelines no longer fit. */
enum { ANALYSIS_VERSION = 3 };

/* Says now what would only go wrong after minutes of work. */
static enum kn_status check_folder(const struct kn_attempt *attempt, struct kn_error *err)
{
    const struct kn_job_options *options = attempt->options;
    const char *folder = options->output ? options->output : options->into ? options->into : ".";
    if (!attempt->makes_clips || kn_folder_check(folder, err) == KN_OK)
        return KN_OK;
    struct kn_error why = *err;
    return kn_error_set(err, why.status, "%s: choose another --%s", why.text,
                        options->into && !options->output ? "into" : "output");
}

static enum kn_status probe(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct kn_attempt *attempt = arg;
    enum kn_status status = check_folder(attempt, err);
    if (status != KN_OK)
        return status;
    /* A file that is not there is for the probe to tell. */
    (void)kn_file_identify(attempt->path, &attempt->identity, NULL);
    status = kn_probe(attempt->path, attempt->arena, env->cancel, &attempt->source, err);
    if (status == KN_OK && attempt->makes_clips && attempt->options->copy)
        status = kn_cut_check(&attempt->source, err);
    return status;
}

static bool on_hashed(void *arg, double fraction)
{
    const struct kn_step_env *env = arg;
    kn_progress_set(env->progress, fraction);
    return !kn_cancel_requested(env->cancel);
}

/* The same model elsewhere may be another one, or a sandbox. */
static void name_some(struct kn_str *key, const struct kn_attempt *attempt,
                      enum kn_service_kind kind, const struct kn_engine_names *engines,
                      const char *model)
{
    const struct kn_services *services = attempt->context.services;
    for (int i = 0; i < engines->count; i++)
        kn_str_printf(key, " %s:%s", engines->at[i], model);
    if (services && services->at[kind])
        kn_str_printf(key, " at %s", kn_service_url(services->at[kind]));
}

/* Who usually listens and looks is in ANALYSIS_VERSION; who ranks comes after the timeline. */
static void name_engines(const struct kn_attempt *attempt, struct kn_str *key)
{
    const struct kn_ai_options *ai = &attempt->options->ai;
    if (!kn_ai_speech_is_usual(ai)) {
        kn_str_add(key, " speech"); /* by nobody, if no name follows */
        name_some(key, attempt, KN_SERVICE_SPEECH, kn_ai_speech(ai), ai->speech_model);
    }
    if (!kn_ai_vision(ai)->count)
        return;
    name_some(key, attempt, KN_SERVICE_VISION, kn_ai_vision(ai), ai->vision_model);
    kn_str_printf(key, " %d %s", ai->frames, kn_detail_names[ai->detail]);
}

/* An engine that was asked for by name, and that nothing stands in for, must be there. */
static enum kn_status check_services(const struct kn_attempt *attempt, struct kn_error *err)
{
    const struct kn_ai_options *ai = &attempt->options->ai;
    const struct kn_services *services = attempt->context.services;
    const struct {
        const struct kn_engine_names *names;
        enum kn_service_kind kind;
        bool needed;
    } asked[] = {
        {kn_ai_vision(ai), KN_SERVICE_VISION, !attempt->timeline_reused},
        {kn_ai_ranking(ai), KN_SERVICE_RANKING, true},
    };
    for (size_t i = 0; i < KN_COUNT_OF(asked); i++) {
        if (!asked[i].needed || !asked[i].names->count)
            continue;
        if (!services)
            return kn_error_set(err, KN_MISSING, "no service for %s is set up here",
                                asked[i].names->at[0]);
        const struct kn_error *why = &services->why[asked[i].kind];
        if (!services->at[asked[i].kind])
            return kn_error_set(err, why->status, "%s", why->text);
    }
    return KN_OK;
}

/* What the timeline depends on besides the content, as a hash: part of its file's name. */
static enum kn_status name_timeline(struct kn_attempt *attempt, struct kn_error *err)
{
    const struct kn_job_options *options = attempt->options;
    KN_SCOPED_STR key = {0};
    kn_str_printf(&key, "%d %s %d", ANALYSIS_VERSION, options->language ? options->language : "-",
                  options->speech);
    /* Faces are looked for once the model is there, though it was not when the timeline was kept.
     */
    if (attempt->source.has_video && kn_face_finder_available(options->models, NULL) != KN_OK)
        kn_str_add(&key, " no faces");
    if (options->transcript) {
        char hash[KN_HASH_TEXT_BYTES];
        enum kn_status status = kn_file_hash(options->transcript, NULL, NULL, hash, err);
        if (status != KN_OK)
            return status;
        /* Their words are set to the sound where an engine is there that can. */
        const struct kn_engine_settings settings = {.models = options->models};
        bool aligns = kn_engines()[0]->available(&settings, NULL) == KN_OK;
        kn_str_printf(&key, " %s %s", hash, aligns ? "aligned" : "as given");
    }
    name_engines(attempt, &key);
    char name[KN_HASH_TEXT_BYTES];
    kn_hash_bytes(key.at, key.length, name);
    attempt->timeline_name = kn_arena_printf(attempt->arena, "%s-%.8s.json", attempt->hash, name);
    return KN_OK;
}

static const char *cache_folder(const struct kn_attempt *attempt)
{
    const char *cache = kn_path_cache(attempt->arena);
    return cache ? kn_path_join(attempt->arena, cache, "timelines") : NULL;
}

void kn_attempt_kept_folders(const struct kn_attempt *attempt,
                             const char *ret_folders[KN_KEPT_PLACES + 1])
{
    int count = 0;
    const char *cache = cache_folder(attempt);
    if (cache)
        ret_folders[count++] = cache;
    if (attempt->makes_clips)
        ret_folders[count++] = kn_path_join(attempt->arena, attempt->folder, ".kirinuki");
    ret_folders[count] = NULL;
}

/* One that can't be read is only a reason to make it again. */
static bool read_timeline_in(struct kn_attempt *attempt, const char *folder)
{
    const char *path = kn_path_join(attempt->arena, folder, attempt->timeline_name);
    char *text;
    size_t size;
    if (!kn_attempt_reuses(attempt, path) ||
        kn_file_read(path, KN_TIMELINE_JSON_MAX, &text, &size, NULL) != KN_OK)
        return false;
    struct kn_source source = attempt->source; /* this path, not that of the kept one */
    bool read =
        kn_timeline_read_json(text, size, attempt->arena, &attempt->timeline, NULL) == KN_OK &&
        (!attempt->timeline.partial || kn_attempt_is_own(attempt, path));
    attempt->timeline.source = source;
    free(text);
    return read;
}

static bool read_kept_timeline(struct kn_attempt *attempt)
{
    const char *folders[KN_KEPT_PLACES + 1];
    kn_attempt_kept_folders(attempt, folders);
    for (int i = 0; folders[i]; i++)
        if (read_timeline_in(attempt, folders[i]))
            return true;
    return false;
}

static enum kn_status identify(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct kn_attempt *attempt = arg;
    enum kn_status status = kn_file_hash(attempt->path, on_hashed, (void *)env, attempt->hash, err);
    if (status != KN_OK)
        return status;
    attempt->source.hash = attempt->hash;
    status = kn_attempt_check_source(attempt, err);
    if (status == KN_OK)
        status = kn_attempt_hold_used_folder(attempt, err);
    if (status == KN_OK)
        status = name_timeline(attempt, err);
    if (status == KN_OK)
        attempt->timeline_reused = read_kept_timeline(attempt);
    if (status == KN_OK)
        status = check_services(attempt, err);
    if (status == KN_OK && !attempt->timeline_reused)
        attempt->heard_reused = kn_attempt_read_words(attempt);
    return status;
}

static void note_heard(struct kn_attempt *attempt, const char *text)
{
    struct kn_heard *heard = &attempt->heard;
    struct kn_note *notes =
        kn_arena_array(attempt->listen_arena, (size_t)heard->note_count + 1, sizeof *notes);
    for (int i = 0; i < heard->note_count; i++)
        notes[i] = heard->notes[i];
    notes[heard->note_count++].text = text;
    heard->notes = notes;
}

/* Subtitles have a time a line, captions need one a word. What can't be set to the sound keeps its
 * times, which are right to a line. */
static enum kn_status set_to_sound(struct kn_attempt *attempt, const struct kn_step_env *env,
                                   struct kn_error *err)
{
    struct kn_heard *heard = &attempt->heard;
    struct kn_word *words = kn_arena_copy(attempt->listen_arena, heard->words,
                                          sizeof *words * (size_t)heard->word_count);
    const struct kn_listen_options how = {
        .models = attempt->options->models,
        .language = heard->language,
    };
    int aligned = 0;
    struct kn_error why = {0};
    kn_progress_stage(env->progress, "setting the words to the sound");
    enum kn_status status =
        kn_words_align(&attempt->source, &how, env, words, heard->word_count, &aligned, &why);
    if (status == KN_OK && aligned > 0)
        heard->words = words;
    else if (status == KN_OK && attempt->source.has_audio && heard->word_count > 0 &&
             kn_engine_knows(kn_engines()[0], heard->language))
        note_heard(attempt, "the words of the subtitles could not be found in the sound, so they "
                            "light up by the times of their lines");
    else if (status == KN_MISSING)
        note_heard(attempt, kn_arena_printf(attempt->listen_arena,
                                            "the words of the subtitles light up by the times of "
                                            "their lines: %s",
                                            kn_error_text(&why)));
    if (status == KN_OK || status == KN_MISSING)
        return KN_OK;
    *err = why;
    return status;
}

/* Subtitles instead of recognition: their words take the place of what would have been heard. */
static enum kn_status use_transcript(struct kn_attempt *attempt, const struct kn_step_env *env,
                                     struct kn_error *err)
{
    struct kn_timeline given;
    int64_t length_us = attempt->source.duration_us;
    enum kn_status status = kn_transcript_read(attempt->options->transcript, length_us,
                                               attempt->listen_arena, &given, err);
    if (status != KN_OK)
        return status;
    if (given.source.duration_us > length_us + 10 * KN_US_PER_S)
        return kn_error_set(err, KN_INVALID,
                            "%s goes on for %.0f s, but the video ends after %.0f s: is it for "
                            "another one?",
                            attempt->options->transcript, kn_seconds(given.source.duration_us),
                            kn_seconds(length_us));
    attempt->heard.words = given.words;
    attempt->heard.word_count = given.word_count;
    attempt->heard.utterances = given.utterances;
    attempt->heard.utterance_count = given.utterance_count;
    attempt->heard.speech_engine = given.speech_engine;
    attempt->heard.language =
        attempt->options->language ? attempt->options->language : given.language;
    /* A timeline of our own has the times of its words. */
    bool by_lines = given.speech_engine && strcmp(given.speech_engine, "subtitles") == 0;
    return by_lines ? set_to_sound(attempt, env, err) : KN_OK;
}

static enum kn_status listen(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct kn_attempt *attempt = arg;
    const struct kn_job_options *options = attempt->options;
    if (attempt->timeline_reused || attempt->heard_reused) {
        kn_progress_skip(env->progress);
        return KN_OK;
    }
    const struct kn_listen_options how = {
        .models = attempt->options->models,
        .language = options->language,
        .recognise = options->speech && !options->transcript,
        .ai = &options->ai,
        .services = attempt->context.services,
        .budget = attempt->budget,
    };
    enum kn_status status =
        kn_listen(&attempt->source, &how, env, attempt->listen_arena, &attempt->heard, err);
    if (status == KN_OK && options->transcript)
        return use_transcript(attempt, env, err);
    if (status == KN_OK && how.recognise)
        kn_attempt_keep_words(attempt);
    return status;
}

static enum kn_status look(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct kn_attempt *attempt = arg;
    if (attempt->source.has_video)
        /* Without it no faces are found: kn_look_over says so in a note. */
        (void)kn_face_finder_open(attempt->options->models, &attempt->finder,
                                  &attempt->finder_error);
    if (attempt->timeline_reused) {
        kn_progress_skip(env->progress);
        return KN_OK;
    }
    return kn_look_over(&attempt->source, attempt->finder, env, attempt->look_arena, &attempt->seen,
                        err);
}

static enum kn_status see(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct kn_attempt *attempt = arg;
    const struct kn_sights_options options = {
        .ai = &attempt->options->ai,
        .services = attempt->context.services,
        .budget = attempt->budget,
        .language = attempt->options->language,
    };
    if (attempt->timeline_reused) {
        kn_progress_skip(env->progress);
        return KN_OK;
    }
    return kn_see(&attempt->source, &attempt->seen, &options, env, attempt->sights_arena,
                  &attempt->sights, err);
}

static enum kn_status keep_timeline_in(const struct kn_attempt *attempt, const char *folder,
                                       struct kn_str *json, struct kn_error *err)
{
    enum { DAY_S = 24 * 3600 };
    const char *path = kn_path_join(attempt->arena, folder, attempt->timeline_name);
    enum kn_status status = KN_OK;
    if (!attempt->timeline_reused || !kn_file_exists(path)) {
        if (!json->length)
            kn_timeline_write_json(&attempt->timeline, json);
        status = kn_folder_make(folder, err);
        if (status != KN_OK)
            return status;
        kn_folder_sweep(folder, DAY_S); /* others may be writing there now */
        status = kn_file_write(path, json->at, json->length, err);
    }
    /* What lacks something is made again, with the words that are here. */
    if (status == KN_OK && !attempt->timeline.partial)
        kn_attempt_forget_words(attempt, folder);
    return status;
}

/* For whoever looks at the job in the queue: what went another way than was asked. NULL: nothing.
 */
static json_t *notes_of(const struct kn_attempt *attempt)
{
    json_t *notes = json_array();
    for (int i = 0; i < attempt->timeline.note_count; i++)
        json_array_append_new(notes, kn_json_text(attempt->timeline.notes[i].text));
    if (attempt->ranking.remark)
        json_array_append_new(notes, kn_json_text(attempt->ranking.remark));
    if (json_array_size(notes))
        return notes;
    json_decref(notes);
    return NULL;
}

/* Wherever it is not yet; one place is enough. */
static enum kn_status keep_timeline(const struct kn_attempt *attempt, struct kn_error *err)
{
    const char *folders[KN_KEPT_PLACES + 1];
    kn_attempt_kept_folders(attempt, folders);
    KN_SCOPED_STR json = {0};
    int kept = 0;
    (void)kn_error_set(err, KN_MISSING, "HOME is not set, nor XDG_CACHE_HOME");
    for (int i = 0; folders[i]; i++)
        kept += keep_timeline_in(attempt, folders[i], &json, err) == KN_OK;
    if (kept == 0)
        return err->status;
    const char *cache = cache_folder(attempt);
    if (cache && !attempt->timeline_reused)
        kn_folder_trim(cache, ".json", KEPT_BYTES_MAX);
    kn_attempt_kept(attempt, "analysis",
                    json_pack("{s:s, s:i, s:i, s:o*}", "timeline", attempt->timeline_name, "words",
                              attempt->timeline.word_count, "shots", attempt->timeline.shot_count,
                              "notes", notes_of(attempt)),
                    attempt->timeline_reused);
    return KN_OK;
}

/* It is only kept to spare the next run some work. */
void kn_attempt_keep_timeline(struct kn_attempt *attempt)
{
    struct kn_error why;
    if (keep_timeline(attempt, &why) != KN_OK)
        kn_attempt_note(attempt,
                        kn_arena_printf(attempt->arena,
                                        "the timeline could not be kept: %s; the next run listens "
                                        "and looks again",
                                        kn_error_text(&why)));
}

static void join_notes(struct kn_attempt *attempt)
{
    int heard = attempt->heard.note_count, seen = attempt->seen.note_count;
    int sights = attempt->sights.note_count;
    struct kn_note *notes =
        kn_arena_array(attempt->arena, (size_t)(heard + seen + sights) + 1, sizeof *notes);
    int count = 0;
    if (attempt->source.cut_off)
        notes[count++].text = kn_arena_printf(
            attempt->arena,
            "the file is cut off: its index promises more than the %.0f s that are there",
            kn_seconds(attempt->source.duration_us));
    for (int i = 0; i < heard; i++)
        notes[count++] = attempt->heard.notes[i];
    for (int i = 0; i < seen; i++)
        notes[count++] = attempt->seen.notes[i];
    for (int i = 0; i < sights; i++)
        notes[count++] = attempt->sights.notes[i];
    attempt->timeline.notes = notes;
    attempt->timeline.note_count = count;
}

static enum kn_status join(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct kn_attempt *attempt = arg;
    if (attempt->timeline_reused) {
        kn_progress_skip(env->progress);
        return KN_OK;
    }
    enum kn_status status = kn_attempt_check_source(attempt, err);
    if (status != KN_OK)
        return status;
    const struct kn_heard *heard = &attempt->heard;
    const struct kn_seen *seen = &attempt->seen;
    attempt->timeline = (struct kn_timeline){
        .source = attempt->source,
        .language = heard->language,
        .speech_engine = heard->speech_engine,
        .word_count = heard->word_count,
        .words = heard->words,
        .utterance_count = heard->utterance_count,
        .utterances = heard->utterances,
        .shot_count = seen->shot_count,
        .shots = seen->shots,
        .look_count = seen->look_count,
        .looks = seen->looks,
        .face_sample_count = seen->face_sample_count,
        .face_samples = seen->face_samples,
        .sight_count = attempt->sights.count,
        .sights = attempt->sights.sights,
        .sound = heard->sound,
        .partial = heard->partial || attempt->sights.partial,
    };
    join_notes(attempt);
    kn_sentences_join(&attempt->timeline, attempt->arena);
    if (!attempt->makes_clips) /* else once its folder is known */
        kn_attempt_keep_timeline(attempt);
    return KN_OK;
}

static enum kn_status rank(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct kn_attempt *attempt = arg;
    const struct kn_rank_options options = {
        .ai = &attempt->options->ai,
        .services = attempt->context.services,
        .budget = attempt->budget,
        .segments = &attempt->options->segments,
    };
    return kn_rank(&attempt->timeline, &options, env, attempt->arena, &attempt->ranking, err);
}

static enum kn_status choose(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct kn_attempt *attempt = arg;
    (void)env; /* a fraction of a second: nothing to report on the way */
    struct kn_segment_options options = attempt->options->segments;
    options.proposal_count = attempt->ranking.count;
    options.proposals = attempt->ranking.proposals;
    return kn_segments_choose(&attempt->timeline, &options, attempt->arena, &attempt->segments,
                              err);
}

static int add_step(struct kn_plan *plan, struct kn_attempt *attempt, struct kn_step step)
{
    step.arg = attempt;
    return kn_plan_add(plan, &step);
}

/* Weights are CPU seconds as measured on a 10-minute talk, and for services the seconds that they
 * took to answer. */
void kn_analysis_plan(struct kn_attempt *attempt, struct kn_plan *plan)
{
    const struct kn_ai_options *ai = &attempt->options->ai;
    int first = add_step(plan, attempt, (struct kn_step){"probe", KN_LANE_IO, 0.1, .run = probe});
    int known =
        add_step(plan, attempt, (struct kn_step){"identify", KN_LANE_IO, 0.2, .run = identify});
    int heard = add_step(plan, attempt, (struct kn_step){"listen", KN_LANE_CPU, 20, .run = listen});
    int seen = add_step(plan, attempt, (struct kn_step){"look", KN_LANE_CPU, 4, .run = look});
    kn_plan_after(plan, known, first);
    kn_plan_after(plan, heard, known);
    kn_plan_after(plan, seen, known);
    if (kn_ai_vision(ai)->count) {
        int shown = add_step(plan, attempt, (struct kn_step){"vision", KN_LANE_CPU, 8, .run = see});
        kn_plan_after(plan, shown, seen);
        seen = shown;
    }
    int joined =
        add_step(plan, attempt, (struct kn_step){"timeline", KN_LANE_CPU, 0.1, .run = join});
    kn_plan_after(plan, joined, heard);
    kn_plan_after(plan, joined, seen);
    if (kn_ai_ranking(ai)->count) {
        int ranked = add_step(plan, attempt, (struct kn_step){"rank", KN_LANE_IO, 8, .run = rank});
        kn_plan_after(plan, ranked, joined);
        joined = ranked;
    }
    int chosen =
        add_step(plan, attempt, (struct kn_step){"segments", KN_LANE_CPU, 0.1, .run = choose});
    kn_plan_after(plan, chosen, joined);
}
