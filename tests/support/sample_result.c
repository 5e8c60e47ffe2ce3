#include "support/sample_result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/features.h"
#include "base/memory.h"
#include "base/vec.h"
#include "model/proposal.h"
#include "pipeline/clip_names.h"
#include "support/sample_talk.h"

KN_VEC_TYPE(words, struct kn_word);
KN_VEC_TYPE(sentences, struct kn_sentence);
KN_VEC_TYPE(pauses, struct kn_pause);
KN_VEC_TYPE(utterances, struct kn_utterance);
KN_VEC_TYPE(times, int64_t);
KN_VEC_TYPE(shots, struct kn_shot);
KN_VEC_TYPE(steps, struct kn_step_time);

struct maker {
    struct kn_arena *arena;
    const struct sample_options *options;
    uint64_t seed;
    int64_t at_us; /* how far the talk is written */
    struct words words;
    struct sentences sentences;
    struct pauses pauses;
    struct utterances utterances;
    struct times topics;
    struct shots shots;
    struct steps steps;
};

static const char evil[] = "</script><script>window.broken=1</script><img src=x onerror=broken()>";

/* 0..1, the same numbers in every run. */
static double chance(struct maker *m)
{
    m->seed = m->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(m->seed >> 40) / (double)(1 << 24);
}

/* ---- speech ---- */

static void pause_for(struct maker *m, int64_t us)
{
    struct kn_pause pause = {m->at_us, m->at_us + us};
    if (us >= 300000)
        kn_vec_push(&m->pauses, pause);
    m->at_us += us;
}

static void speak_word(struct maker *m, const char *text, size_t length, bool starts_utterance)
{
    int64_t us = 110000 + (int64_t)((double)length * (42000 + 24000 * chance(m)));
    struct kn_word word = {
        .start_us = m->at_us,
        .end_us = m->at_us + us,
        .text = kn_arena_strndup(m->arena, text, length),
        .confidence = (float)(0.8 + 0.2 * chance(m)),
        .speaker = -1,
        .starts_utterance = starts_utterance,
    };
    if (m->options->hostile && m->words.count % 40 == 7)
        word.text = m->words.count % 80 == 7 ? evil : "\xE2\x80\xA8 \xff\xfe & \"' <!--";
    kn_vec_push(&m->words, word);
    m->at_us += us + 40000;
    if (text[length - 1] == ',')
        m->at_us += 180000;
}

static void speak(struct maker *m, const char *sentence)
{
    int first = m->words.count;
    for (const char *at = sentence; *at;) {
        size_t length = strcspn(at, " ");
        speak_word(m, at, length, at == sentence);
        at += length;
        at += strspn(at, " ");
    }
    int64_t start_us = m->words.at[first].start_us, end_us = kn_vec_last(&m->words)->end_us;
    int count = m->words.count - first;
    struct kn_sentence made = {first, count, start_us, end_us, -1, true};
    struct kn_utterance utterance = {start_us, end_us, first, count, -0.2f, KN_SPEECH_GOOD};
    if (m->options->failed && m->sentences.count == 40)
        utterance.verdict = KN_SPEECH_DOUBTFUL;
    kn_vec_push(&m->sentences, made);
    kn_vec_push(&m->utterances, utterance);
    pause_for(m, 320000 + (int64_t)(500000 * chance(m)));
}

static void give_talk(struct maker *m)
{
    for (size_t i = 0; i < KN_COUNT_OF(sample_talk); i++) {
        if (sample_talk[i][0] != '=') {
            speak(m, sample_talk[i]);
        } else if (m->at_us) {
            pause_for(m, 1400000);
            kn_vec_push(&m->topics, m->at_us);
        } else {
            pause_for(m, 6200000);
        }
    }
    pause_for(m, 9000000); /* applause */
}

/* ---- pictures ---- */

static void cut_shots(struct maker *m, int64_t end_us)
{
    for (int64_t at = 0; at < end_us;) {
        double what = chance(m);
        struct kn_shot shot = {.start_us = at, .sharpness = 0.6f};
        shot.end_us = at + 3500000 + (int64_t)(13000000 * chance(m));
        shot.kind = at == 0       ? KN_SHOT_BLACK
                    : what < 0.62 ? KN_SHOT_PEOPLE
                    : what < 0.88 ? KN_SHOT_SLIDE
                    : what < 0.98 ? KN_SHOT_OTHER
                                  : KN_SHOT_FROZEN;
        if (at == 0)
            shot.end_us = 2400000;
        shot.end_us = shot.end_us > end_us - 3000000 ? end_us : shot.end_us;
        shot.faces = shot.kind == KN_SHOT_PEOPLE ? (what < 0.1 ? 2 : 1) : 0;
        shot.face_area = shot.faces > 0 ? 0.08f : 0;
        shot.motion = shot.kind == KN_SHOT_SLIDE ? 0.02f : (float)(0.1 + 0.4 * chance(m));
        shot.brightness = shot.kind == KN_SHOT_BLACK   ? 0.02f
                          : shot.kind == KN_SHOT_SLIDE ? 0.85f
                                                       : 0.4f;
        kn_vec_push(&m->shots, shot);
        at = shot.end_us;
    }
}

/* A look and a search for faces every two seconds, as by key frames. */
static void look(struct maker *m, struct kn_timeline *t)
{
    enum { EVERY_US = 2000000 };
    static const struct kn_face face = {0.42f, 0.2f,           0.1f,           0.16f, 0.47f,
                                        0.33f, {0.45f, 0.49f}, {0.25f, 0.25f}, 0.9f};
    int count = (int)(t->source.duration_us / EVERY_US), shot = 0;
    struct kn_look *looks = kn_arena_array(m->arena, (size_t)count, sizeof *looks);
    struct kn_face_sample *samples = kn_arena_array(m->arena, (size_t)count, sizeof *samples);
    struct kn_face *pair = kn_arena_array(m->arena, 2, sizeof *pair);
    pair[0] = pair[1] = face;
    pair[1].x = 0.7f;
    for (int i = 0; i < count; i++) {
        int64_t at = (int64_t)i * EVERY_US;
        while (shot + 1 < m->shots.count && m->shots.at[shot].end_us <= at)
            shot++;
        const struct kn_shot *s = &m->shots.at[shot];
        looks[i] = (struct kn_look){
            .at_us = at,
            .brightness = (float)fmax((double)s->brightness + 0.1 * (chance(m) - 0.5), 0),
            .motion = (float)((double)s->motion * (0.5 + chance(m))),
            .sharpness = 0.6f,
        };
        int faces = (int)s->faces;
        samples[i] = (struct kn_face_sample){at, faces, faces ? pair : NULL};
    }
    t->looks = looks;
    t->look_count = count;
    t->face_samples = samples;
    t->face_sample_count = count;
}

/* ---- sound ---- */

static void listen(struct maker *m, struct kn_timeline *t)
{
    int count = (int)(t->source.duration_us / 100000), word = 0;
    float *loudness = kn_arena_array(m->arena, (size_t)count, sizeof *loudness);
    float *speech = kn_arena_array(m->arena, (size_t)count, sizeof *speech);
    float *pitch = kn_arena_array(m->arena, (size_t)count, sizeof *pitch);
    double level = -50, emphasis = 0;
    for (int i = 0; i < count; i++) {
        int64_t at = (int64_t)i * 100000;
        while (word < m->words.count && m->words.at[word].end_us <= at)
            word++;
        bool spoken = word < m->words.count && m->words.at[word].start_us <= at;
        bool applause = at > t->source.duration_us - 8000000;
        emphasis = 0.98 * emphasis + 0.5 * (chance(m) - 0.5);
        double target = applause ? -17 : spoken ? -22 + 6 * chance(m) + 3 * emphasis : -47;
        level += (target - level) * 0.55;
        loudness[i] = (float)(level + 2 * (chance(m) - 0.5));
        speech[i] = spoken ? 0.97f : 0.03f;
        pitch[i] = spoken ? (float)(120 + 40 * chance(m)) : 0;
    }
    struct kn_sound_event *events = kn_arena_array(m->arena, 2, sizeof *events);
    events[0] = (struct kn_sound_event){3000000, 5800000, KN_SOUND_MUSIC, 0.6f};
    events[1] = (struct kn_sound_event){t->source.duration_us - 8000000, t->source.duration_us,
                                        KN_SOUND_APPLAUSE, 0.9f};
    t->sound = (struct kn_sound){
        .step_us = 100000,
        .count = count,
        .loudness_lufs = loudness,
        .pitch_hz = pitch,
        .speech = speech,
        .integrated_lufs = -21.4f,
        .true_peak_dbtp = -3.1f,
        .event_count = 2,
        .events = events,
    };
}

/* ---- segments ---- */

struct choice {
    const char *first, *last; /* how its first and last sentence begin */
    float score;
    const char *title, *hook;
    struct {
        enum kn_feature feature;
        const char *text;
    } because[4];
};

static const struct choice choices[] = {
    {"For the first time in history",
     "One of them drew",
     86.4f,
     "For the first time in history, a traveller is always in the centre of the map",
     "A brain that is not asked stops learning.",
     {{KN_FEATURE_HOOK, "opens with a claim: “For the first time in history, a traveller”"},
      {KN_FEATURE_SUBSTANCE,
       "about what this source comes back to: “map” (6 times), “dot” (7 times), “brain” (9 times)"},
      {KN_FEATURE_EMPHASIS, "livelier than usual here; loudest at -16 LUFS (the source has -21)"},
      {KN_FEATURE_ENDING, "ends on a finished thought: “One of them drew the telephone.”"}}},
    {"Get lost on purpose",
     "They store the fact",
     81.7f,
     "Get lost on purpose, once a week",
     "Get lost on purpose, once a week, for twenty minutes.",
     {{KN_FEATURE_HOOK, "opens with a word to the listener: “Get lost on purpose”"},
      {KN_FEATURE_STANCE, "weighs, proposes or decides: “put the telephone in your bag”"},
      {KN_FEATURE_FLOW, "no dead air: 107 words, 2.5 a second"},
      {KN_FEATURE_FACES, "a face in view 64 % of the time"}}},
    {"What does the sailor",
     "It lost a direction",
     77.9f,
     "A landmark is an eraser",
     "A landmark is not decoration, it is an eraser.",
     {{KN_FEATURE_HOOK, "opens with a question: “What does the sailor do when he sees”"},
      {KN_FEATURE_SUBSTANCE, "about what this source comes back to: “town” (5 times)"},
      {KN_FEATURE_ENDING, "ends on a finished thought, a contrast: “It lost a direction.”"}}},
    {"First, stop putting up signs",
     "The paint cost",
     74.2f,
     "First, stop putting up signs",
     "A sign is an apology for a building that does not explain itself.",
     {{KN_FEATURE_HOOK, "soon a number: “four hundred and twelve signs”"},
      {KN_FEATURE_SELF_CONTAINED, "begins a new thought after a pause of 520 ms"},
      {KN_FEATURE_FLUENCY, "hardly a filler or a false start"}}},
    {"Why would a brain",
     "You have a sailor",
     69.5f,
     "Why would a brain make the same mistake in two hundred different flats?",
     "It is a safety margin.",
     {{KN_FEATURE_HOOK, "opens with a question: “Why would a brain make the same mistake”"},
      {KN_FEATURE_ENDING, "ends on a finished thought: “and he has never seen the sea.”"}}},
    {"I did not show",
     "You have just",
     64.8f,
     "You have just started to arrive",
     "We do not find our way because we are told it.",
     {{KN_FEATURE_SUBSTANCE, "about what this source comes back to: “corridor”, “building”"}}},
};

static bool begins(const struct maker *m, int sentence, const char *text)
{
    char said[200] = "";
    const struct kn_sentence *s = &m->sentences.at[sentence];
    size_t used = 0;
    for (int i = 0; i < s->word_count && used + 80 < sizeof said; i++)
        used += (size_t)snprintf(said + used, sizeof said - used, "%s%.70s", i ? " " : "",
                                 m->words.at[s->first_word + i].text);
    return strncmp(said, text, strlen(text)) == 0;
}

static int find_sentence(const struct maker *m, const char *text, int from)
{
    for (int i = from; i < m->sentences.count; i++)
        if (begins(m, i, text))
            return i;
    return -1;
}

/* Values around the score, weighed as the ranking does where there is speech. */
static void rate(struct maker *m, float score, struct kn_segment *segment)
{
    float sum = 0;

    for (int f = 0; f < KN_FEATURE_COUNT; f++)
        sum += kn_features[f].weight;
    for (int f = 0; f < KN_FEATURE_COUNT; f++) {
        double value = (double)score / 100 + 0.5 * (chance(m) - 0.5);
        if (kn_features[f].weight > 0)
            segment->features[segment->feature_count++] = (struct kn_feature_value){
                kn_features[f].name,
                (float)KN_CLAMP(value, 0.0, 1.0),
                kn_features[f].weight / sum,
            };
    }
}

/* What a language model would write beside it. */
static void propose(struct maker *m, struct kn_segment *segment)
{
    static const char *const hashtags[] = {"brain", "maps"}, *const evil_hashtags[] = {evil, evil};
    static const struct kn_proposed_post texts[] = {
        {"youtube", "How a brain knows where it is.\nTwo kinds of cells make a map.", 2, hashtags},
        {"x", "Your brain has a map.", 1, hashtags},
    };
    static const struct kn_proposed_post evil_texts[] = {{evil, evil, 2, evil_hashtags}};
    static const struct kn_proposal good = {.post_count = 2, .posts = texts};
    static const struct kn_proposal bad = {.post_count = 1, .posts = evil_texts};
    segment->proposal = m->options->hostile ? &bad : &good;
}

static void explain(struct maker *m, const struct choice *choice, struct kn_segment *segment)
{
    rate(m, choice->score, segment);
    for (int e = 0; e < (int)KN_COUNT_OF(choice->because) && choice->because[e].text; e++)
        segment->evidence[segment->evidence_count++] = (struct kn_evidence){
            kn_features[choice->because[e].feature].name,
            segment->start_us + e * (segment->end_us - segment->start_us) / 5,
            choice->because[e].text,
        };
    propose(m, segment);
    if (m->options->hostile)
        segment->title = segment->hook = segment->evidence[0].text = evil;
}

static int choose(struct maker *m, struct kn_segment *segments)
{
    int count = 0;
    for (size_t i = 0; i < KN_COUNT_OF(choices); i++) {
        const struct choice *choice = &choices[i];
        int first = find_sentence(m, choice->first, 0);
        int last = find_sentence(m, choice->last, first + 1);
        if (first < 0 || last < 0 || !choice->title)
            continue;
        const struct kn_sentence *from = &m->sentences.at[first], *to = &m->sentences.at[last];
        struct kn_segment *segment = &segments[count++];
        *segment = (struct kn_segment){
            .start_us = from->start_us - 120000,
            .end_us = to->end_us + 200000,
            .first_word = from->first_word,
            .word_count = to->first_word + to->word_count - from->first_word,
            .score = choice->score,
            .title = choice->title,
            .hook = choice->hook,
            .snapped_start = i % 2 == 0,
        };
        explain(m, choice, segment);
    }
    return count;
}

/* Without words: some places in the picture. */
static int choose_silent(struct maker *m, struct kn_segment *segments)
{
    for (int i = 0; i < 3; i++) {
        const struct kn_shot *shot = &m->shots.at[5 + 7 * i];
        segments[i] = (struct kn_segment){
            .start_us = shot->start_us,
            .end_us = shot->start_us + 21000000,
            .score = 70 - 8.5f * (float)i,
            .title = "Moving pictures",
            .snapped_start = true,
            .feature_count = 2,
            .features = {{"shot-rhythm", 0.8f, 0.6f}, {"energy", 0.5f, 0.4f}},
        };
    }
    return 3;
}

/* ---- clips ---- */

static void name_files(struct maker *m, struct kn_clip *clip, int rank, const char *title)
{
    const char *stem = kn_clip_stem(m->arena, rank, title);
    if (m->options->hostile)
        stem = rank == 0   ? "javascript:alert(1)//<b>\"'"
               : rank == 1 ? "50 % off? #1 ünï\xff"
                           : kn_arena_printf(m->arena, "//host/%d", rank);
    static const enum kn_aspect aspects[] = {KN_ASPECT_9_16, KN_ASPECT_1_1};
    for (int a = 0; a < (int)KN_COUNT_OF(aspects); a++) {
        struct kn_clip_file *file = &clip->files[clip->file_count++];
        file->aspect = aspects[a];
        file->path = kn_clip_file_name(m->arena, stem, aspects[a], a == 0);
        kn_aspect_size(aspects[a], &file->width_px, &file->height_px);
        file->frames = (int)(clip->duration_us * 30 / 1000000);
    }
    clip->thumbnail = kn_arena_printf(m->arena, "%s.jpg", stem);
    clip->srt = kn_arena_printf(m->arena, "%s.srt", stem);
    clip->vtt = kn_arena_printf(m->arena, "%s.vtt", stem);
    clip->ass = kn_arena_printf(m->arena, "%s.ass", stem);
}

static void make_clips(struct maker *m, struct kn_result *result)
{
    int count = result->segments->count;
    struct kn_clip *clips = kn_arena_array(m->arena, (size_t)count, sizeof *clips);
    for (int i = 0; i < count; i++) {
        const struct kn_segment *segment = &result->segments->segments[i];
        clips[i].segment = i;
        if (m->options->failed && i == count - 1) {
            clips[i].status = KN_NO_SPACE;
            clips[i].error = "cannot write 06-you-have-just-started-to-arrive.mp4: "
                             "No space left on device";
            result->failed = 1;
            continue;
        }
        clips[i].start_us = segment->start_us;
        clips[i].duration_us = segment->end_us - segment->start_us;
        clips[i].loudness_lufs = -14.0 - 0.1 * i;
        clips[i].true_peak_dbtp = -1.6;
        clips[i].gain_db = 7.4 - 0.3 * i;
        clips[i].reused = m->options->failed && i == 1;
        name_files(m, &clips[i], i, segment->title);
    }
    if (m->options->failed)
        clips[0].remark = "the encoder h264_nvenc is not available: libx264 was used";
    result->clips = clips;
    result->clip_count = count;
}

/* ---- step times ---- */

static void step(struct maker *m, const char *of, const char *name, const char *lane, int worker,
                 double start, double end)
{
    struct kn_step_time time = {
        of, name, lane, worker, (int64_t)(start * 1e6), (int64_t)(end * 1e6), KN_OK};
    kn_vec_push(&m->steps, time);
}

/* Two workers that listen and look, then a clip each at a time. */
static void work(struct maker *m, struct kn_result *result)
{
    double seconds = (double)result->timeline->source.duration_us / 1e6, at = 0.31;
    double listening = 0.021 * seconds, looking = 0.017 * seconds;
    step(m, "probe", "probe", "io", 0, 0.002, 0.06);
    step(m, "identify", "identify", "io", 1, 0.06, 0.30);
    step(m, "listen", "listen", "cpu", 0, at, at + listening);
    step(m, "look", "look", "cpu", 1, at, at + looking);
    double free_at[2] = {at + 0.4, at + looking};
    for (int i = 0; i < m->utterances.count; i += 3) {
        int worker = free_at[1] < free_at[0];
        double took = listening / m->utterances.count * (4.2 + chance(m));
        if (free_at[worker] + took > at + listening)
            break;
        step(m, "listen", kn_arena_printf(m->arena, "utterance %d", i / 3 + 1), "cpu", worker,
             free_at[worker], free_at[worker] + took);
        free_at[worker] += took;
    }
    at += fmax(listening, looking);
    step(m, "segments", "segments", "cpu", 0, at, at + 0.18);
    free_at[0] = free_at[1] = at + 0.2;
    for (int i = 0; i < result->clip_count; i++) {
        int worker = free_at[1] < free_at[0];
        double now = free_at[worker], length = (double)result->clips[i].duration_us / 1e6;
        static const char *const parts[] = {"look", "render"};
        static const double costs[] = {0.05, 0.55};
        for (int p = 0; p < 2; p++) {
            const char *name = kn_arena_printf(m->arena, "clip %d %s", i + 1, parts[p]);
            step(m, name, name, "cpu", worker, now, now + costs[p] * length);
            now += costs[p] * length;
        }
        free_at[worker] = now;
    }
    result->wall_us = (int64_t)(fmax(free_at[0], free_at[1]) * 1e6) + 40000;
    result->cpu_us = (int64_t)((double)result->wall_us * 1.86);
    result->step_times = kn_vec_to_arena(&m->steps, m->arena);
    result->step_time_count = m->steps.count;
}

/* ---- the whole ---- */

static const struct kn_named_text options_in_force[] = {
    {"clips", "6"},
    {"length", "15-60"},
    {"aspect", "9:16,1:1"},
    {"layout", "auto"},
    {"captions", "bold"},
    {"titles", "no"},
    {"encoder", "libx264"},
    {"preset", "medium"},
    {"crf", "20"},
    {"loudness", "-14"},
    {"copy", "no"},
    {"speech", "yes"},
    {"models", "/opt/kirinuki/models"},
};

static const struct kn_note notes_left[] = {
    {"the sound is damaged from 3:10 to 3:20 and was passed over"},
    {"the picture stands still from 6:02 to 6:14"},
};

static void describe_source(struct maker *m, struct kn_source *source)
{
    *source = (struct kn_source){
        .path = "talks/2026/finding our way.mp4",
        .hash = "7c41f09be5d2a8360f1e6b94c8d7a325",
        .container = "mov,mp4,m4a,3gp,3g2,mj2",
        .size_bytes = INT64_C(412668107),
        .duration_us = m->at_us,
        .has_video = true,
        .video_codec = "h264",
        .pixel_format = "yuv420p",
        .width_px = 1920,
        .height_px = 1080,
        .frame_rate = {30000, 1001},
        .sample_aspect = {1, 1},
        .has_audio = true,
        .audio_codec = "aac",
        .sample_rate_hz = 48000,
        .channels = 2,
        .audio_stream = 1,
        .title = "Finding our way: the case for getting lost",
    };
    if (m->options->hostile) {
        source->path = "/srv/</title><script>window.broken=1</script>\xff.mp4";
        source->title = evil;
    }
}

static void fill_timeline(struct maker *m, struct kn_timeline *t)
{
    do
        give_talk(m);
    while (m->at_us < (int64_t)m->options->minutes * 60000000);
    describe_source(m, &t->source);
    cut_shots(m, m->at_us);
    look(m, t);
    if (m->options->silent)
        m->words.count = m->sentences.count = m->utterances.count = m->topics.count = 0;
    listen(m, t);
    t->language = m->options->silent ? NULL : "en";
    t->speech_engine = m->options->silent ? NULL : "moonshine";
    t->words = kn_vec_to_arena(&m->words, m->arena);
    t->word_count = m->words.count;
    t->sentences = kn_vec_to_arena(&m->sentences, m->arena);
    t->sentence_count = m->sentences.count;
    t->pauses = kn_vec_to_arena(&m->pauses, m->arena);
    t->pause_count = m->pauses.count;
    t->utterances = kn_vec_to_arena(&m->utterances, m->arena);
    t->utterance_count = m->utterances.count;
    t->shots = kn_vec_to_arena(&m->shots, m->arena);
    t->shot_count = m->shots.count;
    if (m->options->failed) {
        t->notes = notes_left;
        t->note_count = (int)KN_COUNT_OF(notes_left);
    }
}

const struct kn_result *sample_result(struct kn_arena *arena, const struct sample_options *options)
{
    struct maker m = {.arena = arena, .options = options, .seed = 7};
    struct kn_timeline *timeline = kn_arena_alloc(arena, sizeof *timeline);
    struct kn_segments *segments = kn_arena_alloc(arena, sizeof *segments);
    struct kn_result *result = kn_arena_alloc(arena, sizeof *result);
    struct kn_segment *chosen = kn_arena_array(arena, KN_COUNT_OF(choices), sizeof *chosen);
    fill_timeline(&m, timeline);
    *segments = (struct kn_segments){
        .count = options->silent ? choose_silent(&m, chosen) : choose(&m, chosen),
        .segments = chosen,
        .boundary_count = m.topics.count,
        .boundaries_us = kn_vec_to_arena(&m.topics, arena),
        .remark = options->failed ? "8 clips were asked for, and 6 spans are strong enough" : NULL,
    };
    *result = (struct kn_result){
        .version = KN_VERSION,
        .created = "2026-11-23T20:14:47Z",
        .folder = "out",
        .timeline = timeline,
        .segments = segments,
        .transcript = timeline->word_count ? "transcript.srt" : NULL,
        .option_count = KN_COUNT_OF(options_in_force),
        .options = options_in_force,
    };
    make_clips(&m, result);
    work(&m, result);
    kn_vec_free(&m.words);
    kn_vec_free(&m.sentences);
    kn_vec_free(&m.pauses);
    kn_vec_free(&m.utterances);
    kn_vec_free(&m.topics);
    kn_vec_free(&m.shots);
    kn_vec_free(&m.steps);
    return result;
}
