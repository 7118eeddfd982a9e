/* SPDX-License-Identifier: MIT
 *
 * Ranges: the word, the shares, and that a team runs each chunk exactly once whatever
 * the generation's number is.
 */
#include "call.h"
#include "dispatch.h"
#include "job.h"
#include "heap.h"
#include "left.h"
#include "range.h"
#include "team.h"

#include <criterion/criterion.h>

Test(range, word_holds_what_was_put_in)
{
    static const uint32_t ends[] = {0, 1, 2, 4095, FW_CHUNKS_MAX - 1, FW_CHUNKS_MAX};
    static const uint64_t generations[] = {
        0, 1, FW_TAG_MASK - 1, FW_TAG_MASK, FW_TAG_MASK + 1, UINT64_C(1) << 61};

    for (size_t g = 0; g < sizeof generations / sizeof *generations; g++)
        for (size_t i = 0; i < 36; i++) {
            fw_range r = {ends[i / 6], ends[i % 6]};
            uint64_t word = fw_range_pack(generations[g], r);

            cr_assert_eq(fw_range_of(word).begin, r.begin);
            cr_assert_eq(fw_range_of(word).end, r.end);
            cr_assert(fw_range_installed(word, generations[g]));
            cr_assert_not(fw_range_installed(word, generations[g] + 1));
            cr_assert(fw_range_installed(word, generations[g] + FW_TAG_MASK + 1),
                      "the tag has 24 bits");
        }
}

static void check_bands(uint32_t chunks, int workers)
{
    uint32_t next = 0, least = chunks / (uint32_t)workers;

    for (int i = 0; i < workers; i++) {
        fw_range r = fw_range_band(chunks, i, workers);

        cr_assert_eq(r.begin, next, "%u chunks, worker %d of %d", chunks, i, workers);
        cr_assert(r.end - r.begin == least || r.end - r.begin == least + 1);
        next = r.end;
    }
    cr_assert_eq(next, chunks);
}

Test(range, bands_cover_all_chunks_evenly)
{
    static const uint32_t chunks[] = {0,   1,   2,    3,     255,
                                      256, 257, 4096, 65537, FW_CHUNKS_MAX};

    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
        for (int workers = 1; workers <= 256; workers++)
            check_bands(chunks[i], workers);
}

/* ---- a team -----------------------------------------------------------------------*/

enum { CHUNKS = 1000 };

typedef struct tally {
    _Atomic uint32_t ran[CHUNKS];
} tally;

static int mark(furrow_chunk c)
{
    tally *t;

    memcpy(&t, c.ctx, sizeof t);
    fw_add_relaxed(&t->ran[c.index], 1);
    return 0;
}

static fw_call_job job_of(tally *t, uint32_t chunks)
{
    fw_call_job job;

    memset(&job, 0, sizeof job);
    job.kernel = mark;
    job.len = chunks;
    job.chunk = 1;
    job.made.index = FW_CALL_NONE_MADE;
    job.ctx_size = sizeof t;
    memcpy(job.ctx, &t, sizeof t);
    return job;
}

static size_t not_once(tally *t, uint32_t chunks)
{
    size_t wrong = 0;

    for (uint32_t i = 0; i < CHUNKS; i++)
        wrong += fw_load_relaxed(&t->ran[i]) != (i < chunks);
    memset(t, 0, sizeof *t);
    return wrong;
}

static void run_once(fw_team *team, tally *t, uint32_t chunks)
{
    fw_call_job job = job_of(t, chunks);
    fw_dispatch d;

    fw_dispatch_init(&d, team, chunks, 1000);
    cr_assert(fw_dispatch_lock(team, FURROW_FOREVER) >= 0);
    fw_job_describe(team, FW_JOB_CALL, &job, sizeof job);
    cr_assert_eq(fw_dispatch_run(&d), 0);
    fw_dispatch_unlock(team);
    cr_assert_eq(d.error, FW_NO_ERROR);
    cr_assert_eq(d.torn_count, 0);
    cr_assert_eq(not_once(t, chunks), 0, "%u chunks, generation %lu", chunks,
                 (unsigned long)team->control->generation);
}

static fw_team *team_of(int workers, furrow_start start)
{
    fw_team *team = NULL;

    cr_assert_eq(
        fw_team_open(
            &(fw_team_request){.workers = workers, .start = start, .grace = 100000000},
            &team),
        0, "%s", furrow_last_error()->text);
    return team;
}

static void each_once(int workers, furrow_start start)
{
    left_mark before = left_now_with_heap();
    fw_team *team = team_of(workers, start);
    tally *t = fw_heap_alloc(sizeof *t);

    for (uint32_t chunks = 1; chunks <= 30; chunks++)
        run_once(team, t, chunks);
    for (int i = 0; i < 300; i++)
        run_once(team, t, CHUNKS);
    (void)fw_heap_free(t);
    fw_team_close(team, 0);
    cr_assert_eq(left_since(&before, 0), 0);
}

Test(range, team_runs_each_chunk_once)
{
    static const furrow_start start[] = {FURROW_START_FORK, FURROW_START_THREAD};

    for (int i = 0; i < 2; i++) {
        each_once(1, start[i]);
        each_once(2, start[i]);
        each_once(3, start[i]);
        each_once(16, start[i]);
    }
}

/* The tag has 24 bits of the generation: words that nobody touched for half that long
 * are renewed. A team starts with words that look like generation 2^24 - 1. */
static void around(int workers, furrow_start start)
{
    fw_team *team = team_of(workers, start);
    tally *t = fw_heap_alloc(sizeof *t);

    for (uint64_t at = 1; at <= 10; at++) {
        fw_store_relaxed(&team->control->generation, (at << 22) - 4);
        for (int i = 0; i < 8; i++)
            run_once(team, t, (uint32_t)workers + (uint32_t)i);
    }
    (void)fw_heap_free(t);
    fw_team_close(team, 0);
}

Test(range, tags_go_around)
{
    around(2, FURROW_START_FORK);
    around(5, FURROW_START_FORK);
    around(5, FURROW_START_THREAD);
}

static void stop(pid_t pid)
{
    left_process p;

    kill(pid, SIGSTOP);
    do {
        cr_assert_eq(left_stat(pid, &p), 0);
    } while (p.state != 'T');
}

/* The word of a worker that sleeps through 2^24 generations would look installed, and
 * its share done. */
Test(range, word_of_a_sleeper_is_renewed)
{
    left_mark before = left_now_with_heap();
    const uint64_t renewal = UINT64_C(5) << 22, late = renewal + 10;
    fw_team *team = team_of(2, FURROW_START_FORK);
    tally *t = fw_heap_alloc(sizeof *t);
    pid_t sleeper = (pid_t)fw_load_relaxed(&team->control->member[0].pid);

    stop(sleeper);
    fw_store_relaxed(&team->control->member[0].range,
                     fw_range_pack(late, (fw_range){0, 0}));
    fw_store_relaxed(&team->control->generation, renewal - 3);
    for (int i = 0; i < 5; i++) /* the one chunk is the other worker's */
        run_once(team, t, 1);
    fw_store_relaxed(&team->control->generation, late - 1);
    run_once(team, t, CHUNKS);
    kill(sleeper, SIGCONT);
    (void)fw_heap_free(t);
    fw_team_close(team, 0);
    cr_assert_eq(left_since(&before, 0), 0);
}
