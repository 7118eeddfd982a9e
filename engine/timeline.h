/* SPDX-License-Identifier: MIT
 *
 * The timeline: which worker ran which chunk when, as a picture.
 */
#ifndef FW_TIMELINE_H
#define FW_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

/* One chunk on one worker. */
typedef struct fw_timeline_bar {
    int worker;         /* 0 .. workers-1 */
    int64_t start, end; /* nanoseconds of any one clock; start <= end */
    uint64_t call;      /* chunks of one call share a colour */
    uint64_t index;     /* number of the chunk in its call */
    int stolen;         /* taken from another worker's range */
} fw_timeline_bar;

typedef struct fw_timeline {
    const fw_timeline_bar *bar; /* in any order */
    size_t count;
    int workers;
    const char *title; /* any UTF-8 text; NULL: none */
} fw_timeline;

/* Write the timeline as an SVG picture: a lane per worker, a bar per chunk (those too
 * narrow to be seen are drawn together), long pauses of the whole pool cut out.
 * Errors: FURROW_EINVAL (nothing recorded, a bar that cannot be), FURROW_ENOMEM,
 * FURROW_EOS (the file). */
int fw_timeline_write(const char *path, const fw_timeline *t);

#endif
