/* SPDX-License-Identifier: MIT
 *
 * pipe.c - a message to another process and back. A sample is the mean of some hundred
 * round trips, or what a peer says that takes the time itself: of a stream of messages, of
 * a start. The first samples are not counted.
 */
#include "bench.h"

#include <signal.h>

enum { TURNS = 500, SAMPLES = 60, QUICK = 12, WARM = 3 };

static int turns(const bench_peer *peer, double *ns)
{
    const uint64_t begin = bench_ticks();
    if (peer->run) /* takes the time itself */
        return peer->run(NULL, ns);
    for (uint32_t i = 0; i < TURNS; i++)
        if (peer->dispatch(i))
            return -1;
    *ns = (double)(bench_ticks() - begin) / bench_ticks_per_ns() / TURNS;
    return 0;
}

int bench_measure_pipe(const bench_row *row, const bench_peer *peer,
                       const bench_config *config, bench_result *result,
                       bench_samples *samples)
{
    const int count = config->quick ? QUICK : SAMPLES;
    int rc = bench_samples_room(samples, SAMPLES);
    (void)row, (void)result;
    signal(SIGPIPE, SIG_IGN); /* of who cannot be started */
    if (rc || peer->open(config))
        return -1;
    for (int i = -WARM; rc == 0 && i < count; i++) {
        double ns;
        rc = turns(peer, &ns);
        if (rc == 0 && i >= 0)
            bench_samples_add(samples, ns);
    }
    peer->close();
    return rc;
}
