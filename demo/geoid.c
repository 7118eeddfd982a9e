/* SPDX-License-Identifier: MIT
 *
 * Step 1: a real grid. EGM96 says how high the sea level stands above the ellipsoid;
 * its 15-minute grid is a .gtx file: a header of 40 bytes (latitude and longitude of
 * the south-west corner, steps, rows, columns) and rows of float heights from south to
 * north, everything big-endian.
 *
 * The file is read into a shared array and all work is done on it there: bytes swapped
 * in place, extremes and sums taken chunk by chunk into slots which are folded in the
 * order of chunks (hence the same bits for any number of workers), slopes by
 * differences of neighbours, for which a kernel reads beyond its own chunk.
 */
#include "demo.h"
#include "progress.h"
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_PER_CHUNK 16
#define EARTH_RADIUS   6371008.8 /* metres, mean */
#define RADIAN         0.017453292519943295
#define ARC_SECONDS    206264.80624709636 /* in a radian */

typedef struct grid {
    double south, west, lat_step, lon_step; /* degrees */
    size_t rows, cols;
    furrow_array *height; /* metres, 'f', rows x cols */
} grid;

/* What one chunk found. Written by the chunk's worker alone, read after the call. */
typedef struct finding {
    double low, high;
    size_t low_at, high_at; /* element numbers */
    double weight, sum, square;
} finding;
#define FINDING_FORMAT "T{d:low:d:high:L:low_at:L:high_at:d:weight:d:sum:d:square:}"

/* What the survey kernel is told. Arrays have one address in all workers. */
typedef struct survey {
    finding *slot; /* one for each chunk */
    double south, lat_step;
    size_t cols;
} survey;

typedef struct slopes {
    const float *height; /* the whole grid */
    double south, lat_step, lon_step;
    size_t rows, cols;
} slopes;

/* ---- kernels ----------------------------------------------------------------------*/

static int swap_bytes(furrow_chunk c)
{
    uint32_t *word = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        word[i] = __builtin_bswap32(word[i]);
    return 0;
}

/* The area of a cell, up to a factor: a band between two parallels, cut at the poles.
 */
static double cell_area(double lat, double step)
{
    const double north = fmin(lat + step / 2, 90), south = fmax(lat - step / 2, -90);

    return sin(north * RADIAN) - sin(south * RADIAN);
}

static void survey_row(finding *f, const float *height, size_t n, size_t at)
{
    for (size_t i = 0; i < n; i++) {
        if (height[i] < f->low) {
            f->low = height[i];
            f->low_at = at + i;
        }
        if (height[i] > f->high) {
            f->high = height[i];
            f->high_at = at + i;
        }
    }
}

static int survey_chunk(furrow_chunk c)
{
    const survey *s = c.ctx;
    const float *height = c.in[0];
    finding f = {.low = INFINITY, .high = -INFINITY};
    size_t n;

    for (size_t i = 0; i < c.len; i += n) { /* row by row */
        const size_t at = c.begin + i, left = s->cols - at % s->cols;
        const double lat = s->south + s->lat_step * (double)(at / s->cols);
        const double area = cell_area(lat, s->lat_step);
        double sum = 0, square = 0;

        n = left < c.len - i ? left : c.len - i;
        survey_row(&f, height + i, n, at);
        for (size_t k = i; k < i + n; k++) {
            sum += height[k];
            square += (double)height[k] * height[k];
        }
        f.weight += area * (double)n;
        f.sum += area * sum;
        f.square += area * square;
    }
    s->slot[c.index] = f;
    return 0;
}

/* How much the surface rises along its steepest direction, in radians. */
static double slope_at(const slopes *s, size_t row, size_t col)
{
    const size_t above = row + 1 < s->rows ? row + 1 : row, below = row ? row - 1 : 0;
    const size_t east = (col + 1) % s->cols, west = (col + s->cols - 1) % s->cols;
    const double lat = s->south + s->lat_step * (double)row;
    const double metre = 1 / (EARTH_RADIUS * RADIAN); /* degrees */
    const float *h = s->height;
    const double dy = (double)(above - below) * s->lat_step / metre;
    const double dx = 2 * s->lon_step * cos(lat * RADIAN) / metre;
    const double north = (h[above * s->cols + col] - h[below * s->cols + col]) / dy;

    if (row == 0 || row + 1 == s->rows) /* a pole has no east */
        return fabs(north);
    return hypot(north, (h[row * s->cols + east] - h[row * s->cols + west]) / dx);
}

static int slope_chunk(furrow_chunk c)
{
    const slopes *s = c.ctx;
    float *slope = c.out[0];

    for (size_t i = 0; i < c.len; i++) {
        const size_t at = c.begin + i;
        slope[i] = (float)(slope_at(s, at / s->cols, at % s->cols) * ARC_SECONDS);
    }
    return 0;
}

/* ---- reading ----------------------------------------------------------------------*/

static double big_endian_double(const unsigned char *bytes)
{
    uint64_t word = 0;
    double value;

    for (int i = 0; i < 8; i++)
        word = word << 8 | bytes[i];
    memcpy(&value, &word, sizeof value);
    return value;
}

static size_t big_endian_count(const unsigned char *bytes)
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 |
           bytes[3];
}

static int read_header(demo *d, FILE *file, grid *g)
{
    unsigned char head[40];

    if (fread(head, 1, sizeof head, file) != sizeof head)
        return report_check(d, 0, "header", "%s has no header of 40 bytes", d->geoid);
    g->south = big_endian_double(head);
    g->west = big_endian_double(head + 8);
    g->lat_step = big_endian_double(head + 16);
    g->lon_step = big_endian_double(head + 24);
    g->rows = big_endian_count(head + 32);
    g->cols = big_endian_count(head + 36);
    return report_check(
        d, g->rows == 721 && g->cols == 1440 && g->south == -90 && g->lat_step == 0.25,
        "header", "%zu x %zu, from %g N %g E in steps of %g degrees", g->rows, g->cols,
        g->south, g->west, g->lat_step);
}

/* The heights as they are in the file, in a shared array. */
static int read_heights(demo *d, FILE *file, grid *g)
{
    const furrow_array_options shape = {.ndim = 2, .shape = {g->rows, g->cols}};

    g->height = furrow_array_new('f', g->rows * g->cols, &shape);
    if (!g->height)
        return report_call(d, furrow_last_error()->code, "shared array");
    if (fread(g->height->data, sizeof(float), g->height->len, file) != g->height->len ||
        fgetc(file) != EOF)
        return report_check(d, 0, "heights", "%s is not as long as its header says",
                            d->geoid);
    return 1;
}

static int read_grid(demo *d, grid *g)
{
    FILE *file = fopen(d->geoid, "rb");

    if (!file)
        return report_check(d, 0, "grid",
                            "no %s: install Debian's proj-data, or --geoid", d->geoid);
    const int good = read_header(d, file, g) && read_heights(d, file, g);
    fclose(file);
    return good;
}

/* ---- extremes and means -----------------------------------------------------------*/

static finding fold(const finding *slot, size_t n)
{
    finding all = slot[0];

    for (size_t i = 1; i < n; i++) {
        if (slot[i].low < all.low) {
            all.low = slot[i].low;
            all.low_at = slot[i].low_at;
        }
        if (slot[i].high > all.high) {
            all.high = slot[i].high;
            all.high_at = slot[i].high_at;
        }
        all.weight += slot[i].weight;
        all.sum += slot[i].sum;
        all.square += slot[i].square;
    }
    return all;
}

/* The same kernel over the same chunks, in this process alone. */
static finding survey_alone(const grid *g, survey s, size_t chunk, size_t chunks)
{
    finding all = {0}, *slot = calloc(chunks, sizeof *slot);
    const float *height = g->height->data;

    if (!slot)
        return all;
    s.slot = slot;
    for (size_t i = 0; i < chunks; i++) {
        const size_t begin = i * chunk, left = g->height->len - begin;
        survey_chunk((furrow_chunk){.in = {height + begin},
                                    .begin = begin,
                                    .len = left < chunk ? left : chunk,
                                    .index = i,
                                    .ctx = &s});
    }
    all = fold(slot, chunks);
    free(slot);
    return all;
}

/* "4.75 N  78.75 E" */
static void place_text(char *text, size_t size, const grid *g, size_t at)
{
    const double lat = g->south + g->lat_step * (double)(at / g->cols);
    double lon = g->west + g->lon_step * (double)(at % g->cols);

    if (lon > 180)
        lon -= 360;
    snprintf(text, size, "%5.2f %c %6.2f %c", fabs(lat), lat < 0 ? 'S' : 'N', fabs(lon),
             lon < 0 ? 'W' : 'E');
}

static void check_extreme(demo *d, const grid *g, const char *label, double height,
                          size_t at)
{
    const int low = height < 0;
    const char *where = low ? " 4.75 N  78.75 E" : " 8.25 S 147.25 E";
    char text[40];

    place_text(text, sizeof text, g, at);
    report_check(
        d, fabs(height - (low ? -106.991 : 85.391)) < 0.0005 && !strcmp(text, where),
        label, "%9.3f m at %s", height, text);
}

/* furrow's own reductions must find what our kernel found. */
static void check_builtin(demo *d, furrow_pool *pool, const grid *g, const finding *all)
{
    float low = 0, high = 0;
    double sum = 0, alone = 0;

    if (!report_call(d, furrow_min(pool, g->height, &low), "furrow_min") ||
        !report_call(d, furrow_max(pool, g->height, &high), "furrow_max") ||
        !report_call(d, furrow_sum(pool, g->height, &sum), "furrow_sum"))
        return;
    for (size_t i = 0; i < g->height->len; i++)
        alone += ((const float *)g->height->data)[i];
    report_check(d, low == all->low && high == all->high, "furrow_min, _max",
                 "%9.3f m, %.3f m", low, high);
    report_check(d, fabs(sum - alone) <= 1e-9 * fabs(alone), "furrow_sum",
                 "%9.3f m in the plain mean", sum / (double)g->height->len);
}

static void tell_findings(demo *d, const grid *g, const finding *all,
                          const finding *alone)
{
    check_extreme(d, g, "lowest", all->low, all->low_at);
    check_extreme(d, g, "highest", all->high, all->high_at);
    report_check(d, memcmp(all, alone, sizeof *all) == 0, "mean over the area",
                 "%9.3f m, the same bits as by one process", all->sum / all->weight);
    report_check(d, fabs(sqrt(all->square / all->weight) - 30.59) < 0.005,
                 "RMS over the area", "%9.3f m", sqrt(all->square / all->weight));
}

static void survey_grid(demo *d, furrow_pool *pool, const grid *g)
{
    const size_t chunk = ROWS_PER_CHUNK * g->cols;
    const size_t chunks = (g->height->len + chunk - 1) / chunk;
    const furrow_array_options format = {.format = FINDING_FORMAT};
    furrow_array *slots = furrow_array_new(FURROW_STRUCT, chunks, &format);

    if (!slots || slots->itemsize != sizeof(finding)) {
        report_check(d, 0, "slots", "%s", furrow_last_error()->text);
        furrow_array_free(slots);
        return;
    }
    const survey s = {slots->data, g->south, g->lat_step, g->cols};
    const furrow_call call = {.kernel = survey_chunk,
                              .types = "f>",
                              .in = {g->height},
                              .ctx = &s,
                              .ctx_size = sizeof s,
                              .chunk = chunk};
    if (report_call(d, progress_map(pool, &call, "survey"), "survey")) {
        const finding all = fold(slots->data, chunks);
        const finding alone = survey_alone(g, s, chunk, chunks);
        tell_findings(d, g, &all, &alone);
        check_builtin(d, pool, g, &all);
    }
    furrow_array_free(slots);
}

/* ---- slopes -----------------------------------------------------------------------*/

/* How many slopes differ from those that this process computes alone; its time. */
static size_t slopes_differ(const slopes *s, const furrow_array *slope, double *seconds)
{
    float *mine = malloc(slope->len * sizeof *mine);
    size_t differ = 0;

    if (!mine)
        return slope->len;
    const double start = demo_seconds();
    slope_chunk((furrow_chunk){.out = {mine}, .len = slope->len, .ctx = s});
    *seconds = demo_seconds() - start;
    for (size_t i = 0; i < slope->len; i++)
        differ += ((const float *)slope->data)[i] != mine[i];
    free(mine);
    return differ;
}

static void tell_slopes(demo *d, const grid *g, const slopes *s,
                        const furrow_array *slope, double seconds)
{
    const float *value = slope->data;
    size_t steepest = 0;
    double alone = 0;
    char text[40];
    report_number n;

    for (size_t i = 1; i < slope->len; i++)
        if (value[i] > value[steepest])
            steepest = i;
    place_text(text, sizeof text, g, steepest);
    report_line("steepest slope", "%9.3f arc-seconds at %s", value[steepest], text);
    const size_t differ = slopes_differ(s, slope, &alone);
    report_check(d, differ == 0, "all slopes",
                 "%s compared; %.1f ms, one process: %.1f ms",
                 report_count(&n, slope->len), seconds * 1e3, alone * 1e3);
}

static furrow_array *slope_grid(demo *d, furrow_pool *pool, const grid *g)
{
    const furrow_array_options shape = {.ndim = 2, .shape = {g->rows, g->cols}};
    furrow_array *slope = furrow_array_new('f', g->height->len, &shape);
    const slopes s = {g->height->data, g->south, g->lat_step,
                      g->lon_step,     g->rows,  g->cols};
    const furrow_call call = {.kernel = slope_chunk,
                              .types = ">f",
                              .out = {slope},
                              .ctx = &s,
                              .ctx_size = sizeof s};

    if (!slope && !report_call(d, furrow_last_error()->code, "shared array"))
        return NULL;
    const double start = demo_seconds();
    if (report_call(d, progress_map(pool, &call, "slopes"), "slopes"))
        tell_slopes(d, g, &s, slope, demo_seconds() - start);
    return slope;
}

/* ---- files ------------------------------------------------------------------------*/

static void save_and_read_back(demo *d, const furrow_array *a, const char *name)
{
    char path[300];

    snprintf(path, sizeof path, "%s/%s", d->out, name);
    if (!report_call(d, furrow_npy_save(a, path), name))
        return;
    furrow_array *back = furrow_npy_load(path);
    const int same = back && back->type == a->type && back->ndim == a->ndim &&
                     back->shape[0] == a->shape[0] && back->shape[1] == a->shape[1] &&
                     memcmp(back->data, a->data, a->len * a->itemsize) == 0;
    report_check(d, same, "written, read back", "%s", path);
    furrow_array_free(back);
}

static void work_on(demo *d, furrow_pool *pool, const grid *g)
{
    const furrow_call swap = {.kernel = swap_bytes, .types = ">f", .out = {g->height}};

    if (!report_call(d, furrow_map(pool, &swap), "swap bytes"))
        return;
    survey_grid(d, pool, g);
    furrow_array *slope = slope_grid(d, pool, g);
    if (slope) {
        save_and_read_back(d, g->height, "geoid.npy");
        save_and_read_back(d, slope, "slope.npy");
    }
    furrow_array_free(slope);
}

void geoid_run(demo *d)
{
    grid g = {0};

    report_step("1  A real grid: the geoid EGM96, %s", d->geoid);
    furrow_pool *pool = demo_pool_open(d);
    if (pool && read_grid(d, &g))
        work_on(d, pool, &g);
    furrow_array_free(g.height);
    demo_pool_close(d, pool, "geoid");
}
