#include "service/settings.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "service/settings_queue.h"
#include "service/settings_rows.h"

enum { CONFIG_BYTES_MAX = 1024 * 1024 };

/* ---- values of their own kind ---- */

static enum kn_status parse_length(const struct kn_option *option, const char *value, void *field,
                                   struct kn_arena *arena, struct kn_error *err)
{
    (void)arena;
    struct kn_segment_options *segments = field;
    char low[32];
    const char *dash = strchr(value, '-');
    double min, max;
    size_t n = dash ? (size_t)(dash - value) : 0;
    if (!dash || n >= sizeof low)
        goto wrong;
    memcpy(low, value, n);
    low[n] = '\0';
    if (!kn_parse_double(low, 5, 180, &min) || !kn_parse_double(dash + 1, 5, 180, &max) ||
        min > max)
        goto wrong;
    segments->min_us = llround(min * 1e6);
    segments->max_us = llround(max * 1e6);
    return KN_OK;
wrong:
    return kn_error_set(
        err, KN_INVALID,
        "--%s takes two numbers of seconds from 5 to 180 such as 15-60, not “%.60s”", option->name,
        value);
}

static void print_length(const struct kn_option *option, const void *field, struct kn_str *out)
{
    (void)option;
    const struct kn_segment_options *segments = field;
    kn_str_printf(out, "%.12g-%.12g", kn_seconds(segments->min_us), kn_seconds(segments->max_us));
}

static bool add_aspect(struct kn_aspects *aspects, const char *name, size_t length)
{
    for (int a = 0; a < KN_ASPECT_COUNT; a++) {
        const char *known = kn_aspect_name((enum kn_aspect)a);
        if (strlen(known) != length || strncmp(known, name, length) != 0)
            continue;
        for (int i = 0; i < aspects->count; i++)
            if (aspects->at[i] == (enum kn_aspect)a)
                return true; /* named twice is meant once */
        aspects->at[aspects->count++] = (enum kn_aspect)a;
        return true;
    }
    return false;
}

static enum kn_status parse_aspects(const struct kn_option *option, const char *value, void *field,
                                    struct kn_arena *arena, struct kn_error *err)
{
    (void)arena;
    struct kn_aspects aspects = {0};
    for (const char *at = value;;) {
        size_t length = strcspn(at, ",");
        if (!add_aspect(&aspects, at, length))
            return kn_error_set(err, KN_INVALID,
                                "--%s takes a list of 9:16, 1:1, 4:5 and 16:9, not “%.60s”",
                                option->name, value);
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    *(struct kn_aspects *)field = aspects;
    return KN_OK;
}

static void print_aspects(const struct kn_option *option, const void *field, struct kn_str *out)
{
    (void)option;
    const struct kn_aspects *aspects = field;
    for (int i = 0; i < aspects->count; i++)
        kn_str_printf(out, "%s%s", i ? "," : "", kn_aspect_name(aspects->at[i]));
}

static const char *const preset_names[] = {"ultrafast", "superfast", "veryfast", "faster",
                                           "fast",      "medium",    "slow",     NULL};

static enum kn_status parse_preset(const struct kn_option *option, const char *value, void *field,
                                   struct kn_arena *arena, struct kn_error *err)
{
    (void)arena;
    for (int i = 0; preset_names[i]; i++) {
        if (strcmp(preset_names[i], value) == 0) {
            *(const char **)field = preset_names[i];
            return KN_OK;
        }
    }
    return kn_error_set(err, KN_INVALID, "--%s takes a name from ultrafast to slow, not “%.60s”",
                        option->name, value);
}

/* The shape of BCP 47 (RFC 5646, section 2.1): parts of 1 to 8 letters or digits, of which the
 * first is letters alone. Whether there is such a language is not looked up. */
static bool is_language_tag(const char *tag)
{
    enum { PART_MAX = 8, TAG_MAX = 35 };
    if (strlen(tag) > TAG_MAX)
        return false;
    for (const char *part = tag;; part++) {
        int letters = 0, digits = 0;
        for (; *part && *part != '-'; part++) {
            bool letter = (*part >= 'a' && *part <= 'z') || (*part >= 'A' && *part <= 'Z');
            letters += letter;
            digits += *part >= '0' && *part <= '9';
            if (!letter && !(*part >= '0' && *part <= '9'))
                return false;
        }
        bool first = part - tag == letters + digits;
        if (letters + digits < 1 || letters + digits > PART_MAX ||
            (first && (digits || letters < 2)))
            return false;
        if (!*part)
            return true;
    }
}

static enum kn_status parse_language(const struct kn_option *option, const char *value, void *field,
                                     struct kn_arena *arena, struct kn_error *err)
{
    if (!is_language_tag(value))
        return kn_error_set(err, KN_INVALID,
                            "--%s takes a code such as en, ja or pt-BR (BCP 47), not “%.60s”",
                            option->name, value);
    *(const char **)field = kn_arena_strdup(arena, value);
    return KN_OK;
}

static void print_text(const struct kn_option *option, const void *field, struct kn_str *out)
{
    (void)option;
    const char *text = *(const char *const *)field;
    if (text)
        kn_str_add(out, text);
}

/* ---- the table ---- */

static const char *const layout_names[] = {"auto", "fill", "fit", "split", NULL};
static const char *const caption_names[] = {"default", "bold", "karaoke", "minimal",
                                            "box",     "off",  NULL};
static const char *const topic_names[] = {"coarse", "fine", NULL};
#define JOB(field) offsetof(struct kn_settings, job.field)
#define OWN(field) offsetof(struct kn_settings, field)
#define QUEUE(f)   offsetof(struct kn_settings, queue.f)
#define SERVICE(f) offsetof(struct kn_settings, services.f)
#define CLIPS      (KN_FOR_RUN | KN_FOR_ADD)
#define FILES      (CLIPS | KN_FOR_ANALYZE)
#define RANKING    (FILES | KN_FOR_SEGMENTS)
#define WORKERS    (KN_FOR_RUN | KN_FOR_ANALYZE | KN_FOR_WORKER)
#define CHOOSES    (KN_FOR_JOBS | KN_FOR_CHANGE)
#define STORES                                                                                     \
    (KN_FOR_RUN | KN_FOR_WORKER | KN_FOR_ADD | CHOOSES | KN_FOR_WATCH | KN_FOR_QUEUE |             \
     KN_FOR_AUTH | KN_FOR_ACCOUNTS | KN_FOR_PUBLISH | KN_FOR_POSTS)
#define ASKS           (KN_FOR_RUN | KN_FOR_ANALYZE | KN_FOR_WORKER | KN_FOR_ENGINES)
#define NUMBER_OF_JOBS 1, 1000
#define AI             "AI services"

/* clang-format off */
/* "" is one of this process's own. */
static enum kn_status parse_sandbox_at(const struct kn_option *option, const char *value,
                                       void *field, struct kn_arena *arena, struct kn_error *err)
{
    if (value[0])
        return kn_parse_sandbox_url(option, value, field, arena, err);
    *(const char **)field = "";
    return KN_OK;
}

static const struct kn_settings_row first_rows[] = {
    {RANKING, {"clips", 'n', KN_OPTION_INT, JOB(segments.count), "N",
               "how many; 0 takes 4 to 10 by the source's length", "What to look for", 0, 100}},
    {RANKING, {"length", 'l', KN_OPTION_CUSTOM, JOB(segments), "MIN-MAX",
               "seconds a clip, from 5 to 180", "What to look for", .parse = parse_length,
               .print = print_length}},
    {FILES, {"transcript", 't', KN_OPTION_TEXT, JOB(transcript), "FILE",
             "use these subtitles (.srt, .vtt, .tsv, .json) instead of recognising",
             "What to look for", .args_only = true}},
    {FILES, {"language", 0, KN_OPTION_CUSTOM, JOB(language), "CODE",
             "the language spoken, such as en or ja, if it is known", "What to look for",
             .parse = parse_language, .print = print_text}},
    {FILES, {"speech", 0, KN_OPTION_FLAG, JOB(speech), NULL,
             "recognise speech; --no-speech goes by picture and sound alone", "What to look for"}},

    {CLIPS, {"output", 'o', KN_OPTION_TEXT, JOB(output), "DIR",
           "where the clips go; NAME-clips in this folder if not given", "Clips",
           .args_only = true}},
    {CLIPS, {"into", 0, KN_OPTION_TEXT, JOB(into), "DIR",
           "where each video's NAME-clips is made; this folder if not given", "Clips"}},
    {CLIPS, {"copy", 0, KN_OPTION_FLAG, JOB(copy), NULL,
           "keep the pictures as they are, encoding only at the cuts: fast", "Clips"}},
    {CLIPS, {"aspect", 'a', KN_OPTION_CUSTOM, JOB(aspects), "LIST",
           "shapes: 9:16, 1:1, 4:5, 16:9, joined by commas", "Clips", .parse = parse_aspects,
           .print = print_aspects}},
    {CLIPS, {"layout", 0, KN_OPTION_CHOICE, JOB(layout), "HOW", "framing", "Clips",
           .choices = layout_names}},
    {CLIPS, {"captions", 'c', KN_OPTION_CHOICE, JOB(captions), "STYLE", "caption style", "Clips",
           .choices = caption_names}},
    {CLIPS, {"font", 0, KN_OPTION_TEXT, JOB(font), "FAMILY", "for captions and titles", "Clips"}},
    {CLIPS, {"titles", 0, KN_OPTION_FLAG, JOB(titles), NULL,
           "show each clip's title over its first seconds", "Clips"}},
    {CLIPS, {"thumbnail-titles", 0, KN_OPTION_FLAG, JOB(thumbnail_titles), NULL,
           "write the title on the thumbnail", "Clips"}},

    {CLIPS, {"encoder", 0, KN_OPTION_TEXT, JOB(render.encoder), "NAME",
           "video encoder: libx264, h264_nvenc, h264_vaapi, h264_qsv", "Encoding"}},
    {CLIPS, {"preset", 0, KN_OPTION_CUSTOM, JOB(render.preset), "NAME",
           "x264 preset from ultrafast to slow: slower is smaller", "Encoding",
           .parse = parse_preset, .print = print_text}},
    {CLIPS, {"crf", 0, KN_OPTION_INT, JOB(render.crf), "N",
           "quality, from 0 (lossless) to 51; smaller is better", "Encoding", 0, 51}},
    {CLIPS, {"loudness", 0, KN_OPTION_NUMBER, JOB(render.loudness_lufs), "LUFS",
           "integrated loudness of each clip", "Encoding", -40, -5}},

    {FILES | KN_FOR_ENGINES, {"ai", 0, KN_OPTION_FLAG, JOB(ai.services), NULL,
              "ask AI services for speech, pictures and ranking, with what is here behind them",
              AI}},
    {FILES | KN_FOR_ENGINES, {"speech-engine", 0, KN_OPTION_CUSTOM, JOB(ai.speech), "LIST",
              "who recognises speech, the next where one cannot: openai, moonshine", AI,
              .parse = kn_parse_speech_engines, .print = kn_print_engines}},
    {FILES | KN_FOR_ENGINES, {"vision-engine", 0, KN_OPTION_CUSTOM, JOB(ai.vision), "LIST",
              "who says what is to be seen: openai-vision, or none", AI,
              .parse = kn_parse_vision_engines, .print = kn_print_engines}},
    {FILES | KN_FOR_ENGINES, {"ranking-engine", 0, KN_OPTION_CUSTOM, JOB(ai.ranking), "LIST",
              "who has a say in what is chosen, and writes titles: openai-ranker, or none", AI,
              .parse = kn_parse_ranking_engines, .print = kn_print_engines}},
    {FILES, {"speech-model", 0, KN_OPTION_TEXT, JOB(ai.speech_model), "NAME",
             "the service's model for speech", AI}},
    {FILES, {"vision-model", 0, KN_OPTION_TEXT, JOB(ai.vision_model), "NAME",
             "for pictures", AI}},
    {FILES, {"ranking-model", 0, KN_OPTION_TEXT, JOB(ai.ranking_model), "NAME",
             "for ranking", AI}},
    {FILES, {"frames", 0, KN_OPTION_INT, JOB(ai.frames), "N",
             "pictures that a service is shown, at most", AI, 1, 1000}},
    {FILES, {"detail", 0, KN_OPTION_CHOICE, JOB(ai.detail), "HOW",
             "how closely it looks at them", AI, .choices = kn_detail_names}},
    {FILES, {"budget", 0, KN_OPTION_NUMBER, JOB(ai.budget_usd), "USD",
             "spend no more on services for one video; 0 is no bound", AI, 0, 100000}},
    {FILES, {"token-budget", 0, KN_OPTION_INT, JOB(ai.budget_tokens), "N",
             "the same in tokens; speech by the minute has none", AI, 0, 2000000000}},
    {KN_FOR_RUN | KN_FOR_ANALYZE, {"sandbox", 0, KN_OPTION_CUSTOM, OWN(sandbox_at), "URL",
            "try --ai and --publish without an account, here or at a running sandbox",
            AI, .args_only = true, .value_optional = true, .parse = parse_sandbox_at}},
    {ASKS, {"ai-url", 0, KN_OPTION_CUSTOM, SERVICE(url), "URL",
            "where services are: any that speak OpenAI's protocol", AI, .aside = true,
            .parse = kn_parse_url, .print = kn_print_url}},
    {ASKS, {"speech-url", 0, KN_OPTION_CUSTOM, SERVICE(urls[KN_SERVICE_SPEECH]), "URL",
            "another one for speech", AI, .aside = true, .parse = kn_parse_url,
            .print = kn_print_url}},
    {ASKS, {"vision-url", 0, KN_OPTION_CUSTOM, SERVICE(urls[KN_SERVICE_VISION]), "URL",
            "for pictures", AI, .aside = true, .parse = kn_parse_url, .print = kn_print_url}},
    {ASKS, {"ranking-url", 0, KN_OPTION_CUSTOM, SERVICE(urls[KN_SERVICE_RANKING]), "URL",
            "for ranking", AI, .aside = true, .parse = kn_parse_url, .print = kn_print_url}},
    {ASKS, {"ai-at-once", 0, KN_OPTION_INT, SERVICE(concurrency), "N",
            "requests in flight at most, to each service", AI, 1, 256, .aside = true}},
    {ASKS, {"ai-requests", 0, KN_OPTION_INT, SERVICE(requests_a_minute), "N",
            "requests a minute; 0 goes by what the service says", AI, 0, 1000000, .aside = true}},
    {ASKS, {"ai-tokens", 0, KN_OPTION_INT, SERVICE(tokens_a_minute), "N",
            "tokens a minute; 0 goes by what the service says", AI, 0, 2000000000, .aside = true}},
    {ASKS, {"ai-limit", 0, KN_OPTION_INT, SERVICE(limit_s), "SECONDS",
            "after which a request has failed", AI, 1, 3600, .aside = true}},
    {ASKS, {"ai-cache", 0, KN_OPTION_FLAG, SERVICE(cache), NULL,
            "keep answers, so that nothing is paid for twice", AI, .aside = true}},
    {ASKS, {"day-budget", 0, KN_OPTION_NUMBER, SERVICE(day_usd), "USD",
            "spend no more on services a day (UTC) on this machine; 0 is no bound", AI, 0, 1000000,
            .aside = true}},
    {ASKS, {"day-tokens", 0, KN_OPTION_INT, SERVICE(day_tokens), "N", "the same in tokens", AI, 0,
            2000000000, .aside = true}},

    {FILES, {"fresh", 0, KN_OPTION_FLAG, JOB(fresh), NULL,
             "do everything again, reuse nothing of earlier runs", "Work", .args_only = true}},
    {FILES | KN_FOR_DOCTOR | KN_FOR_WORKER | KN_FOR_ENGINES, {"models", 0, KN_OPTION_TEXT, JOB(models), "DIR",
                             "folder of the models and of ONNX Runtime", "Work"}},
    {WORKERS, {"workers", 'j', KN_OPTION_INT, OWN(workers), "N",
             "threads that compute; 0 takes as many as there are cores", "Work", 0, 256}},
    {KN_FOR_ALL, {"config", 0, KN_OPTION_TEXT, OWN(config), "FILE",
                  "read settings from here instead of your kirinuki.conf", "Work",
                  .args_only = true}},

    {KN_FOR_ADD, {"priority", 0, KN_OPTION_CUSTOM, QUEUE(priority), "HOW",
                  "low, normal or high, or the number of a level: higher goes first", "Queue",
                  .parse = kn_parse_priority, .print = kn_print_priority}},
    {KN_FOR_ADD, {"at", 0, KN_OPTION_CUSTOM, QUEUE(at_us), "TIME",
                  "not before 14:30, \"2027-01-31 14:30\" or +2h (s, m, h, d)", "Queue",
                  .args_only = true, .parse = kn_parse_at}},
    {KN_FOR_ADD, {"force", 0, KN_OPTION_FLAG, QUEUE(force), NULL,
                  "add it even if the same was added before", "Queue", .args_only = true}},
    {KN_FOR_ADD, {"attempts", 0, KN_OPTION_INT, QUEUE(attempts), "N",
                  "how often a job is tried before it is given up", "Queue", 1, 100}},
    {CHOOSES, {"state", 0, KN_OPTION_CUSTOM, QUEUE(states), "LIST",
                   "only queued, running, done, failed, cancelled, joined by commas", "Queue",
                   .args_only = true, .parse = kn_parse_states}},
    {KN_FOR_JOBS | KN_FOR_POSTS, {"limit", 'n', KN_OPTION_INT, QUEUE(limit), "N", "how many, the newest first",
                   "Queue", 1, 10000, .args_only = true}},
    {KN_FOR_WATCH, {"since", 0, KN_OPTION_CUSTOM, QUEUE(since), "EVENT",
                    "also what happened after this event_id; 0 is from the oldest that is kept",
                    "Queue", .args_only = true, .parse = kn_parse_event, .print = kn_print_event}},
    {KN_FOR_WORKER, {"concurrency", 0, KN_OPTION_INT, QUEUE(concurrency), "N",
                     "videos at once", "Queue", NUMBER_OF_JOBS}},
    {KN_FOR_WORKER, {"chunk", 0, KN_OPTION_INT, QUEUE(chunk), "N",
                     "videos claimed at a time", "Queue", NUMBER_OF_JOBS}},
    {KN_FOR_WORKER, {"memory", 0, KN_OPTION_CUSTOM, QUEUE(memory_bytes), "SIZE",
                     "for all videos together, such as 4G; 0 is three quarters of the machine's",
                     "Queue", .parse = kn_parse_memory, .print = kn_print_memory}},
    {KN_FOR_WORKER, {"watch", 0, KN_OPTION_TEXT, QUEUE(watch), "DIR",
                     "add each video that is put into this folder, once it is complete", "Queue",
                     .args_only = true}},
    {KN_FOR_WORKER, {"drain", 0, KN_OPTION_FLAG, QUEUE(drain), NULL,
                     "end when nothing is left to do", "Queue", .args_only = true}},
    {KN_FOR_WORKER, {"grace", 0, KN_OPTION_INT, QUEUE(grace_s), "SECONDS",
                     "when told to stop, time to finish before work is handed back", "Queue", 0,
                     86400}},
    {KN_FOR_WORKER, {"lease", 0, KN_OPTION_NUMBER, QUEUE(lease_s), "SECONDS",
                     "silence after which others take over this worker's videos", "Queue", 0.5,
                     3600}},
    {CLIPS | KN_FOR_WORKER | CHOOSES,
     {"owner", 0, KN_OPTION_TEXT, QUEUE(owner), "NAME",
      "whose jobs: owners share the queue fairly", "Queue",
      .aside = true}},
    {STORES, {"priority-levels", 0, KN_OPTION_INT, QUEUE(levels), "N",
              "how many levels of priority there are; set it alike wherever the queue is used",
              "Queue", 1, KN_LEVELS_MAX, .aside = true}},
    {STORES, {"store", 0, KN_OPTION_TEXT, QUEUE(store), "WHERE",
              "the queue: a file, or postgres://…; your own if not given", "Queue",
              .aside = true}},
    {0}};
static const struct kn_settings_row last_rows[] = {
    {KN_FOR_RUN | KN_FOR_ANALYZE, {"verbose", 'v', KN_OPTION_FLAG, OWN(verbose), NULL,
             "print when and where each step ran, and more", "Output", .args_only = true}},
    {KN_FOR_RUN | KN_FOR_ANALYZE | KN_FOR_WORKER | KN_FOR_SANDBOX, {"quiet", 'q', KN_OPTION_FLAG, OWN(quiet), NULL, "no progress, only results and errors",
             "Output", .args_only = true}},
    {KN_FOR_ALL | KN_FOR_VERSION, {"json", 0, KN_OPTION_FLAG, OWN(json), NULL, "for programs: JSON on stdout",
                  "Output", .args_only = true}},
    {KN_FOR_SEGMENTS, {"tsv", 0, KN_OPTION_FLAG, OWN(tsv), NULL,
                       "for programs: start, end, score and title, best first", "Output",
                       .args_only = true}},
    {KN_FOR_SEGMENTS, {"boundaries", 0, KN_OPTION_FLAG, OWN(boundaries), NULL,
                       "print the topic boundaries alone, in seconds, one a line", "Output",
                       .args_only = true}},
    {KN_FOR_SEGMENTS, {"topics", 0, KN_OPTION_CHOICE, OWN(topics), "HOW",
                       "boundaries of coarse topics (chapters) or of fine ones (their parts)",
                       "Output", .choices = topic_names}},
    {0}};
/* clang-format on */

/* In the order in which help shows them. */
static const struct kn_settings_row *const groups[] = {first_rows, kn_publish_rows, kn_account_rows,
                                                       kn_sandbox_rows, last_rows};

enum { ROWS_MAX = 200 };

static int collect(struct kn_option *options,
                   bool (*takes)(const struct kn_settings_row *row, unsigned commands),
                   unsigned commands)
{
    int count = 0;
    for (size_t g = 0; g < KN_COUNT_OF(groups); g++)
        for (const struct kn_settings_row *row = groups[g]; row->commands; row++)
            if (takes(row, commands)) {
                assert(count < ROWS_MAX);
                options[count++] = row->option;
            }
    return count;
}

static bool is_of(const struct kn_settings_row *row, unsigned commands)
{
    return row->commands & commands;
}

static bool is_of_job(const struct kn_settings_row *row, unsigned commands)
{
    size_t offset = row->option.offset - offsetof(struct kn_settings, job);
    return offset < sizeof(struct kn_job_options) && (row->commands & commands);
}

const struct kn_option *kn_settings_table(unsigned commands)
{
    enum { TABLES = 24 }; /* one a command, and one of all rows */
    static struct table {
        unsigned commands;
        struct kn_option options[ROWS_MAX + 1];
    } tables[TABLES];
    struct table *table = tables;
    while (table->commands && table->commands != commands)
        table++;
    assert(table < tables + TABLES);
    if (!table->commands) {
        table->commands = commands;
        (void)collect(table->options, is_of, commands);
    }
    return table->options;
}

const struct kn_option *kn_settings_job_table(void)
{
    static struct kn_option table[ROWS_MAX + 1];
    if (!table->name)
        (void)collect(table, is_of_job, KN_FOR_ADD);
    return table;
}

void kn_settings_defaults(struct kn_settings *ret_settings)
{
    *ret_settings = (struct kn_settings){
        .queue = {.priority = KN_PRIORITY_NORMAL,
                  .levels = 3,
                  .since = -1,
                  .attempts = 5,
                  .limit = 30,
                  .concurrency = 50,
                  .chunk = 10,
                  .lease_s = 30,
                  .grace_s = 30},
        .accounts = {.browser = true},
        .sandbox = {.port = KN_SANDBOX_PORT},
        .publish = {.notify = true,
                    .share_to_feed = true,
                    .thumbnails = true,
                    .subtitles = true,
                    .rendition = true,
                    .wait = true,
                    .posts = true,
                    .at_once = 48},
    };
    kn_job_defaults(&ret_settings->job);
    kn_service_settings_defaults(&ret_settings->services);
}

/* ---- where settings come from ---- */

/* --config must be known before the file is read, and the file before the other arguments. */
static const char *config_in_args(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (kn_starts_with(argv[i], "--config="))
            return argv[i] + strlen("--config=");
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            return argv[i + 1];
    }
    return getenv("KIRINUKI_CONFIG");
}

static enum kn_status read_config(int argc, char **argv, struct kn_arena *arena,
                                  struct kn_settings *settings, struct kn_error *err)
{
    const char *path = config_in_args(argc, argv);
    bool asked_for = path && path[0];
    if (!asked_for) {
        const char *folder = kn_path_config(arena);
        if (!folder)
            return KN_OK;
        path = kn_path_join(arena, folder, "kirinuki.conf");
    }
    KN_SCOPED_MEM char *text = NULL;
    size_t size;
    enum kn_status status = kn_file_read(path, CONFIG_BYTES_MAX, &text, &size, err);
    if (status == KN_NOT_FOUND && !asked_for)
        return KN_OK;
    if (status != KN_OK)
        return kn_error_add(err, "the configuration");
    return kn_options_read_file(kn_settings_table(KN_FOR_ALL), path, text, size, settings, arena,
                                err);
}

/* What --copy cannot do: it keeps the pictures, so nothing is framed, drawn or set for them. Said
 * on the command line that is a contradiction; in a file it is for the runs that do not copy. */
static enum kn_status check_copy(const struct kn_settings *s, const struct kn_option *table,
                                 const bool *given, struct kn_error *err)
{
    const struct {
        const char *name;
        bool harmless;
    } others[] = {
        {"aspect"},
        {"layout"},
        {"captions", s->job.captions == KN_CAPTIONS_OFF},
        {"titles", !s->job.titles},
        {"encoder"},
        {"crf"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(others) && s->job.copy; i++) {
        const struct kn_option *option = kn_option_find(table, others[i].name);
        if (option && given[option - table] && !others[i].harmless)
            return kn_error_set(err, KN_INVALID,
                                "--copy keeps the pictures as they are, so --%s cannot be had "
                                "with it",
                                option->name);
    }
    return KN_OK;
}

/* In a file, --into is for the runs that name no folder. */
static enum kn_status check_folders(const struct kn_option *table, const bool *given,
                                    struct kn_error *err)
{
    const struct kn_option *output = kn_option_find(table, "output");
    const struct kn_option *into = kn_option_find(table, "into");
    if (output && into && given[output - table] && given[into - table])
        return kn_error_set(err, KN_INVALID,
                            "--output names the folder of the clips, --into the one that it is "
                            "made in: only one of them can be given");
    return KN_OK;
}

/* In a file, an address is for the runs that ask a service. */
static enum kn_status check_sandbox(const struct kn_settings *s, const struct kn_option *table,
                                    const bool *given, struct kn_error *err)
{
    static const char *const names[] = {"ai-url", "speech-url", "vision-url", "ranking-url"};
    for (size_t i = 0; i < KN_COUNT_OF(names) && s->sandbox_at; i++) {
        const struct kn_option *option = kn_option_find(table, names[i]);
        if (option && given[option - table])
            return kn_error_set(err, KN_INVALID,
                                "--sandbox answers by itself, and --%s names somebody else: only "
                                "one of them can be asked",
                                names[i]);
    }
    return KN_OK;
}

/* An empty name is a shell variable that was not set: the system would say that "" is not there. */
static enum kn_status check_names(unsigned commands, char *const *names, int count,
                                  struct kn_error *err)
{
    bool transcript = commands & KN_FOR_SEGMENTS;
    for (int i = 0; i < count && (commands & RANKING); i++)
        if (!names[i][0])
            return kn_error_set(err, KN_INVALID, "an empty name is no %s",
                                transcript ? "transcript" : "video");
    return KN_OK;
}

enum kn_status kn_settings_check(const struct kn_settings *s, struct kn_error *err)
{
    if (s->quiet && s->verbose)
        return kn_error_set(err, KN_INVALID, "--quiet and --verbose contradict each other");
    if (s->job.transcript && !s->job.speech)
        return kn_error_set(err, KN_INVALID, "--transcript and --no-speech contradict each other");
    if (s->sandbox_at && !kn_ai_asks(&s->job.ai) && !s->publish.to)
        return kn_error_set(err, KN_INVALID,
                            "--sandbox answers for services, and none is asked: add --ai");
    if (s->queue.owner && !kn_text_is_clean(s->queue.owner))
        return kn_error_set(err, KN_INVALID,
                            "--owner takes a name in UTF-8 without control characters");
    if (s->tsv && s->json)
        return kn_error_set(err, KN_INVALID, "--tsv and --json contradict each other");
    return KN_OK;
}

enum kn_status kn_settings_read(unsigned commands, int argc, char **argv, struct kn_arena *arena,
                                struct kn_settings *ret_settings, char **ret_rest,
                                int *ret_rest_count, struct kn_error *err)
{
    struct kn_settings settings;
    kn_settings_defaults(&settings);
    const struct kn_option *all = kn_settings_table(KN_FOR_ALL);
    const struct kn_option *table = kn_settings_table(commands);
    bool given[ROWS_MAX] = {false};
    enum kn_status status = read_config(argc, argv, arena, &settings, err);
    if (status == KN_OK)
        status = kn_options_read_environment(all, &settings, arena, err);
    if (status == KN_OK)
        status = kn_options_read_args(table, argc, argv, &settings, arena, ret_rest, ret_rest_count,
                                      given, err);
    if (status == KN_OK)
        status = check_names(commands, ret_rest, *ret_rest_count, err);
    if (status == KN_OK)
        status = kn_settings_check(&settings, err);
    if (status == KN_OK)
        status = check_copy(&settings, table, given, err);
    if (status == KN_OK)
        status = check_folders(table, given, err);
    if (status == KN_OK)
        status = check_sandbox(&settings, table, given, err);
    if (status != KN_OK)
        return status;
    settings.job.described_count =
        kn_options_describe(table, &settings, arena, &settings.job.described);
    *ret_settings = settings;
    return KN_OK;
}
