/* SPDX-License-Identifier: MIT
 *
 * A thread scribbles over the control block of one pool: ranges, marks, go lines, what
 * members announce and leave, states, process ids, counts, the ring of submissions, trace
 * rings. Its caller maps with deadlines meanwhile, by itself and by futures.
 *
 * Each call returns, with whatever result, and soon; the array that it works on may hold
 * anything. Nothing else is touched: another pool computes as if nothing were, a bystander
 * array keeps its bytes, the heap is sound, the pool can be terminated, and no stranger is
 * killed by a process id that was written over.
 *
 * What is left out is what docs/memory-layout.md says is trusted: the job (the address of
 * a function and of arrays), the place of the marks, the locks.
 *
 * Rounds are children, so that a crash or a hang is one status. Even rounds strike once
 * and then let the pool try, odd ones go on striking.
 *
 *     scribble_pool [ROUNDS [FIRST]]
 */
#include "dice.h"
#include "verdict.h"

#include "pool.h"
#include "submit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { ROUNDS = 24, LEN = 30000, CALLS = 25, SOON = 8, ROUND_SECONDS = 60 };

/* Whose process id is written where the pool's own are: it must live on. */
static pid_t stranger;

typedef struct vandal {
    const fw_team *team;
    dice dice;
    _Atomic int stop;
} vandal;

/* ---- the scribbler ----------------------------------------------------------------------*/

static uint64_t any_word(dice *d)
{
    uint64_t noise = (uint64_t)roll(d, UINT32_MAX) << 32 | roll(d, UINT32_MAX);

    switch (roll(d, 6)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return roll(d, 8);
    case 3:
        return noise;
    default:
        return noise >> roll(d, 64);
    }
}

/* A word of the same width as the field, so that no neighbour is met. */
static void put32(volatile void *at, dice *d)
{
    *(volatile uint32_t *)at = (uint32_t)any_word(d);
}

static void put64(volatile void *at, dice *d)
{
    *(volatile uint64_t *)at = any_word(d);
}

/* Not just any number: should somebody believe it, the stranger dies of it and not the
 * machine. */
static void put_pid(volatile void *at, dice *d)
{
    *(volatile int32_t *)at = roll(d, 4) ? (int32_t)stranger : INT32_MAX;
}

static void strike_member(const fw_team *team, dice *d)
{
    fw_control *c = team->control;
    int i = (int)roll(d, (unsigned)team->place->workers);
    fw_member *m = &c->member[i];

    switch (roll(d, 10)) {
    case 0:
        put64(&m->in_gen, d);
        break;
    case 1:
        put64(fw_control_out(c, i), d);
        break;
    case 2:
        put64(&m->count[roll(d, FW_COUNTERS)], d);
        break;
    case 3:
        put32(&m->state, d);
        break;
    case 4:
        put_pid(&m->pid, d);
        break;
    case 5:
        put32(&m->status, d);
        break;
    case 6:
        put32(&m->kill, d);
        break;
    case 7:
        put32(&c->park[i], d);
        break;
    default: /* a range with the right tag is the worst */
        put64(&m->range, d);
        if (roll(d, 2))
            m->range = (any_word(d) & ~(FW_TAG_MASK << 40)) |
                       fw_range_pack(c->generation, (fw_range){0, 0});
    }
}

static void strike_go(const fw_team *team, dice *d)
{
    fw_control *c = team->control;
    fw_go *go = &c->go[roll(d, c->groups ? c->groups : 1)];

    switch (roll(d, 6)) {
    case 0:
        put64(&go->seq, d);
        break;
    case 1:
        put32(&go->chunks, d);
        break;
    case 2:
        put32(&go->grace_ns, d);
        break;
    case 3:
        put32(&go->reruns, d);
        break;
    case 4:
        put32(&go->tail_size, d);
        break;
    default:
        put64(go->tail + 8 * roll(d, FW_GO_TAIL / 8), d);
    }
}

static void strike_marks(const fw_team *team, dice *d)
{
    fw_control *c = team->control;

    if (!c->mark) /* they stay where they are: no call has more than 2048 chunks */
        return;
    if (roll(d, 2))
        put64(&c->mark[roll(d, 2048)], d);
    else
        put32(&c->list[roll(d, 2048)], d);
}

static void strike_driver(const fw_team *team, dice *d)
{
    fw_control *c = team->control;
    volatile void *const word32[] = {
        &c->opened,     &c->join,        &c->driver_sleeps,
        &c->mark_shift, &c->listed,      &c->deaths,
        &c->up,         &c->spawn_error, &c->queued,
        &c->supervise,  &c->caller_cpu,  &c->cpu_of[roll(d, 8)]};
    volatile void *const word64[] = {
        &c->generation, &c->active,     &c->error,
        &c->cancel,     &c->replaced,   &c->calls,
        &c->queue_head, &c->queue_tail, &c->queue[roll(d, FW_QUEUE_MAX)]};

    if (roll(d, 8) == 0)
        put_pid(&c->nursery_pid, d);
    else if (roll(d, 2))
        put32(word32[roll(d, sizeof word32 / sizeof *word32)], d);
    else
        put64(word64[roll(d, sizeof word64 / sizeof *word64)], d);
}

static void strike_plan(const fw_team *team, dice *d)
{
    fw_control *c = team->control;

    switch (roll(d, 4)) {
    case 0:
        c->workers = roll(d, FW_MEMBER_ROOM) & (FW_MEMBER_ROOM - 1);
        break;
    case 1:
        c->groups = (uint8_t)roll(d, 256);
        break;
    case 2:
        c->group_of[roll(d, 8)] = (uint8_t)roll(d, 256);
        break;
    default:
        c->near[roll(d, 8)] = (uint8_t)roll(d, 256);
    }
}

static void strike_trace(const fw_team *team, dice *d)
{
    const fw_tracering *ring = &team->trace[roll(d, (unsigned)team->place->workers)];

    if (roll(d, 2))
        put64(ring->head, d);
    else
        put64((uint64_t *)(void *)&ring->record[roll(d, (unsigned)ring->capacity)] +
                  roll(d, 4),
              d);
}

static void strike(vandal *v)
{
    void (*const where[])(const fw_team *, dice *) = {
        strike_member, strike_member, strike_member, strike_go,   strike_go,
        strike_marks,  strike_driver, strike_driver, strike_plan, strike_trace};

    where[roll(&v->dice, sizeof where / sizeof *where)](v->team, &v->dice);
}

static void *be_vandal(void *arg)
{
    vandal *v = arg;

    while (!v->stop) {
        for (unsigned n = 1 + roll(&v->dice, 8); n > 0; n--)
            strike(v);
        nap_us(roll(&v->dice, 2000));
    }
    return NULL;
}

/* ---- the program ------------------------------------------------------------------------*/

static int step(furrow_chunk c)
{
    uint64_t *a = c.out[0];

    for (size_t i = 0; i < c.len; i++) {
        for (volatile unsigned k = 5; k > 0; k--)
            ;
        a[i] = a[i] * 3 + 1;
    }
    return 0;
}

static furrow_pool *open_pool(int workers)
{
    furrow_pool_options options = {.workers = workers,
                                   .start = FURROW_START_FORK,
                                   .pin = FURROW_PIN_NONE,
                                   .grace = 0.02,
                                   .trace = 32};
    furrow_pool *pool = furrow_pool_open(&options);

    if (!pool)
        fail("no pool: %s", furrow_last_error()->text);
    return pool;
}

static furrow_array *array_of(uint64_t value)
{
    furrow_array *a = furrow_array_new('Q', LEN, NULL);

    if (!a)
        fail("no array: %s", furrow_last_error()->text);
    for (size_t i = 0; i < LEN; i++)
        ((uint64_t *)a->data)[i] = value;
    return a;
}

static void want_all(const furrow_array *a, uint64_t value, const char *whose)
{
    for (size_t i = 0; i < LEN; i++)
        if (((uint64_t *)a->data)[i] != value)
            fail("%s: element %zu is %llx", whose, i,
                 (unsigned long long)((uint64_t *)a->data)[i]);
}

/* A map of the pool that is struck. It has to come back, and that is all. */
static void try_call(furrow_pool *pool, furrow_array *a, dice *d, unsigned round)
{
    furrow_call call = {.kernel = step,
                        .types = ">Q",
                        .out = {a},
                        .ctx = "0123456789",
                        .ctx_size = 1 + roll(d, 9),
                        .chunk = 15 + roll(d, 3) * 700 + roll(d, 300),
                        .deadline = furrow_in(0.03)};
    double start = seconds_now();
    int rc, way = (int)roll(d, 3);
    furrow_future *f = NULL;
    size_t done, total;

    if (way == 0)
        f = furrow_map_async(pool, &call);
    rc = f ? furrow_future_wait(f, furrow_in(0.1)) : furrow_map(pool, &call);
    (void)furrow_future_progress(f, &done, &total);
    furrow_future_free(f);
    if (seconds_now() - start > SOON)
        fail("round %u: a call with a deadline took %.1f s: %d, %s", round,
             seconds_now() - start, rc, rc ? furrow_last_error()->text : "");
}

/* Another pool, in its own thread: every call succeeds, every element is right. */
typedef struct other {
    furrow_pool *pool;
    furrow_array *a;
    _Atomic int stop;
} other;

static void *be_other(void *arg)
{
    other *o = arg;
    furrow_call call = {.kernel = step, .types = ">Q", .out = {o->a}, .chunk = 1000};
    uint64_t value = 5;

    while (!o->stop) {
        if (furrow_map(o->pool, &call) < 0)
            fail("the other pool: %s", furrow_last_error()->text);
        value = value * 3 + 1;
        want_all(o->a, value, "the other pool's array");
    }
    return NULL;
}

static void use_under_fire(furrow_pool *pool, furrow_array *a, unsigned round)
{
    vandal v = {.team = pool->team, .dice = dice_of(round)};
    dice d = dice_of(round + 10000);
    pthread_t thread;

    try_call(pool, a, &d, round);
    if (round % 2 == 0) {
        for (unsigned n = 1u << roll(&d, 7); n > 0; n--)
            strike(&v);
    } else if (pthread_create(&thread, NULL, be_vandal, &v) != 0) {
        fail("no thread");
    }
    for (int i = 0; i < CALLS; i++)
        try_call(pool, a, &d, round);
    (void)furrow_pool_timeline(pool, "/dev/null");
    v.stop = 1;
    if (round % 2)
        pthread_join(thread, NULL);
}

static void start_stranger(void)
{
    stranger = fork();
    if (stranger == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    if (stranger < 0)
        fail("no stranger");
}

static void end_stranger(unsigned round)
{
    int status;

    if (waitpid(stranger, &status, WNOHANG) != 0)
        fail("round %u: a stranger was killed: status 0x%x", round, (unsigned)status);
    kill(stranger, SIGKILL);
    waitpid(stranger, &status, 0);
}

static int be_program(unsigned round)
{
    furrow_array *a = array_of(1), *bystander = array_of(0xb57a), *b = array_of(5);
    furrow_pool *pool = open_pool(1 + (int)(round % 5));
    other o = {.pool = open_pool(2), .a = b};
    pthread_t thread;
    double start;

    start_stranger();
    if (pthread_create(&thread, NULL, be_other, &o) != 0)
        fail("no thread");
    use_under_fire(pool, a, round);
    start = seconds_now();
    if (furrow_pool_terminate(pool) < 0)
        fail("terminate: %s", furrow_last_error()->text);
    if (seconds_now() - start > 2 * SOON)
        fail("round %u: terminating took %.1f s", round, seconds_now() - start);
    o.stop = 1;
    pthread_join(thread, NULL);
    end_stranger(round);
    want_all(bystander, 0xb57a, "a bystander");
    if (furrow_fsck() < 0 || furrow_pool_close(o.pool) < 0 ||
        furrow_array_free(a) < 0 || furrow_array_free(b) < 0 ||
        furrow_array_free(bystander) < 0)
        fail("round %u, afterwards: %s", round, furrow_last_error()->text);
    return 0;
}

/* ---- rounds -----------------------------------------------------------------------------*/

/* Bury whoever has ended; returns whether any descendant is left. */
static int family(pid_t program, int *status)
{
    pid_t pid;
    int s;

    while ((pid = waitpid(-1, &s, WNOHANG)) > 0)
        if (pid == program)
            *status = s;
    return pid == 0 || errno != ECHILD;
}

static void play(unsigned round)
{
    double until = seconds_now() + ROUND_SECONDS;
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(be_program(round));
    }
    while (family(pid, &status) && seconds_now() < until)
        nap_us(2000);
    if (status == -1 || family(pid, &status)) {
        kill(pid, SIGABRT);
        fail("round %u: %s after %d s", round,
             status == -1 ? "the program hangs" : "processes are left", ROUND_SECONDS);
    }
    if (status != 0)
        fail("round %u: the program ended with status 0x%x", round, (unsigned)status);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : ROUNDS;
    unsigned first = argc > 2 ? (unsigned)atoi(argv[2]) : 0;

    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        fail("no reaper");
    for (unsigned round = first; round < first + rounds; round++)
        play(round);
    printf("%u rounds\n", rounds);
    return 0;
}
