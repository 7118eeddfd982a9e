/* SPDX-License-Identifier: MIT
 *
 * Bells: one word. Bit 0 says that somebody may sleep, the others count.
 *
 *   listen   sets bit 0, unless it is set; then its caller looks at what he waits for.
 *   sleep    FUTEX_WAIT while the word is what it was then.
 *   ring     (after the change) bit 0 clear: nobody. Set: +2, so that who has listened but
 *            does not sleep yet will not; FUTEX_WAKE. When nobody slept, +1 by
 *            compare-and-swap takes bit 0 back (to another number than before, so that who
 *            listened in between does not sleep on it), and whoever slept meanwhile is woken.
 *
 * Listener and ringer are a Dekker pair: bit 0, then the state; the state, then bit 0; all
 * seqcst. So one who sleeps is woken by the next change.
 *
 * A kill: before +2 or before the wake, the sleepers sleep on, with the change made, until
 * their tick. Between taking bit 0 back and the second wake: likewise, and they set it again
 * when they listen again. One who is killed when he has been woken takes the wake with him:
 * the others' tick. Nothing here can be left in a state that stays wrong.
 */
#include "bell.h"

#include "os.h"

uint32_t fw_bell_listen(fw_bell *bell)
{
    uint32_t word = fw_load_seqcst(&bell->word);

    while (!(word & 1) && !fw_cas_seqcst(&bell->word, &word, word | 1))
        ;
    return word | 1;
}

void fw_bell_sleep(fw_bell *bell, uint32_t heard, furrow_deadline deadline)
{
    int64_t tick = fw_os_now() + FW_BELL_TICK_NS;

    (void)fw_os_futex_wait(&bell->word, heard, deadline < tick ? deadline : tick);
}

void fw_bell_ring(fw_bell *bell, int n)
{
    uint32_t word;

    if (!(fw_load_seqcst(&bell->word) & 1))
        return;
    word = fw_add_seqcst(&bell->word, 2) + 2;
    if (fw_os_futex_wake(&bell->word, n) > 0 || !(word & 1))
        return;
    if (fw_cas_seqcst(&bell->word, &word, word + 1))
        (void)fw_os_futex_wake(&bell->word, FW_BELL_ALL);
}
