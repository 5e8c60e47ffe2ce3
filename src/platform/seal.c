#include "platform/seal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/memory.h"
#include "base/str.h"

#define aead_NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define aead_TAG_BYTES   crypto_aead_xchacha20poly1305_ietf_ABYTES

enum { MARK_BYTES = 4, NAME_BYTES = 8, HEAD_BYTES = MARK_BYTES + NAME_BYTES + aead_NONCE_BYTES };

static const unsigned char mark[MARK_BYTES] = {'k', 'n', 's', '1'};

static void get_ready(void)
{
    int ready = sodium_init();
    assert(ready >= 0);
    (void)ready;
}

/* A digest under the key itself: says which key it is and nothing about it. */
static void name_key(const struct kn_seal_key *key, unsigned char ret_name[NAME_BYTES])
{
    static const unsigned char what[] = "kirinuki: name of a key";
    unsigned char digest[crypto_generichash_BYTES_MIN];
    crypto_generichash(digest, sizeof digest, what, sizeof what - 1, key->bytes, sizeof key->bytes);
    memcpy(ret_name, digest, NAME_BYTES);
}

/* What is authenticated and not stored: head and owner, each text with its closing NUL, so that no
 * two owners read alike. */
static void describe(const unsigned char head[HEAD_BYTES], const struct kn_seal_owner *owner,
                     struct kn_str *out)
{
    const char *const texts[] = {owner->platform, owner->account, owner->service_url};
    kn_str_add_bytes(out, head, HEAD_BYTES);
    for (size_t i = 0; i < KN_COUNT_OF(texts); i++)
        kn_str_add_bytes(out, texts[i], strlen(texts[i]) + 1);
}

void kn_seal(const struct kn_seal_key *key, const struct kn_seal_owner *owner, const void *plain,
             size_t size, struct kn_arena *arena, const void **ret_sealed, size_t *ret_size)
{
    assert(size <= KN_SEAL_PLAIN_BYTES_MAX);
    get_ready();
    unsigned char *sealed = kn_arena_alloc(arena, HEAD_BYTES + size + aead_TAG_BYTES);
    unsigned char *nonce = sealed + MARK_BYTES + NAME_BYTES;
    memcpy(sealed, mark, MARK_BYTES);
    name_key(key, sealed + MARK_BYTES);
    randombytes_buf(nonce, aead_NONCE_BYTES);
    KN_SCOPED_STR about = {0};
    describe(sealed, owner, &about);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + HEAD_BYTES, NULL, plain, size,
                                               (const unsigned char *)about.at, about.length, NULL,
                                               nonce, key->bytes);
    *ret_sealed = sealed;
    *ret_size = HEAD_BYTES + size + aead_TAG_BYTES;
}

static bool is_sealed(const void *sealed, size_t size)
{
    return sealed && size >= HEAD_BYTES + aead_TAG_BYTES &&
           size <= HEAD_BYTES + KN_SEAL_PLAIN_BYTES_MAX + aead_TAG_BYTES &&
           memcmp(sealed, mark, MARK_BYTES) == 0;
}

bool kn_seal_is_by(const struct kn_seal_key *key, const void *sealed, size_t size)
{
    unsigned char name[NAME_BYTES];
    get_ready();
    name_key(key, name);
    return is_sealed(sealed, size) &&
           memcmp((const unsigned char *)sealed + MARK_BYTES, name, NAME_BYTES) == 0;
}

static enum kn_status damaged(const struct kn_seal_owner *owner, struct kn_error *err)
{
    char name[100];
    return kn_error_set(err, KN_DAMAGED,
                        "what the store keeps of the %s account %s is damaged, or another "
                        "account's: connect it again with `kirinuki auth %s`",
                        owner->platform, kn_text_show(owner->account, name, sizeof name),
                        owner->platform);
}

enum kn_status kn_unseal(const struct kn_seal_key *key, const struct kn_seal_owner *owner,
                         const void *sealed, size_t size, struct kn_arena *arena, char **ret_plain,
                         size_t *ret_size, struct kn_error *err)
{
    const unsigned char *bytes = sealed;
    if (!is_sealed(sealed, size))
        return damaged(owner, err);
    if (!kn_seal_is_by(key, sealed, size))
        return kn_error_set(err, KN_DENIED,
                            "the accounts in this store were sealed with another key than that of "
                            "%s: set KIRINUKI_KEY to the key of the machine on which they were "
                            "connected, or connect them again",
                            key->from);
    size_t plain_size = size - HEAD_BYTES - aead_TAG_BYTES;
    char *plain = kn_arena_alloc(arena, plain_size + 1);
    KN_SCOPED_STR about = {0};
    describe(bytes, owner, &about);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            (unsigned char *)plain, NULL, NULL, bytes + HEAD_BYTES, size - HEAD_BYTES,
            (const unsigned char *)about.at, about.length, bytes + MARK_BYTES + NAME_BYTES,
            key->bytes) != 0)
        return damaged(owner, err);
    *ret_plain = plain;
    *ret_size = plain_size;
    return KN_OK;
}
