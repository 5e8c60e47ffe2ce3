/*
 * Rows are columns here: one array a field instead of one object a word, and times as whole
 * milliseconds, sorted ones as differences. Thirty thousand words, three hours of talk, take half
 * a megabyte that way and two and a half as objects. Curves are thinned to what a screen can show;
 * peaks survive, because a bucket keeps its largest value.
 */
#include "pipeline/report_data.h"

#include <math.h>

#include "analyze/features.h"
#include "base/file.h"
#include "base/memory.h"
#include "model/regroup.h"
#include "pipeline/report.h"
#include "pipeline/result_json.h"

/* Takes `value`. */
static void put(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static void push_int(json_t *array, int64_t value)
{
    (void)json_array_append_new(array, json_integer(value));
}

static int64_t to_ms(int64_t us)
{
    return (us + 500) / 1000;
}

static int percent(double share)
{
    return isfinite(share) ? (int)lround(KN_CLAMP(share, 0.0, 1.0) * 100) : 0;
}

/* Each time as its distance from the one before. */
static void push_time(json_t *array, int64_t us, int64_t *last_ms)
{
    int64_t ms = to_ms(us);
    push_int(array, ms - *last_ms);
    *last_ms = ms;
}

/* ---- words ---- */

static bool speakers_known(const struct kn_timeline *t)
{
    for (int i = 0; i < t->word_count; i++)
        if (t->words[i].speaker >= 0)
            return true;
    return false;
}

static json_t *describe_words(const struct kn_timeline *t)
{
    json_t *made = json_object(), *texts = json_array(), *starts = json_array(),
           *lengths = json_array(), *speakers = json_array(), *tight = json_array();
    bool with_speakers = speakers_known(t);
    int64_t last_ms = 0, last_tight = 0;
    for (int i = 0; i < t->word_count; i++) {
        const struct kn_word *word = &t->words[i];
        if (i && !kn_words_spaced(word - 1, word)) {
            push_int(tight, i - last_tight);
            last_tight = i;
        }
        json_array_append_new(texts, kn_json_text(word->text));
        push_time(starts, word->start_us, &last_ms);
        push_int(lengths, to_ms(word->end_us - word->start_us));
        if (with_speakers)
            push_int(speakers, word->speaker);
    }
    put(made, "text", texts);
    put(made, "start", starts);
    put(made, "length", lengths);
    put(made, "speaker", speakers);
    put(made, "tight", tight);
    return made;
}

static json_t *describe_sentences(const struct kn_timeline *t)
{
    json_t *made = json_object(), *firsts = json_array(), *counts = json_array(),
           *speakers = json_array();
    for (int i = 0; i < t->sentence_count; i++) {
        push_int(firsts, t->sentences[i].first_word);
        push_int(counts, t->sentences[i].word_count);
        push_int(speakers, t->sentences[i].speaker);
    }
    put(made, "first", firsts);
    put(made, "count", counts);
    put(made, "speaker", speakers);
    return made;
}

/* Where the words are not to be trusted. */
static json_t *describe_doubts(const struct kn_timeline *t)
{
    json_t *made = json_array();
    for (int i = 0; i < t->utterance_count; i++) {
        const struct kn_utterance *u = &t->utterances[i];
        if (u->verdict == KN_SPEECH_GOOD)
            continue;
        json_t *doubt = json_array();
        push_int(doubt, to_ms(u->start_us));
        push_int(doubt, to_ms(u->end_us));
        json_array_append_new(doubt, kn_json_text(kn_speech_verdict_name(u->verdict)));
        json_array_append_new(made, doubt);
    }
    return made;
}

/* ---- pictures ---- */

static json_t *describe_shots(const struct kn_timeline *t)
{
    json_t *made = json_object(), *names = json_array(), *starts = json_array(),
           *kinds = json_array(), *faces = json_array();
    int64_t last_ms = 0;
    for (int i = 0; i < t->shot_count; i++) {
        push_time(starts, t->shots[i].start_us, &last_ms);
        push_int(kinds, t->shots[i].kind);
        push_int(faces, lroundf(t->shots[i].faces));
    }
    for (int k = 0; k < KN_SHOT_KIND_COUNT; k++)
        json_array_append_new(names, kn_json_text(kn_shot_kind_name((enum kn_shot_kind)k)));
    put(made, "kinds", names);
    put(made, "start", starts);
    put(made, "kind", kinds);
    put(made, "faces", faces);
    put(made, "end", json_integer(t->shot_count ? to_ms(t->shots[t->shot_count - 1].end_us) : 0));
    return made;
}

/* The first entry of bucket `b` of `buckets` over `count` entries. */
static int bucket_start(int b, int buckets, int count)
{
    return (int)((int64_t)b * count / buckets);
}

static json_t *describe_looks(const struct kn_timeline *t)
{
    json_t *made = json_object(), *times = json_array(), *motions = json_array(),
           *brightnesses = json_array();
    int buckets = KN_MIN(t->look_count, KN_REPORT_CURVE_POINTS);
    int64_t last_ms = 0;
    for (int b = 0; b < buckets; b++) {
        int from = bucket_start(b, buckets, t->look_count);
        int to = bucket_start(b + 1, buckets, t->look_count);
        double motion = 0, brightness = 0;
        for (int i = from; i < to; i++) {
            motion = fmax(motion, (double)t->looks[i].motion);
            brightness += (double)t->looks[i].brightness / (to - from);
        }
        push_time(times, t->looks[from].at_us, &last_ms);
        push_int(motions, percent(motion));
        push_int(brightnesses, percent(brightness));
    }
    put(made, "at", times);
    put(made, "motion", motions);
    put(made, "brightness", brightnesses);
    return made;
}

static json_t *describe_faces(const struct kn_timeline *t)
{
    json_t *made = json_object(), *times = json_array(), *counts = json_array();
    int buckets = KN_MIN(t->face_sample_count, KN_REPORT_CURVE_POINTS);
    int64_t last_ms = 0;
    for (int b = 0; b < buckets; b++) {
        int from = bucket_start(b, buckets, t->face_sample_count), most = 0;
        for (int i = from; i < bucket_start(b + 1, buckets, t->face_sample_count); i++)
            most = KN_MAX(most, t->face_samples[i].face_count);
        push_time(times, t->face_samples[from].at_us, &last_ms);
        push_int(counts, most);
    }
    put(made, "at", times);
    put(made, "count", counts);
    return made;
}

/* ---- sound ---- */

/* Loudness for the eye: 0 at -60 LUFS, below which rooms are silent, and 100 at full scale. */
static int loudness_percent(double lufs)
{
    return percent((lufs + 60) / 60);
}

static json_t *loudness_points(const struct kn_sound *sound, int from, int to, int points_max)
{
    json_t *made = json_array();
    int count = KN_MAX(to - from, 0), buckets = KN_MIN(count, points_max);
    for (int b = 0; b < buckets; b++) {
        float loudest = -70;
        for (int i = from + bucket_start(b, buckets, count);
             i < from + bucket_start(b + 1, buckets, count); i++)
            loudest = fmaxf(loudest, sound->loudness_lufs[i]);
        push_int(made, loudness_percent((double)loudest));
    }
    return made;
}

static json_t *speech_points(const struct kn_sound *sound)
{
    json_t *made = json_array();
    int buckets = sound->speech ? KN_MIN(sound->count, KN_REPORT_CURVE_POINTS) : 0;
    for (int b = 0; b < buckets; b++) {
        int from = bucket_start(b, buckets, sound->count);
        int to = bucket_start(b + 1, buckets, sound->count);
        double sum = 0;
        for (int i = from; i < to; i++)
            sum += (double)sound->speech[i];
        push_int(made, percent(sum / (to - from)));
    }
    return made;
}

static json_t *describe_events(const struct kn_sound *sound)
{
    json_t *made = json_array();
    for (int i = 0; i < sound->event_count; i++) {
        const struct kn_sound_event *event = &sound->events[i];
        json_t *row = json_array();
        push_int(row, to_ms(event->start_us));
        push_int(row, to_ms(event->end_us));
        json_array_append_new(row, kn_json_text(kn_sound_event_name(event->kind)));
        json_array_append_new(made, row);
    }
    return made;
}

static json_t *describe_sound(const struct kn_sound *sound)
{
    json_t *made = json_object();
    put(made, "end", json_integer(to_ms(sound->step_us * sound->count)));
    put(made, "loudness", loudness_points(sound, 0, sound->count, KN_REPORT_CURVE_POINTS));
    put(made, "speech", speech_points(sound));
    put(made, "events", describe_events(sound));
    return made;
}

static int curve_index(const struct kn_sound *sound, int64_t at_us)
{
    return sound->step_us > 0 ? (int)KN_CLAMP(at_us / sound->step_us, 0, sound->count) : 0;
}

/* A finer curve under each segment. */
static json_t *describe_waves(const struct kn_result *result)
{
    const struct kn_sound *sound = &result->timeline->sound;
    json_t *made = json_array();
    for (int i = 0; i < result->segments->count; i++) {
        const struct kn_segment *segment = &result->segments->segments[i];
        json_array_append_new(made, loudness_points(sound, curve_index(sound, segment->start_us),
                                                    curve_index(sound, segment->end_us),
                                                    KN_REPORT_WAVE_POINTS));
    }
    return made;
}

/* ---- clips ---- */

static json_t *describe_url(const char *path)
{
    if (!path)
        return json_null();
    KN_SCOPED_STR url = {0};
    kn_report_url(path, &url);
    return kn_json_text(url.at);
}

/* A path as JSON may have lost bytes that are not UTF-8; its URL has not. */
static json_t *describe_urls(const struct kn_clip *clip)
{
    json_t *made = json_object(), *files = json_array();
    for (int i = 0; i < clip->file_count; i++)
        json_array_append_new(files, describe_url(clip->files[i].path));
    put(made, "files", files);
    put(made, "thumbnail", describe_url(clip->thumbnail));
    put(made, "srt", describe_url(clip->srt));
    put(made, "vtt", describe_url(clip->vtt));
    put(made, "ass", describe_url(clip->ass));
    return made;
}

/* What result.json says, without what a page that may be passed on should not tell (where on this
 * machine things lie) or does not show (the framing, which is long). */
static json_t *describe_result(const struct kn_result *result)
{
    json_t *made = kn_result_json(result), *clip, *file;
    json_t *source = json_object_get(made, "source"), *options = json_object_get(made, "options");
    size_t i, f;
    put(source, "path", kn_json_text(kn_path_base(result->timeline->source.path)));
    put(source, "title", kn_json_text(result->timeline->source.title));
    for (int o = 0; o < result->option_count; o++)
        if (result->options[o].value)
            put(options, result->options[o].name,
                kn_json_text(kn_path_base(result->options[o].value)));
    json_array_foreach(json_object_get(made, "clips"), i, clip)
        json_array_foreach(json_object_get(clip, "files"), f, file)
            json_object_del(file, "framing");
    return made;
}

/* What each feature looks for, in words. Where nobody speaks, no voice is louder than usual. */
static json_t *describe_ideas(const struct kn_timeline *timeline)
{
    json_t *made = json_object();
    for (int f = 0; f < KN_FEATURE_COUNT; f++)
        put(made, kn_features[f].name, kn_json_text(kn_features[f].idea));
    if (timeline->word_count == 0)
        put(made, kn_features[KN_FEATURE_EMPHASIS].name,
            kn_json_text("louder and livelier than usual here"));
    return made;
}

json_t *kn_report_data(const struct kn_result *result)
{
    const struct kn_timeline *t = result->timeline;
    json_t *made = json_object(), *urls = json_array();
    put(made, "result", describe_result(result));
    for (int i = 0; i < result->clip_count; i++)
        json_array_append_new(urls, describe_urls(&result->clips[i]));
    put(made, "urls", urls);
    put(made, "ideas", describe_ideas(t));
    put(made, "waves", describe_waves(result));
    put(made, "words", describe_words(t));
    put(made, "sentences", describe_sentences(t));
    put(made, "doubts", describe_doubts(t));
    put(made, "shots", describe_shots(t));
    put(made, "looks", describe_looks(t));
    put(made, "faces", describe_faces(t));
    put(made, "sound", describe_sound(&t->sound));
    return made;
}
