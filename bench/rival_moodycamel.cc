/* SPDX-License-Identifier: MIT
 *
 * rival_moodycamel.cc - moodycamel's concurrent queue, of threads only: its blocks are
 * found by addresses. Each thread has tokens, as its manual recommends; nothing is allocated
 * while time is taken. It keeps the order of each producer, as furrow's queue does.
 */
extern "C" {
#include "rival.h"
}

#include <concurrentqueue/concurrentqueue.h>
#include <cstring>
#include <memory>

namespace
{

struct message {
    char bytes[BENCH_MESSAGE];
};

using queue = moodycamel::ConcurrentQueue<message>;

std::unique_ptr<queue> q;

int make(void *, size_t)
{
    q = std::make_unique<queue>(BENCH_RIVAL_PLACES, 2, 2);
    return 0;
}

int put(const void *bytes)
{
    thread_local moodycamel::ProducerToken token(*q);
    message m;
    std::memcpy(&m, bytes, sizeof m);
    return q->try_enqueue(token, m);
}

int get(void *bytes)
{
    thread_local moodycamel::ConsumerToken token(*q);
    message m;
    if (!q->try_dequeue(token, m))
        return 0;
    std::memcpy(bytes, &m, sizeof m);
    return 1;
}

} // namespace

extern "C" const bench_rival bench_rival_moodycamel = {nullptr, 1, make, put, get};
