#include "ai/prices.h"

#include <math.h>
#include <string.h>

#include "base/str.h"
#include "net/http.h"

/*
 * Each group with its source and date; what a page gives for an hour is divided by 60.
 */
static const struct {
    const char *host, *model;
    struct kn_price price;
} table[] = {
    /* Speech: developers.openai.com/api/docs/pricing as quoted by others in June 2026, by the
     * minute. For the gpt-4o family that is the page's estimate of the audio tokens of a minute;
     * text is billed beside it. */
    {"api.openai.com", "whisper-1", {.usd_audio_minute = 0.006}},
    {"api.openai.com", "gpt-transcribe", {.usd_audio_minute = 0.006}},
    {"api.openai.com", "gpt-4o-transcribe", {.usd_audio_minute = 0.006, .usd_output = 10}},
    {"api.openai.com", "gpt-4o-mini-transcribe", {.usd_audio_minute = 0.003, .usd_output = 5}},
    /* Chat: the same page as quoted in June 2026; the gpt-5.4 family in March. */
    {"api.openai.com", "gpt-4o", {.usd_input = 2.5, .usd_cached = 1.25, .usd_output = 10}},
    {"api.openai.com", "gpt-4o-mini", {.usd_input = 0.15, .usd_cached = 0.075, .usd_output = 0.6}},
    {"api.openai.com", "gpt-4.1", {.usd_input = 2, .usd_cached = 0.5, .usd_output = 8}},
    {"api.openai.com", "gpt-4.1-mini", {.usd_input = 0.4, .usd_cached = 0.1, .usd_output = 1.6}},
    {"api.openai.com", "gpt-4.1-nano", {.usd_input = 0.1, .usd_cached = 0.025, .usd_output = 0.4}},
    {"api.openai.com", "gpt-5", {.usd_input = 1.25, .usd_cached = 0.125, .usd_output = 10}},
    {"api.openai.com", "gpt-5-mini", {.usd_input = 0.25, .usd_cached = 0.025, .usd_output = 2}},
    {"api.openai.com", "gpt-5-nano", {.usd_input = 0.05, .usd_cached = 0.005, .usd_output = 0.4}},
    {"api.openai.com", "gpt-5.4", {.usd_input = 2.5, .usd_cached = 0.25, .usd_output = 15}},
    {"api.openai.com", "gpt-5.4-mini", {.usd_input = 0.75, .usd_cached = 0.075, .usd_output = 4.5}},
    {"api.openai.com", "gpt-5.4-nano", {.usd_input = 0.2, .usd_cached = 0.02, .usd_output = 1.25}},
    {"api.openai.com", "gpt-5.5", {.usd_input = 5, .usd_cached = 0.5, .usd_output = 30}},
    {"api.openai.com", "o4-mini", {.usd_input = 1.1, .usd_cached = 0.275, .usd_output = 4.4}},
    /* groq.com/pricing as quoted in May 2026: 0.111 and 0.04 an hour; 10 s at least. */
    {"api.groq.com", "whisper-large-v3", {.usd_audio_minute = 0.111 / 60, .audio_min_s = 10}},
    {"api.groq.com", "whisper-large-v3-turbo", {.usd_audio_minute = 0.04 / 60, .audio_min_s = 10}},
    {"api.groq.com", "meta-llama/llama-4-scout", {.usd_input = 0.11, .usd_output = 0.34}},
    {"api.groq.com", "meta-llama/llama-4-maverick", {.usd_input = 0.2, .usd_output = 0.6}},
    {"api.groq.com", "llama-3.3-70b-versatile", {.usd_input = 0.59, .usd_output = 0.79}},
};

/* Is it "https://HOST", "https://HOST/…" or "https://HOST:…"? */
static bool is_at(const char *url, const char *host)
{
    const char *at = strstr(url, "://");
    size_t length = strlen(host);
    return at && strncmp(at + 3, host, length) == 0 && strchr("/:", at[3 + length]);
}

/* "gpt-4o" is "gpt-4o" and "gpt-4o-2024-08-06", but no "gpt-4o-audio" or "gpt-4omni": what follows
 * a name is a date, or the price is another one. A whole family has a "/" in its name. */
static bool is_model(const char *model, const char *name)
{
    size_t length = strlen(name);
    if (strncmp(model, name, length) != 0)
        return false;
    const char *rest = model + length;
    return !rest[0] || strchr(name, '/') || (rest[0] == '-' && rest[1] >= '0' && rest[1] <= '9');
}

bool kn_price_find(const char *base_url, const char *model, struct kn_price *ret_price)
{
    if (kn_url_is_loopback(base_url)) {
        *ret_price = (struct kn_price){0};
        return true;
    }
    size_t longest = 0;
    for (size_t i = 0; model && i < KN_COUNT_OF(table); i++) {
        size_t length = strlen(table[i].model);
        if (length > longest && is_at(base_url, table[i].host) && is_model(model, table[i].model)) {
            longest = length;
            *ret_price = table[i].price;
        }
    }
    return longest > 0;
}

double kn_price_usd(const struct kn_price *price, const struct kn_usage *usage,
                    int64_t cached_tokens)
{
    double audio_s = usage->audio_s > 0 ? fmax(usage->audio_s, price->audio_min_s) : 0;
    int64_t cached = price->usd_cached > 0 ? KN_CLAMP(cached_tokens, 0, usage->input_tokens) : 0;
    return audio_s / 60 * price->usd_audio_minute +
           ((double)(usage->input_tokens - cached) * price->usd_input +
            (double)cached * price->usd_cached + (double)usage->output_tokens * price->usd_output) /
               1e6;
}
