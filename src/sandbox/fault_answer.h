/* What an accident does to an answer. */
#ifndef KN_SANDBOX_FAULT_ANSWER_H
#define KN_SANDBOX_FAULT_ANSWER_H

#include "sandbox/chat.h"
#include "sandbox/rejection.h"
#include "sandbox/spoken.h"

/* Those that refuse the request: fills `rejection` and gives true. */
bool kn_fault_refuses(enum kn_sandbox_fault_kind kind, const char *model,
                      struct kn_rejection *rejection);
/* Those that change what is said. */
void kn_fault_hears(enum kn_sandbox_fault_kind kind, int64_t duration_us, struct kn_arena *arena,
                    struct kn_spoken *spoken);
void kn_fault_says(enum kn_sandbox_fault_kind kind, struct kn_arena *arena,
                   struct kn_chat_said *said);
/* Those that spoil the answer on its way. */
void kn_fault_spoils(enum kn_sandbox_fault_kind kind, struct kn_arena *arena,
                     struct kn_reply *reply);
/* Is the answer sent as a whole? */
bool kn_fault_is_whole(enum kn_sandbox_fault_kind kind);
/* Does the service notice at once, before any work? */
bool kn_fault_is_quick(enum kn_sandbox_fault_kind kind);

#endif
