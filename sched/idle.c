/* SPDX-License-Identifier: MIT
 *
 * Idle workers: spin on the generation word, then sleep on a word of their own.
 *
 *   sleeper: park[i] = 1 ; swap opened ; look at seq again ; FUTEX_WAIT(park[i] == 1, 1 s)
 *   opener:  seq = open ; swap opened ; look at park[] ; CAS park[i] 1 -> 0 ; FUTEX_WAKE
 *
 * A Dekker pair: either the sleeper sees the generation, or the opener sees the sleeper
 * (wake.c says when it looks). Both swap the same word, for the opener's
 * store is no seqcst one, which would cost every dispatch: of two swaps one comes first, and
 * who comes second sees all that the other wrote before.
 * The opener wakes two, each of them wakes two more. Killed: a dead sleeper's 1 costs one
 * wake of nobody; a waker that dies between CAS and FUTEX_WAKE, or before it woke its two,
 * leaves sleepers for the rest of their second. The work does not wait for them: it is
 * stolen.
 *
 * How long to spin: the last gap decides. A generation that came within the budget keeps
 * it; one that came while asleep, but within `most`, raises it to 1.5 times the gap at
 * once; a spin in vain lowers it by an eighth, to no less than `least`, about what a wake
 * costs. The asymmetry is deliberate: a hot phase that begins must be caught at once. Where
 * another thread needs the CPU (the caller's, or more workers than CPUs), nobody spins.
 */
#include "idle.h"

enum { HOT_LOOKS = 64 }; /* between two looks at the clock */

void fw_idle_init(fw_idle *idle, int spare)
{
    idle->least = spare ? 60 * 1000 : 0;
    idle->most = spare ? 1000 * 1000 : 0;
    idle->budget = idle->least;
}

/* Is the generation news for worker i? */
static int news(uint64_t seq, int i, uint64_t last)
{
    if (seq == FW_SEQ_STOP)
        return 1;
    if (seq & FW_SEQ_CLOSED || fw_seq_generation(seq) == last)
        return 0;
    return fw_seq_seat(seq) != i;
}

/* acquire: go.seq <- open_generation() */
static uint64_t look(fw_control *c, int i)
{
    return fw_load_acquire(&c->go[c->group_of[i]].seq);
}

/* A hot phase: the next generation is there within a microsecond or two. No clock, for to
 * read it takes a third of a dispatch. Returns the seq, or 0. */
static uint64_t spin_hot(fw_control *c, int i, uint64_t last)
{
    for (int k = 0; k < HOT_LOOKS; k++) {
        uint64_t seq = look(c, i);

        if (news(seq, i, last))
            return seq;
        fw_pause();
    }
    return 0;
}

/* Returns the seq, or 0 when the time is over. */
static uint64_t spin(fw_control *c, int i, uint64_t last, int64_t until)
{
    uint64_t seq = 0;

    while (!seq && fw_os_now() < until)
        seq = spin_hot(c, i, last);
    return seq;
}

static void sleep_until_woken(fw_control *c, int i, uint64_t last)
{
    fw_swap_seqcst(&c->park[i], 1);
    fw_swap_seqcst(&c->opened, 1);
    if (!news(fw_load_seqcst(&c->go[c->group_of[i]].seq), i, last)) {
        fw_count(&c->member[i].count[FW_COUNT_parks]);
        (void)fw_os_futex_wait(&c->park[i], 1, fw_os_now() + 1000000000);
    }
    fw_store_seqcst(&c->park[i], 0);
}

static void learn(fw_idle *idle, int64_t gap, int slept)
{
    if (slept && gap < idle->most)
        idle->budget = gap + gap / 2 > idle->budget ? gap + gap / 2 : idle->budget;
    else if (slept)
        idle->budget -= idle->budget / 8;
    if (idle->budget < idle->least)
        idle->budget = idle->least;
    if (idle->budget > idle->most)
        idle->budget = idle->most;
}

/* The caller waits on this CPU: leave it to it. */
static int callers_cpu(fw_control *c, int i)
{
    return fw_load_relaxed(&c->caller_cpu) == fw_load_relaxed(&c->cpu_of[i]);
}

/* Spin as long as it was worth it lately, then sleep. */
static uint64_t wait_long(fw_control *c, fw_idle *idle, int i, uint64_t last)
{
    int64_t start = fw_os_now();
    uint64_t seq = spin(c, i, last, start + idle->budget);
    int slept = !seq;

    while (!seq) {
        sleep_until_woken(c, i, last);
        seq = look(c, i);
        if (!news(seq, i, last))
            seq = 0;
    }
    learn(idle, fw_os_now() - start, slept);
    if (slept && seq != FW_SEQ_STOP) {
        int n = fw_idle_wake(c, i + 1, 2, fw_seq_seat(seq));

        while (n-- > 0)
            fw_count(&c->member[i].count[FW_COUNT_wakes]);
    }
    return seq;
}

uint64_t fw_idle_wait(fw_control *c, fw_idle *idle, int i, uint64_t last)
{
    uint64_t seq;

    if (callers_cpu(c, i)) { /* it needs the CPU now, and wakes us cheaply */
        fw_idle nothing = {0};

        return wait_long(c, &nothing, i, last);
    }
    seq = idle->most > 0 ? spin_hot(c, i, last) : 0;
    return seq ? seq : wait_long(c, idle, i, last);
}

int fw_idle_wake(fw_control *c, int from, int n, int seat)
{
    int woken = 0;

    for (int k = 0, i = from; k < c->workers && woken < n; k++, i++) {
        uint32_t asleep = 1;

        i = i < c->workers ? i : 0;
        if (i == seat || !fw_load_seqcst(&c->park[i]) ||
            !fw_cas_seqcst(&c->park[i], &asleep, 0))
            continue;
        fw_os_futex_wake(&c->park[i], 1);
        woken++;
    }
    return woken;
}
