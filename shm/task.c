/* SPDX-License-Identifier: MIT
 *
 * Tasks of joinable queues.
 *
 * A consumer raises `held` of its own line while the slot is still taken, and empties the
 * slot then. Killed between: the message is published again and the count is one too many;
 * but it is a dead process's count, and all of that is lost anyway. So a task is always in a
 * slot or on a line, never in neither.
 *
 * Each change is one compare-and-swap of a line's word. A line of another generation than
 * its process's is a dead one's: what is held there moves to `lost` in the same word, by
 * whoever comes first: the line's new process, or who looks whether all is done. Killed
 * anywhere, nothing is counted twice.
 */
#include "task.h"

#include "participant.h"
#include "segment.h"
#include "status.h"

#define MOST UINT64_C(0xFFFFFF)

static uint64_t held(uint64_t word)
{
    return word & MOST;
}

static uint64_t lost(uint64_t word)
{
    return word >> 24 & MOST;
}

static uint64_t gen(uint64_t word)
{
    return word >> 48;
}

static uint64_t make(uint64_t generation, uint64_t lost_ones, uint64_t held_ones)
{
    return generation << 48 | (lost_ones > MOST ? MOST : lost_ones) << 24 | held_ones;
}

/* Nobody's, with what its dead process held as lost. */
static uint64_t buried(uint64_t word)
{
    return make(0, lost(word) + held(word), 0);
}

int fw_tasks_hold(fw_tasks *t, uint32_t me)
{
    _Atomic uint64_t *line = &t->line[me % FW_PARTICIPANTS];
    uint64_t mine = me / FW_PARTICIPANTS, word = fw_load_seqcst(line), to;

    do {
        uint64_t now = gen(word) == mine ? word : buried(word);

        if (held(now) == MOST)
            return fw_fail(FURROW_EBUSY, "this process has %llu tasks unfinished",
                           (unsigned long long)MOST);
        to = make(mine, lost(now), held(now) + 1);
    } while (!fw_cas_seqcst(line, &word, to));
    return 0;
}

int fw_tasks_done(fw_tasks *t, uint32_t me)
{
    _Atomic uint64_t *line = &t->line[me % FW_PARTICIPANTS];
    uint64_t word = fw_load_seqcst(line);

    do {
        if (gen(word) != me / FW_PARTICIPANTS || held(word) == 0)
            return fw_fail(FURROW_EINVAL,
                           "task_done() more often than this process got a message");
    } while (!fw_cas_seqcst(line, &word, word - 1));
    return (int)held(word - 1);
}

static uint32_t lines(void)
{
    const fw_segment *s = fw_segment_get();
    uint32_t n = s ? s->heap->lines : 0;

    return n < FW_PARTICIPANTS ? n : FW_PARTICIPANTS;
}

/* The line's process holds something, and lives where anybody asks. */
static int is_held(_Atomic uint64_t *line, uint32_t index, int thorough)
{
    uint64_t word = fw_load_seqcst(line);

    while (held(word) > 0) {
        if (!thorough ||
            !fw_participant_owner_gone((uint32_t)gen(word) * FW_PARTICIPANTS + index))
            return 1;
        if (fw_cas_seqcst(line, &word, buried(word)))
            return 0;
    }
    return 0;
}

int fw_tasks_none(fw_tasks *t, int thorough)
{
    uint32_t n = lines();

    for (uint32_t i = 0; i < n; i++)
        if (is_held(&t->line[i], i, thorough))
            return 0;
    return 1;
}

uint64_t fw_tasks_lost(fw_tasks *t)
{
    uint64_t sum = 0;
    uint32_t n = lines();

    for (uint32_t i = 0; i < n; i++) {
        uint64_t word = fw_load_seqcst(&t->line[i]);

        while (lost(word) > 0 &&
               !fw_cas_seqcst(&t->line[i], &word, make(gen(word), 0, held(word))))
            ;
        sum += lost(word);
    }
    return sum;
}
