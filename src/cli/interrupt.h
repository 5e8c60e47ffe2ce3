/*
 * Ctrl-C and SIGTERM become a cancel token: work ends within a second, unfinished files are
 * removed. A second Ctrl-C ends the program at once.
 */
#ifndef KN_CLI_INTERRUPT_H
#define KN_CLI_INTERRUPT_H

#include <stdint.h>

#include <kirinuki/cancel.h>

/* Once, before any thread is started. The token belongs to the program. */
struct kn_cancel *kn_interrupt_watch(void);
/* From now on the program ends so long after the signal by itself, with `code`, whatever it waits
 * for; `why` (static) is said then. For what asks a store: one that hangs can't be hurried. */
void kn_interrupt_limit(int64_t ms, int code, const char *why);

#endif
