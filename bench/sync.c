/* SPDX-License-Identifier: MIT
 *
 * sync.c - a pair of lock and unlock, or one meeting at a barrier: the time of a batch of
 * them, a dispatch of the peer's, by the number of them.
 */
#include "bench.h"

enum { SAMPLES = 400, SAMPLES_QUICK = 60, PAIRS = 1000, MEETINGS = 50 };

static int take(const bench_peer *peer, uint32_t count, int samples_wanted,
                bench_samples *samples)
{
    for (int i = -samples_wanted / 10; i < samples_wanted;
         i++) { /* the first are warm-up */
        const uint64_t begin = bench_ticks();
        if (peer->dispatch(count))
            return -1;
        const uint64_t end = bench_ticks();
        if (i >= 0)
            bench_samples_add(samples,
                              (double)(end - begin) / count / bench_ticks_per_ns());
    }
    return 0;
}

int bench_measure_sync(const bench_row *row, const bench_peer *peer,
                       const bench_config *config, bench_result *result,
                       bench_samples *samples)
{
    const int wanted = config->quick ? SAMPLES_QUICK : SAMPLES;
    const int meets = peer == &bench_peer_meet || peer == &bench_peer_meet_glibc;
    (void)row;
    (void)result;
    if (bench_samples_room(samples, (size_t)wanted) || peer->open(config))
        return -1;
    const int rc = take(peer, meets ? MEETINGS : PAIRS, wanted, samples);
    peer->close();
    return rc;
}
