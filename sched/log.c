/* SPDX-License-Identifier: MIT
 *
 * The logger: a level and where messages go, of this process alone.
 */
#include "furrow_process.h"

#include "os.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static _Atomic int32_t threshold = FURROW_LOG_NONE;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*write_to)(void *ctx, int level, const char *text);
static void *write_ctx;

int furrow_log_level(int level)
{
    int before = fw_load_relaxed(&threshold);

    fw_store_relaxed(&threshold, level);
    return before;
}

void furrow_log_to(void (*write)(void *ctx, int level, const char *text), void *ctx)
{
    pthread_mutex_lock(&lock);
    write_to = write;
    write_ctx = ctx;
    pthread_mutex_unlock(&lock);
}

static const char *level_name(int level)
{
    if (level >= FURROW_LOG_ERROR)
        return "ERROR";
    if (level >= FURROW_LOG_WARNING)
        return "WARNING";
    return level >= FURROW_LOG_INFO ? "INFO" : "DEBUG";
}

void furrow_log(int level, const char *format, ...)
{
    void (*write)(void *, int, const char *);
    char text[400];
    void *ctx;
    va_list args;

    if (level < fw_load_relaxed(&threshold))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pthread_mutex_lock(&lock);
    write = write_to;
    ctx = write_ctx;
    pthread_mutex_unlock(&lock);
    if (write)
        write(ctx, level, text);
    else
        fprintf(stderr, "[%s/%s] %s\n", level_name(level),
                furrow_process_name(furrow_process_current()), text);
}
