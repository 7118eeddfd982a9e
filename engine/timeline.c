/* SPDX-License-Identifier: MIT
 *
 * The timeline as an SVG picture, written through stdio.
 *
 * From top to bottom: title and totals, the calls' names over their spans, one lane per
 * worker (its chunks, and at the right how much of the time shown it was idle), the
 * time axis. Numbers are put together from integers: printf's %f would write the
 * program's decimal comma.
 */
#include "timeline.h"
#include "status.h"
#include "timescale.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEFT    88.0
#define PLOT    1040.0
#define RIGHT   92.0
#define TOP     78.0
#define BOTTOM  34.0
#define COLOURS 8u

typedef struct picture {
    FILE *file;
    const fw_timeline *t;
    fw_timeline_bar *bar; /* our copy, sorted as the step at hand needs it */
    fw_timescale scale;
    double lane;   /* height of a lane with the space below it */
    double height; /* of all lanes */
} picture;

/* ---- sorting and checking ---------------------------------------------------------*/

static int by_start(const void *a, const void *b)
{
    const fw_timeline_bar *x = a, *y = b;

    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static int by_worker(const void *a, const void *b)
{
    const fw_timeline_bar *x = a, *y = b;

    if (x->worker != y->worker)
        return x->worker < y->worker ? -1 : 1;
    return by_start(a, b);
}

static int check(const fw_timeline *t)
{
    if (t->workers < 1)
        return fw_fail(FURROW_EINVAL, "a timeline of %d workers", t->workers);
    if (t->count == 0)
        return fw_fail(FURROW_EINVAL, "no chunk was recorded: nothing to draw");
    for (size_t i = 0; i < t->count; i++) {
        const fw_timeline_bar *b = &t->bar[i];
        if (b->worker < 0 || b->worker >= t->workers)
            return fw_fail(FURROW_EINVAL, "bar %zu is of worker %d of %d", i, b->worker,
                           t->workers);
        if (b->end < b->start)
            return fw_fail(FURROW_EINVAL, "bar %zu ends before it starts", i);
    }
    return 0;
}

/* ---- the pieces of SVG ------------------------------------------------------------*/

/* A number with at most two decimals, and a space. */
static void put_number(FILE *f, double v)
{
    const long n = (long)(v * 100 + (v < 0 ? -0.5 : 0.5));
    const long whole = n / 100, part = labs(n % 100);

    fprintf(f, "%s%ld", n < 0 && whole == 0 ? "-" : "", whole);
    if (part)
        fprintf(f, part % 10 ? ".%02ld" : ".%ld", part % 10 ? part : part / 10);
}

static void put_attribute(FILE *f, const char *name, double v)
{
    fprintf(f, " %s=\"", name);
    put_number(f, v);
    fputc('"', f);
}

/* Leaves the element open: attributes or children may follow. */
static void put_rect(FILE *f, double x, double y, double width, double height)
{
    fputs("<rect", f);
    put_attribute(f, "x", x);
    put_attribute(f, "y", y);
    put_attribute(f, "width", width);
    put_attribute(f, "height", height);
}

static void put_text(FILE *f, const char *class, double x, double y, const char *text)
{
    fprintf(f, "<text class=\"%s\"", class);
    put_attribute(f, "x", x);
    put_attribute(f, "y", y);
    fprintf(f, ">%s</text>\n", text);
}

static void put_escaped(FILE *f, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        case '&':
            fputs("&amp;", f);
            break;
        default: /* control characters are no XML, not even escaped */
            fputc((unsigned char)*text < ' ' ? ' ' : *text, f);
        }
    }
}

/* ---- head: sheet, styles, title, totals -------------------------------------------*/

static const char style[] =
    "<style>\n"
    "text{font-family:'DejaVu Sans','Segoe "
    "UI',Helvetica,Arial,sans-serif;font-size:11px;"
    "fill:#495057}\n"
    ".title{font-size:17px;font-weight:bold;fill:#212529}\n"
    ".sub{font-size:12px;fill:#6c757d}\n"
    ".e{text-anchor:end}.m{text-anchor:middle}.call{font-size:10px}\n"
    ".lane{fill:#f1f3f5}.grid{stroke:#dee2e6;stroke-width:1}\n"
    ".cut{fill:#fff}.cuttext{font-size:9px;fill:#868e96;text-anchor:middle}\n"
    ".idle{fill:#ced4da}.stolen{fill:#1d2a35;fill-opacity:.65;pointer-events:none}\n"
    ".b{stroke:#fff;stroke-width:.7}\n"
    ".c0{fill:#4c78a8}.c1{fill:#f58518}.c2{fill:#54a24b}.c3{fill:#b279a2}\n"
    ".c4{fill:#e45756}.c5{fill:#72b7b2}.c6{fill:#d6a420}.c7{fill:#9d755d}\n"
    "rect[class*=c]:hover{fill-opacity:.6}\n"
    "</style>\n";

static size_t count_calls(const picture *p)
{
    size_t calls = 1; /* in the order of time: calls of a pool run one after another */

    for (size_t i = 1; i < p->t->count; i++)
        calls += p->bar[i].call != p->bar[i - 1].call;
    return calls;
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void put_totals(const picture *p)
{
    char text[240], shown[32], span[64] = "";
    size_t stolen = 0;
    const size_t calls = count_calls(p), workers = (size_t)p->t->workers;
    const fw_timescale *s = &p->scale;

    for (size_t i = 0; i < p->t->count; i++)
        stolen += p->bar[i].stolen != 0;
    fw_timescale_text(shown, sizeof shown, s->shown);
    if (s->pieces > 1) {
        memcpy(span, " of ", 4);
        fw_timescale_text(span + 4, sizeof span - 4, s->piece[s->pieces - 1].end);
    }
    snprintf(text, sizeof text,
             "%zu worker%s \xc2\xb7 %zu call%s \xc2\xb7 %zu chunk%s, %zu stolen%s"
             " \xc2\xb7 %s%s%s",
             workers, plural(workers), calls, plural(calls), p->t->count,
             plural(p->t->count), stolen, stolen ? " (dark foot)" : "", shown, span,
             s->pieces > 1 ? ", long pauses cut out" : "");
    put_text(p->file, "sub", LEFT, 47, text);
}

static void put_head(const picture *p)
{
    FILE *f = p->file;
    const double width = LEFT + PLOT + RIGHT, height = TOP + p->height + BOTTOM;

    fputs("<svg xmlns=\"http://www.w3.org/2000/svg\"", f);
    put_attribute(f, "width", width);
    put_attribute(f, "height", height);
    fputs(" viewBox=\"0 0 ", f);
    put_number(f, width);
    fputc(' ', f);
    put_number(f, height);
    fprintf(f, "\">\n%s", style);
    put_rect(f, 0, 0, width, height);
    fputs(" fill=\"#fff\"/>\n<text class=\"title\"", f);
    put_attribute(f, "x", LEFT);
    fputs(" y=\"28\">", f);
    put_escaped(f, p->t->title ? p->t->title : "Timeline");
    fputs("</text>\n", f);
    put_totals(p);
}

/* ---- calls and the time axis ------------------------------------------------------*/

static double put_call(const picture *p, size_t first, int64_t end, double free_from)
{
    char text[40];
    const fw_timeline_bar *b = &p->bar[first];
    const double left = LEFT + fw_timescale_x(&p->scale, b->start);
    const double right = LEFT + fw_timescale_x(&p->scale, end);

    snprintf(text, sizeof text, "call %llu", (unsigned long long)b->call);
    const double half = 3.1 * (double)strlen(text), last = LEFT + PLOT - half;
    const double middle = (left + right) / 2 < last ? (left + right) / 2 : last;
    put_rect(p->file, left, TOP - 6, right - left < 1 ? 1 : right - left, 3);
    fprintf(p->file, " class=\"c%u\"/>\n", (unsigned)(b->call % COLOURS));
    if (right - left < 12 || middle - half < free_from)
        return free_from;
    put_text(p->file, "call m", middle, TOP - 10, text);
    return middle + half;
}

/* A coloured line and a name over each call, where there is room. Needs bars by start.
 */
static void put_calls(const picture *p)
{
    double free_from = 0;
    size_t first = 0;
    int64_t end = p->bar[0].end;

    for (size_t i = 1; i <= p->t->count; i++) {
        if (i == p->t->count || p->bar[i].call != p->bar[first].call) {
            free_from = put_call(p, first, end, free_from);
            first = i;
            end = i < p->t->count ? p->bar[i].end : end;
        } else if (p->bar[i].end > end) {
            end = p->bar[i].end;
        }
    }
}

/* The time of a tick in the unit of its step. */
static void tick_text(char *text, size_t size, int64_t t, int64_t step)
{
    if (step >= 1000000000)
        snprintf(text, size, "%lld s", (long long)(t / 1000000000));
    else if (step >= 1000000)
        snprintf(text, size, "%lld ms", (long long)(t / 1000000));
    else if (step >= 1000)
        snprintf(text, size, "%lld us", (long long)(t / 1000));
    else
        snprintf(text, size, "%lld ns", (long long)t);
}

static void put_tick(const picture *p, double x, const char *text)
{
    fputs("<line class=\"grid\"", p->file);
    put_attribute(p->file, "x1", x);
    put_attribute(p->file, "x2", x);
    put_attribute(p->file, "y1", TOP);
    put_attribute(p->file, "y2", TOP + p->height + 5);
    fputs("/>\n", p->file);
    if (text)
        put_text(p->file, "m", x, TOP + p->height + 19, text);
}

static void put_axis(const picture *p)
{
    char text[40];
    const fw_timescale *s = &p->scale;
    const int64_t step = fw_timescale_step(s, 80);
    double free_from = 0;

    for (int i = 0; i < s->pieces; i++) {
        int64_t t = (s->piece[i].begin + step - 1) / step * step;
        for (; t <= s->piece[i].end; t += step) {
            const double x = LEFT + fw_timescale_x(s, s->origin + t);
            tick_text(text, sizeof text, t, step);
            const double half = 3.6 * (double)strlen(text);
            const int room = x - half >= free_from;
            put_tick(p, x, room ? text : NULL);
            if (room)
                free_from = x + half + 8;
        }
    }
}

/* The pauses that are not drawn: a white gap across the lanes, with its length. */
static void put_cuts(const picture *p)
{
    const fw_timescale *s = &p->scale;

    for (int i = 1; i < s->pieces; i++) {
        char text[40];
        const double x = LEFT + s->piece[i].x - FW_TIMESCALE_CUT_PX;
        const double middle = TOP + p->height / 2;

        fw_timescale_text(text, sizeof text, s->piece[i].begin - s->piece[i - 1].end);
        put_rect(p->file, x, TOP - 1, FW_TIMESCALE_CUT_PX, p->height + 2);
        fputs(" class=\"cut\"/>\n<text class=\"cuttext\" transform=\"translate(",
              p->file);
        put_number(p->file, x + FW_TIMESCALE_CUT_PX / 2 + 3);
        fputc(' ', p->file);
        put_number(p->file, middle);
        fprintf(p->file, ") rotate(-90)\">%s</text>\n", text);
    }
}

/* ---- lanes ------------------------------------------------------------------------*/

/* How tall: comfortable for a few workers, still a lane each for hundreds. */
static double lane_height(int workers)
{
    return workers <= 12 ? 34 : workers <= 24 ? 24 : workers <= 64 ? 14 : 8;
}

/* Space below the bars of a lane. */
static double lane_space(const picture *p)
{
    return p->lane >= 20 ? 6 : p->lane >= 12 ? 2 : 1;
}

/* Bars [first, last) of one lane, drawn as one rectangle. */
static void put_bar(const picture *p, size_t first, size_t last)
{
    FILE *f = p->file;
    char start[32], length[32];
    const fw_timeline_bar *b = &p->bar[first];
    const int64_t end = p->bar[last - 1].end;
    const double x = fw_timescale_x(&p->scale, b->start);
    const double width = fw_timescale_x(&p->scale, end) - x;
    const double y = TOP + p->lane * b->worker, height = p->lane - lane_space(p);

    fw_timescale_text(start, sizeof start, b->start - p->scale.origin);
    fw_timescale_text(length, sizeof length, end - b->start);
    put_rect(f, LEFT + x, y, width < 0.5 ? 0.5 : width, height);
    fprintf(f, " class=\"%sc%u\"><title>worker %d, call %llu, ", width >= 3 ? "b " : "",
            (unsigned)(b->call % COLOURS), b->worker, (unsigned long long)b->call);
    if (last - first == 1)
        fprintf(f, "chunk %llu%s", (unsigned long long)b->index,
                b->stolen ? " (stolen)" : "");
    else
        fprintf(f, "%zu chunks from %llu on", last - first,
                (unsigned long long)b->index);
    fprintf(f, "\nat %s, for %s</title></rect>\n", start, length);
    if (last - first == 1 && b->stolen) {
        put_rect(f, LEFT + x, y + height * 0.82, width < 0.5 ? 0.5 : width,
                 height * 0.18);
        fputs(" class=\"stolen\"/>\n", f);
    }
}

/* May bar i be drawn in one rectangle with those from `first` on? Only when it is, and
 * they are, too narrow to be told apart, and nothing visible lies between. */
static int joins(const picture *p, size_t first, size_t i)
{
    const fw_timeline_bar *a = &p->bar[first], *b = &p->bar[i];
    const double px = p->scale.per_ns;

    return i < p->t->count && a->worker == b->worker && a->call == b->call &&
           (double)(b->end - b->start) * px < 0.5 &&
           (double)(a->end - a->start) * px < 0.5 &&
           (double)(b->start - p->bar[i - 1].end) * px < 0.5 &&
           (double)(b->end - a->start) * px <= 1.0;
}

static void put_bars(const picture *p)
{
    size_t last;

    for (size_t first = 0; first < p->t->count; first = last) {
        for (last = first + 1; joins(p, first, last); last++)
            ;
        put_bar(p, first, last);
    }
}

/* Share of the time shown in which this worker ran nothing. Bars are sorted by worker;
 * *at is moved past this one's. */
static double idle_share(const picture *p, int worker, size_t *at)
{
    int64_t busy = 0, reach = INT64_MIN;

    for (; *at < p->t->count && p->bar[*at].worker == worker; (*at)++) {
        const fw_timeline_bar *b = &p->bar[*at];
        const int64_t from = b->start > reach ? b->start : reach;
        if (b->end > from) {
            busy += b->end - from;
            reach = b->end;
        }
    }
    const double idle = 1 - (double)busy / (double)p->scale.shown;
    return idle < 0 ? 0 : idle;
}

static void put_lane_names(const picture *p, int worker, double idle)
{
    char text[32];
    const int every = p->lane >= 12 ? 1 : 2;
    const double bar = p->lane - lane_space(p), x = LEFT + PLOT + 10;
    const double y = TOP + p->lane * worker,
                 base = y + bar / 2 + (p->lane < 12 ? 3 : 4);

    put_rect(p->file, x + 34, y + bar * 0.3, 40 * idle, bar * 0.4);
    fputs(" class=\"idle\"/>\n", p->file);
    if (worker % every)
        return;
    snprintf(text, sizeof text, "worker %d", worker);
    put_text(p->file, p->lane < 12 ? "e call" : "e", LEFT - 8, base, text);
    snprintf(text, sizeof text, "%d %%", (int)(idle * 100 + 0.5));
    put_text(p->file, p->lane < 12 ? "e call" : "e", x + 28, base, text);
}

/* Needs bars by worker. */
static void put_lanes(const picture *p)
{
    size_t at = 0;

    put_text(p->file, "sub", LEFT + PLOT + 10, TOP - 10, "idle");
    for (int w = 0; w < p->t->workers; w++) {
        put_rect(p->file, LEFT, TOP + p->lane * w, PLOT, p->lane - lane_space(p));
        fputs(" class=\"lane\"/>\n", p->file);
        put_lane_names(p, w, idle_share(p, w, &at));
    }
}

/* ---- the file ---------------------------------------------------------------------*/

static void draw(picture *p)
{
    const size_t n = p->t->count;

    memcpy(p->bar, p->t->bar, n * sizeof *p->bar);
    qsort(p->bar, n, sizeof *p->bar, by_start);
    fw_timescale_init(&p->scale, p->bar, n, PLOT);
    put_head(p);
    put_calls(p);
    qsort(p->bar, n, sizeof *p->bar, by_worker);
    put_lanes(p);
    put_axis(p);
    put_bars(p);
    put_cuts(p);
    fputs("</svg>\n", p->file);
}

int fw_timeline_write(const char *path, const fw_timeline *t)
{
    int rc = check(t);
    if (rc)
        return rc;

    picture p = {.t = t, .lane = lane_height(t->workers)};
    p.height = p.lane * t->workers - lane_space(&p);
    p.bar = malloc(t->count * sizeof *p.bar);
    if (!p.bar)
        return fw_fail(FURROW_ENOMEM, "no memory to sort %zu bars", t->count);
    p.file = fopen(path, "we");
    if (!p.file) {
        rc = fw_fail_os(errno, "cannot create %s", path);
        free(p.bar);
        return rc;
    }
    draw(&p);
    free(p.bar);
    const int failed = ferror(p.file);
    if (fclose(p.file) || failed)
        return fw_fail_os(errno, "cannot write %s", path);
    return 0;
}
