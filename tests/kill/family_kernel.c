/* SPDX-License-Identifier: MIT
 *
 * The kernel of a family's calls (see family.h): it transforms and counts, and plays the
 * part that the script has for its worker.
 */
#include "family.h"
#include "kin.h"

#include <signal.h>
#include <unistd.h>

enum {
    HOLD_MS = 5000, /* who holds, when nobody relieves him */
    UNTIL_MS = 300, /* the victim, for what does not come */
    MEET_MS = 3000
};

__attribute__((noinline)) void family_kernel_begins(void)
{
    __asm__ volatile("");
}

__attribute__((noinline)) void family_kernel_ends(void)
{
    __asm__ volatile("");
}

static int out_of(fw_control *c, int but)
{
    uint64_t g = fw_load_seqcst(&c->active);

    for (int i = 0; i < c->workers; i++)
        if (i != but &&
            (fw_control_inside(c, i, g) || fw_load_seqcst(fw_control_out(c, i)) != g))
            return 0;
    return 1;
}

static int others_hold(const play *p, int but)
{
    const script *q = family_script(family_stage);

    for (int i = 0; i < family_workers(family_stage); i++)
        if (i != but && i != q->absent - 1 && !p->begun[i])
            return 0;
    return 1;
}

static int has_come(const play *p, family_until what, int victim)
{
    fw_control *c = p->control;

    switch (what) {
    case UNTIL_OTHERS_HOLD:
        return others_hold(p, victim);
    case UNTIL_OTHERS_LEFT:
        return out_of(c, victim);
    case UNTIL_DRIVER_SLEEPS:
        return out_of(c, victim) && fw_load_seqcst(&c->driver_sleeps);
    case UNTIL_DRIVER_AWAITS:
        return fw_load_seqcst(&c->driver_sleeps) != 0;
    case UNTIL_DEATH_KNOWN:
        return fw_load_seqcst(&c->deaths) > 0;
    default:
        return 1;
    }
}

static void wait_until(play *p, family_until what, int victim)
{
    int64_t until = kin_now() + UNTIL_MS * INT64_C(1000000);

    while (!has_come(p, what, victim) && !family_stage->done && kin_now() < until)
        usleep(50);
}

/* Nobody waits for those who are dead. */
static int is_over(const play *p, family_hold what)
{
    switch (what) {
    case HOLD_TO_RELIEF:
        return family_stage->relief;
    case HOLD_TO_ARRIVAL:
        return family_stage->arrived;
    case HOLD_TO_STOP:
        return family_stage->relief || family_stage->stopped;
    case HOLD_TO_MEET:
        return p->met >= family_workers(family_stage) || family_stage->done;
    case HOLD_TO_SLEEP:
        return fw_load_seqcst(&p->control->driver_sleeps) != 0;
    case HOLD_TO_TURN:
        return fw_load_seqcst(&p->control->driver) == 2;
    default:
        return 1;
    }
}

static void hold(const play *p, family_hold what)
{
    int64_t until = kin_now() + HOLD_MS * INT64_C(1000000);

    while (!is_over(p, what) && kin_now() < until)
        usleep(100);
}

static void meet(play *p)
{
    int64_t until = kin_now() + MEET_MS * INT64_C(1000000);

    while (p->met < family_workers(family_stage) && kin_now() < until)
        usleep(50);
    if (p->met < family_workers(family_stage))
        p->wrong = 2;
}

/* In its first chunk of a call. */
static void act_first(play *p, int worker)
{
    const script *q = family_script(family_stage);
    int next = q->go == GO_IN_NEXT;

    p->met++;
    if (p->part == CALL_MEETING)
        meet(p);
    if (p->part == CALL_TESTED && q->dier == worker + 1 && !p->shot) {
        p->shot = 1;
        hold(p, q->go == GO_AT_RERUN ? HOLD_NOT : HOLD_TO_MEET);
        p->begun[worker] = 0; /* its successor's part is another one */
        raise(SIGKILL);
    }
    if (worker == q->victim || p->part != (next ? CALL_NEXT : CALL_TESTED))
        return;
    if (next || q->go == GO_IN_CALL)
        family_stage->proceed = 1;
    hold(p, q->hold);
}

static void act_last(play *p, const furrow_chunk *c)
{
    const script *q = family_script(family_stage);

    if (p->part == CALL_TESTED && c->worker == q->victim &&
        p->begun[c->worker] == (uint32_t)q->end)
        wait_until(p, q->until, q->victim);
}

int family_kernel(furrow_chunk c)
{
    play *p = family_play(family_stage);
    uint64_t *a = c.out[0];

    family_kernel_begins();
    p->entered[c.index]++;
    if (*(const uint32_t *)c.ctx != p->call || p->part == CALL_NONE)
        p->wrong = 1;
    if (++p->begun[c.worker] == 1)
        act_first(p, c.worker);
    for (size_t i = 0; i < c.len; i++)
        a[i] = a[i] * 3 + 1;
    p->left[c.index]++;
    act_last(p, &c);
    family_kernel_ends();
    return 0;
}

/* Another thread's: slow enough for somebody to come meanwhile. */
int family_kernel_nothing(furrow_chunk c)
{
    (void)c;
    usleep(1000);
    return 0;
}
