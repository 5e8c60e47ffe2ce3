/* What the shared files of the platform half share, and no mimic needs. */
#ifndef KN_SANDBOX_PLATFORMS_INTERNAL_H
#define KN_SANDBOX_PLATFORMS_INTERNAL_H

#include "sandbox/platforms/platforms.h"

const struct kn_mimic *kn_mimic_at(enum kn_mimic_id id);
void kn_mimic_refuse(struct kn_mimic_visit *visit, enum kn_mimic_refusal why);
/* `arena` may be NULL; then `wild` stays as it is. */
bool kn_mimic_path_fits(const char *pattern, const char *path, struct kn_arena *arena,
                        const char *wild[KN_MIMIC_WILD_MAX]);
bool kn_account_name_fits(const char *name);

#endif
