/* SPDX-License-Identifier: MIT
 *
 * A worker dies, and there is no memory to say which ranges it tore: the call and the future
 * fail with FURROW_EDIED all the same, and the pool goes on. `realloc` is this file's while
 * the flag is set, in the caller and in the nursery that drives what is queued.
 */
#include "stress/verdict.h"

#include <furrow.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

void *__libc_realloc(void *block, size_t size);

static _Atomic int *none_left; /* in shared memory: for every process of the family */

void *realloc(void *block, size_t size)
{
    return none_left && *none_left ? NULL : __libc_realloc(block, size);
}

/* Chunk 1 of each call is its worker's last, as long as there is no memory. */
static int die_at_1(furrow_chunk c)
{
    uint64_t *y = c.out[0];

    if (c.index == 1 && *none_left)
        raise(SIGKILL);
    for (size_t i = 0; i < c.len; i++)
        y[i]++;
    return 0;
}

static void untold(const char *what, int rc)
{
    if (rc != FURROW_EDIED || furrow_error_ranges(NULL) != 0 ||
        !strstr(furrow_last_error()->text, "no memory to say which"))
        fail("%s: %d, %zu ranges: %s", what, rc, furrow_error_ranges(NULL),
             furrow_last_error()->text);
}

static int queued(furrow_pool *pool, const furrow_call *call)
{
    furrow_future *f = furrow_map_async(pool, call);
    int rc;

    if (!f)
        fail("queue: %s", furrow_last_error()->text);
    rc = furrow_future_wait(f, furrow_in(20));
    furrow_future_free(f);
    return rc;
}

static void goes_on(const char *what, int rc)
{
    if (rc != 0)
        fail("%s, with memory: %s", what, furrow_last_error()->text);
}

int main(void)
{
    furrow_pool *pool;
    furrow_array *a;
    furrow_call call = {.kernel = die_at_1, .types = ">Q", .chunk = 10};

    none_left = mmap(NULL, sizeof *none_left, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    a = furrow_array_new('Q', 100, NULL);
    if (none_left == MAP_FAILED || !pool || !a)
        fail("%s", furrow_last_error()->text);
    call.out[0] = a;
    for (int i = 0; i < 3; i++) {
        *none_left = 1;
        untold("a call", furrow_map(pool, &call));
        untold("a future", queued(pool, &call));
        *none_left = 0;
        goes_on("a call", furrow_map(pool, &call));
        goes_on("a future", queued(pool, &call));
    }
    furrow_array_free(a);
    puts("6 deaths, all told without their ranges");
    return furrow_pool_close(pool) != 0;
}
