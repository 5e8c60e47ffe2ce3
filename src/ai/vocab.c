#include "ai/vocab.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

enum {
    TOKENS_MAX = 1 << 17,
    TOKEN_BYTES_MAX = 255,
    NOT_A_BYTE = -1,
};

static const char space_mark[] = "▁";
enum { SPACE_MARK_BYTES = sizeof space_mark - 1 };

struct token {
    const char *text; /* in kn_vocab.text, not terminated */
    int length;
    int byte; /* of "<0xHH>", else NOT_A_BYTE */
};

struct kn_vocab {
    char *text;
    struct token *tokens;
    int count;
    int *sorted; /* token numbers by text, without bytes and the first ones */
    int sorted_count;
    int longest;
    int byte_tokens[256]; /* 0: none */
};

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The value of "<0xHH>". */
static int spelled_byte(const char *text, int length)
{
    if (length != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return NOT_A_BYTE;
    int high = hex_digit(text[3]), low = hex_digit(text[4]);
    return high < 0 || low < 0 ? NOT_A_BYTE : high * 16 + low;
}

static int compare_bytes(const char *a, int a_length, const char *b, int b_length)
{
    int order = memcmp(a, b, (size_t)KN_MIN(a_length, b_length));
    return order ? order : a_length - b_length;
}

static int by_text(const void *a, const void *b, void *arg)
{
    const struct token *tokens = arg;
    const struct token *x = &tokens[*(const int *)a], *y = &tokens[*(const int *)b];
    int order = compare_bytes(x->text, x->length, y->text, y->length);
    return order ? order : *(const int *)a - *(const int *)b;
}

static void index_tokens(struct kn_vocab *vocab)
{
    vocab->sorted = kn_calloc((size_t)vocab->count, sizeof *vocab->sorted);
    for (int i = KN_TOKEN_FIRST_TEXT; i < vocab->count; i++) {
        const struct token *token = &vocab->tokens[i];
        if (token->byte != NOT_A_BYTE)
            vocab->byte_tokens[token->byte] = i;
        else if (token->length)
            vocab->sorted[vocab->sorted_count++] = i;
        vocab->longest = KN_MAX(vocab->longest, token->length);
    }
    qsort_r(vocab->sorted, (size_t)vocab->sorted_count, sizeof *vocab->sorted, by_text,
            vocab->tokens);
}

static int count_lines(const char *text, size_t size)
{
    int lines = 0;
    for (size_t i = 0; i < size && lines <= TOKENS_MAX; i++)
        lines += text[i] == '\n';
    return lines + (size && text[size - 1] != '\n');
}

enum kn_status kn_vocab_parse(const char *text, size_t size, struct kn_vocab **ret_vocab,
                              struct kn_error *err)
{
    int lines = count_lines(text, size);
    if (lines <= KN_TOKEN_FIRST_TEXT || lines > TOKENS_MAX)
        return kn_error_set(err, KN_DAMAGED, "this is not a vocabulary");
    KN_SCOPED(kn_vocab) vocab = kn_calloc(1, sizeof *vocab);
    vocab->text = memcpy(kn_malloc(size), text, size);
    vocab->tokens = kn_calloc((size_t)lines, sizeof *vocab->tokens);
    const char *at = vocab->text, *end = vocab->text + size;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end ? line_end : end;
        if (line_end - at > TOKEN_BYTES_MAX)
            return kn_error_set(err, KN_DAMAGED, "this is not a vocabulary: line %d is too long",
                                vocab->count + 1);
        int length = (int)(line_end - at);
        vocab->tokens[vocab->count++] =
            (struct token){.text = at, .length = length, .byte = spelled_byte(at, length)};
        at = line_end + 1;
    }
    index_tokens(vocab);
    *ret_vocab = KN_MOVE(vocab);
    return KN_OK;
}

void kn_vocab_free(struct kn_vocab *vocab)
{
    if (!vocab)
        return;
    free(vocab->sorted);
    free(vocab->tokens);
    free(vocab->text);
    free(vocab);
}

int kn_vocab_count(const struct kn_vocab *vocab)
{
    return vocab->count;
}

static const struct token *text_token(const struct kn_vocab *vocab, int token)
{
    return token >= KN_TOKEN_FIRST_TEXT && token < vocab->count ? &vocab->tokens[token] : NULL;
}

static bool is_space_mark(const char *at, const char *end)
{
    return end - at >= SPACE_MARK_BYTES && memcmp(at, space_mark, SPACE_MARK_BYTES) == 0;
}

static void add_token(const struct token *token, struct kn_str *out)
{
    if (token->byte != NOT_A_BYTE) {
        kn_str_add_char(out, (char)token->byte);
        return;
    }
    const char *end = token->text + token->length;
    for (const char *at = token->text; at < end;) {
        bool space = is_space_mark(at, end);
        kn_str_add_char(out, space ? ' ' : *at);
        at += space ? SPACE_MARK_BYTES : 1;
    }
}

/* Appends what is valid UTF-8, and no NUL: the result has to be a C string. */
static void add_valid(const struct kn_str *joined, struct kn_str *out)
{
    const uint8_t *at = (const uint8_t *)kn_str_text(joined), *end = at + joined->length;
    while (at < end) {
        ucs4_t character;
        int n = u8_mbtoucr(&character, at, (size_t)(end - at));
        if (n > 0 && character != 0)
            kn_str_add_bytes(out, at, (size_t)n);
        at += n > 0 ? n : 1;
    }
}

void kn_vocab_decode(const struct kn_vocab *vocab, const int *tokens, int count, struct kn_str *out)
{
    KN_SCOPED_STR joined = {0};
    for (int i = 0; i < count; i++) {
        const struct token *token = text_token(vocab, tokens[i]);
        if (token)
            add_token(token, &joined);
    }
    if (joined.length && joined.at[0] == ' ') {
        joined.length--;
        memmove(joined.at, joined.at + 1, joined.length + 1);
    }
    add_valid(&joined, out);
}

bool kn_vocab_starts_word(const struct kn_vocab *vocab, int token)
{
    const struct token *found = text_token(vocab, token);
    return found && is_space_mark(found->text, found->text + found->length);
}

bool kn_vocab_is_spoken(const struct kn_vocab *vocab, int token)
{
    const struct token *found = text_token(vocab, token);
    if (!found)
        return false;
    if (found->byte != NOT_A_BYTE)
        return found->byte >= 0x80 || isalnum(found->byte);
    const char *end = found->text + found->length;
    for (const char *at = found->text; at < end;) {
        if (is_space_mark(at, end))
            at += SPACE_MARK_BYTES;
        else if ((unsigned char)*at >= 0x80 || isalnum((unsigned char)*at))
            return true;
        else
            at++;
    }
    return false;
}

/* The token with exactly this text, or -1. */
static int find_token(const struct kn_vocab *vocab, const char *text, int length)
{
    int low = 0, high = vocab->sorted_count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        const struct token *token = &vocab->tokens[vocab->sorted[middle]];
        int order = compare_bytes(token->text, token->length, text, length);
        if (order == 0)
            return vocab->sorted[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

/* `text` as the vocabulary writes it: spaces of any kind and number become one mark. */
static void mark_spaces(const char *text, struct kn_str *out)
{
    bool space = true; /* a first word begins with a mark as well */
    for (; *text; text++) {
        if (isspace((unsigned char)*text)) {
            space = true;
            continue;
        }
        if (space)
            kn_str_add(out, space_mark);
        space = false;
        kn_str_add_char(out, *text);
    }
}

int kn_vocab_encode(const struct kn_vocab *vocab, const char *text, int *ret_tokens, int max)
{
    KN_SCOPED_STR marked = {0};
    mark_spaces(text, &marked);
    int count = 0;
    const char *at = kn_str_text(&marked), *end = at + marked.length;
    while (at < end) {
        int length = (int)KN_MIN(end - at, (ptrdiff_t)vocab->longest);
        int token = -1;
        for (; length > 0 && token < 0; length--)
            token = find_token(vocab, at, length);
        if (token >= 0) {
            at += length + 1; /* the loop took one off after the hit */
        } else {
            token = vocab->byte_tokens[(unsigned char)*at];
            at++;
        }
        if (count < max)
            ret_tokens[count] = token;
        count++;
    }
    return count;
}
