/*
 * Ctrl-C and SIGTERM become a cancel token: work ends within a second, unfinished files are
 * removed. A second Ctrl-C ends the program at once.
 */
#ifndef KN_CLI_INTERRUPT_H
#define KN_CLI_INTERRUPT_H

#include <kirinuki/cancel.h>

/* Once, before any thread is started. The token belongs to the program. */
struct kn_cancel *kn_interrupt_watch(void);

#endif
