/*
 * `kirinuki segments FILE`: topics and the best segments of a transcript, without its video.
 */
#include <stdio.h>
#include <unistd.h>

#include "analyze/segments.h"
#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/queue_view.h"
#include "model/transcript.h"
#include "pipeline/result_json.h"

enum { REASONS_SHOWN = 4 };

static void print_boundaries(const int64_t *times_us, int count)
{
    for (int i = 0; i < count; i++)
        printf("%.3f\n", kn_seconds(times_us[i]));
}

static void print_tsv(const struct kn_segments *found)
{
    printf("start\tend\tscore\ttitle\n");
    for (int i = 0; i < found->count; i++) {
        const struct kn_segment *s = &found->segments[i];
        printf("%.3f\t%.3f\t%.2f\t%s\n", kn_seconds(s->start_us), kn_seconds(s->end_us),
               (double)s->score, s->title);
    }
}

static void print_json(const struct kn_timeline *timeline, const struct kn_segments *found)
{
    KN_SCOPED_JSON made = json_object();
    KN_SCOPED_STR text = {0};
    json_t *segments = json_array(), *boundaries = json_array();

    for (int i = 0; i < found->count; i++)
        json_array_append_new(segments, kn_segment_json(&found->segments[i], i));
    for (int i = 0; i < found->boundary_count; i++)
        json_array_append_new(boundaries, kn_json_seconds(found->boundaries_us[i]));
    json_object_set_new(made, "path", kn_json_text(timeline->source.path));
    json_object_set_new(made, "duration", kn_json_seconds(timeline->source.duration_us));
    json_object_set_new(made, "segments", segments);
    json_object_set_new(made, "boundaries", boundaries);
    json_object_set_new(made, "remark", kn_json_text(found->remark));
    kn_json_add(&text, made, false);
    printf("%s\n", kn_str_text(&text));
}

static void print_table(const struct kn_timeline *timeline, const struct kn_segments *found)
{
    char a[KN_TIME_TEXT_BYTES], b[KN_TIME_TEXT_BYTES];

    kn_say("%s: %d word%s, %s", timeline->source.path, timeline->word_count,
           timeline->word_count == 1 ? "" : "s", kn_time_span(timeline->source.duration_us, a));
    for (int i = 0; i < timeline->note_count; i++)
        kn_say("note: %s", timeline->notes[i].text);
    if (found->boundary_count > 0) {
        printf("\nNew topics at");
        for (int i = 0; i < found->boundary_count; i++)
            printf("%s %s", i ? "," : "", kn_time_clock(found->boundaries_us[i], a));
        printf("\n");
    }
    if (found->count > 0)
        printf("\n  #  score       from   length  title\n");
    for (int i = 0; i < found->count; i++) {
        const struct kn_segment *s = &found->segments[i];
        printf("%3d  %5.1f  %9s  %7s  %s\n", i + 1, (double)s->score, kn_time_clock(s->start_us, a),
               kn_time_span(s->end_us - s->start_us, b), s->title);
        for (int k = 0; k < s->evidence_count && k < REASONS_SHOWN; k++)
            printf("     %-14s %9s  %s\n", s->evidence[k].feature,
                   kn_time_clock(s->evidence[k].at_us, a), s->evidence[k].text);
    }
    if (found->remark)
        printf("\nnote: %s\n", found->remark);
}

static enum kn_status rank(const char *path, const struct kn_settings *settings,
                           struct kn_arena *arena, struct kn_error *err)
{
    struct kn_timeline timeline;
    struct kn_segments found;

    if (kn_transcript_read(path, INT64_MAX, arena, &timeline, err) != KN_OK)
        return err->status;
    if (settings->boundaries) {
        const int64_t *times_us;
        int count = kn_topic_boundaries(&timeline, (enum kn_topic_detail)settings->topics, arena,
                                        &times_us);
        print_boundaries(times_us, count);
        return KN_OK;
    }
    if (kn_segments_choose(&timeline, &settings->job.segments, arena, &found, err) != KN_OK)
        return err->status;
    if ((enum kn_topic_detail)settings->topics != KN_TOPICS_COARSE)
        found.boundary_count = kn_topic_boundaries(
            &timeline, (enum kn_topic_detail)settings->topics, arena, &found.boundaries_us);
    if (settings->json)
        print_json(&timeline, &found);
    else if (settings->tsv)
        print_tsv(&found);
    else
        print_table(&timeline, &found);
    if (settings->tsv && found.remark)
        fprintf(stderr, "note: %s\n", found.remark);
    return KN_OK;
}

int kn_cmd_segments(int argc, char **argv)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_settings settings;
    struct kn_error err = {0};
    char **files = kn_arena_array(arena, (size_t)argc + 1, sizeof *files);
    int count = 0, code = KN_EXIT_OK;

    enum kn_status status =
        kn_settings_read(KN_FOR_SEGMENTS, argc, argv, arena, &settings, files, &count, &err);
    if (status == KN_OK && count == 0)
        status = kn_error_set(&err, KN_INVALID, "segments takes a transcript, and none was given");
    else if (status == KN_OK && count > 1)
        status = kn_error_set(&err, KN_INVALID, "segments takes one transcript, not %d", count);
    if (status != KN_OK) {
        code = kn_complain_usage("segments", &err);
    } else {
        status = rank(files[0], &settings, arena, &err);
        if (status != KN_OK)
            code = kn_complain_about(files[0], status, &err);
    }
    kn_arena_free(arena);
    return code;
}
