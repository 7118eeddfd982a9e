/* SPDX-License-Identifier: MIT
 *
 * Callers: threads that run a[i] = 3 a[i] + 1 in place, and count.
 *
 * After every call each element outside the reported ranges was transformed exactly once:
 * e, 3e + 1 and 9e + 4 differ for every 64-bit e. Inside a reported range each element was
 * transformed once or not at all. A reported range is one chunk, torn by SIGKILL of a
 * process that the storm shot at. A call with a deadline may leave out whole chunks.
 */
#include "soak.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIELDS = 3, SYNC = 0, CALLER, ASYNC, UNATTENDED, DEADLINE, WAYS };

static const size_t lengths[FIELDS] = {4099, 140009, 16384};
static const char *const way_name[WAYS] = {"a map", "a map that it takes part in",
                                           "a future", "futures left alone",
                                           "a map with a deadline"};

/* An array, and what its elements are to be. */
typedef struct field {
    furrow_array *array;
    uint64_t *expected;
    size_t chunk; /* of the call that is running */
} field;

typedef struct pace {
    unsigned spin;     /* per element */
    unsigned allocate; /* each chunk uses an array of its own */
} pace;

typedef struct caller {
    field field[FIELDS];
    dice dice;
    doing *doing;
} caller;

static caller callers[CALLERS];

/* ---- what the workers do --------------------------------------------------------------*/

/* An array of the worker's own: a slot and a few pages, now and then a large block. */
static int use_heap(size_t index)
{
    size_t len = index % 16 == 5 ? 600000 : 1 + index * 37 % 3000;
    furrow_array *a = furrow_array_new('H', len, NULL);
    uint16_t *data, mark = (uint16_t)(index + 1);
    int kept;

    if (!a)
        return 1;
    data = a->data;
    if (data[0] || data[len - 1])
        return 2; /* not zeros */
    data[0] = data[len - 1] = mark;
    for (volatile unsigned k = 2000; k > 0; k--)
        ;
    kept = data[0] == mark && data[len - 1] == mark;
    if (furrow_array_free(a) < 0)
        return 3;
    return kept ? 0 : 4; /* somebody else has the same memory */
}

static int step(furrow_chunk c)
{
    const pace *p = c.ctx;
    uint64_t *a = c.out[0];
    int rc = p->allocate ? use_heap(c.index) : 0;

    for (size_t i = 0; i < c.len && rc == 0; i++) {
        for (volatile unsigned k = p->spin; k > 0; k--)
            ;
        a[i] = a[i] * 3 + 1;
    }
    return rc;
}

/* ---- what came of a call ----------------------------------------------------------------*/

static void lost(const field *f, size_t i, const char *way)
{
    const uint64_t *a = f->array->data;

    world.lost++;
    doom("LOST: %s: element %zu of %zu was transformed %s", way, i, f->array->len,
         a[i] == f->expected[i]                     ? "not at all"
         : a[i] == (f->expected[i] * 3 + 1) * 3 + 1 ? "twice"
                                                    : "wrongly");
}

static void check_once(const field *f, size_t from, size_t to, const char *way)
{
    const uint64_t *a = f->array->data;

    for (size_t i = from; i < to; i++)
        if (a[i] != f->expected[i] * 3 + 1)
            lost(f, i, way);
}

/* Past a deadline each chunk was run as a whole or not at all. */
static void check_chunks(const field *f, size_t from, size_t to, const char *way)
{
    const uint64_t *a = f->array->data;

    for (size_t at = from, end; at < to; at = end) {
        end = (at / f->chunk + 1) * f->chunk;
        end = end < to ? end : to;
        if (a[at] != f->expected[at])
            check_once(f, at, end, way);
        for (size_t i = at; i < end && a[at] == f->expected[at]; i++)
            if (a[i] != f->expected[i])
                lost(f, i, way);
    }
}

static void check_torn(const field *f, const furrow_torn *t, int late, const char *way)
{
    size_t end =
        t->begin + f->chunk < f->array->len ? t->begin + f->chunk : f->array->len;
    const uint64_t *a = f->array->data;

    if (t->begin % f->chunk || t->begin >= f->array->len || t->end != end)
        doom("%s: [%zu, %zu) is no chunk of %zu elements", way, t->begin, t->end,
             f->chunk);
    if (t->signal != SIGKILL || t->exit_code || (!late && !storm_knows(t->pid)))
        doom("%s: process %ld, torn by signal %d, exit %d, was never shot at", way,
             t->pid, t->signal, t->exit_code);
    for (size_t i = t->begin; i < t->end; i++)
        if (a[i] != f->expected[i] && a[i] != f->expected[i] * 3 + 1)
            lost(f, i, way);
}

static void check_call(field *f, int rc, int way)
{
    int late = way == DEADLINE && rc == FURROW_ETIME;
    const furrow_torn *torn = NULL;
    size_t n = rc ? furrow_error_ranges(&torn) : 0, at = 0;
    void (*check)(const field *, size_t, size_t, const char *) =
        late ? check_chunks : check_once;

    if (rc && !late && (rc != FURROW_EDIED || n == 0))
        doom("%s: result %d with %zu ranges: %s", way_name[way], rc, n,
             furrow_last_error()->text);
    for (size_t k = 0; k < n; k++) {
        if (torn[k].begin < at)
            doom("%s: range %zu begins before the end of the one before", way_name[way],
                 k);
        check(f, at, torn[k].begin, way_name[way]);
        check_torn(f, &torn[k], late, way_name[way]);
        at = torn[k].end;
    }
    check(f, at, f->array->len, way_name[way]);
    memcpy(f->expected, f->array->data, f->array->len * sizeof(uint64_t));
    world.calls++;
    world.late += (unsigned)late;
    world.torn_calls += n > 0;
    world.torn_ranges += n;
}

/* ---- calls ----------------------------------------------------------------------------*/

static furrow_call call_on(field *f, const pace *p, dice *d)
{
    f->chunk = f->array->len / 300 + 1 + roll(d, (unsigned)(f->array->len / 6));
    return (furrow_call){.kernel = step,
                         .types = ">Q",
                         .out = {f->array},
                         .ctx = p,
                         .ctx_size = sizeof *p,
                         .chunk = f->chunk};
}

static int wait_for(furrow_future *f, int way)
{
    double until = seconds_now() + PATIENCE;

    while (way == UNATTENDED && !furrow_future_ready(f) && seconds_now() < until)
        nap_us(300);
    return furrow_future_wait(f, furrow_in(way == UNATTENDED ? 0 : PATIENCE));
}

/* One on each field, all on their way at once. */
static void call_async(caller *c, furrow_pool *pool, const pace *p, int way)
{
    furrow_future *future[FIELDS];
    furrow_call call;

    for (int i = 0; i < FIELDS; i++) {
        call = call_on(&c->field[i], p, &c->dice);
        future[i] = furrow_map_async(pool, &call);
        if (!future[i])
            doom("no future: %s", furrow_last_error()->text);
    }
    for (int i = 0; i < FIELDS; i++) {
        int rc = wait_for(future[i], way);

        check_call(&c->field[i], rc, way);
        furrow_future_free(future[i]);
    }
}

static void call_sync(caller *c, furrow_pool *pool, const pace *p, int way)
{
    field *f = &c->field[roll(&c->dice, FIELDS)];
    furrow_call call = call_on(f, p, &c->dice);

    if (way == CALLER)
        call.flags = FURROW_CALLER_RUNS;
    if (way == DEADLINE)
        call.deadline = furrow_in(1e-3 * roll(&c->dice, 40));
    check_call(f, furrow_map(pool, &call), way);
}

static void one_call(caller *c, int pool)
{
    int way = (int)roll(&c->dice, WAYS);
    pace p = {.spin = roll(&c->dice, 3) ? roll(&c->dice, 40) : 0,
              .allocate = roll(&c->dice, 3) == 0};
    int64_t start = ms_now(), took;

    begin_doing(c->doing, way_name[way], pool);
    if (way == ASYNC || way == UNATTENDED)
        call_async(c, world.pool[pool], &p, way);
    else
        call_sync(c, world.pool[pool], &p, way);
    end_doing(c->doing);
    took = ms_now() - start;
    if (took > world.longest)
        world.longest = took;
    if (roll(&c->dice, 4) == 0)
        nap_us(roll(&c->dice, 3000));
}

void *caller_run(void *number)
{
    int i = (int)(intptr_t)number;
    caller *c = &callers[i];

    while (!world.round_over)
        one_call(c, i == 3 ? (int)roll(&c->dice, POOLS) : i == 2);
    return NULL;
}

/* ---- their arrays -----------------------------------------------------------------------*/

/* One of each caller's is a file in /dev/shm, which new workers map again; one is a large
 * block, whose memory is taken under fire. */
static field field_new(int number, int k)
{
    char name[64];
    furrow_array_options named = {.name = name};
    field f = {.expected = calloc(lengths[k], sizeof(uint64_t))};

    snprintf(name, sizeof name, "/furrow-soak-%ld-%d", (long)getppid(), number);
    f.array = furrow_array_new('Q', lengths[k], k == FIELDS - 1 ? &named : NULL);
    if (!f.array || !f.expected)
        doom("no array: %s", furrow_last_error()->text);
    for (size_t i = 0; i < lengths[k]; i++)
        ((uint64_t *)f.array->data)[i] = f.expected[i] =
            i * UINT64_C(0x9E3779B97F4A7C15);
    return f;
}

void callers_init(uint64_t round)
{
    for (int i = 0; i < CALLERS; i++) {
        callers[i].dice = dice_of(round * CALLERS + (uint64_t)i + 100);
        callers[i].doing = &world.doing[i];
        for (int k = 0; k < FIELDS; k++)
            callers[i].field[k] = field_new(i, k);
    }
}

void callers_fini(void)
{
    for (int i = 0; i < CALLERS; i++)
        for (int k = 0; k < FIELDS; k++) {
            if (furrow_array_free(callers[i].field[k].array) < 0)
                doom("an array: %s", furrow_last_error()->text);
            free(callers[i].field[k].expected);
        }
}

void callers_check_quiet(void)
{
    static const pace none;

    for (int i = 0; i < POOLS; i++) {
        field *f = &callers[i].field[1];
        furrow_call call = call_on(f, &none, &callers[i].dice);
        int rc = furrow_map(world.pool[i], &call);

        if (rc < 0)
            doom("a call after the storm: %s", furrow_last_error()->text);
        check_call(f, rc, SYNC);
    }
}
