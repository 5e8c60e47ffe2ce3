#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/str.h"

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static atomic_int current_level = KN_LOG_WARN;

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static void (*sink_fn)(void *arg, enum kn_log_level level, const char *line); /* by sink_lock */
static void *sink_arg;                                                        /* by sink_lock */

void kn_log_set_level(enum kn_log_level level)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

void kn_log_set_sink(void (*sink)(void *arg, enum kn_log_level level, const char *line), void *arg)
{
    pthread_mutex_lock(&sink_lock);
    sink_fn = sink;
    sink_arg = arg;
    pthread_mutex_unlock(&sink_lock);
}

void kn_log(enum kn_log_level level, const char *component, const char *format, ...)
{
    if ((int)level > atomic_load_explicit(&current_level, memory_order_relaxed))
        return;
    char text[1024], line[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(line, sizeof line, "%s: %s: %s", level_names[level], component, text);
    kn_text_clean(line); /* never longer than it was */
    pthread_mutex_lock(&sink_lock);
    if (sink_fn)
        sink_fn(sink_arg, level, line);
    else
        fprintf(stderr, "%s\n", line);
    pthread_mutex_unlock(&sink_lock);
}
