/* SPDX-License-Identifier: MIT
 *
 * A family (see family.h).
 */
#include "family.h"

#include "ground.h"
#include "kin.h"
#include "pool.h"
#include "watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { SETTLE_MS = 3000 };

scene *family_stage;

play *family_play(scene *s)
{
    union {
        char *bytes;
        play *play;
    } at = {.bytes = s->object};

    return at.play;
}
_Static_assert(sizeof(play) <= SCENE_OBJECT, "it lies in the scene");

const script *family_script(const scene *s)
{
    return s->row->script;
}

int family_workers(const scene *s)
{
    return family_script(s)->workers ? family_script(s)->workers : 3;
}

/* ---- the beginning ----------------------------------------------------------------*/

int family_lay(scene *s)
{
    play *p = family_play(s);
    furrow_array *a;
    uint64_t *x;

    family_stage = s;
    if (ground_lay(s) != 0)
        return 1;
    a = furrow_array_new('Q', FAMILY_ITEMS, NULL);
    row_want(s, a != NULL);
    p->array = a;
    x = a->data;
    for (uint64_t i = 0; i < FAMILY_ITEMS; i++)
        x[i] = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    return ground_count(s);
}

int family_watch(scene *s)
{
    play *p = family_play(s);
    fw_control *c = p->control;

    if (!c)
        return 0;
    watch_add(c->go, c->groups * sizeof *c->go);
    watch_add(c->park, c->workers * sizeof *c->park);
    watch_add(&c->driver, (size_t)((char *)c->queue - (char *)&c->driver));
    watch_add(c->member, c->workers * sizeof *c->member);
    if (c->mark)
        watch_add(c->mark, 2048 * sizeof *c->mark);
    return 0;
}

static int all_asleep(fw_control *c)
{
    for (int i = 0; i < c->workers; i++)
        if (!fw_load_seqcst(&c->park[i]))
            return 0;
    return 1;
}

static void let_sleep(fw_control *c)
{
    int64_t until = kin_now() + SETTLE_MS * INT64_C(1000000);

    while (!all_asleep(c) && kin_now() < until)
        usleep(50);
}

furrow_pool *family_open(scene *s)
{
    const script *q = family_script(s);
    furrow_pool_options o = {.workers = family_workers(s),
                             .pin = q->pinned ? FURROW_PIN_CORE : FURROW_PIN_NONE,
                             .grace = q->deadline_ms ? 0.002 : 0};

    return furrow_pool_open(&o);
}

int family_begin(scene *s, furrow_pool *pool)
{
    family_result r;
    play *p = family_play(s);

    row_want(s, pool != NULL);
    p->control = pool->team->control;
    p->nursery = (int)fw_load_seqcst(&p->control->nursery_pid);
    if (family_call(s, pool, CALL_MEETING, &r) != 0)
        return 1;
    if (r.lost)
        return 0;
    row_want(s, r.code == 0);
    for (int i = 0; i < family_workers(s); i++)
        p->worker[i] = (int)furrow_pool_worker_pid(pool, i);
    let_sleep(p->control);
    return 0;
}

/* ---- the plays --------------------------------------------------------------------*/

/* Lets the victim go when the next call has come to its second generation. */
static int prompt(void *arg)
{
    play *p = family_play(arg);

    while (fw_load_seqcst(&p->control->active) < p->rerun && !family_stage->done)
        usleep(50);
    family_stage->proceed = 1;
    return 0;
}

static void start_prompter(scene *s)
{
    play *p = family_play(s);

    p->rerun = fw_load_seqcst(&p->control->generation) + 2;
    (void)kin_start(prompt, s);
}

int family_play_calls(scene *s, furrow_pool *pool)
{
    const script *q = family_script(s);
    play *p = family_play(s);
    family_result r = {0};

    if (q->lead && family_call(s, pool, CALL_MEETING, &r) != 0)
        return 1;
    if (q->patient)
        row_want(s, row_wait(&s->relief));
    if (q->absent)
        kill(p->worker[q->absent - 1], SIGSTOP);
    if (q->go == GO_AT_RERUN)
        start_prompter(s);
    if (family_call(s, pool, CALL_TESTED, &r) != 0)
        return 1;
    if (q->absent)
        kill(p->worker[q->absent - 1], SIGCONT);
    if (q->go == GO_AFTER_CALL)
        s->proceed = 1;
    if (q->calls == 2 && !r.lost && family_call(s, pool, CALL_NEXT, &r) != 0)
        return 1;
    p->over = 1;
    return 0;
}

/* The world may come, and take him. */
static int meet_world(scene *s, pid_t victim)
{
    s->victim = victim;
    s->ready = 1;
    row_want(s, row_wait(&s->go));
    s->proceed = family_script(s)->go == GO_AT_ONCE;
    return 0;
}

static void kill_one(scene *s)
{
    play *p = family_play(s);
    int one = family_script(s)->killed;

    if (!one)
        return;
    p->shot = 1;
    kill(p->worker[one - 1], SIGKILL);
}

int family_act_worker(scene *s)
{
    furrow_pool *pool = family_open(s);

    if (family_begin(s, pool) != 0 ||
        meet_world(s, family_play(s)->worker[family_script(s)->victim]) != 0 ||
        family_play_calls(s, pool) != 0)
        return 1;
    row_want(s, row_wait(&s->done));
    return family_go_on(s, pool);
}

int family_act_nursery(scene *s)
{
    furrow_pool *pool = family_open(s);

    if (family_begin(s, pool) != 0 || meet_world(s, family_play(s)->nursery) != 0)
        return 1;
    kill_one(s);
    if (family_play_calls(s, pool) != 0)
        return 1;
    row_want(s, row_wait(&s->done));
    return s->deaths ? family_lose_nursery(s, pool) : family_go_on(s, pool);
}

int family_act_successor(scene *s)
{
    furrow_pool *pool = family_open(s);

    if (family_begin(s, pool) != 0 || meet_world(s, family_play(s)->nursery) != 0)
        return 1;
    kill_one(s);
    row_want(s, row_wait(&s->done));
    return family_go_on(s, pool);
}

/* Without its nursery a pool does not open, or says in its first call that it is lost. */
int family_act_newborn(scene *s)
{
    furrow_pool *pool;

    if (meet_world(s, getpid()) != 0)
        return 1;
    pool = family_open(s);
    row_want(s, pool || furrow_last_error()->code == FURROW_EDIED);
    row_want(s, pool || s->row->how->forks == 2); /* a worker can be replaced */
    if (pool && family_begin(s, pool) != 0)
        return 1;
    row_want(s, row_wait(&s->done));
    if (!pool)
        return 0;
    return s->deaths && s->row->how->forks == 2 ? family_lose_nursery(s, pool)
                                                : family_go_on(s, pool);
}

/* ---- the opener is the victim -----------------------------------------------------*/

static void let_begin(fw_control *c)
{
    while (!fw_load_seqcst(&c->active))
        usleep(50);
}

/* Another thread's call, behind that under test or before it. */
static void *call_too(void *pool)
{
    furrow_call call = {.kernel = family_kernel_nothing, .len = 6, .chunk = 1};
    fw_control *c = family_play(family_stage)->control;

    if (family_script(family_stage)->thread == 1)
        let_begin(c);
    (void)furrow_map(pool, &call);
    return NULL;
}

static int name_array(scene *s, furrow_array **named)
{
    play *p = family_play(s);

    snprintf(p->name, sizeof p->name, "/furrow-kill-%d", (int)getpid());
    *named = furrow_array_new('Q', 100, &(furrow_array_options){.name = p->name});
    row_want(s, *named != NULL);
    return 0;
}

static int call_as_opener(scene *s, furrow_pool *pool)
{
    int thread = family_script(s)->thread, rc;
    pthread_t other;

    if (family_begin(s, pool) != 0)
        return 1;
    if (thread)
        row_want(s, pthread_create(&other, NULL, call_too, pool) == 0);
    if (thread == 2)
        let_begin(pool->team->control);
    rc = family_play_calls(s, pool);
    if (thread)
        pthread_join(other, NULL);
    return rc;
}

static int open_and_end(scene *s, int (*end)(furrow_pool *pool))
{
    furrow_array *named;
    furrow_pool *pool;

    if (name_array(s, &named) != 0 || meet_world(s, getpid()) != 0)
        return 1;
    pool = family_open(s);
    if (call_as_opener(s, pool) != 0)
        return 1;
    row_want(s, end(pool) == 0);
    furrow_array_free(named);
    return 0;
}

int family_act_opener(scene *s)
{
    return open_and_end(s, furrow_pool_close);
}

int family_act_terminator(scene *s)
{
    return open_and_end(s, furrow_pool_terminate);
}
