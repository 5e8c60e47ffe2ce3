#include "platform/preflight.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "platform/post_text.h"
#include "platform/weighted.h"

struct check {
    const struct kn_preflight *asked;
    struct kn_arena *arena;
    KN_VEC(struct kn_finding) findings;
};

/* Every sentence begins with the platform: several are read together. */
__attribute__((format(printf, 4, 5))) static struct kn_finding *
find(struct check *check, const char *rule, const char *remedy, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    kn_vec_push(&check->findings,
                ((struct kn_finding){.rule = rule,
                                     .text = kn_arena_printf(check->arena, "%s: %s",
                                                             check->asked->platform->label, text),
                                     .remedy = kn_arena_strdup(check->arena, remedy)}));
    return kn_vec_last(&check->findings);
}

/* ---- the file ---- */

/* "1:02:03.5", "0.4 s" */
static const char *duration(struct check *check, int64_t us)
{
    int64_t s = us / KN_US_PER_S;
    if (s < 60)
        return kn_arena_printf(check->arena, "%.3g s", (double)us / 1e6);
    if (s < 3600)
        return kn_arena_printf(check->arena, "%d:%02d min", (int)(s / 60), (int)(s % 60));
    return kn_arena_printf(check->arena, "%d:%02d:%02d h", (int)(s / 3600), (int)(s / 60 % 60),
                           (int)(s % 60));
}

static const char *size(struct check *check, int64_t bytes)
{
    return bytes < 1000000      ? kn_arena_printf(check->arena, "%.1f kB", (double)bytes / 1e3)
           : bytes < 1000000000 ? kn_arena_printf(check->arena, "%.1f MB", (double)bytes / 1e6)
                                : kn_arena_printf(check->arena, "%.2f GB", (double)bytes / 1e9);
}

static void check_length(struct check *check, const struct kn_media_rules *rules)
{
    const struct kn_media_facts *facts = check->asked->facts;
    int64_t most = rules->duration_max_us, own = check->asked->account_duration_max_us;
    if (own && (!most || own < most))
        most = own;
    if (facts->bytes == 0)
        find(check, "size", "render the clip again", "the file is empty");
    else if (rules->bytes_max && facts->bytes > rules->bytes_max)
        find(check, "size", "render it smaller, with --crf 26 or --length shorter",
             "the file has %s, and %s are allowed", size(check, facts->bytes),
             size(check, rules->bytes_max))
            ->rendition = true;
    if (facts->duration_us < rules->duration_min_us)
        find(check, "duration", "make a longer clip, with --length",
             "the clip lasts %s, and at least %s are needed", duration(check, facts->duration_us),
             duration(check, rules->duration_min_us));
    if (most && facts->duration_us > most)
        find(check, "duration", "make a shorter clip, with --length",
             "the clip lasts %s, and %s%s are allowed", duration(check, facts->duration_us),
             duration(check, most), most == own ? " for this account" : "");
}

static bool outside(int value, int min, int max)
{
    return (min && value < min) || (max && value > max);
}

static const char *range(struct check *check, int min, int max)
{
    if (min && max)
        return kn_arena_printf(check->arena, "%d to %d", min, max);
    return kn_arena_printf(check->arena, min ? "at least %d" : "at most %d", min ? min : max);
}

static const char smaller[] = "a smaller rendition is made unless --no-rendition forbids it";
static const char larger[] = "render it larger: a platform gets no enlarged copy";

static void check_picture(struct check *check, const struct kn_media_rules *rules)
{
    const struct kn_media_facts *facts = check->asked->facts;
    double aspect = facts->height_px ? (double)facts->width_px / facts->height_px : 0;
    if (!facts->video_codec) {
        find(check, "video", "post a video", "the file has no pictures");
        return;
    }
    bool wide = rules->width_max_px && facts->width_px > rules->width_max_px;
    bool high = rules->height_max_px && facts->height_px > rules->height_max_px;
    if (outside(facts->width_px, rules->width_min_px, rules->width_max_px))
        find(check, "width", wide ? smaller : larger,
             "the picture is %d pixels wide, and %s are allowed", facts->width_px,
             range(check, rules->width_min_px, rules->width_max_px))
            ->rendition = wide;
    if (outside(facts->height_px, rules->height_min_px, rules->height_max_px))
        find(check, "height", high ? smaller : larger,
             "the picture is %d pixels high, and %s are allowed", facts->height_px,
             range(check, rules->height_min_px, rules->height_max_px))
            ->rendition = high;
    int shorter = KN_MIN(facts->width_px, facts->height_px);
    if (rules->short_side_max_px && shorter > rules->short_side_max_px)
        find(check, "short-side", smaller,
             "the picture's shorter side has %d pixels, and at most %d are allowed", shorter,
             rules->short_side_max_px)
            ->rendition = true;
    if ((rules->aspect_min && aspect < rules->aspect_min) ||
        (rules->aspect_max && aspect > rules->aspect_max))
        find(check, "aspect", "render another shape, with --aspect 9:16 or 1:1",
             "the picture's shape is %.3g:1, and %.3g:1 to %.3g:1 are allowed", aspect,
             rules->aspect_min, rules->aspect_max);
    if ((rules->fps_min && facts->fps < rules->fps_min - KN_FPS_SLACK) ||
        (rules->fps_max && facts->fps > rules->fps_max + KN_FPS_SLACK))
        find(check, "fps",
             "a rendition at an allowed rate is made unless --no-rendition forbids it",
             "it has %.4g pictures a second, and %.4g to %.4g are allowed", facts->fps,
             rules->fps_min, rules->fps_max)
            ->rendition = true;
    if (rules->video_bits_a_second_max &&
        facts->video_bits_a_second > rules->video_bits_a_second_max)
        find(check, "bitrate", "render it smaller, with --crf 26",
             "it has %.1f Mbit/s, and %.1f are allowed", (double)facts->video_bits_a_second / 1e6,
             (double)rules->video_bits_a_second_max / 1e6)
            ->rendition = true;
}

/* "mp4, mov or webm"; true: `name` is among them, or all are. */
static bool is_among(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (name && strcmp(*names, name) == 0)
            return true;
    return !names;
}

static const char *listed(struct check *check, const char *const *names)
{
    KN_SCOPED_STR out = {0};
    for (int i = 0; names[i]; i++)
        kn_str_printf(&out, "%s%s", !i ? "" : names[i + 1] ? ", " : " or ", names[i]);
    return kn_arena_strdup(check->arena, kn_str_text(&out));
}

static void check_kind(struct check *check, const char *rule, const char *what,
                       const char *const *names, const char *name)
{
    if (!is_among(names, name))
        find(check, rule, "render it with kirinuki, which writes H.264 and AAC in MP4",
             "its %s is %s, and %s is taken", what, name ? name : "not known", listed(check, names))
            ->rendition = true;
}

static void check_format(struct check *check, const struct kn_media_rules *rules)
{
    static const char again[] = "render it with kirinuki, which writes what all platforms take";
    const struct kn_media_facts *facts = check->asked->facts;
    check_kind(check, "container", "container", rules->containers, facts->container);
    if (facts->video_codec)
        check_kind(check, "video-codec", "video codec", rules->video_codecs, facts->video_codec);
    if (facts->audio_codec)
        check_kind(check, "audio-codec", "audio codec", rules->audio_codecs, facts->audio_codec);
    if (facts->audio_codec && outside(facts->audio_rate, 0, rules->audio_rate_max))
        find(check, "audio-rate", again, "its sound has %d Hz, and at most %d are taken",
             facts->audio_rate, rules->audio_rate_max)
            ->rendition = true;
    if (facts->audio_codec && outside(facts->audio_channels, 0, rules->audio_channels_max))
        find(check, "audio-channels", again, "its sound has %d channels, and at most %d are taken",
             facts->audio_channels, rules->audio_channels_max)
            ->rendition = true;
    if (rules->index_first && !facts->index_first)
        find(check, "index", again, "its index (moov) stands behind the media")->rendition = true;
    if (rules->no_edit_lists && facts->edit_lists)
        find(check, "edit-list", again, "it has an edit list")->rendition = true;
}

static void check_file(struct check *check)
{
    const struct kn_media_rules *rules = check->asked->platform->media;
    if (!rules)
        return;
    check_length(check, rules);
    check_picture(check, rules);
    check_format(check, rules);
}

enum kn_fit kn_findings_fit(const struct kn_finding *findings, int count)
{
    enum kn_fit fit = KN_FITS;
    for (int i = 0; i < count; i++)
        if (!findings[i].warning)
            fit = findings[i].rendition ? KN_MAX(fit, KN_FITS_AS_RENDITION) : KN_FITS_NEVER;
    return fit;
}

enum kn_fit kn_media_fit(const struct kn_media_rules *rules, const struct kn_media_facts *facts)
{
    const struct kn_platform platform = {.label = "", .media = rules};
    const struct kn_preflight asked = {.platform = &platform, .facts = facts};
    struct kn_arena *arena = kn_arena_new();
    struct check check = {.asked = &asked, .arena = arena};
    check_file(&check);
    enum kn_fit fit = kn_findings_fit(check.findings.at, check.findings.count);
    kn_vec_free(&check.findings);
    kn_arena_free(arena);
    return fit;
}

/* ---- the texts ---- */

static const char *unit_name(enum kn_text_unit unit)
{
    static const char *const names[] = {
        [KN_UNIT_UTF16] = "characters (an emoji counts as two or more)",
        [KN_UNIT_BYTES] = "bytes (a letter beyond ASCII counts as two to four)",
        [KN_UNIT_CHARACTERS] = "characters",
        [KN_UNIT_WEIGHTED] = "characters (emoji and CJK count as two, an address as 23)",
    };
    return names[unit];
}

static void check_count(struct check *check, const char *rule, const struct kn_text_rule *text,
                        const char *what, int count, int most)
{
    if (most && count > most)
        find(check, rule, "use fewer", "the %s has %d %s, and %d are allowed", text->name, count,
             what, most);
}

static void check_text(struct check *check, const struct kn_text_rule *rule, const char *text)
{
    int64_t length = kn_text_length(rule, text);
    const char *bad = rule->forbidden ? strpbrk(text, rule->forbidden) : NULL;
    if (!rule->max)
        return;
    if (length > rule->max)
        find(check, rule->name, "shorten it, or let kirinuki do it by leaving the text to it",
             "the %s has %lld of %d %s", rule->name, (long long)length, rule->max,
             unit_name(rule->unit));
    if (length < rule->min)
        find(check, rule->name, "give one", "a %s is needed", rule->name);
    if (bad)
        find(check, rule->name, "leave it out", "the %s has a '%c', which is not allowed",
             rule->name, *bad);
    check_count(check, "hashtags", rule, "hashtags", kn_text_hashtags(text), rule->hashtags_max);
    check_count(check, "mentions", rule, "mentions", kn_text_mentions(text), rule->mentions_max);
}

static void check_texts(struct check *check)
{
    const struct kn_platform *platform = check->asked->platform;
    const struct kn_post_text *text = check->asked->text;
    check_text(check, &platform->title, text->title);
    check_text(check, &platform->caption, text->caption);
    int64_t length = kn_tags_length(text->tags, text->tag_count);
    if (platform->tags_max && length > platform->tags_max)
        find(check, "tags", "use fewer or shorter ones", "the tags have %lld of %d characters",
             (long long)length, platform->tags_max);
}

/* ---- the options ---- */

static void check_options(struct check *check)
{
    const struct kn_platform *platform = check->asked->platform;
    const struct kn_post_options *options = check->asked->options;
    bool later = check->asked->timed || options->publish_at_us > check->asked->now_us;
    if (options->privacy != KN_PRIVACY_DEFAULT && !(platform->privacies & 1u << options->privacy))
        find(check, "privacy",
             platform->privacies ? "choose another --privacy"
                                 : "leave --privacy out: the account's own setting decides",
             "a post cannot be %s here", kn_privacy_name(options->privacy));
    else if (platform->schedules && later && options->privacy != KN_PRIVACY_DEFAULT &&
             options->privacy != KN_PRIVACY_PUBLIC)
        find(check, "privacy", "leave --privacy out, or post it without a time",
             "what is to appear at a time becomes public then, and not %s",
             kn_privacy_name(options->privacy));
    if (options->draft && !platform->drafts)
        find(check, "draft", "post there without --draft, or leave the place out of --to",
             "there are no drafts here: it would be published");
    if (options->publish_at_us && options->publish_at_us <= check->asked->now_us)
        find(check, "time", "give a time to come, or none", "the time to publish at is over")
            ->warning = true;
    if (options->cover_us > check->asked->facts->duration_us)
        find(check, "cover", "choose a moment of the clip", "the cover's moment is after its end");
}

int kn_preflight(const struct kn_preflight *preflight, struct kn_arena *arena,
                 const struct kn_finding **ret_findings)
{
    struct check check = {.asked = preflight, .arena = arena};
    check_file(&check);
    check_texts(&check);
    check_options(&check);
    int count = check.findings.count;
    struct kn_finding *findings = kn_arena_array(arena, (size_t)count + 1, sizeof *findings);
    if (count)
        memcpy(findings, check.findings.at, (size_t)count * sizeof *findings);
    kn_vec_free(&check.findings);
    *ret_findings = findings;
    return count;
}
