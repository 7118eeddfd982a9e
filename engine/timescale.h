/* SPDX-License-Identifier: MIT
 *
 * The time axis of a timeline: nanoseconds to horizontal pixels.
 *
 * Time is drawn to one scale, but a pause in which no worker had anything to do may be
 * far longer than all the work; such pauses are cut out and shown as a narrow gap. What
 * remains are pieces, each drawn to the common scale.
 */
#ifndef FW_TIMESCALE_H
#define FW_TIMESCALE_H

#include "timeline.h"

#define FW_TIMESCALE_CUTS   12   /* at most so many pauses are cut out */
#define FW_TIMESCALE_CUT_PX 18.0 /* and each is drawn so wide */

typedef struct fw_timescale {
    struct {
        int64_t begin, end; /* nanoseconds since the first bar began */
        double x;           /* where begin is drawn */
    } piece[FW_TIMESCALE_CUTS + 1];
    int pieces;
    int64_t origin; /* when the first bar began */
    int64_t shown;  /* nanoseconds in all pieces together, at least 1 */
    double per_ns;  /* pixels */
} fw_timescale;

/* A scale for these bars, `width` pixels wide. Requires: count > 0, sorted by start. */
void fw_timescale_init(fw_timescale *s, const fw_timeline_bar *bar, size_t count,
                       double width);

/* Where the time `ns` (on the bars' clock) is drawn. */
double fw_timescale_x(const fw_timescale *s, int64_t ns);

/* The distance of ticks: 1, 2 or 5 times a power of ten nanoseconds, the least that
 * lies at least `px` pixels apart. */
int64_t fw_timescale_step(const fw_timescale *s, double px);

/* "1.25 ms": three digits, always with a point, whatever the program's locale. */
void fw_timescale_text(char *text, size_t size, int64_t ns);

#endif
