/*
 * How many tokens a question will take. Nobody but the server can tell for sure; an estimate on the
 * high side keeps budgets, and its error is settled with the usage that the answer reports.
 */
#include "ai/openai_chat.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"

enum {
    MESSAGE_TOKENS = 8, /* for a message's frame */
    IMAGE_FRAME_TOKENS = 12,
    TILE_PX = 512,
    PATCH_PX = 32,
    PATCHES_MAX = 1536,
    /* A picture is made to fit this square, then its shorter side is made this short. */
    FIT_PX = 2048,
    SHORT_PX = 768,
};

/* ---- text ---- */

/* Hangul is written with spaces, but its syllables are tokens of their own, as are emoji. */
static bool is_token_of_its_own(uint32_t c)
{
    return kn_char_is_spaceless(c) || kn_char_is_hangul(c) || c >= 0x10000;
}

static bool is_letter_or_space(uint32_t c)
{
    return c == ' ' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int64_t kn_chat_text_tokens(const char *text)
{
    int64_t quarters = 0;
    uint32_t c;
    for (size_t n; (n = kn_utf8_next(text, &c)); text += n)
        quarters += is_token_of_its_own(c) ? 4 : is_letter_or_space(c) ? 1 : 2;
    return (quarters + 3) / 4;
}

/* ---- pictures ---- */

/* How a family of models counts. Names are compared by their beginning: longer ones first. */
static const struct family {
    const char *name;
    int base, tile; /* tokens; 0: counts patches */
    double patch;   /* tokens a patch */
} families[] = {
    {"gpt-4.1-mini", 0, 0, 1.62}, {"gpt-4.1-nano", 0, 0, 2.46}, {"o4-mini", 0, 0, 1.72},
    {"gpt-5-mini", 0, 0, 1.62},   {"gpt-5-nano", 0, 0, 2.46},   {"gpt-4o-mini", 2833, 5667, 0},
    {"gpt-5", 70, 140, 0},        {"o1", 75, 150, 0},           {"o3", 75, 150, 0},
    {"gpt-4", 85, 170, 0},
};
static const struct family other = {"", 85, 170,
                                    0}; /* servers of one's own: no bill depends on it */

static const struct family *family_of(const char *model)
{
    const char *name = kn_path_base(model);
    for (size_t i = 0; i < KN_COUNT_OF(families); i++)
        if (kn_starts_with(name, families[i].name))
            return &families[i];
    return &other;
}

static int64_t tiles(double width, double height)
{
    double fit = fmin(1, FIT_PX / fmax(width, height));
    fit = fmin(fit, SHORT_PX / fmin(width, height));
    return (int64_t)(ceil(width * fit / TILE_PX) * ceil(height * fit / TILE_PX));
}

static int64_t patches(double width, double height)
{
    return (int64_t)fmin(ceil(width / PATCH_PX) * ceil(height / PATCH_PX), PATCHES_MAX);
}

int64_t kn_chat_image_tokens(const char *model, const char *detail, int width_px, int height_px)
{
    const struct family *family = family_of(model);
    double width = KN_MAX(width_px, 1), height = KN_MAX(height_px, 1);
    if (family->patch > 0)
        return (int64_t)ceil((double)patches(width, height) * family->patch);
    if (detail && strcmp(detail, "low") == 0)
        return family->base;
    return family->base + family->tile * tiles(width, height);
}

/* ---- a request ---- */

static int64_t content_tokens(const json_t *content)
{
    if (json_is_string(content))
        return kn_chat_text_tokens(json_string_value(content));
    int64_t tokens = 0;
    size_t i;
    const json_t *part;
    json_array_foreach(content, i, part)
    {
        const char *text = json_string_value(json_object_get(part, "text"));
        tokens += text ? kn_chat_text_tokens(text) : 0;
    }
    return tokens;
}

static int64_t schema_tokens(const json_t *schema)
{
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, schema, true);
    return kn_chat_text_tokens(kn_str_text(&text));
}

void kn_chat_estimate(const struct kn_chat_question *question, const json_t *request,
                      struct kn_usage *ret_most)
{
    int64_t tokens = schema_tokens(question->schema);
    size_t i;
    const json_t *message;
    json_array_foreach(json_object_get(request, "messages"), i, message) tokens +=
        MESSAGE_TOKENS + content_tokens(json_object_get(message, "content"));
    for (int k = 0; k < question->part_count; k++) {
        const struct kn_chat_part *part = &question->parts[k];
        if (!part->text)
            tokens += IMAGE_FRAME_TOKENS + kn_chat_image_tokens(question->model, question->detail,
                                                                part->width_px, part->height_px);
    }
    *ret_most = (struct kn_usage){
        .requests = 1,
        .input_tokens = tokens,
        .output_tokens = json_integer_value(json_object_get(request, "max_completion_tokens")),
    };
}
