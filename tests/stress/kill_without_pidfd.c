/* SPDX-License-Identifier: MIT
 *
 * Where the kernel or a container refuses pidfds, and nobody reaps zombies.
 *
 * The seccomp filter is what such a container has; the test is the reaper of its
 * descendants and never waits, as many a program with process id 1. Calls, deaths,
 * replacements and the end of pools must be the same.
 */
#include "dice.h"
#include "verdict.h"

#include <errno.h>
#include <furrow.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define ROUNDS 5
#define KILLS  4

static int step(furrow_chunk c)
{
    uint64_t *a = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        a[i]++;
    return 0;
}

static void refuse_pidfds(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        puts("no seccomp here");
        _exit(77);
    }
    if (syscall(SYS_pidfd_open, getpid(), 0) >= 0 || errno != ENOSYS)
        fail("pidfds are not refused");
}

static void kill_one(furrow_pool *pool)
{
    double until = seconds_now() + 5;
    long old = furrow_pool_worker_pid(pool, 0);

    if (old <= 0)
        fail("worker 0 is not there");
    kill((pid_t)old, SIGKILL);
    while (furrow_pool_worker_pid(pool, 0) <= 0 ||
           furrow_pool_worker_pid(pool, 0) == old) {
        if (seconds_now() > until)
            fail("worker 0 was not replaced within 5 s");
        nap_us(500);
    }
}

static void one_pool(furrow_array *a)
{
    furrow_pool_options options = {.workers = 2, .start = FURROW_START_FORK};
    furrow_call call = {.kernel = step, .types = ">Q", .out = {a}};
    furrow_pool *pool = furrow_pool_open(&options);

    for (int k = 0; k < KILLS; k++) {
        furrow_future *f = furrow_map_async(pool, &call);

        if (furrow_future_wait(f, furrow_in(10)) < 0 || furrow_map(pool, &call) < 0)
            fail("%s", furrow_last_error()->text);
        furrow_future_free(f);
        kill_one(pool);
    }
    if (furrow_pool_close(pool) < 0)
        fail("%s", furrow_last_error()->text);
}

/* The nursery gone, nothing can be done any more, and the call must say so. */
static void without_nursery(furrow_array *a)
{
    furrow_pool_options options = {.workers = 2, .start = FURROW_START_FORK};
    furrow_call call = {.kernel = step, .types = ">Q", .out = {a}};
    furrow_pool *pool = furrow_pool_open(&options);
    char path[64];
    long pid, nursery = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/stat", furrow_pool_worker_pid(pool, 0));
    f = fopen(path, "r");
    if (!f || fscanf(f, "%ld (%*[^)]) %*c %ld", &pid, &nursery) != 2 || nursery <= 1)
        fail("the nursery cannot be found");
    fclose(f);
    kill((pid_t)nursery, SIGKILL);
    nap_us(100000);
    if (furrow_map(pool, &call) >= 0)
        fail("a call of a pool without workers succeeded");
    if (furrow_pool_close(pool) < 0)
        fail("%s", furrow_last_error()->text);
}

int main(void)
{
    furrow_array *a = furrow_array_new('Q', 100000, NULL);

    if (!a || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        fail("no array, or no reaper");
    refuse_pidfds();
    for (int round = 0; round < ROUNDS; round++)
        one_pool(a);
    for (size_t i = 0; i < a->len; i++)
        if (((uint64_t *)a->data)[i] != 2 * KILLS * ROUNDS)
            fail("element %zu is %llu", i,
                 (unsigned long long)((uint64_t *)a->data)[i]);
    without_nursery(a);
    printf("%d pools and %d deaths without a pidfd\n", ROUNDS + 1, ROUNDS * KILLS);
    return furrow_array_free(a) != 0;
}
