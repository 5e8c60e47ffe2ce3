/*
 * The rules are those of twitter-text 3.1 as they can be observed; top-level domains are those of
 * the public suffix list, which knows new ones without a new version of this program.
 */
#include "platform/web_address.h"

#include <ctype.h>
#include <libpsl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <unictype.h>

#include "base/utf8.h"

enum {
    LABEL_MAX = 63,     /* RFC 1035, section 2.3.4 */
    ADDRESS_MAX = 4096, /* a longer one is no link */
};

static bool is_alnum(uint32_t c)
{
    return c < 0x80 && isalnum((int)c);
}

/* ---- where one may begin ---- */

static bool may_begin(const char *text, const char *at, bool scheme)
{
    if (at == text)
        return true;
    const char *before = at - 1;
    while (before > text && ((unsigned char)*before & 0xc0) == 0x80)
        before--;
    uint32_t c;
    kn_utf8_next(before, &c);
    if (is_alnum(c) || c == '@' || c == 0xff20 || c == '$' || c == '#' || c == 0xff03)
        return false;
    return scheme || (c != '-' && c != '_' && c != '.' && c != '/');
}

static size_t scheme_at(const char *at)
{
    return strncasecmp(at, "https://", 8) == 0 ? 8 : strncasecmp(at, "http://", 7) == 0 ? 7 : 0;
}

/* ---- the domain ---- */

static bool is_latin(uint32_t c)
{
    return is_alnum(c) || (c >= 0xc0 && c <= 0x24f && c != 0xd7 && c != 0xf7);
}

/* A letter or digit of any script; marks, spaces and controls end a domain. */
static bool is_domain_char(uint32_t c)
{
    if (c < 0x80)
        return is_alnum(c);
    return c != 0xfffd && !kn_char_is_format(c) &&
           uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M |
                                                   UC_CATEGORY_MASK_N);
}

static bool is_top_level(const char *label, size_t size)
{
    char name[LABEL_MAX + 1];
    if (size < 2 || size > LABEL_MAX)
        return false;
    for (size_t i = 0; i < size; i++)
        name[i] = (char)tolower((unsigned char)label[i]);
    name[size] = '\0';
    const psl_ctx_t *list = psl_builtin();
    return list && psl_is_public_suffix2(list, name, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE);
}

struct label {
    size_t size;           /* up to the dot, or the end of what can be one */
    size_t ascii;          /* of it, letters and digits from its begin on */
    bool latin;            /* has no letters of other scripts */
    bool underscore, edge; /* has one; begins or ends with '-' or '_' */
};

static struct label read_label(const char *at)
{
    struct label label = {.latin = true};
    uint32_t c, last = 0;
    for (size_t size; (size = kn_utf8_next(at + label.size, &c)); label.size += size) {
        bool inner = c == '-' || c == '_';
        if (!inner && !is_domain_char(c))
            break;
        label.latin &= inner || is_latin(c);
        label.edge |= label.size == 0 && inner;
        label.underscore |= c == '_';
        if (label.ascii == label.size && is_alnum(c))
            label.ascii += size;
        last = c;
    }
    label.edge |= last == '-' || last == '_';
    return label;
}

/* The part of the label with which a domain may end: all of it, or what is ASCII before something
 * else ("example.comと"). */
static size_t top_level_at(const char *at, const struct label *label)
{
    if (!label->edge && !label->underscore && at[label->size] != '@' &&
        is_top_level(at, label->size))
        return label->size;
    return label->ascii < label->size && is_top_level(at, label->ascii) ? label->ascii : 0;
}

/* Bytes of the longest domain at `at` that ends in a top-level domain; 0: there is none. Without
 * a scheme all before the top level is Latin. */
static size_t domain_at(const char *at, bool latin)
{
    size_t best = 0, from = 0;
    bool underscore = false; /* in the label before: only subdomains may have one */
    for (int count = 0; from < ADDRESS_MAX; count++) {
        struct label label = read_label(at + from);
        if (label.size == 0 || label.size > LABEL_MAX)
            break;
        size_t top = count > 0 && !underscore ? top_level_at(at + from, &label) : 0;
        if (top)
            best = from + top;
        if (label.edge || (latin && !label.latin) || at[from + label.size] != '.')
            break;
        underscore = label.underscore;
        from += label.size + 1;
    }
    return best;
}

/* ---- what follows ---- */

static bool is_cyrillic(uint32_t c)
{
    return c >= 0x400 && c <= 0x52f;
}

static bool is_path_char(uint32_t c)
{
    return is_latin(c) || is_cyrillic(c) || c == 0x2013 ||
           (c < 0x80 && c && strchr("!*';:=+,.$/%#[]-_~@|&", (int)c));
}

static bool ends_path(uint32_t c)
{
    return is_latin(c) || is_cyrillic(c) || (c < 0x80 && c && strchr("+-=_#/", (int)c));
}

/* "(a)", "(a(b))": brackets that close again are part of a path, to a depth of two. */
static size_t brackets_at(const char *at, int depth)
{
    if (*at != '(' || depth == 0)
        return 0;
    uint32_t c;
    for (size_t i = 1;;) {
        size_t size = kn_utf8_next(at + i, &c);
        if (c == ')' && size)
            return i > 1 ? i + 1 : 0;
        if (c == '(' && size)
            size = brackets_at(at + i, depth - 1);
        else if (!size || !is_path_char(c))
            return 0;
        if (!size)
            return 0;
        i += size;
    }
}

static size_t path_at(const char *at)
{
    size_t end = 1; /* the first '/' itself may end it */
    uint32_t c;
    if (*at != '/')
        return 0;
    for (size_t i = 1, size; i < ADDRESS_MAX; i += size) {
        size = brackets_at(at + i, 2);
        bool ends = size > 0;
        if (!size) {
            size = kn_utf8_next(at + i, &c);
            if (!size || !is_path_char(c))
                break;
            ends = ends_path(c);
        }
        if (ends)
            end = i + size;
    }
    return end;
}

static size_t query_at(const char *at)
{
    size_t end = 0;
    if (*at != '?')
        return 0;
    for (size_t i = 1; at[i] && i < ADDRESS_MAX; i++) {
        unsigned char c = (unsigned char)at[i];
        if (!is_alnum(c) && !strchr("!?*'();:&=+$/%#[]-_.,~|@", c))
            break;
        if (is_alnum(c) || strchr("-_&=#/", c))
            end = i + 1;
    }
    return end;
}

size_t kn_web_address(const char *text, const char *at)
{
    size_t scheme = scheme_at(at);
    if (!isalnum((unsigned char)*at) || !may_begin(text, at, scheme > 0))
        return 0;
    size_t size = domain_at(at + scheme, scheme == 0);
    if (!size)
        return 0;
    size += scheme;
    size_t port = at[size] == ':' ? 1 + strspn(at + size + 1, "0123456789") : 0;
    size_t end = size + (port > 1 ? port : 0), path = path_at(at + end);
    if (scheme || path) /* a bare domain ends with itself */
        size = end + path + query_at(at + end + path);
    return size <= ADDRESS_MAX ? size : 0;
}
