/* SPDX-License-Identifier: MIT
 *
 * Pools of a program whose other threads never rest: each holds a lock, allocates, and
 * writes to streams. Whatever they are at when a pool is opened, its workers can allocate
 * and write; by spawn and forkserver they can take the locks too. Nothing hangs.
 *
 *     open_beside_threads         POOLS pools; by spawn a tenth
 *     open_beside_threads soak    ten times as many
 */
#include "soak.h"
#include "verdict.h"

#include <furrow.h>
#include <pthread.h>
#include <signal.h>

#define POOLS 100

enum { THREADS = 8, SECONDS = 20 };

static pthread_mutex_t lock[THREADS] = {
    PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
    PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
    PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static _Atomic int over, opened;

static void write_some(FILE *null, const void *p)
{
    fprintf(null, "%p\n", p);
    fprintf(stdout, "%s", "");
    fprintf(stderr, "%s", "");
}

static void *never_rests(void *its)
{
    FILE *null = fopen("/dev/null", "we");

    if (!null)
        fail("/dev/null");
    while (!over) {
        void *p;

        pthread_mutex_lock(its);
        p = malloc(1 + (size_t)rand() % 5000);
        write_some(null, p);
        free(p);
        pthread_mutex_unlock(its);
    }
    fclose(null);
    return NULL;
}

static int by(const char *method)
{
    const char *start = getenv("FURROW_START");

    return start && strcmp(start, method) == 0;
}

/* ctx: may locks be taken? */
static int allocates(furrow_chunk c)
{
    int *out = c.out[0];
    FILE *null = fopen("/dev/null", "we");
    void *volatile p = malloc(100000);

    for (int i = 0; *(const int *)c.ctx && i < THREADS; i++) {
        pthread_mutex_lock(&lock[i]);
        pthread_mutex_unlock(&lock[i]);
    }
    if (!null || !p)
        return 1;
    write_some(null, p);
    fclose(null);
    free(p);
    for (size_t i = 0; i < c.len; i++)
        out[i]++;
    return 0;
}

static void one_pool(furrow_array *a)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    const int locks = !by("fork");
    furrow_call call = {.kernel = allocates,
                        .out = {a},
                        .chunk = 50,
                        .ctx = &locks,
                        .ctx_size = sizeof locks,
                        .deadline = furrow_in(SECONDS)};

    if (!pool || furrow_map(pool, &call) < 0 || furrow_pool_close(pool) < 0)
        fail("pool %d: %s", opened, furrow_last_error()->text);
    opened++;
}

/* A pool that does not open, or a program that does not end. */
static void hangs(int signal)
{
    (void)signal;
    fail("pool %d hangs", opened);
}

int main(int argc, char **argv)
{
    int soak = argc > 1 && strcmp(argv[1], "soak") == 0;
    int pools = (soak ? 10 : 1) * (by("spawn") ? POOLS / 10 : POOLS);
    furrow_array *a = furrow_array_new('i', 200, NULL);
    pthread_t thread[THREADS];

    if (by("thread")) /* nothing is copied */
        return 77;
    if (soak)
        (void)soak_seconds(argc, argv);
    if (!a)
        fail("%s", furrow_last_error()->text);
    signal(SIGALRM, hangs);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, never_rests, &lock[i]);
    for (int i = 0; i < pools; i++) {
        alarm(2 * SECONDS);
        one_pool(a);
    }
    over = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (size_t i = 0; i < a->len; i++)
        if (((const int *)a->data)[i] != pools)
            fail("element %zu was done %d times", i, ((const int *)a->data)[i]);
    printf("%d pools beside %d threads\n", pools, THREADS);
    return furrow_array_free(a) != 0;
}
