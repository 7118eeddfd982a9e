/* SPDX-License-Identifier: MIT
 *
 * Threads change and read the items of one list, and raise one value under its lock.
 *
 * An item is 128 equal bytes, or an integer: readers take no lock and must never see another.
 * The value is raised as often as everybody says. A thread that is put to sleep in the middle
 * of a copy finds, when it goes on, that the item was changed any number of times.
 * Then several at once remove the name of a segment.
 *
 *     shared_threads [rounds]
 */
#include "atomic.h"
#include "furrow_shared.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITERS = 2, READERS = 2, ITEMS = 3, BYTES = 128 };

static furrow_list *list;
static furrow_synchronized *total;
static _Atomic int writing = WRITERS;
static long rounds = FW_UNDER_TSAN ? 200000 : 3000000;

static int complain(const char *what)
{
    fprintf(stderr, "FAILED: %s (%s)\n", what, furrow_last_error()->text);
    return 1;
}

static int raise_total(void)
{
    long *n = furrow_synchronized_array(total)->data;

    if (furrow_synchronized_lock(total, FURROW_FOREVER) != 0)
        return complain("lock");
    ++*n;
    return furrow_synchronized_unlock(total) != 0;
}

static int change(long round)
{
    char bytes[BYTES];
    furrow_item item = furrow_item_bytes(bytes, sizeof bytes);

    memset(bytes, (int)(round % 100), sizeof bytes);
    if (round % 16 == 0)
        item = furrow_item_int(round);
    return furrow_list_set(list, (size_t)round % ITEMS, &item) == 0 ? 0
                                                                    : complain("set");
}

static int look(long round)
{
    char bytes[BYTES];
    furrow_item item;

    if (furrow_list_get(list, (size_t)round % ITEMS, &item, bytes, sizeof bytes) != 0)
        return complain("get");
    if (item.kind == FURROW_INT)
        return item.integer % 16 == 0 ? 0 : complain("an integer that nobody wrote");
    if (item.kind != FURROW_BYTES || item.size != BYTES)
        return complain("an item that nobody wrote");
    return memcmp(bytes, bytes + 1, BYTES - 1) == 0 ? 0 : complain("a torn item");
}

static void *write_all(void *failed)
{
    int rc = 0;

    for (long i = 0; i < rounds && rc == 0; i++)
        rc = change(i) || (i % 8 == 0 && raise_total());
    writing--;
    return rc ? failed : NULL;
}

static void *read_all(void *failed)
{
    int rc = 0;

    for (long i = 0; writing > 0 && rc == 0; i++)
        rc = look(i);
    return rc ? failed : NULL;
}

/* ---- the name of a segment ----------------------------------------------------------*/

enum { UNLINKERS = 4, SEGMENTS = 50 };

static void *unlink_it(void *segment)
{
    return furrow_segment_unlink(segment) == 0 ? segment : NULL;
}

/* Several threads remove the name of one at once: one of them does. */
static int unlink_at_once(void)
{
    furrow_segment *s = furrow_segment_new(NULL, 1, NULL);
    pthread_t thread[UNLINKERS];
    void *did;
    int n = 0, removed = 0;

    if (!s)
        return complain("no segment");
    while (n < UNLINKERS && pthread_create(&thread[n], NULL, unlink_it, s) == 0)
        n++;
    for (int i = 0; i < n; i++) {
        pthread_join(thread[i], &did);
        removed += did != NULL;
    }
    if (furrow_segment_free(s) != 0 || n < UNLINKERS || removed != 1)
        return complain("a name was not removed by one");
    return 0;
}

static int run(void)
{
    pthread_t thread[WRITERS + READERS];
    int failed = 0;

    for (int i = 0; i < WRITERS + READERS; i++)
        if (pthread_create(&thread[i], NULL, i < WRITERS ? write_all : read_all,
                           &failed) != 0)
            exit(complain("no thread"));
    for (int i = 0; i < WRITERS + READERS; i++) {
        void *result;

        pthread_join(thread[i], &result);
        failed |= result != NULL;
    }
    return failed;
}

int main(int argc, char **argv)
{
    furrow_item items[ITEMS];
    char bytes[BYTES] = {0};
    long n = 0, wanted;
    int failed;

    if (argc > 1)
        rounds = atol(argv[1]);
    wanted = (rounds + 7) / 8 * WRITERS;
    for (int i = 0; i < ITEMS; i++)
        items[i] = furrow_item_bytes(bytes, sizeof bytes);
    list = furrow_list_new(items, ITEMS, NULL);
    total = furrow_synchronized_new('l', 1, NULL);
    if (!list || !total)
        return complain("no list");
    failed = run();
    for (int i = 0; i < SEGMENTS && !failed; i++)
        failed = unlink_at_once();
    if (furrow_synchronized_get(total, &n, 0) != 0 || n != wanted)
        failed = complain("the total is not what was added");
    if (furrow_list_free(list) != 0 || furrow_synchronized_free(total) != 0)
        failed = complain("free");
    printf("%ld rounds, total %ld: %s\n", rounds, n, failed ? "FAILED" : "ok");
    return failed;
}
