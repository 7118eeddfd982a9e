/* SPDX-License-Identifier: MIT
 *
 * A lock whose holder is killed between two writes that belong together.
 */
#include <furrow.h>
#include <signal.h>
#include <stdio.h>

struct ledger {
    furrow_lock *lock;
    long *account; /* shared: two of them, 20 together */
};

static int move_and_die(void *arg, size_t size)
{
    const struct ledger *l = arg;

    (void)size;
    if (furrow_lock_lock(l->lock, FURROW_FOREVER) < 0)
        return 1;
    l->account[0] -= 1;
    return raise(SIGKILL); /* before the other one gets it */
}

static void run(struct ledger *l)
{
    furrow_process *p = furrow_process_new(move_and_die, l, sizeof *l, NULL);

    if (furrow_process_start(p) < 0 || furrow_process_join(p, FURROW_FOREVER) < 0)
        furrow_perror("ledger");
    furrow_process_free(p);
}

static void look(const struct ledger *l, int repair)
{
    const int rc = furrow_lock_lock(l->lock, furrow_in(10));

    if (rc < 0) {
        printf("%s\n", furrow_status_name(rc));
        return;
    }
    printf("%s: %ld and %ld\n", furrow_status_name(rc), l->account[0], l->account[1]);
    if (rc == FURROW_OWNERDIED && repair) {
        l->account[1] = 20 - l->account[0];
        furrow_lock_consistent(l->lock);
    }
    furrow_lock_unlock(l->lock);
}

int main(void)
{
    furrow_init();
    furrow_array *accounts = furrow_array_new('l', 2, NULL);
    struct ledger l = {furrow_lock_new(NULL), NULL};

    if (!accounts || !l.lock) {
        furrow_perror("ledger");
        return 1;
    }
    l.account = accounts->data;
    l.account[0] = l.account[1] = 10;
    run(&l);
    look(&l, 1); /* is told, and puts it in order */
    look(&l, 1);
    run(&l);
    look(&l, 0); /* is told, and does nothing */
    look(&l, 1);
    furrow_lock_free(l.lock);
    return furrow_array_free(accounts) != 0;
}
