/* SPDX-License-Identifier: MIT
 *
 * Calls that are not waited for, are called off, or have a deadline.
 */
#include <furrow.h>
#include <stdio.h>
#include <time.h>

static int nap(furrow_chunk c)
{
    const double seconds = *(const double *)c.ctx;
    const time_t whole = (time_t)seconds;
    struct timespec t = {whole, (long)(1e9 * (seconds - (double)whole))};

    nanosleep(&t, NULL);
    *(int *)c.out[0] = 1;
    return 0;
}

/* A future: wait a little, do something else, wait again. */
static void in_the_background(furrow_pool *pool, const furrow_call *call)
{
    furrow_future *f = furrow_map_async(pool, call);
    size_t done, total;

    while (furrow_future_wait(f, furrow_in(0.01)) == FURROW_ETIME)
        ; /* here is time for something else */
    furrow_future_progress(f, &done, &total);
    printf("background: %zu of %zu chunks, result %d\n", done, total,
           furrow_future_wait(f, 0));
    furrow_future_free(f);
}

/* Chunks that have begun are finished, no others are begun. */
static void called_off(furrow_pool *pool, const furrow_call *call)
{
    furrow_future *f = furrow_map_async(pool, call);

    furrow_future_cancel(f);
    printf("called off: %s\n",
           furrow_status_name(furrow_future_wait(f, FURROW_FOREVER)));
    furrow_future_free(f);
}

/* What hangs past its deadline and the grace is killed. */
static void deadline(furrow_pool *pool, furrow_call call)
{
    call.deadline = furrow_in(0.05);
    printf("deadline: %s\n", furrow_status_name(furrow_map(pool, &call)));
}

int main(void)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    furrow_array *a = furrow_array_new('i', 20, NULL);
    double seconds = 0.01;
    furrow_call call = {.kernel = nap,
                        .out = {a},
                        .ctx = &seconds,
                        .ctx_size = sizeof seconds,
                        .chunk = 1};

    if (!pool || !a) {
        furrow_perror("patience");
        return 1;
    }
    in_the_background(pool, &call);
    called_off(pool, &call);
    seconds = 2;
    deadline(pool, call);
    furrow_array_free(a);
    return furrow_pool_close(pool) != 0;
}
