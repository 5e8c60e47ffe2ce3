#include "pipeline/result_json.h"

#include "base/json.h"
#include "model/proposal.h"

/* Takes `value`. Only exhausted memory could make it fail, and that ends the process elsewhere. */
static void put(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static void put_text(json_t *object, const char *key, const char *text)
{
    put(object, key, kn_json_text(text));
}

static void put_int(json_t *object, const char *key, int64_t value)
{
    put(object, key, json_integer(value));
}

static json_t *describe_source(const struct kn_source *source)
{
    json_t *made = json_object();
    put_text(made, "path", source->path);
    put_text(made, "hash", source->hash);
    put_text(made, "container", source->container);
    put_int(made, "size_bytes", source->size_bytes);
    put(made, "duration", kn_json_seconds(source->duration_us));
    if (source->has_video) {
        json_t *video = json_object();
        put_text(video, "codec", source->video_codec);
        put_int(video, "width", source->width_px);
        put_int(video, "height", source->height_px);
        put(video, "frame_rate",
            kn_json_number((double)source->frame_rate.num / source->frame_rate.den, 3));
        put_int(video, "rotation", source->rotation_deg);
        put(video, "hdr", json_boolean(source->hdr));
        put(made, "video", video);
    }
    if (source->has_audio) {
        json_t *audio = json_object();
        put_text(audio, "codec", source->audio_codec);
        put_int(audio, "sample_rate", source->sample_rate_hz);
        put_int(audio, "channels", source->channels);
        put(made, "audio", audio);
    }
    return made;
}

static json_t *describe_timeline(const struct kn_timeline *timeline)
{
    json_t *made = json_object(), *notes = json_array();
    put_text(made, "language", timeline->language);
    put_text(made, "speech_engine", timeline->speech_engine);
    put_int(made, "words", timeline->word_count);
    put_int(made, "sentences", timeline->sentence_count);
    put_int(made, "shots", timeline->shot_count);
    if (timeline->sound.count) {
        put(made, "loudness_lufs", kn_json_number((double)timeline->sound.integrated_lufs, 2));
        put(made, "true_peak_dbtp", kn_json_number((double)timeline->sound.true_peak_dbtp, 2));
    }
    for (int i = 0; i < timeline->note_count; i++)
        json_array_append_new(notes, kn_json_text(timeline->notes[i].text));
    put(made, "notes", notes);
    return made;
}

/* What a post would say on each platform. */
static json_t *describe_posts(const struct kn_proposal *proposal)
{
    json_t *posts = json_object();
    for (int i = 0; i < proposal->post_count; i++) {
        const struct kn_proposed_post *post = &proposal->posts[i];
        json_t *made = json_object(), *hashtags = json_array();
        put_text(made, "description", post->description);
        for (int k = 0; k < post->hashtag_count; k++)
            json_array_append_new(hashtags, kn_json_text(post->hashtags[k]));
        put(made, "hashtags", hashtags);
        put(posts, post->platform, made);
    }
    return posts;
}

json_t *kn_segment_json(const struct kn_segment *segment, int rank)
{
    json_t *made = json_object(), *features = json_array(), *evidence = json_array();
    put_int(made, "rank", rank + 1);
    put(made, "start", kn_json_seconds(segment->start_us));
    put(made, "end", kn_json_seconds(segment->end_us));
    put(made, "score", kn_json_number((double)segment->score, 2));
    put_text(made, "title", segment->title);
    put_text(made, "hook", segment->hook);
    put(made, "snapped_start", json_boolean(segment->snapped_start));
    put(made, "snapped_end", json_boolean(segment->snapped_end));
    put_int(made, "first_word", segment->first_word);
    put_int(made, "words", segment->word_count);
    for (int i = 0; i < segment->feature_count; i++) {
        json_t *feature = json_object();
        put_text(feature, "name", segment->features[i].name);
        put(feature, "value", kn_json_number((double)segment->features[i].value, 4));
        put(feature, "weight", kn_json_number((double)segment->features[i].weight, 4));
        json_array_append_new(features, feature);
    }
    for (int i = 0; i < segment->evidence_count; i++) {
        json_t *reason = json_object();
        put_text(reason, "feature", segment->evidence[i].feature);
        put(reason, "at", kn_json_seconds(segment->evidence[i].at_us));
        put_text(reason, "text", segment->evidence[i].text);
        json_array_append_new(evidence, reason);
    }
    put(made, "features", features);
    put(made, "evidence", evidence);
    if (segment->proposal)
        put(made, "posts", describe_posts(segment->proposal));
    return made;
}

static json_t *describe_framing(const struct kn_framing *framing)
{
    json_t *keys = json_array();
    for (int i = 0; i < framing->key_count; i++) {
        const struct kn_frame_key *key = &framing->keys[i];
        json_t *made = json_object(), *panes = json_array();
        put(made, "at", kn_json_seconds(key->at_us));
        put(made, "cut", json_boolean(key->cut));
        put_text(made, "layout", kn_layout_name(key->layout));
        for (int p = 0; p < key->pane_count; p++) {
            json_t *rect = json_array();
            json_array_append_new(rect, kn_json_number(key->panes[p].x, 2));
            json_array_append_new(rect, kn_json_number(key->panes[p].y, 2));
            json_array_append_new(rect, kn_json_number(key->panes[p].width, 2));
            json_array_append_new(rect, kn_json_number(key->panes[p].height, 2));
            json_array_append_new(panes, rect);
        }
        put(made, "panes", panes);
        json_array_append_new(keys, made);
    }
    return keys;
}

static json_t *describe_file(const struct kn_clip_file *file)
{
    json_t *made = json_object();
    put_text(made, "path", file->path);
    put_text(made, "aspect", file->copied ? "source" : kn_aspect_name(file->aspect));
    put_int(made, "width", file->width_px);
    put_int(made, "height", file->height_px);
    put_int(made, "frames", file->frames);
    if (file->copied)
        put_int(made, "copied_frames", file->copied_frames);
    if (file->framing.key_count)
        put(made, "framing", describe_framing(&file->framing));
    return made;
}

static json_t *describe_clip(const struct kn_clip *clip)
{
    json_t *made = json_object(), *files = json_array();
    put_int(made, "segment", clip->segment);
    put_text(made, "status", clip->status == KN_OK ? "ok" : kn_status_name(clip->status));
    put_text(made, "error", clip->error);
    put(made, "reused", json_boolean(clip->reused));
    put_text(made, "remark", clip->remark);
    for (int i = 0; i < clip->file_count; i++)
        json_array_append_new(files, describe_file(&clip->files[i]));
    put(made, "files", files);
    if (clip->status != KN_OK)
        return made;
    put(made, "start", kn_json_seconds(clip->start_us));
    put(made, "duration", kn_json_seconds(clip->duration_us));
    put(made, "loudness_lufs", kn_json_number(clip->loudness_lufs, 2));
    put(made, "true_peak_dbtp", kn_json_number(clip->true_peak_dbtp, 2));
    put(made, "gain_db", kn_json_number(clip->gain_db, 2));
    put_text(made, "thumbnail", clip->thumbnail);
    put_text(made, "srt", clip->srt);
    put_text(made, "vtt", clip->vtt);
    put_text(made, "ass", clip->ass);
    return made;
}

static json_t *describe_step_time(const struct kn_step_time *time)
{
    json_t *made = json_object();
    put_text(made, "step", time->step);
    put_text(made, "name", time->name);
    put_text(made, "lane", time->lane);
    put_int(made, "worker", time->worker);
    put(made, "start", kn_json_seconds(time->start_us));
    put(made, "end", kn_json_seconds(time->end_us));
    put_text(made, "status", time->status == KN_OK ? "ok" : kn_status_name(time->status));
    return made;
}

static json_t *describe_options(const struct kn_result *result)
{
    json_t *made = json_object();
    for (int i = 0; i < result->option_count; i++)
        put_text(made, result->options[i].name, result->options[i].value);
    return made;
}

static json_t *describe_usage(const struct kn_usage *usage)
{
    json_t *made = json_object();
    put_int(made, "requests", usage->requests);
    put_int(made, "cached", usage->cached);
    put_int(made, "input_tokens", usage->input_tokens);
    put_int(made, "output_tokens", usage->output_tokens);
    put(made, "audio_seconds", kn_json_number(usage->audio_s, 1));
    put(made, "usd", kn_json_number(usage->usd, 6));
    put_int(made, "requests_without_price", usage->unpriced);
    return made;
}

json_t *kn_result_json(const struct kn_result *result)
{
    json_t *made = json_object();
    json_t *segments = json_array(), *boundaries = json_array(), *clips = json_array(),
           *times = json_array();
    put_int(made, "kirinuki_result", KN_RESULT_JSON_VERSION);
    put_text(made, "version", result->version);
    put_text(made, "created", result->created);
    put(made, "source", describe_source(&result->timeline->source));
    put(made, "options", describe_options(result));
    put(made, "timeline", describe_timeline(result->timeline));
    put(made, "timeline_reused", json_boolean(result->timeline_reused));
    for (int i = 0; i < result->segments->boundary_count; i++)
        json_array_append_new(boundaries, kn_json_seconds(result->segments->boundaries_us[i]));
    for (int i = 0; i < result->segments->count; i++)
        json_array_append_new(segments, kn_segment_json(&result->segments->segments[i], i));
    for (int i = 0; i < result->clip_count; i++)
        json_array_append_new(clips, describe_clip(&result->clips[i]));
    for (int i = 0; i < result->step_time_count; i++)
        json_array_append_new(times, describe_step_time(&result->step_times[i]));
    put(made, "boundaries", boundaries);
    put(made, "segments", segments);
    put_text(made, "remark", result->segments->remark);
    put(made, "clips", clips);
    put_int(made, "failed", result->failed);
    put_text(made, "transcript", result->transcript);
    if (result->asked)
        put(made, "services", describe_usage(&result->usage));
    put(made, "wall", kn_json_seconds(result->wall_us));
    put(made, "cpu", kn_json_seconds(result->cpu_us));
    put(made, "step_times", times);
    return made;
}

void kn_result_write_json(const struct kn_result *result, bool one_line, struct kn_str *json)
{
    KN_SCOPED_JSON made = kn_result_json(result);
    kn_json_add(json, made, one_line);
}
