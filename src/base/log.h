/*
 * Diagnostics on stderr, one line an event. Library folders stay silent above KN_LOG_DEBUG: they
 * return errors, and whoever decides logs once. Never log a token or a key.
 */
#ifndef KN_BASE_LOG_H
#define KN_BASE_LOG_H

enum kn_log_level { KN_LOG_ERROR, KN_LOG_WARN, KN_LOG_INFO, KN_LOG_DEBUG };

void kn_log_set_level(enum kn_log_level level); /* default KN_LOG_WARN; any thread */
/* `component` is a static word: "speech", "render". */
void kn_log(enum kn_log_level level, const char *component, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Lines go to `sink` instead of stderr, e.g. to print above progress bars; NULL restores. */
void kn_log_set_sink(void (*sink)(void *arg, enum kn_log_level level, const char *line), void *arg);

#endif
