/*
 * Addresses in texts, as X finds them: an optional scheme, labels and a top-level domain that there
 * is (by the Public Suffix List), port, path, query. Without a scheme only an ASCII domain counts.
 * It is read from its beginning in one pass; the domain is the longest one that ends in a top-level
 * domain.
 */
#include <string.h>

#include <libpsl.h>
#include <unicode/uchar.h>
#include <unicode/uidna.h>
#include <unicode/ustring.h>

#include "base/memory.h"
#include "sandbox/platforms/x_text.h"

enum { DOMAIN_POINTS = 255, TLD_POINTS = 63, LINK_POINTS = 4096, SLUG_POINTS = 40 };

struct reader {
    const uint32_t *text;
    int length;
};

static uint32_t at(const struct reader *r, int i)
{
    return i >= 0 && i < r->length ? r->text[i] : 0;
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(uint32_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_one_of(uint32_t c, const char *set)
{
    return c > 0 && c < 128 && strchr(set, (int)c);
}

/* Letters of Latin alphabets beyond ASCII, without the signs of multiplication and division. */
static bool is_latin(uint32_t c)
{
    return (c >= 0xC0 && c <= 0x24F && c != 0xD7 && c != 0xF7) || (c >= 0x253 && c <= 0x28B) ||
           (c >= 0x300 && c <= 0x36F) || (c >= 0x1E00 && c <= 0x1EFF);
}

static bool is_cyrillic(uint32_t c)
{
    return c >= 0x400 && c <= 0x4FF;
}

/* ---- before it ---- */

static bool may_follow(uint32_t before, bool scheme)
{
    if (is_alnum(before) || is_one_of(before, "@$#") || before == 0xFF20 || before == 0xFF03 ||
        kn_xapi_is_invalid(before))
        return false;
    return scheme || !is_one_of(before, "-_./");
}

static int scheme_length(const struct reader *r, int from)
{
    static const char http[] = "http", slashes[] = "://";
    int i = from;
    for (const char *c = http; *c; c++)
        if ((at(r, i++) | 0x20) != (uint32_t)*c)
            return 0;
    i += (at(r, i) | 0x20) == 's';
    for (const char *c = slashes; *c; c++)
        if (at(r, i++) != (uint32_t)*c)
            return 0;
    return i - from;
}

/* ---- the domain ---- */

static bool is_label_point(uint32_t c, bool scheme)
{
    if (!c || kn_xapi_is_invalid(c))
        return false;
    if (c < 128)
        return is_alnum(c) || c == '-' || (scheme && c == '_');
    return scheme ? !u_isUWhiteSpace((UChar32)c) && !u_ispunct((UChar32)c) && !u_iscntrl((UChar32)c)
                  : is_latin(c);
}

static bool is_known_tld(const struct reader *r, int from, int length)
{
    UChar units[2 * TLD_POINTS + 1], lower[4 * TLD_POINTS];
    char name[8 * TLD_POINTS];
    int32_t count = 0, small, bytes;
    UErrorCode failed = U_ZERO_ERROR;
    for (int i = 0; i < length; i++)
        U16_APPEND_UNSAFE(units, count, r->text[from + i]);
    small = u_strToLower(lower, KN_COUNT_OF(lower), units, count, "", &failed);
    u_strToUTF8(name, sizeof name, &bytes, lower, small, &failed);
    if (U_FAILURE(failed) || bytes >= (int32_t)sizeof name)
        return false;
    return strncmp(name, "xn--", 4) == 0
               ? length > 4
               : psl_is_public_suffix2(psl_builtin(), name, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE);
}

/* Of the top-level domain that begins at `from`: all letters of ASCII, or as many others as give
 * one; 0: none does. */
static int tld_length(const struct reader *r, int from)
{
    int ascii = 0, most = 0;
    while (is_alnum(at(r, from + ascii)) || at(r, from + ascii) == '-')
        ascii++;
    while (is_label_point(at(r, from + most), true))
        most++;
    for (int n = KN_MIN(ascii ? ascii : most, TLD_POINTS); n > 0; n = ascii ? 0 : n - 1)
        if (!is_alnum(at(r, from + n)) && !is_one_of(at(r, from + n), "@+-") &&
            is_known_tld(r, from, n))
            return n;
    return 0;
}

static int label_length(const struct reader *r, int from, bool scheme)
{
    int n = 0;
    while (is_label_point(at(r, from + n), scheme))
        n++;
    bool fine = n > 0 && !is_one_of(at(r, from), "-_") && !is_one_of(at(r, from + n - 1), "-_");
    return fine ? n : 0;
}

/* Labels of at most 63 letters, as they are written in ASCII (RFC 5891). */
static bool has_name(const struct reader *r, int from, int length)
{
    UChar units[2 * DOMAIN_POINTS + 1], name[512];
    int32_t count = 0;
    UErrorCode failed = U_ZERO_ERROR;
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    const uint32_t too_long =
        UIDNA_ERROR_LABEL_TOO_LONG | UIDNA_ERROR_DOMAIN_NAME_TOO_LONG | UIDNA_ERROR_EMPTY_LABEL;
    UIDNA *idna = uidna_openUTS46(UIDNA_DEFAULT, &failed);
    for (int i = 0; i < length; i++)
        U16_APPEND_UNSAFE(units, count, r->text[from + i]);
    (void)uidna_nameToASCII(idna, units, count, name, KN_COUNT_OF(name), &info, &failed);
    uidna_close(idna);
    return U_SUCCESS(failed) && !(info.errors & too_long);
}

/* The longest one. */
static int domain_length(const struct reader *r, int from, bool scheme)
{
    int found = 0, i = from;
    for (;;) {
        int label = label_length(r, i, scheme);
        if (!label || at(r, i + label) != '.')
            break;
        i += label + 1;
        int tld = tld_length(r, i);
        if (i + tld - from > DOMAIN_POINTS)
            break;
        if (tld)
            found = i + tld - from;
    }
    return found && has_name(r, from, found) ? found : 0;
}

/* Without a scheme it may begin inside of a domain of other letters, of which the part of ASCII
 * counts; then what stands before that one decides. */
static bool begins_bare(const struct reader *r, int from)
{
    int i = from;
    while (from - i < DOMAIN_POINTS && (is_label_point(at(r, i - 1), true) || at(r, i - 1) == '.'))
        i--;
    while (i < from && is_one_of(at(r, i), "-_."))
        i++;
    /* At the very beginning a letter beyond ASCII is taken for what stands before, if it can be. */
    if (i == 0 && at(r, 0) > 127 && domain_length(r, 1, false))
        i = 1;
    if (i > from || !may_follow(at(r, i - 1), false))
        return false;
    return i == from ||
           (!is_label_point(at(r, from - 1), false) && domain_length(r, i, true) > from - i);
}

/* ---- behind it ---- */

static bool is_path_letter(uint32_t c)
{
    return is_alnum(c) || is_latin(c) || is_cyrillic(c);
}

static int parentheses_length(const struct reader *r, int from, int depth)
{
    int i = from + 1;
    while (is_path_letter(at(r, i)) || is_one_of(at(r, i), "!*';:=+,.$/%#[]-_~@|&") ||
           (at(r, i) == '(' && depth < 1)) {
        int inner = at(r, i) == '(' ? parentheses_length(r, i, depth + 1) : 1;
        if (!inner)
            return 0;
        i += inner;
    }
    return at(r, i) == ')' && i > from + 1 ? i + 1 - from : 0;
}

/* Ends with a letter, or what addresses end with; what follows is the sentence's. */
static int path_length(const struct reader *r, int from)
{
    if (at(r, from) != '/')
        return 0;
    int end = from + 1, i = from + 1;
    for (;;) {
        uint32_t c = at(r, i);
        int inner = c == '(' ? parentheses_length(r, i, 0) : 0;
        if (!inner && !is_path_letter(c) && !is_one_of(c, "!*';:=+,.$/%#[]-_~@|&"))
            return end - from;
        i += inner ? inner : 1;
        if (inner || is_path_letter(c) || is_one_of(c, "+-=_#/"))
            end = i;
    }
}

static int query_length(const struct reader *r, int from)
{
    int end = from;
    if (at(r, from) != '?')
        return 0;
    for (int i = from + 1;; i++) {
        uint32_t c = at(r, i);
        if (!is_alnum(c) && !is_one_of(c, "!?*'@();:&=+$/%#[]-_.,~|"))
            return end - from;
        if (is_alnum(c) || is_one_of(c, "-_&=#/"))
            end = i + 1;
    }
}

static int port_length(const struct reader *r, int from)
{
    int i = from + 1;
    while (at(r, from) == ':' && is_digit(at(r, i)))
        i++;
    return i > from + 1 ? i - from : 0;
}

/* Links that were shortened before have a slug of letters and digits; -1: it is too long. */
static int slug_length(const struct reader *r, int from, const char *host, int domain)
{
    int i = from + 1;
    for (int d = 0; d < domain; d++)
        if ((at(r, from - domain + d) | 0x20) != ((uint32_t)host[d] | 0x20))
            return 0;
    while (at(r, from) == '/' && is_alnum(at(r, i)))
        i++;
    return i - from - 1 > SLUG_POINTS ? -1 : i > from + 1 ? i - from : 0;
}

int kn_xapi_link_length(const uint32_t *text, int length, int from)
{
    static const char shortener[] = "t.co";
    struct reader r = {text, length};
    if (!is_label_point(text[from], true))
        return 0;
    int scheme = scheme_length(&r, from);
    bool begins = scheme ? may_follow(at(&r, from - 1), true) : begins_bare(&r, from);
    int domain = begins ? domain_length(&r, from + scheme, scheme > 0) : 0;
    if (!domain)
        return 0;
    int i = from + scheme + domain;
    int slug =
        scheme && domain == (int)sizeof shortener - 1 ? slug_length(&r, i, shortener, domain) : 0;
    if (slug < 0)
        return 0;
    if (!slug)
        i += port_length(&r, i);
    i += slug ? slug : path_length(&r, i);
    i += query_length(&r, i);
    return i - from <= LINK_POINTS ? i - from : 0;
}
