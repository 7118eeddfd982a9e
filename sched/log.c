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

static void lock_it(void)
{
    pthread_mutex_lock(&lock);
}

static void unlock_it(void)
{
    pthread_mutex_unlock(&lock);
}

/* A fork waits for the lock: another thread may have it. */
static void mind_forks(void)
{
    (void)pthread_atfork(lock_it, unlock_it, unlock_it);
}

static void lock_minded(void)
{
    static pthread_once_t minded = PTHREAD_ONCE_INIT;

    pthread_once(&minded, mind_forks);
    lock_it();
}

int furrow_log_level(int level)
{
    int before = fw_load_relaxed(&threshold);

    fw_store_relaxed(&threshold, level);
    return before;
}

void furrow_log_to(void (*write)(void *ctx, int level, const char *text), void *ctx)
{
    lock_minded();
    write_to = write;
    write_ctx = ctx;
    unlock_it();
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
    lock_minded();
    write = write_to;
    ctx = write_ctx;
    unlock_it();
    if (write)
        write(ctx, level, text);
    else
        fprintf(stderr, "[%s/%s] %s\n", level_name(level),
                furrow_process_name(furrow_process_current()), text);
}
