#include "sandbox/latency.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

/* "2", "2s" or "500ms", up to `end`. */
static bool parse_seconds(const char *text, const char *end, double *ret_s)
{
    char number[32];
    double scale = 1;
    size_t n = (size_t)(end - text);
    if (n > 2 && strncmp(end - 2, "ms", 2) == 0) {
        scale = 1e-3;
        n -= 2;
    } else if (n > 1 && end[-1] == 's') {
        n--;
    }
    if (n >= sizeof number)
        return false;
    memcpy(number, text, n);
    number[n] = '\0';
    double value;
    if (!kn_parse_double(number, 0, KN_LATENCY_S_MAX / scale, &value))
        return false;
    *ret_s = value * scale;
    return true;
}

static bool parse(const char *text, struct kn_sandbox_latency *latency)
{
    static const struct {
        const char *prefix;
        int shape;
    } shapes[] = {
        {"uniform:", KN_LATENCY_UNIFORM},
        {"exponential:", KN_LATENCY_EXPONENTIAL},
        {"lognormal:", KN_LATENCY_LOG_NORMAL},
    };
    for (size_t i = 0; i < KN_COUNT_OF(shapes); i++)
        if (kn_starts_with(text, shapes[i].prefix)) {
            latency->shape = shapes[i].shape;
            text += strlen(shapes[i].prefix);
            break;
        }
    const char *mark = strstr(text, "±");
    const char *spread = mark ? mark + strlen("±") : NULL;
    if (!mark && (mark = strstr(text, "+-")))
        spread = mark + 2;
    const char *end = text + strlen(text);
    if (!parse_seconds(text, mark ? mark : end, &latency->mean_s))
        return false;
    if (!spread)
        return latency->shape != KN_LATENCY_LOG_NORMAL;
    return latency->shape != KN_LATENCY_EXPONENTIAL &&
           parse_seconds(spread, end, &latency->spread_s) &&
           (latency->shape == KN_LATENCY_UNIFORM ? latency->spread_s <= latency->mean_s
                                                 : latency->mean_s > 0);
}

enum kn_status kn_sandbox_latency_parse(const char *text, struct kn_sandbox_latency *ret_latency,
                                        struct kn_error *err)
{
    struct kn_sandbox_latency latency = {0};
    if (!parse(text, &latency))
        return kn_error_set(err, KN_INVALID,
                            "a latency is 2, 500ms, 2±1 (or 2+-1: from 1 to 3 seconds), "
                            "exponential:2 or lognormal:2±1, not “%.60s”",
                            text);
    *ret_latency = latency;
    return KN_OK;
}

/* A log-normal variable of mean m and standard deviation s is exp(N(mu, sigma²)) with
 * sigma² = ln(1 + s²/m²) and mu = ln m - sigma²/2. */
static double draw_log_normal(const struct kn_sandbox_latency *latency, struct kn_chance *chance)
{
    double ratio = latency->spread_s / latency->mean_s;
    double variance = log1p(ratio * ratio);
    double radius = sqrt(-2 * log(1 - kn_chance_share(chance)));
    double normal = radius * cos(2 * M_PI * kn_chance_share(chance)); /* Box and Muller 1958 */
    return exp(log(latency->mean_s) - variance / 2 + sqrt(variance) * normal);
}

int64_t kn_sandbox_latency_draw(const struct kn_sandbox_latency *latency, struct kn_chance *chance)
{
    double s = latency->mean_s;
    switch (latency->shape) {
    case KN_LATENCY_UNIFORM:
        s += latency->spread_s * (2 * kn_chance_share(chance) - 1);
        break;
    case KN_LATENCY_EXPONENTIAL:
        s *= -log(1 - kn_chance_share(chance));
        break;
    case KN_LATENCY_LOG_NORMAL:
        s = latency->mean_s > 0 ? draw_log_normal(latency, chance) : 0;
        break;
    }
    return (int64_t)(KN_CLAMP(s, 0, KN_LATENCY_S_MAX) * 1e6);
}
