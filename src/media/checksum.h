/*
 * SHA-256 of a file: whether it is the very one that somebody vouched for. For naming contents the
 * much faster hash of base/file.h does.
 */
#ifndef KN_MEDIA_CHECKSUM_H
#define KN_MEDIA_CHECKSUM_H

#include <kirinuki/status.h>

enum { KN_SHA256_TEXT_BYTES = 65 };
/* 64 hex digits in lower case. Reads the whole file. */
enum kn_status kn_file_sha256(const char *path, char ret_text[KN_SHA256_TEXT_BYTES],
                              struct kn_error *err);

#endif
