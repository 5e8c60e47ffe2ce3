#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "base/memory.h"

json_t *kn_json_text(const char *text)
{
    if (!text)
        return json_null();
    size_t left = strlen(text);
    json_t *whole = json_stringn(text, left);
    if (whole)
        return whole;
    KN_SCOPED_STR clean = {0};
    for (const uint8_t *at = (const uint8_t *)text; left;) {
        ucs4_t c;
        int n = u8_mbtouc(&c, at, left);
        if (c == 0xFFFD)
            kn_str_add(&clean, "\xEF\xBF\xBD");
        else
            kn_str_add_bytes(&clean, at, (size_t)n);
        at += n;
        left -= (size_t)n;
    }
    return json_stringn(clean.at, clean.length);
}

json_t *kn_json_number(double value, int decimals)
{
    if (!isfinite(value))
        return json_null();
    double scale = pow(10, decimals);
    return json_real(round(value * scale) / scale);
}

json_t *kn_json_seconds(int64_t us)
{
    return kn_json_number((double)us / 1e6, 6);
}

void kn_json_add(struct kn_str *out, const json_t *json, bool one_line)
{
    /* 15 digits show every microsecond of a century and hide the noise of binary fractions. */
    size_t flags = JSON_REAL_PRECISION(15) | (one_line ? JSON_COMPACT : JSON_INDENT(1));
    char *text = json_dumps(json, flags | JSON_ENCODE_ANY);
    if (!text)
        kn_out_of_memory();
    kn_str_add(out, text);
    free(text);
}
