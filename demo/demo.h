/* SPDX-License-Identifier: MIT
 *
 * What the steps of the demo share: their settings, their kernels' small print, and the
 * count of checks.
 */
#ifndef DEMO_H
#define DEMO_H

#include <furrow.h>

typedef struct demo {
    const char *out;   /* directory for the files that the demo writes */
    const char *geoid; /* the grid of heights, a .gtx file */
    size_t mib;        /* size of the big array */
    size_t checks;     /* made so far */
    size_t failed;     /* of them */
} demo;

/* The steps. Each opens a pool of its own and tells its checks to *d. */
void geoid_run(demo *d);
void gigabyte_run(demo *d);
void killed_run(demo *d);
void anynpy_run(demo *d, const char *path);

/* A pool with room for a timeline; NULL is reported as a failed check. */
furrow_pool *demo_pool_open(demo *d);

/* Write the pool's timeline to NAME-timeline.svg in d->out and close the pool. */
void demo_pool_close(demo *d, furrow_pool *pool, const char *name);

/* Seconds of a monotonic clock. */
double demo_seconds(void);

#endif
