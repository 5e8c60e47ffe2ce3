/* kirinuki doctor: what is installed, and what to type where something is not. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <kirinuki/executor.h>

#include "ai/models.h"
#include "ai/onnx.h"
#include "base/file.h"
#include "base/str.h"
#include "base/vec.h"
#include "cli/commands.h"
#include "clip/caption_fonts.h"
#include "media/codecs.h"

enum verdict { GOOD, LACKING, BROKEN };

/* One line of the report. A thing that lacks costs a feature; a broken one stops the main job. */
struct check {
    enum verdict verdict;
    const char *what;   /* "speech encoder" */
    const char *found;  /* "moonshine-tiny-encoder.onnx in …" */
    const char *remedy; /* NULL when good */
};

struct report {
    struct kn_arena *arena;
    KN_VEC(struct check) checks;
};

static void add(struct report *report, enum verdict verdict, const char *what, const char *found,
                const char *remedy)
{
    struct check check = {verdict, what, kn_arena_strdup(report->arena, found),
                          verdict == GOOD ? NULL : kn_arena_strdup(report->arena, remedy)};
    kn_vec_push(&report->checks, check);
}

static const char model_remedy[] =
    "run `make` in kirinuki's folder: it fetches what is missing; until then `run` works with "
    "--transcript or --no-speech";

/* A damaged library is not loaded: that would be the end of this program. */
static void check_runtime(struct report *report, const char *models)
{
    struct kn_error err;
    struct kn_onnx *onnx = NULL;
    const char *path = NULL;
    enum kn_status status = kn_model_verify(models, KN_MODEL_RUNTIME, report->arena, &path, &err);
    if (status == KN_MISSING)
        kn_error_set(&err, status, "%s is missing", kn_model_file(KN_MODEL_RUNTIME)->name);
    else if (status == KN_OK)
        status = kn_onnx_open(models, &onnx, &err);
    if (status == KN_OK)
        add(report, GOOD, "ONNX Runtime",
            kn_arena_printf(report->arena, "%s in %s", kn_onnx_version(onnx), path), NULL);
    else
        add(report, BROKEN, "ONNX Runtime", kn_error_text(&err), model_remedy);
    kn_onnx_close(onnx);
}

static void check_models(struct report *report, const char *models)
{
    struct kn_error err;
    check_runtime(report, models);
    for (int m = 0; m < KN_MODEL_COUNT; m++) {
        const char *path = NULL;
        const struct kn_model_file *file = kn_model_file((enum kn_model)m);
        if (m == KN_MODEL_RUNTIME)
            continue;
        enum kn_status status =
            kn_model_verify(models, (enum kn_model)m, report->arena, &path, &err);
        enum verdict without = m == KN_MODEL_FACES ? LACKING : BROKEN;
        if (status == KN_MISSING)
            add(report, without, file->purpose,
                kn_arena_printf(report->arena, "%s is missing", file->name), model_remedy);
        else
            add(report, status == KN_OK ? GOOD : without, file->purpose,
                status == KN_OK ? path : kn_error_text(&err), model_remedy);
    }
}

static void check_codecs(struct report *report)
{
    static const struct {
        const char *name, *kind, *why;
        bool (*has)(const char *name);
        enum verdict without;
    } wanted[] = {
        {"libx264", "encoder", "renders clips", kn_codecs_has_encoder, BROKEN},
        {"aac", "encoder", "renders sound", kn_codecs_has_encoder, BROKEN},
        {"h264", "decoder", "reads most videos", kn_codecs_can_decode, BROKEN},
        {"hevc", "decoder", "reads phone videos", kn_codecs_can_decode, LACKING},
        {"vp9", "decoder", "reads WebM", kn_codecs_can_decode, LACKING},
        {"av1", "decoder", "reads AV1", kn_codecs_can_decode, LACKING},
        {"zscale", "filter", "turns HDR into SDR", kn_codecs_has_filter, LACKING},
        {"tonemap", "filter", "turns HDR into SDR", kn_codecs_has_filter, LACKING},
    };
    add(report, GOOD, "FFmpeg's libraries", kn_codecs_version(), NULL);
    for (size_t i = 0; i < KN_COUNT_OF(wanted); i++) {
        char *what = kn_arena_printf(report->arena, "%s %s", wanted[i].kind, wanted[i].name);
        bool has = wanted[i].has(wanted[i].name);
        add(report, has ? GOOD : wanted[i].without, what, has ? wanted[i].why : "not built in",
            "install your system's full FFmpeg libraries (Debian: apt install libavcodec-extra)");
    }
}

static void check_fonts(struct report *report)
{
    struct kn_error err;
    char found[128];
    if (kn_caption_font_check(NULL, NULL, found, sizeof found, &err) == KN_OK)
        add(report, GOOD, "font for captions", found, NULL);
    else
        add(report, LACKING, "font for captions", kn_error_text(&err),
            "apt install fonts-lato, or choose one with --font");
    KN_SCOPED_STR scripts = {0}; /* nobody needs them all, so that none is a fault */
    kn_caption_font_scripts(&scripts);
    add(report, GOOD, "letters for captions", kn_arena_strdup(report->arena, kn_str_text(&scripts)),
        NULL);
}

static void check_machine(struct report *report)
{
    int workers[KN_LANE_COUNT];
    kn_executor_defaults(workers);
    int64_t memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    int64_t disk = kn_disk_free(".");
    add(report, GOOD, "processor cores", kn_arena_printf(report->arena, "%d", workers[KN_LANE_CPU]),
        NULL);
    add(report, memory < 1500000000 ? LACKING : GOOD, "memory",
        kn_arena_printf(report->arena, "%.1f GB", (double)memory / 1e9),
        "1.5 GB is comfortable; try --workers 1");
    add(report, disk < 1000000000 ? LACKING : GOOD, "free disk here",
        kn_arena_printf(report->arena, "%.1f GB", (double)disk / 1e9),
        "a clip takes 5 to 30 MB: make room, or choose another --output");
    char *cache = kn_path_cache(report->arena);
    struct kn_error err;
    if (cache && kn_folder_make(cache, &err) == KN_OK && access(cache, W_OK) == 0)
        add(report, GOOD, "cache folder", cache, NULL);
    else
        add(report, LACKING, "cache folder",
            cache ? kn_arena_printf(report->arena, "%s is not writable", cache)
                  : "none: HOME is not set, and the system knows no home of yours",
            "set XDG_CACHE_HOME to a folder that you may write");
}

static void print_people(const struct report *report)
{
    static const char *const signs[] = {"ok", "--", "!!"};
    static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
    bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    for (int i = 0; i < report->checks.count; i++) {
        const struct check *c = &report->checks.at[i];
        printf("%s%s%s  %-28s %s\n", colour ? colours[c->verdict] : "", signs[c->verdict],
               colour ? "\033[0m" : "", c->what, c->found);
        /* What mends several things is said once, behind the last of them. */
        const char *next = i + 1 < report->checks.count ? c[1].remedy : NULL;
        if (c->remedy && (!next || strcmp(c->remedy, next) != 0))
            printf("    -> %s\n", c->remedy);
    }
}

static void print_programs(const struct report *report)
{
    static const char *const names[] = {"good", "lacking", "broken"};
    json_t *list = json_array();
    for (int i = 0; i < report->checks.count; i++) {
        const struct check *c = &report->checks.at[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s?}", "verdict", names[c->verdict],
                                        "what", c->what, "found", c->found, "remedy", c->remedy));
    }
    json_dumpf(list, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(list);
}

int kn_cmd_doctor(int argc, char **argv)
{
    struct report report = {.arena = kn_arena_new()};
    struct kn_settings settings;
    struct kn_error err = {0};
    char **rest = kn_arena_array(report.arena, (size_t)argc + 1, sizeof *rest);
    int count = 0, code = KN_EXIT_OK;
    enum kn_status status =
        kn_settings_read(KN_FOR_DOCTOR, argc, argv, report.arena, &settings, rest, &count, &err);
    if (status == KN_OK && count)
        status = kn_error_set(&err, KN_INVALID, "doctor takes no arguments");
    if (status != KN_OK) {
        code = kn_complain_usage("doctor", &err);
    } else {
        check_models(&report, settings.job.models);
        check_codecs(&report);
        check_fonts(&report);
        check_machine(&report);
        if (settings.json)
            print_programs(&report);
        else
            print_people(&report);
        for (int i = 0; i < report.checks.count; i++)
            if (report.checks.at[i].verdict == BROKEN)
                code = KN_EXIT_FAILED;
    }
    kn_vec_free(&report.checks);
    kn_arena_free(report.arena);
    return code;
}
