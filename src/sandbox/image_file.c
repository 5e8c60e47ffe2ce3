#include "sandbox/image_file.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/str.h"

enum { SIDE_MAX = 65535 };

static uint32_t big(const uint8_t *at, int length)
{
    uint32_t value = 0;
    for (int i = 0; i < length; i++)
        value = value << 8 | at[i];
    return value;
}

static uint32_t little(const uint8_t *at, int length)
{
    uint32_t value = 0;
    for (int i = length - 1; i >= 0; i--)
        value = value << 8 | at[i];
    return value;
}

/* ---- what the first bytes say ---- */

static void probe_jpeg(const uint8_t *data, size_t size, struct kn_image_facts *facts)
{
    for (size_t at = 2; at + 9 <= size && data[at] == 0xff;) {
        uint8_t marker = data[at + 1];
        if (marker == 0xff) { /* fill */
            at++;
            continue;
        }
        bool frame =
            marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        if (frame) {
            facts->height_px = (int)big(data + at + 5, 2);
            facts->width_px = (int)big(data + at + 7, 2);
            return;
        }
        at += 2 + big(data + at + 2, 2);
    }
}

static void probe_png(const uint8_t *data, size_t size, struct kn_image_facts *facts)
{
    if (size < 33 || memcmp(data + 12, "IHDR", 4) != 0)
        return;
    facts->width_px = (int)KN_MIN(big(data + 16, 4), SIDE_MAX);
    facts->height_px = (int)KN_MIN(big(data + 20, 4), SIDE_MAX);
}

/* Skips the sub-blocks of a GIF; `size` at its end. */
static size_t gif_blocks(const uint8_t *data, size_t size, size_t at)
{
    while (at < size && data[at])
        at += 1 + (size_t)data[at];
    return at + 1;
}

static void probe_gif(const uint8_t *data, size_t size, struct kn_image_facts *facts)
{
    if (size < 13)
        return;
    facts->width_px = (int)little(data + 6, 2);
    facts->height_px = (int)little(data + 8, 2);
    size_t at = 13 + (data[10] & 0x80 ? (size_t)3 << ((data[10] & 7) + 1) : 0);
    int pictures = 0;
    while (at + 10 < size && data[at] != 0x3b) {
        if (data[at] == 0x21) {
            at = gif_blocks(data, size, at + 2);
        } else if (data[at] == 0x2c) {
            pictures++;
            uint8_t flags = data[at + 9];
            at += 10 + (flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0);
            at = gif_blocks(data, size, at + 1);
        } else {
            break;
        }
    }
    facts->animated = pictures > 1;
}

static void probe_webp(const uint8_t *data, size_t size, struct kn_image_facts *facts)
{
    if (size < 30)
        return;
    if (memcmp(data + 12, "VP8X", 4) == 0) {
        facts->animated = data[20] & 2;
        facts->width_px = (int)KN_MIN(little(data + 24, 3) + 1, SIDE_MAX);
        facts->height_px = (int)KN_MIN(little(data + 27, 3) + 1, SIDE_MAX);
    } else if (memcmp(data + 12, "VP8L", 4) == 0 && data[20] == 0x2f) {
        uint32_t bits = little(data + 21, 4);
        facts->width_px = (int)(bits & 0x3fff) + 1;
        facts->height_px = (int)(bits >> 14 & 0x3fff) + 1;
    } else if (memcmp(data + 12, "VP8 ", 4) == 0 && memcmp(data + 23, "\x9d\x01\x2a", 3) == 0) {
        facts->width_px = (int)(little(data + 26, 2) & 0x3fff);
        facts->height_px = (int)(little(data + 28, 2) & 0x3fff);
    }
}

void kn_image_probe(const uint8_t *data, size_t size, struct kn_image_facts *ret_facts)
{
    struct kn_image_facts facts = {.bytes = size};
    if (size >= 3 && memcmp(data, "\xff\xd8\xff", 3) == 0) {
        facts.type = "image/jpeg";
        probe_jpeg(data, size, &facts);
    } else if (size >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0) {
        facts.type = "image/png";
        probe_png(data, size, &facts);
    } else if (size >= 6 && (memcmp(data, "GIF87a", 6) == 0 || memcmp(data, "GIF89a", 6) == 0)) {
        facts.type = "image/gif";
        probe_gif(data, size, &facts);
    } else if (size >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0) {
        facts.type = "image/webp";
        probe_webp(data, size, &facts);
    }
    *ret_facts = facts;
}

/* ---- data URIs ---- */

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

uint8_t *kn_base64_decode(const char *text, size_t length, size_t *ret_size)
{
    if (length == 0 || length % 4)
        return NULL;
    size_t padding = (size_t)(text[length - 1] == '=') + (text[length - 2] == '=');
    uint8_t *data = kn_malloc(length / 4 * 3);
    size_t size = 0;
    for (size_t i = 0; i < length; i += 4) {
        bool last = i + 4 == length;
        uint32_t bits = 0;
        for (size_t j = 0; j < 4; j++) {
            bool padded = last && j >= 4 - padding;
            int value = padded ? 0 : base64_value(text[i + j]);
            if (value < 0 || (padded && text[i + j] != '=')) {
                free(data);
                return NULL;
            }
            bits = bits << 6 | (uint32_t)value;
        }
        for (int shift = 16; shift >= 0; shift -= 8)
            data[size++] = (uint8_t)(bits >> shift);
    }
    *ret_size = size - padding;
    return data;
}

static const char *known_type(const char *at, size_t length)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/webp", "image/gif"};
    for (size_t i = 0; i < KN_COUNT_OF(types); i++)
        if (strlen(types[i]) == length && strncmp(types[i], at, length) == 0)
            return types[i];
    return NULL;
}

static bool check_picture(const struct kn_image_facts *facts, const char *type, const char *param,
                          struct kn_rejection *rejection)
{
    if (!facts->type || strcmp(facts->type, type) != 0)
        return kn_reject(rejection, param, "invalid_image_format",
                         "The picture says that it is %s, but its bytes are %s.", type,
                         facts->type ? facts->type : "no picture that is known");
    if (facts->width_px < 1 || facts->height_px < 1)
        return kn_reject(rejection, param, "image_parse_error",
                         "The picture is damaged or cut off.");
    if (facts->animated)
        return kn_reject(rejection, param, "invalid_image_format",
                         "Pictures that move are not supported.");
    return true;
}

bool kn_image_check(const char *url, const char *param, struct kn_image_facts *ret_facts,
                    struct kn_rejection *rejection)
{
    if (kn_starts_with(url, "https://") || kn_starts_with(url, "http://"))
        return kn_reject(rejection, param, "invalid_image_url",
                         "The sandbox fetches nothing: send the picture as a data URI.");
    const char *type = url + strlen("data:"), *mark = strchr(url, ',');
    static const char coding[] = ";base64";
    if (!kn_starts_with(url, "data:") || !mark || mark - type < (long)strlen(coding) ||
        strncmp(mark - strlen(coding), coding, strlen(coding)) != 0)
        return kn_reject(rejection, param, "invalid_image_url",
                         "The picture's URL is neither https: nor data:image/…;base64,….");
    const char *named = known_type(type, (size_t)(mark - type) - strlen(coding));
    if (!named)
        return kn_reject(rejection, param, "invalid_image_format",
                         "Pictures are image/png, image/jpeg, image/webp or image/gif.");
    size_t size;
    uint8_t *data = kn_base64_decode(mark + 1, strlen(mark + 1), &size);
    if (!data)
        return kn_reject(rejection, param, "invalid_base64", "The picture is no valid base64.");
    kn_image_probe(data, size, ret_facts);
    free(data);
    return check_picture(ret_facts, named, param, rejection);
}

/* ---- tokens ---- */

/* Fits 2048 by 2048, then the shorter side to 768, then tiles of 512. */
static int tiles_of(double width, double height)
{
    double fit = KN_MIN(1, 2048 / KN_MAX(width, height));
    fit = KN_MIN(fit, 768 / KN_MIN(width, height));
    return (int)(ceil(width * fit / 512) * ceil(height * fit / 512));
}

int kn_image_tokens(const struct kn_image_facts *facts, const char *detail,
                    const struct kn_catalogue_model *model)
{
    enum { BASE_TOKENS = 85, TILE_TOKENS = 170, PATCHES_MAX = 1536 };
    double patches = ceil(facts->width_px / 32.0) * ceil(facts->height_px / 32.0);
    if (model && model->patch_tokens > 0)
        return (int)ceil(KN_MIN(patches, PATCHES_MAX) * model->patch_tokens);
    bool own = model && model->tile_tokens;
    int base = own ? model->base_tokens : BASE_TOKENS;
    int tile = own ? model->tile_tokens : TILE_TOKENS;
    int tiles = strcmp(detail, "low") == 0 ? 0 : tiles_of(facts->width_px, facts->height_px);
    return base + tile * tiles;
}
