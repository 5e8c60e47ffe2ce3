#include "cli/print_result.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/str.h"
#include "model/timeline_json.h"
#include "pipeline/result_json.h"

static bool styled(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0;
}

static const char *bold(void)
{
    return styled() ? "\033[1m" : "";
}

static const char *dim(void)
{
    return styled() ? "\033[2m" : "";
}

static const char *plain(void)
{
    return styled() ? "\033[0m" : "";
}

enum { PATH_SHOWN_BYTES = 512 };

/* For people: control characters in names, such as line ends, become "?". */
static void print_path(const char *folder, const char *name)
{
    char shown[PATH_SHOWN_BYTES];
    printf("%s/", kn_text_show(folder, shown, sizeof shown));
    printf("%s", kn_text_show(name, shown, sizeof shown));
}

static const char *plural(int count)
{
    return count == 1 ? "" : "s";
}

/* `name` of the source; NULL: it is the only one. */
static void print_note(const char *name, const char *text, FILE *out)
{
    char shown[PATH_SHOWN_BYTES];
    KN_SCOPED_MEM char *clean = kn_strdup(text);
    fprintf(out, "note: %s%s%s\n", name ? kn_text_show(name, shown, sizeof shown) : "",
            name ? ": " : "", kn_text_clean(clean));
}

static void print_notes(const struct kn_timeline *timeline, const char *name, FILE *out)
{
    for (int i = 0; i < timeline->note_count; i++)
        print_note(name, timeline->notes[i].text, out);
}

static void print_segment_line(const struct kn_segment *segment, int rank)
{
    char at[KN_TIME_TEXT_BYTES], span[KN_TIME_TEXT_BYTES];
    printf("%s%3d%s  %5.1f  %9s  %7s  %s%s%s\n", dim(), rank + 1, plain(), (double)segment->score,
           kn_time_clock(segment->start_us, at),
           kn_time_span(segment->end_us - segment->start_us, span), bold(),
           segment->title ? segment->title : "", plain());
}

static void print_clip(const struct kn_result *result, const struct kn_clip *clip)
{
    print_segment_line(&result->segments->segments[clip->segment], clip->segment);
    if (clip->status != KN_OK)
        printf("     failed: %s\n", clip->error);
    for (int i = 0; i < clip->file_count; i++) {
        printf("     ");
        print_path(result->folder, clip->files[i].path);
        printf("%s%s%s\n", dim(), clip->reused ? "  (made before)" : "", plain());
    }
    if (clip->remark)
        printf("     %snote: %s%s\n", dim(), clip->remark, plain());
}

/* What services were asked, and what it cost. */
static void print_usage(const struct kn_result *result, FILE *out)
{
    const struct kn_usage *u = &result->usage;
    if (!result->asked || u->requests + u->cached == 0)
        return;
    fprintf(out, "services: %d request%s", u->requests, plural(u->requests));
    if (u->cached)
        fprintf(out, ", %d answer%s from before", u->cached, plural(u->cached));
    int64_t tokens = u->input_tokens + u->output_tokens;
    if (tokens > 0)
        fprintf(out, ", %" PRId64 " tokens", tokens);
    if (u->usd > 0)
        fprintf(out, ", %.*f USD", u->usd < 0.1 ? 4 : 2, u->usd);
    if (u->unpriced)
        fprintf(out, ", %d without a known price", u->unpriced);
    fputc('\n', out);
}

static void print_table(const struct kn_result *result, const char *name)
{
    char wall[KN_TIME_TEXT_BYTES], shown[PATH_SHOWN_BYTES];
    if (name)
        printf("\n%s%s%s", bold(), kn_text_show(name, shown, sizeof shown), plain());
    printf("\n%s  #  score       from   length  title%s\n", dim(), plain());
    for (int i = 0; i < result->clip_count; i++)
        print_clip(result, &result->clips[i]);
    if (result->segments->remark)
        printf("\nnote: %s\n", result->segments->remark);
    print_notes(result->timeline, NULL, stdout);
    print_usage(result, stdout);
    int good = result->clip_count - result->failed;
    printf("\n%d clip%s in %s. What was chosen and why: %s", good, plural(good),
           kn_time_span(result->wall_us, wall), bold());
    print_path(result->folder, "report.html");
    printf("%s\n", plain());
}

static void print_remarks(const struct kn_result *result)
{
    for (int i = 0; i < result->clip_count; i++) {
        const struct kn_clip *clip = &result->clips[i];
        char name[PATH_SHOWN_BYTES];
        if (!clip->remark || !clip->file_count)
            continue;
        snprintf(name, sizeof name, "%s/%s", result->folder, clip->files[0].path);
        print_note(name, clip->remark, stderr);
    }
}

/* For scripts: the names as they are. Those with line ends in them need --json to be told apart. */
static void print_paths(const struct kn_result *result, const char *name)
{
    for (int i = 0; i < result->clip_count; i++)
        for (int f = 0; f < result->clips[i].file_count; f++)
            printf("%s/%s\n", result->folder, result->clips[i].files[f].path);
    print_remarks(result);
    if (result->segments->remark)
        print_note(name, result->segments->remark, stderr);
    print_notes(result->timeline, name, stderr);
    print_usage(result, stderr);
}

static void print_json_event(const struct kn_result *result)
{
    KN_SCOPED_STR json = {0};
    kn_result_write_json(result, true, &json);
    printf("{\"event\": \"result\", \"result\": %s}\n", kn_str_text(&json));
}

void kn_print_clips(const struct kn_result *result, const struct kn_settings *settings,
                    const char *name)
{
    if (settings->json)
        print_json_event(result);
    else if (isatty(STDOUT_FILENO) && !settings->quiet)
        print_table(result, name);
    else
        print_paths(result, name);
    fflush(stdout);
}

void kn_print_renditions(const struct kn_result *result, FILE *out)
{
    char shown[PATH_SHOWN_BYTES];
    for (int i = 0; i < result->clip_count; i++)
        if (result->clips[i].renditions)
            fprintf(out, "%s, renditions in the same pass: %s\n",
                    kn_text_show(result->clips[i].files[0].path, shown, sizeof shown),
                    result->clips[i].renditions);
}

static void print_reasons(const struct kn_segment *segment)
{
    char at[KN_TIME_TEXT_BYTES];
    for (int i = 0; i < segment->evidence_count; i++) {
        const struct kn_evidence *e = &segment->evidence[i];
        printf("     %s%-14s %9s%s  %s\n", dim(), e->feature, kn_time_clock(e->at_us, at), plain(),
               e->text);
    }
}

static void print_summary(const struct kn_timeline *timeline)
{
    char length[KN_TIME_TEXT_BYTES], path[PATH_SHOWN_BYTES];
    const struct kn_source *source = &timeline->source;
    printf("%s%s%s  %s", bold(), kn_text_show(source->path, path, sizeof path), plain(),
           kn_time_clock(source->duration_us, length));
    if (source->has_video)
        printf(", %dx%d %s, %d shot%s", source->width_px, source->height_px, source->video_codec,
               timeline->shot_count, plural(timeline->shot_count));
    printf(", %d word%s in %d sentence%s", timeline->word_count, plural(timeline->word_count),
           timeline->sentence_count, plural(timeline->sentence_count));
    if (timeline->speech_engine)
        printf(" (%s)", timeline->speech_engine);
    printf("\n");
    print_notes(timeline, NULL, stdout);
}

static void print_analysis_json(const struct kn_result *result)
{
    KN_SCOPED_STR json = {0};
    kn_str_add(&json, "{\"result\": ");
    kn_result_write_json(result, false, &json);
    kn_str_add(&json, ",\n\"timeline\": ");
    kn_timeline_write_json(result->timeline, &json);
    printf("%s}\n", kn_str_text(&json));
}

void kn_print_analysis(const struct kn_result *result, const struct kn_settings *settings)
{
    if (settings->json) {
        print_analysis_json(result);
        return;
    }
    print_summary(result->timeline);
    printf("\n%s  #  score       from   length  title%s\n", dim(), plain());
    for (int i = 0; i < result->segments->count; i++) {
        print_segment_line(&result->segments->segments[i], i);
        print_reasons(&result->segments->segments[i]);
    }
    if (result->segments->remark)
        printf("\nnote: %s\n", result->segments->remark);
    print_usage(result, stdout);
    fflush(stdout);
}
