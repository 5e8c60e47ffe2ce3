/*
 * The annotated transcripts as an exam: the chosen clips must hold more of what people found
 * important than chance and than simple rivals do, no edge may lie inside anybody's utterance, and
 * topics must be found better than TextTiling finds them. The measures are those of the corpus's
 * own scorer; bench/quality prints the whole table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/segments.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/vec.h"
#include "model/transcript.h"

/* One annotated utterance. */
struct said {
    double start, end;
    int words;
    bool important;
};
KN_VEC_TYPE(saids, struct said);
KN_VEC_TYPE(doubles, double);

/* A table with a header; `row` gets the cells named in `columns` (NULL where there is none). */
static void read_table(const char *path, const char *const *columns, int count,
                       void (*row)(void *arg, char **cells), void *arg)
{
    KN_SCOPED_MEM char *text = NULL;
    size_t size;
    struct kn_error err = {0};
    int places[8] = {0}, number = 0;
    char *line_rest = NULL;

    if (kn_file_read(path, (size_t)64 << 20, &text, &size, &err) != KN_OK)
        fail_msg("%s", err.text);
    for (char *line = strtok_r(text, "\n", &line_rest); line;
         line = strtok_r(NULL, "\n", &line_rest)) {
        char *cells[8] = {NULL};
        int place = 0;
        for (char *cell = line; cell; place++) {
            char *tab = strchr(cell, '\t');
            if (tab)
                *tab = '\0';
            for (int c = 0; c < count; c++) {
                if (number == 0 && strcmp(cell, columns[c]) == 0)
                    places[c] = place + 1;
                else if (number > 0 && places[c] == place + 1)
                    cells[c] = cell;
            }
            cell = tab ? tab + 1 : NULL;
        }
        if (number++ > 0)
            row(arg, cells);
    }
}

static void add_said(void *arg, char **cells)
{
    struct said s = {strtod(cells[0], NULL), strtod(cells[1], NULL), 0,
                     cells[3] && cells[3][0] == '1'};
    char *rest = NULL;
    for (char *w = strtok_r(cells[2], " ", &rest); w; w = strtok_r(NULL, " ", &rest))
        s.words++;
    struct saids *all = arg;
    kn_vec_push(all, s);
}

static void read_said(const char *path, struct saids *all)
{
    static const char *const columns[] = {"start", "end", "text", "important"};
    read_table(path, columns, 4, add_said, all);
}

static void add_topic(void *arg, char **cells)
{
    struct doubles *all = arg;
    if (strcmp(cells[1], "1") == 0)
        kn_vec_push(all, strtod(cells[0], NULL));
}

static void read_topics(const char *path, struct doubles *all)
{
    static const char *const columns[] = {"start", "depth"};
    read_table(path, columns, 2, add_topic, all);
}

static const char *exam_path(struct kn_arena *arena, const char *pattern)
{
    const char *root = getenv("KN_SOURCE_ROOT");
    return kn_arena_printf(arena, "%s/../shared/corpus/exams/%s", root ? root : ".", pattern);
}

/* The same name with another ending: "X.words.tsv", "X.utts.tsv". */
static const char *beside(struct kn_arena *arena, const char *path, const char *ending)
{
    const char *dot = strchr(kn_path_base(path), '.');
    return kn_arena_printf(arena, "%.*s%s", (int)(dot - path), path, ending);
}

static struct kn_timeline read_transcript(struct kn_arena *arena, const char *path)
{
    struct kn_timeline t;
    struct kn_error err = {0};
    if (kn_transcript_read(path, INT64_MAX, arena, &t, &err) != KN_OK)
        fail_msg("%s", err.text);
    return t;
}

/* How much more of the clips' words is important than of all words; adds unclean edges. */
static double lift_of(const struct saids *all, const struct kn_segments *found, int *unclean)
{
    double words = 0, important = 0, in = 0, in_important = 0;

    for (int i = 0; i < all->count; i++) {
        const struct said *u = &all->at[i];
        words += u->words;
        important += u->important ? u->words : 0;
        for (int k = 0; k < found->count; k++) {
            double start = (double)found->segments[k].start_us / 1e6;
            double end = (double)found->segments[k].end_us / 1e6, middle = (u->start + u->end) / 2;
            if (middle >= start && middle < end) {
                in += u->words;
                in_important += u->important ? u->words : 0;
            }
            *unclean += u->start + 0.3 < start && start < u->end - 0.3;
            *unclean += u->start + 0.3 < end && end < u->end - 0.3;
        }
    }
    return in > 0 ? in_important / in / (important / words) : 0;
}

static void clips_hold_what_people_found_important(void **state)
{
    static const struct kn_segment_options five = {15000000, 45000000, 5};
    struct kn_arena *arena = kn_arena_new();
    glob_t meetings;
    double sum = 0;
    int unclean = 0;
    (void)state;

    if (glob(exam_path(arena, "ami_dev/*.words.tsv"), 0, NULL, &meetings) != 0) {
        kn_arena_free(arena);
        print_message("skipped: the annotated meetings are not here\n");
        skip();
    }
    for (size_t i = 0; i < meetings.gl_pathc; i++) {
        struct kn_arena *own = kn_arena_new();
        struct kn_timeline t = read_transcript(own, meetings.gl_pathv[i]);
        struct saids all = {0};
        struct kn_segments found;
        struct kn_error err = {0};
        read_said(beside(own, meetings.gl_pathv[i], ".utts.tsv"), &all);
        assert_int_equal(kn_segments_choose(&t, &five, own, &found, &err), KN_OK);
        assert_int_equal(found.count, 5);
        sum += lift_of(&all, &found, &unclean);
        kn_vec_free(&all);
        kn_arena_free(own);
    }
    double lift = sum / (double)meetings.gl_pathc;
    print_message("%zu meetings: lift over chance %.2f, %d edges inside utterances\n",
                  meetings.gl_pathc, lift, unclean);
    assert_int_equal(unclean, 0);
    assert_true(lift >= 1.5); /* the longest turns reach 1.21, TextRank 1.08 */
    globfree(&meetings);
    kn_arena_free(arena);
}

/* Boundaries as marks on utterances: the nearest start, never the first. */
static int mark(const struct saids *all, const double *times, int count, bool *marks)
{
    int marked = 0;
    for (int i = 0; i < count; i++) {
        int best = 0;
        for (int k = 1; k < all->count; k++) {
            if (fabs(all->at[k].start - times[i]) < fabs(all->at[best].start - times[i]))
                best = k;
        }
        marked += best > 0 && !marks[best];
        marks[best] = best > 0;
    }
    return marked;
}

/* Beeferman, Berger and Lafferty, Statistical models for text segmentation, 1999. */
static double pk(const bool *want, const bool *got, int count, int topics)
{
    int reach = KN_MAX(2, (int)lrint((double)count / (topics + 1) / 2)), wrong = 0;
    for (int i = 0; i + reach < count; i++) {
        bool a = false, b = false;
        for (int k = i + 1; k <= i + reach; k++) {
            a = a || want[k];
            b = b || got[k];
        }
        wrong += a != b;
    }
    return (double)wrong / (count - reach);
}

/* F1 where a boundary within 15 s counts, each wanted one once. */
static double f1(const struct saids *all, const bool *want, const bool *got)
{
    bool *used = kn_calloc((size_t)all->count, sizeof *used);
    int hits = 0, wanted = 0, given = 0;

    for (int i = 0; i < all->count; i++) {
        wanted += want[i];
        if (!got[i])
            continue;
        given++;
        int best = -1;
        for (int k = 0; k < all->count; k++) {
            double away = fabs(all->at[k].start - all->at[i].start);
            if (want[k] && !used[k] && away <= 15 &&
                (best < 0 || away < fabs(all->at[best].start - all->at[i].start)))
                best = k;
        }
        if (best >= 0) {
            used[best] = true;
            hits++;
        }
    }
    free(used);
    return wanted + given > 0 ? 2.0 * hits / (wanted + given) : 0;
}

static void topics_are_found_better_than_by_texttiling(void **state)
{
    /* What TextTiling reaches when it is told the number of topics. */
    static const struct {
        const char *pattern;
        double pk, f1;
    } exams[] = {{"ami_dev/*.words.tsv", 0.455, 0.219}, {"tinyrec_dev/*.utts.tsv", 0.424, 0.310}};
    struct kn_arena *arena = kn_arena_new();
    int seen = 0;
    (void)state;

    for (size_t e = 0; e < KN_COUNT_OF(exams); e++) {
        glob_t files;
        double pk_sum = 0, f1_sum = 0;
        if (glob(exam_path(arena, exams[e].pattern), 0, NULL, &files) != 0)
            continue;
        for (size_t i = 0; i < files.gl_pathc; i++) {
            struct kn_arena *own = kn_arena_new();
            struct kn_timeline t = read_transcript(own, files.gl_pathv[i]);
            struct saids all = {0};
            struct doubles wanted = {0}, given = {0};
            const int64_t *times_us;
            read_said(beside(own, files.gl_pathv[i], ".utts.tsv"), &all);
            read_topics(beside(own, files.gl_pathv[i], ".topics.tsv"), &wanted);
            int count = kn_topic_boundaries(&t, KN_TOPICS_COARSE, own, &times_us);
            for (int k = 0; k < count; k++)
                kn_vec_push(&given, (double)times_us[k] / 1e6);
            bool *want = kn_calloc((size_t)all.count, sizeof *want);
            bool *got = kn_calloc((size_t)all.count, sizeof *got);
            int topics = mark(&all, wanted.at, wanted.count, want);
            (void)mark(&all, given.at, given.count, got);
            pk_sum += pk(want, got, all.count, topics);
            f1_sum += f1(&all, want, got);
            free(want);
            free(got);
            kn_vec_free(&all);
            kn_vec_free(&wanted);
            kn_vec_free(&given);
            kn_arena_free(own);
        }
        double mean_pk = pk_sum / (double)files.gl_pathc, mean_f1 = f1_sum / (double)files.gl_pathc;
        print_message("%s: Pk %.3f, F1 at 15 s %.3f\n", exams[e].pattern, mean_pk, mean_f1);
        assert_true(mean_pk < exams[e].pk - 0.05);
        assert_true(mean_f1 > exams[e].f1 + 0.05);
        seen += (int)files.gl_pathc;
        globfree(&files);
    }
    kn_arena_free(arena);
    if (seen == 0) {
        print_message("skipped: the annotated transcripts are not here\n");
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clips_hold_what_people_found_important),
        cmocka_unit_test(topics_are_found_better_than_by_texttiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
