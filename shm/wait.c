/* SPDX-License-Identifier: MIT
 *
 * Waiting: before it sleeps a thread spins for as long as that was worth it lately. What
 * comes within the budget keeps it, what came soon after raises it at once, what came late
 * lowers it by an eighth. Who spins in vain again and again, because he keeps the CPU from
 * the one he waits for, or on a machine of one CPU, sleeps at once.
 *
 * Nothing of this is shared: a death leaves nothing but a bell that listens (bell.c).
 */
#include "wait.h"

#include "os.h"

enum { LOOKS = 32 }; /* between two looks at the clock */
enum { PAUSES = 2 }; /* between two attempts: to look more often holds up who writes */
enum { VAIN = 8, SELDOM = 128 };
#define LEAST_NS ((int64_t)5 * 1000)
#define MOST_NS  ((int64_t)100 * 1000)

/* Of this thread: how long to spin, and how often in a row that was in vain. */
static _Thread_local int64_t budget = MOST_NS / 2;
static _Thread_local unsigned in_vain;

static uint32_t cpus(void)
{
    static _Atomic uint32_t known; /* of the machine; looked up once */
    uint32_t n = fw_load_relaxed(&known);

    if (n == 0) {
        n = (uint32_t)fw_os_cpus_online();
        fw_store_relaxed(&known, n);
    }
    return n;
}

/* After so many times in vain, twice, four times as many, up to a limit. */
static int is_time_to_try(void)
{
    return in_vain < VAIN || in_vain % SELDOM == 0 || (in_vain & (in_vain - 1)) == 0;
}

static int worth_it(uint32_t people)
{
    return cpus() >= people && is_time_to_try();
}

void fw_wait_slept(int64_t start)
{
    int64_t gap = fw_os_now() - start;

    in_vain++;
    if (gap < MOST_NS)
        budget = gap + gap / 2;
    else
        budget -= budget / 8;
    budget = budget < LEAST_NS ? LEAST_NS : budget > MOST_NS ? MOST_NS : budget;
}

static int spin(int (*attempt)(void *ctx, int thorough), void *ctx, int64_t until)
{
    do {
        for (int i = 0; i < LOOKS; i++) {
            int rc;

            for (int k = 0; k < PAUSES; k++)
                fw_pause();
            rc = attempt(ctx, 0);
            if (rc != 0)
                return rc;
        }
    } while (fw_os_now() < until);
    return 0;
}

int fw_wait_spin(uint32_t people, int (*attempt)(void *ctx, int thorough), void *ctx,
                 furrow_deadline deadline)
{
    int64_t until;
    int rc;

    if (!worth_it(people))
        return 0;
    until = fw_os_now() + budget;
    rc = spin(attempt, ctx, until < deadline ? until : deadline);
    if (rc != 0)
        in_vain = 0;
    return rc;
}

static int sleep_for_it(fw_bell *bell, int (*attempt)(void *ctx, int thorough),
                        void *ctx, furrow_deadline deadline)
{
    int rc;

    do {
        uint32_t heard = fw_bell_listen(bell);

        rc = attempt(ctx, 1);
        if (rc != 0 || fw_os_now() >= deadline)
            break;
        fw_bell_sleep(bell, heard, deadline);
        rc = attempt(ctx, 0);
    } while (rc == 0);
    return rc;
}

int fw_wait_until(fw_bell *bell, int (*attempt)(void *ctx, int thorough), void *ctx,
                  furrow_deadline deadline)
{
    int64_t start;
    int rc;

    if (deadline <= 0) {
        fw_pause(); /* its caller has looked already, and may ask again at once */
        return attempt(ctx, 1);
    }
    start = fw_os_now();
    rc = fw_wait_spin(2, attempt, ctx, deadline);
    if (rc != 0)
        return rc;
    rc = sleep_for_it(bell, attempt, ctx, deadline);
    fw_wait_slept(start);
    return rc;
}

furrow_deadline furrow_in(double seconds)
{
    int64_t now = fw_os_now();

    if (!(seconds < 6e9))
        return FURROW_FOREVER;
    return seconds <= 0 ? now : now + (int64_t)(seconds * 1e9);
}
