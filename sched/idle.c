/* SPDX-License-Identifier: MIT
 *
 * Idle workers: spin on the generation word, then sleep on a word of their own.
 *
 *   sleeper: park[i] = 1 (seqcst) ; look at seq again ; FUTEX_WAIT(park[i] == 1, 1 s)
 *   opener:  seq = open (seqcst)  ; look at park[]    ; CAS park[i] 1 -> 0 ; FUTEX_WAKE
 *
 * A Dekker pair: either the sleeper sees the generation, or the opener sees the sleeper.
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

enum { LOOKS = 64 }; /* looks between two looks at the clock */

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
    if (seq & FW_SEQ_IS_CLOSED || fw_seq_generation(seq) == last)
        return 0;
    return i != 0 || !(seq & FW_SEQ_CALLER_RUNS);
}

/* acquire: go.seq <- dispatch open() */
static uint64_t look(fw_control *c, int i)
{
    return fw_load_acquire(&c->go[c->group_of[i]].seq);
}

/* Returns the seq, or 0 when the time is over. */
static uint64_t spin(fw_control *c, int i, uint64_t last, int64_t until)
{
    do {
        for (int k = 0; k < LOOKS; k++) {
            uint64_t seq = look(c, i);

            if (news(seq, i, last))
                return seq;
            fw_pause();
        }
    } while (fw_os_now() < until);
    return 0;
}

static void sleep_until_woken(fw_control *c, int i, uint64_t last)
{
    fw_swap_seqcst(&c->park[i], 1);
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

uint64_t fw_idle_wait(fw_control *c, fw_idle *idle, int i, uint64_t last)
{
    uint64_t seq = look(c, i);
    int64_t start;
    int slept = 0;

    if (news(seq, i, last))
        return seq;
    start = fw_os_now();
    seq = callers_cpu(c, i) ? 0 : spin(c, i, last, start + idle->budget);
    while (!seq) {
        slept = 1;
        sleep_until_woken(c, i, last);
        seq = look(c, i);
        if (!news(seq, i, last))
            seq = 0;
    }
    learn(idle, fw_os_now() - start, slept);
    if (slept && seq != FW_SEQ_STOP) {
        int n = fw_idle_wake(c, i + 1, 2, !!(seq & FW_SEQ_CALLER_RUNS));

        while (n-- > 0)
            fw_count(&c->member[i].count[FW_COUNT_wakes]);
    }
    return seq;
}

int fw_idle_wake(fw_control *c, int from, int n, int first)
{
    int woken = 0;

    for (int k = 0; k < c->workers && woken < n; k++) {
        int i = (from + k) % c->workers;
        uint32_t asleep = 1;

        if (i < first || !fw_load_seqcst(&c->park[i]) ||
            !fw_cas_seqcst(&c->park[i], &asleep, 0))
            continue;
        fw_os_futex_wake(&c->park[i], 1);
        woken++;
    }
    return woken;
}
