/* SPDX-License-Identifier: MIT
 *
 * A block whose maker's patience ends halfway through freeing it: it is this process's
 * then, and goes with the next one that is freed.
 */
#include "heap.h"
#include "child.h"
#include "os.h"
#include "unit.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE ((size_t)64 << 20) /* to give it back takes milliseconds */

typedef struct board {
    void *block;
    _Atomic uint32_t held, let_go;
} board;

static size_t blocks_now(void)
{
    furrow_heap_info info;

    return furrow_heap_describe(&info) == 0 ? info.blocks : SIZE_MAX;
}

static int owner_of(const void *block)
{
    const fw_segment *s = fw_segment_peek();
    const fw_zone *zone = &s->zone[FW_ZONE_LARGE];

    return fw_unit_owner(fw_unit_load(zone, fw_unit_at(zone, block)));
}

/* Takes the lock while the other gives the block's memory back. */
static int come_between(void *arg)
{
    board *b = arg;

    fw_store_seqcst(&b->held, 1);
    while (owner_of(b->block) == 0)
        fw_pause();
    child_want(fw_heap_lock());
    for (int i = 0; i < 10000 && !fw_load_seqcst(&b->let_go); i++)
        usleep(1000);
    fw_heap_unlock(fw_segment_peek()->heap);
    return 0;
}

/* 1 when the other one came between, 0 when it did not, -1 when something failed. */
static int free_in_between(board *b)
{
    size_t before = blocks_now();
    furrow_deadline patience;
    pid_t other;
    int rc;

    *b = (board){.block = fw_heap_alloc(SIZE)};
    if (!b->block || fw_heap_publish_pair(b->block, NULL) < 0)
        return -1;
    memset(b->block, 0xAA, SIZE);
    other = child_start(come_between, b);
    while (!fw_load_seqcst(&b->held))
        fw_pause();
    patience = fw_heap_patience(fw_os_now());
    rc = fw_heap_free(b->block);
    (void)fw_heap_patience(patience);
    fw_store_seqcst(&b->let_go, 1);
    if (child_wait(other) != 0 || rc < 0)
        return -1;
    return blocks_now() > before;
}

static int keep_one(board *b)
{
    int kept = 0;

    for (int tries = 0; tries < 50 && kept == 0; tries++)
        kept = free_in_between(b);
    return kept;
}

static board *board_new(void)
{
    board *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                    -1, 0);

    cr_assert(b != MAP_FAILED);
    return b;
}

/* What is this process's is none of its child's. */
static int free_another(void *unused)
{
    void *p = fw_heap_alloc(100);

    (void)unused;
    child_want(p);
    return fw_heap_free(p) == 0 ? 0 : 2;
}

Test(late, goes_with_the_next, .timeout = 60)
{
    const char *again;

    cr_assert_eq(blocks_now(), 0);
    cr_assert_eq(keep_one(board_new()), 1, "nobody came between in 50 times");
    cr_assert_eq(blocks_now(), 1);
    cr_assert_eq(child_run(free_another, NULL), 0);
    cr_assert_eq(blocks_now(), 1, "freed by a child whose it is not");
    cr_assert_eq(free_another(NULL), 0);
    cr_assert_eq(blocks_now(), 0);
    again = fw_heap_alloc(SIZE);
    cr_assert(again);
    cr_assert(again[0] == 0 && memcmp(again, again + 1, SIZE - 1) == 0);
    cr_assert_eq(furrow_fsck(), 0);
}

/* Who ends with one leaves it to the sweep. */
static int end_with_one(void *b)
{
    return keep_one(b) == 1 ? 0 : 3;
}

Test(late, goes_with_its_process, .timeout = 60)
{
    cr_assert_eq(blocks_now(), 0);
    cr_assert_eq(child_run(end_with_one, board_new()), 0);
    fw_heap_sweep();
    cr_assert_eq(blocks_now(), 0);
    cr_assert_eq(furrow_fsck(), 0);
}

/* A piece of the window, whose file is not mapped any more. */
static int end_with_a_window(void *none)
{
    char *p = fw_heap_window((size_t)4 << 20);

    (void)none;
    child_want(p);
    fw_heap_free_later(p);
    child_want(free_another(NULL) == 0);
    return 0;
}

Test(late, a_window_goes_with_its_process)
{
    const fw_zone *window;

    cr_assert_eq(blocks_now(), 0);
    window = &fw_segment_get()->zone[FW_ZONE_WINDOW];
    cr_assert_eq(child_run(end_with_a_window, NULL), 0);
    cr_assert_eq(fw_unit_state(fw_unit_load(window, 0)), FW_UNIT_RUN);
    fw_heap_sweep();
    cr_assert_eq(fw_unit_state(fw_unit_load(window, 0)), FW_UNIT_FREE);
    cr_assert_eq(furrow_fsck(), 0);
}
