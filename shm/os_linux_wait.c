/* SPDX-License-Identifier: MIT
 *
 * Time and futexes of Linux. Futexes are process-shared (never FUTEX_PRIVATE): the word
 * may lie in memory that other processes map.
 */
#include "os.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int64_t fw_os_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int fw_os_futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t until)
{
    struct timespec t = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    const struct timespec *timeout = until == INT64_MAX ? NULL : &t;

    /* FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC time. */
    if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected, timeout, NULL,
                FUTEX_BITSET_MATCH_ANY) == 0)
        return 0;
    return -errno;
}

int fw_os_futex_wake(_Atomic uint32_t *word, int how_many)
{
    return (int)syscall(SYS_futex, word, FUTEX_WAKE, how_many, NULL, NULL, 0);
}
