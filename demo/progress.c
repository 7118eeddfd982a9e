/* SPDX-License-Identifier: MIT
 *
 * The bar is drawn on stderr by the caller of a call, between two short waits for its
 * future; the workers know nothing of it.
 */
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAR_WIDTH    40
#define BAR_INTERVAL 0.05 /* seconds between two pictures */

static int wanted(void)
{
    const char *say = getenv("FURROW_PROGRESS");

    if (say && (!strcmp(say, "0") || !strcmp(say, "1")))
        return say[0] == '1';
    return isatty(STDERR_FILENO);
}

/* 1 when a bar is on the screen. */
static int draw(furrow_future *future, const char *label)
{
    static const char full[] = "########################################";
    size_t done = 0, total = 0;

    if (furrow_future_progress(future, &done, &total) || total == 0)
        return 0;
    fprintf(stderr, "\r   %-22s [%-*.*s] %3zu %%", label, BAR_WIDTH,
            (int)(done * BAR_WIDTH / total), full, done * 100 / total);
    fflush(stderr);
    return 1;
}

int progress_wait(furrow_future *future, furrow_deadline deadline, const char *label)
{
    int rc, drawn = 0;

    if (!wanted())
        return furrow_future_wait(future, deadline);
    for (;;) {
        const furrow_deadline next = furrow_in(BAR_INTERVAL);
        rc = furrow_future_wait(future, next < deadline ? next : deadline);
        if (furrow_future_ready(future) || rc != FURROW_ETIME || deadline <= next)
            break;
        drawn |= draw(future, label);
    }
    if (drawn)
        fprintf(stderr, "\r%*s\r", BAR_WIDTH + 36, "");
    return rc;
}

int progress_map(furrow_pool *pool, const furrow_call *call, const char *label)
{
    if (!wanted())
        return furrow_map(pool, call);

    furrow_future *future = furrow_map_async(pool, call);
    const int rc = progress_wait(future, FURROW_FOREVER, label);
    furrow_future_free(future);
    return rc;
}
