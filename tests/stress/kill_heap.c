/* SPDX-License-Identifier: MIT
 *
 * Processes are killed at random times while they allocate, slice and free. After each
 * death the heap must be whole, what was published must be there with its data, and
 * everybody else must go on. (Deaths at each instruction are kill-step's: tests/kill.)
 *
 * A death may leave what nobody can find any more (an array that was published but not
 * handed out yet, one whose handle was freed but not its memory yet), as a whole or not
 * at all: never half of an array.
 *
 *     kill_heap [seed]
 */
#include "array.h"
#include "child.h"
#include "heap.h"
#include "os.h"

#include <stdint.h>
#include <stdlib.h>

#define MIB ((size_t)1 << 20)

enum { SLOTS = 8, RANDOM_KILLS = 200 };

/* In shared memory; written by the child that is to die and by nobody else meanwhile.
 */
typedef struct board {
    _Atomic int begun, survivor_stops, survivor_rounds;
    furrow_array *_Atomic slot[SLOTS];
} board;

static board *shared;
static furrow_array *bystander;
static unsigned long dice = 1;

static unsigned roll(unsigned n)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (unsigned)(dice >> 33) % n;
}

static void die(const char *what, long k)
{
    fprintf(stderr, "FAILED: %s (at %ld): %s\n", what, k, furrow_last_error()->text);
    exit(1);
}

static size_t blocks_now(void)
{
    furrow_heap_info info;

    if (furrow_heap_describe(&info) < 0)
        die("describe", 0);
    return info.blocks;
}

/* ---- patterns ---------------------------------------------------------------------*/

static void fill(const furrow_array *a)
{
    uint64_t *x = a->data;

    for (size_t i = 0; i < a->len; i += 61)
        x[i] = i + 1;
}

static int holds(const furrow_array *a, int zeros)
{
    const uint64_t *x = a->data;

    for (size_t i = 0; i < a->len; i += 61)
        if (x[i] != (zeros ? 0 : i + 1))
            return 0;
    return 1;
}

/* The next one who comes: everything works, and memory that was used is zeros. */
static void live_on(long k)
{
    const size_t lens[] = {3, 3000, MIB / 2};

    for (int i = 0; i < 3; i++) {
        furrow_array *a = furrow_array_new('Q', lens[i], NULL);

        if (!a)
            die("cannot allocate after the death", k);
        if (!holds(a, 1))
            die("memory of the dead shines through", k);
        fill(a);
        if (furrow_array_free(a) < 0)
            die("cannot free after the death", k);
    }
    if (!holds(bystander, 0))
        die("a bystander was overwritten", k);
}

/* The dead one is buried; what stays is a whole heap. */
static void bury(long k)
{
    if (furrow_fsck() < 0)
        die("not whole before the sweep", k);
    fw_heap_sweep();
    if (furrow_fsck() < 0)
        die("not whole after the sweep", k);
    live_on(k);
    if (furrow_fsck() < 0)
        die("not whole after use", k);
}

/* ---- random times -----------------------------------------------------------------*/

/* Arrays come and go in the slots until the kill. */
static int churn(void *arg)
{
    (void)arg;
    shared->begun = 1;
    for (unsigned i = 0;; i++) {
        int s = (int)roll(SLOTS);
        furrow_array *a = shared->slot[s], *b;

        if (a) {
            shared->slot[s] = NULL; /* before: a handle is freed once */
            child_want(furrow_array_free(a) == 0);
            continue;
        }
        a = furrow_array_new('Q', roll(8) ? roll(9000) : MIB / 8 + roll(MIB), NULL);
        child_want(a && holds(a, 1));
        fill(a);
        if (roll(3) == 0 && a->len > 10) {
            b = furrow_array_slice(a, 0, a->len / 2);
            child_want(b && furrow_array_free(a) == 0);
            a = b;
        }
        shared->slot[s] = a;
    }
}

/* Another process that wants nothing but to go on. */
static int survive(void *arg)
{
    (void)arg;
    while (!shared->survivor_stops) {
        furrow_array *a = furrow_array_new('Q', roll(4000), NULL);

        child_want(a && holds(a, 1));
        fill(a);
        child_want(furrow_fsck() == 0);
        child_want(holds(a, 0));
        child_want(furrow_array_free(a) == 0);
        shared->survivor_rounds++;
    }
    return 0;
}

static void nap(void)
{
    struct timespec t = {0, (long)roll(2000) * 1000};

    nanosleep(&t, NULL);
}

static void clear_slots(long k)
{
    for (int s = 0; s < SLOTS; s++) {
        furrow_array *a = shared->slot[s];

        shared->slot[s] = NULL;
        if (!a)
            continue;
        if (!holds(a, 0))
            die("a published array was overwritten", k);
        if (furrow_array_free(a) < 0)
            die("a published array is gone", k);
    }
}

/* At most an array, its slice and their block are lost with each. */
static void random_kills(void)
{
    size_t before = blocks_now(), after;
    pid_t survivor = child_start(survive, NULL);

    for (long i = 0; i < RANDOM_KILLS; i++) {
        pid_t pid;

        (void)roll(2); /* another child, another sequence */
        shared->begun = 0;
        pid = child_start(churn, NULL);
        while (!shared->begun)
            nap();
        kill(pid, SIGKILL);
        if (child_wait(pid) != CHILD_SIGNAL + SIGKILL)
            die("the child failed before it was killed", i);
        bury(i);
        clear_slots(i);
    }
    shared->survivor_stops = 1;
    if (child_wait(survivor) != 0)
        die("the survivor failed", 0);
    fw_heap_sweep();
    after = blocks_now();
    if (after < before || after - before > RANDOM_KILLS * 3)
        die("too much is left", (long)(after - before));
    printf(
        "%d random kills, %zu blocks lost with them; the survivor went on %d times\n",
        RANDOM_KILLS, after - before, shared->survivor_rounds);
}

int main(int argc, char **argv)
{
    dice = argc > 1 ? strtoul(argv[1], NULL, 10) : (unsigned long)fw_os_now() | 1;
    printf("seed %lu\n", dice);
    shared = fw_heap_alloc(sizeof *shared);
    bystander = furrow_array_new('Q', 70000, NULL);
    if (!shared || !bystander)
        die("no heap", 0);
    fw_heap_publish_pair(shared, NULL);
    fill(bystander);
    random_kills();
    return 0;
}
