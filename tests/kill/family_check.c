/* SPDX-License-Identifier: MIT
 *
 * What is promised of a family's calls (see family.h).
 */
#include "family.h"
#include "ground.h"
#include "heap.h"
#include "kin.h"
#include "submit.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETTLE_MS = 5000, GONE_MS = 1000, SLOW = 4 };

typedef struct before {
    uint64_t item[FAMILY_ITEMS];
    size_t chunk;
} before;

/* ---- one call ---------------------------------------------------------------------*/

static uint32_t chunks_of(const scene *s, int part)
{
    const script *q = family_script(s);
    uint32_t workers = (uint32_t)family_workers(s);

    if (part == CALL_PLAIN)
        return 2 * workers;
    if (part == CALL_MEETING && (q->other_job || q->chunks < workers))
        return workers == q->chunks ? 2 * workers : workers;
    return q->chunks;
}

static int attend(furrow_pool *pool, const furrow_call *call)
{
    furrow_future *f = furrow_map_async(pool, call);
    int rc = f ? furrow_future_wait(f, furrow_in(8)) : furrow_last_error()->code;

    furrow_future_free(f);
    return rc;
}

static int is_whole(const play *p, const before *b, size_t chunk)
{
    const uint64_t *a = p->array->data;

    for (size_t i = chunk * b->chunk; i < (chunk + 1) * b->chunk; i++)
        if (a[i] != b->item[i] * 3 + 1)
            return 0;
    return p->entered[chunk] == 1 && p->left[chunk] == 1;
}

/* Begun at most once, and each element old or new. */
static int is_torn(const play *p, const before *b, size_t chunk)
{
    const uint64_t *a = p->array->data;

    for (size_t i = chunk * b->chunk; i < (chunk + 1) * b->chunk; i++)
        if (a[i] != b->item[i] && a[i] != b->item[i] * 3 + 1)
            return 0;
    return p->entered[chunk] <= 1 && p->left[chunk] <= p->entered[chunk];
}

static int check_range(scene *s, const before *b, const furrow_torn *t)
{
    const script *q = family_script(s);

    row_want(s, t->begin % b->chunk == 0 && t->end == t->begin + b->chunk);
    row_want(s, t->end <= FAMILY_ITEMS && t->signal == SIGKILL);
    row_want(s, t->worker == q->victim || t->worker == q->dier - 1 || q->deadline_ms);
    row_want(s, t->pid > 0 && t->pid == family_play(s)->worker[t->worker]);
    row_want(s, is_torn(family_play(s), b, t->begin / b->chunk));
    return 0;
}

/* Every chunk once, or in a range. After a deadline some are not begun. */
static int check_chunks(scene *s, const before *b, const furrow_torn *torn, size_t n,
                        int cut)
{
    const play *p = family_play(s);
    size_t k = 0;

    for (size_t i = 0; i < n; i++)
        if (check_range(s, b, &torn[i]) != 0)
            return 1;
    for (size_t chunk = 0; chunk < FAMILY_ITEMS / b->chunk; chunk++)
        if (k < n && torn[k].begin == chunk * b->chunk)
            k++;
        else if (!is_whole(p, b, chunk))
            row_want(s, cut && p->entered[chunk] == 0 && is_torn(p, b, chunk));
    row_want(s, k == n); /* ascending, none twice */
    return 0;
}

static int check_call(scene *s, const before *b, family_result *r)
{
    const script *q = family_script(s);
    const furrow_torn *torn = NULL;
    int late = r->code == FURROW_ETIME;

    r->torn = r->code == FURROW_EDIED || late ? furrow_error_ranges(&torn) : 0;
    r->lost = r->code == FURROW_ECLOSED || (r->code == FURROW_EDIED && !r->torn);
    row_want(s, family_play(s)->wrong == 0);
    if (r->lost) {
        row_want(s, kin_state(family_play(s)->nursery) != 'S');
        return 0;
    }
    row_want(s, r->code == 0 || r->code == FURROW_EDIED || (late && q->deadline_ms));
    row_want(s, r->torn <= 1 + (q->dier > 0) || q->deadline_ms);
    return check_chunks(s, b, torn, r->torn, late);
}

/* Breakpoints are set on it. Weak: else it is inlined or cloned. */
__attribute__((weak)) int family_map(furrow_pool *pool, const furrow_call *call)
{
    return furrow_map(pool, call);
}

int family_call(scene *s, furrow_pool *pool, int part, family_result *r)
{
    const script *q = family_script(s);
    play *p = family_play(s);
    uint32_t number = ++p->call;
    furrow_call call = {.kernel = family_kernel,
                        .types = ">Q",
                        .out = {p->array},
                        .ctx = &number,
                        .ctx_size = sizeof number,
                        .flags = q->flags,
                        .chunk = FAMILY_ITEMS / chunks_of(s, part)};
    before b = {.chunk = call.chunk};

    memcpy(b.item, p->array->data, sizeof b.item);
    memset((void *)p->begun, 0, sizeof p->begun);
    memset((void *)p->entered, 0, sizeof p->entered);
    memset((void *)p->left, 0, sizeof p->left);
    p->met = 0;
    p->part = part;
    if (part == CALL_MEETING)
        call.flags = 0;
    if (part == CALL_TESTED && q->deadline_ms && s->stops)
        call.deadline = furrow_in(q->deadline_ms * 1e-3);
    r->code = part != CALL_TESTED ? furrow_map(pool, &call)
              : q->async          ? attend(pool, &call)
                                  : family_map(pool, &call);
    p->part = CALL_NONE;
    return check_call(s, &b, r);
}

/* ---- after it ---------------------------------------------------------------------*/

static int64_t in_ms(int ms)
{
    return kin_now() + ms * INT64_C(1000000);
}

/* Each death is known, and each of the dead has a successor. */
static int is_replaced(scene *s, const furrow_pool *pool)
{
    play *p = family_play(s);
    uint32_t deaths = (uint32_t)(s->deaths + p->shot);
    furrow_pool_stats stats;

    if (furrow_pool_stat((furrow_pool *)(uintptr_t)pool, &stats) != 0)
        return 0;
    if (!family_script(s)->deadline_ms && stats.deaths != deaths)
        return 0;
    if (stats.replaced != stats.deaths)
        return 0;
    for (int i = 0; i < furrow_pool_workers(pool); i++)
        if (furrow_pool_worker_pid(pool, i) <= 0)
            return 0;
    return 1;
}

int family_go_on(scene *s, furrow_pool *pool)
{
    static const int parts[] = {CALL_PLAIN, CALL_MEETING, CALL_PLAIN};
    int64_t until = in_ms(SETTLE_MS);
    family_result r;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        while (parts[i] == CALL_MEETING && !is_replaced(s, pool) && kin_now() < until)
            usleep(200);
        if (parts[i] == CALL_MEETING)
            row_want(s, is_replaced(s, pool));
        if (family_call(s, pool, parts[i], &r) != 0)
            return 1;
        row_want(s, r.code == 0);
    }
    row_want(s, furrow_pool_close(pool) == 0);
    return 0;
}

static int is_dead(pid_t pid)
{
    char state = kin_state(pid);

    return state == 0 || state == 'Z' || state == 'X';
}

int family_lose_nursery(scene *s, furrow_pool *pool)
{
    int64_t until = in_ms(SETTLE_MS);
    fw_control *c = family_play(s)->control;
    family_result r;

    if (family_call(s, pool, CALL_PLAIN, &r) != 0)
        return 1;
    row_want(s, r.code == FURROW_EDIED && r.lost);
    for (int i = 0; i < c->workers; i++) {
        pid_t pid = fw_load_seqcst(&c->member[i].pid);

        while (pid && !is_dead(pid) && kin_now() < until)
            usleep(200);
        row_want(s, !pid || is_dead(pid));
    }
    row_want(s, furrow_pool_close(pool) == 0);
    return 0;
}

/* ---- who is left ------------------------------------------------------------------*/

/* Does it live, in our group, and is it neither we nor the world? */
static int is_left(pid_t pid)
{
    return pid != getpid() && pid != getppid() && getpgid(pid) == getpgrp() &&
           !is_dead(pid);
}

static int count_left(void)
{
    DIR *proc = opendir("/proc");
    const struct dirent *e;
    int left = 0;

    while (proc && (e = readdir(proc)))
        if (isdigit((unsigned char)e->d_name[0]))
            left += is_left((pid_t)atoi(e->d_name));
    if (proc)
        closedir(proc);
    return left;
}

/* In a second, and more where others keep the machine busy. */
static int all_gone(scene *s)
{
    int64_t until = in_ms(GONE_MS * SLOW);

    while (count_left() > 0 && kin_now() < until)
        usleep(500);
    row_want(s, count_left() == 0);
    return 0;
}

/* A guard sees to that, or the nursery. */
static int is_nameless(const scene *s)
{
    const char *name = family_play((scene *)(uintptr_t)s)->name;
    int64_t until = in_ms(GONE_MS * SLOW);
    furrow_array *a;

    while ((a = furrow_array_attach(name)) && kin_now() < until) {
        furrow_array_free(a);
        usleep(500);
    }
    return !a && furrow_last_error()->code == FURROW_EOS;
}

int family_survive(scene *s)
{
    return all_gone(s) || ground_bury(s, 1);
}

/* What it had just taken from the line, or was freeing, may stay: row.expect blocks. */
int family_survive_driver(scene *s)
{
    return all_gone(s) || ground_bury(s, 0);
}

int family_survive_opener(scene *s)
{
    if (all_gone(s) != 0)
        return 1;
    row_want(s, is_nameless(s));
    row_want(s, furrow_fsck() == 0);
    fw_heap_sweep();
    row_want(s, furrow_fsck() == 0);
    return ground_use(s);
}

/* ---- beside a stopped worker ------------------------------------------------------*/

static int is_up(scene *s)
{
    const script *q = family_script(s);
    fw_member *m = &family_play(s)->control->member[q->victim];

    return fw_load_seqcst(&m->state) == FW_MEMBER_UP &&
           fw_load_seqcst(&m->pid) == s->victim;
}

int family_visit(scene *s)
{
    row_want(s, is_up(s));
    usleep(2500);
    row_want(s, is_up(s) && kin_state(s->victim) != 0 && kin_state(s->victim) != 'Z');
    return 0;
}

int family_visit_next(scene *s)
{
    play *p = family_play(s);
    int64_t until = in_ms(20);

    while (!p->over && kin_now() < until)
        usleep(100);
    row_want(s, is_up(s));
    return 0;
}

int family_visit_late(scene *s)
{
    (void)s;
    usleep(80000);
    return 0;
}
