/* SPDX-License-Identifier: MIT
 *
 * The time axis of a timeline. Pure arithmetic.
 *
 * A pause is cut out when it is longer than a quarter of the time in which anybody
 * worked; when there are more such pauses than cuts, the longest are cut.
 */
#include "timescale.h"

#include <stdio.h>

typedef struct pause {
    int64_t begin, end;
} pause;

/* Nanoseconds in which at least one worker was busy. */
static int64_t busy_time(const fw_timeline_bar *bar, size_t count)
{
    int64_t busy = 0, reach = bar[0].start;

    for (size_t i = 0; i < count; i++) {
        const int64_t from = bar[i].start > reach ? bar[i].start : reach;
        if (bar[i].end > from) {
            busy += bar[i].end - from;
            reach = bar[i].end;
        }
    }
    return busy;
}

/* Keep `p` if there is room or a shorter one to give up for it. Order by time is kept.
 */
static int keep_pause(pause *kept, int count, pause p)
{
    if (count == FW_TIMESCALE_CUTS) {
        int least = 0;
        for (int i = 1; i < count; i++)
            if (kept[i].end - kept[i].begin < kept[least].end - kept[least].begin)
                least = i;
        if (p.end - p.begin <= kept[least].end - kept[least].begin)
            return count;
        for (int i = least; i + 1 < count; i++)
            kept[i] = kept[i + 1];
        count--;
    }
    kept[count] = p;
    return count + 1;
}

static int find_pauses(pause *kept, const fw_timeline_bar *bar, size_t count,
                       int64_t longer_than)
{
    int cuts = 0;
    int64_t reach = bar[0].start;

    for (size_t i = 0; i < count; i++) {
        if (bar[i].start - reach > longer_than)
            cuts = keep_pause(kept, cuts, (pause){reach, bar[i].start});
        if (bar[i].end > reach)
            reach = bar[i].end;
    }
    return cuts;
}

static int64_t last_end(const fw_timeline_bar *bar, size_t count)
{
    int64_t end = bar[0].end;

    for (size_t i = 1; i < count; i++)
        if (bar[i].end > end)
            end = bar[i].end;
    return end;
}

void fw_timescale_init(fw_timescale *s, const fw_timeline_bar *bar, size_t count,
                       double width)
{
    pause cut[FW_TIMESCALE_CUTS];
    const int64_t origin = bar[0].start;
    const int cuts = find_pauses(cut, bar, count, busy_time(bar, count) / 4);

    *s = (fw_timescale){.origin = origin, .pieces = cuts + 1};
    for (int i = 0; i < cuts; i++) {
        s->piece[i].end = cut[i].begin - origin;
        s->piece[i + 1].begin = cut[i].end - origin;
    }
    s->piece[cuts].end = last_end(bar, count) - origin;
    for (int i = 0; i <= cuts; i++)
        s->shown += s->piece[i].end - s->piece[i].begin;
    if (s->shown < 1)
        s->shown = 1;

    double x = 0;
    s->per_ns = (width - cuts * FW_TIMESCALE_CUT_PX) / (double)s->shown;
    for (int i = 0; i <= cuts; i++) {
        s->piece[i].x = x;
        x += (double)(s->piece[i].end - s->piece[i].begin) * s->per_ns;
        x += FW_TIMESCALE_CUT_PX;
    }
}

double fw_timescale_x(const fw_timescale *s, int64_t ns)
{
    const int64_t t = ns - s->origin;
    int i = s->pieces - 1;

    while (i > 0 && t < s->piece[i].begin)
        i--;
    return s->piece[i].x + (double)(t - s->piece[i].begin) * s->per_ns;
}

int64_t fw_timescale_step(const fw_timescale *s, double px)
{
    static const int64_t next[] = {2, 5, 10};
    int64_t decade = 1, step = 1;

    for (int i = 0; (double)step * s->per_ns < px; i++) {
        if (step > INT64_MAX / 100)
            break;
        step = decade * next[i % 3];
        if (i % 3 == 2)
            decade = step;
    }
    return step;
}

void fw_timescale_text(char *text, size_t size, int64_t ns)
{
    static const struct {
        int64_t ns;
        const char *name;
    } unit[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "us"}, {1, "ns"}};
    int u = 0;

    while (unit[u].ns > 1 && ns < unit[u].ns)
        u++;
    const long long whole = ns / unit[u].ns;
    const long long thousandths = ns % unit[u].ns * 1000 / unit[u].ns;
    if (unit[u].ns == 1 || whole >= 100)
        snprintf(text, size, "%lld %s", whole, unit[u].name);
    else if (whole >= 10)
        snprintf(text, size, "%lld.%lld %s", whole, thousandths / 100, unit[u].name);
    else
        snprintf(text, size, "%lld.%02lld %s", whole, thousandths / 10, unit[u].name);
}
