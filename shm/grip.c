/* SPDX-License-Identifier: MIT
 *
 * The lock of a handle.
 *
 * One word: 0 free; else the thread number of the holder, with SLEEPERS when somebody
 * may sleep on it. Who writes: a thread that takes it puts its own number in by a CAS
 * on the word that it saw; the holder swaps 0 in and wakes one sleeper if the bit was
 * set.
 *
 * The word names who holds it, so that nobody waits for a holder that is not there: a
 * sleeper looks every tick, and takes the grip from a number that is no thread of this
 * process any more. Such are a thread that was cancelled or ended within a call, and,
 * in a forked child's copy of the memory, any thread of the parent.
 */
#include "grip.h"

#include "os_stream.h"

#define SLEEPERS (UINT32_C(1) << 31)
#define TICK_NS  (100 * 1000 * 1000)

/* Sleep until the word may have changed, for a tick at most. */
static void sleep_on(fw_grip *g, uint32_t seen, furrow_deadline deadline)
{
    int64_t tick = fw_os_now() + TICK_NS;

    if (!(seen & SLEEPERS) && !fw_cas_seqcst(&g->word, &seen, seen | SLEEPERS))
        return;
    (void)fw_os_futex_wait(&g->word, seen | SLEEPERS,
                           deadline < tick ? deadline : tick);
}

int fw_grip_take(fw_grip *g, furrow_deadline deadline)
{
    uint32_t seen = 0, me = (uint32_t)fw_os_thread();

    if (fw_cas_seqcst(&g->word, &seen, me))
        return 0;
    for (;;) {
        /* Who has slept cannot know that he was the last: the bit stays. */
        if ((seen == 0 || !fw_os_thread_is_ours((pid_t)(seen & ~SLEEPERS))) &&
            fw_cas_seqcst(&g->word, &seen, me | SLEEPERS))
            return 0;
        if (seen != 0 && fw_os_now() >= deadline)
            return FURROW_ETIME;
        if (seen != 0)
            sleep_on(g, seen, deadline);
        seen = fw_load_seqcst(&g->word);
    }
}

void fw_grip_give(fw_grip *g)
{
    if (fw_swap_seqcst(&g->word, 0) & SLEEPERS)
        fw_os_futex_wake(&g->word, 1);
}
