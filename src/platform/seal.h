/*
 * Secrets at rest: sealed with XChaCha20-Poly1305 (libsodium), so that a database, a backup or a
 * log of statements gives nobody a token away.
 *
 * Whose secret it is goes into the seal: what is copied into the row of another account, or of the
 * same one at another address, does not open. The name of the key is in front of the sealed bytes,
 * so that a wrong key is told from damage.
 *
 *     "kns1" · name of the key [8] · nonce [24] · sealed bytes, 16 more than the plain ones
 */
#ifndef KN_PLATFORM_SEAL_H
#define KN_PLATFORM_SEAL_H

#include <stdbool.h>
#include <stddef.h>

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

enum { KN_SEAL_KEY_BYTES = 32, KN_SEAL_PLAIN_BYTES_MAX = 64 * 1024 };

struct kn_seal_key {
    unsigned char bytes[KN_SEAL_KEY_BYTES];
    char from[256]; /* for sentences: "KIRINUKI_KEY", or the file */
};

/* What a secret belongs to. */
struct kn_seal_owner {
    const char *platform, *account, *service_url;
};

/*
 * The key of KIRINUKI_KEY (64 hexadecimal digits, or 32 bytes in base64), else that of the file
 * `key` in the user's data folder, with mode 0600. Where there is none, `make` makes one (durable
 * on return; of several processes that make it at once one wins and all use it), else MISSING.
 * INVALID: KIRINUKI_KEY is no key. DENIED: others can read the file, or it is somebody else's.
 * DAMAGED: there is no key in it.
 */
enum kn_status kn_seal_key_find(bool make, struct kn_seal_key *ret_key, struct kn_error *err);
/* The same for a file at `path`. */
enum kn_status kn_seal_key_read(const char *path, bool make, struct kn_seal_key *ret_key,
                                struct kn_error *err);
/* INVALID: the text is no key; it is in no sentence. */
enum kn_status kn_seal_key_parse(const char *text, struct kn_seal_key *ret_key,
                                 struct kn_error *err);
void kn_seal_key_wipe(struct kn_seal_key *key);

/* In the arena; never twice the same. At most KN_SEAL_PLAIN_BYTES_MAX. */
void kn_seal(const struct kn_seal_key *key, const struct kn_seal_owner *owner, const void *plain,
             size_t size, struct kn_arena *arena, const void **ret_sealed, size_t *ret_size);
/* DENIED: it was sealed with another key. DAMAGED: it was changed, cut, or is another owner's. The
 * plain bytes, in the arena with a closing NUL, are the caller's to wipe. */
enum kn_status kn_unseal(const struct kn_seal_key *key, const struct kn_seal_owner *owner,
                         const void *sealed, size_t size, struct kn_arena *arena, char **ret_plain,
                         size_t *ret_size, struct kn_error *err);
/* Was it sealed with this key, as far as it says itself? */
bool kn_seal_is_by(const struct kn_seal_key *key, const void *sealed, size_t size);

#endif
