/* SPDX-License-Identifier: MIT
 *
 * An account that several processes pay into, and one that is killed while it does.
 */
#include <furrow.h>
#include <signal.h>
#include <stdio.h>

/* What another process is told: addresses in shared memory are the same there. */
struct bank {
    furrow_synchronized *account; /* two numbers: the balance, and how many payments */
};

static int pay_often(void *arg, size_t size)
{
    const struct bank *b = arg;
    long *n = furrow_synchronized_array(b->account)->data;

    (void)size;
    for (int i = 0; i < 1000; i++) {
        if (furrow_synchronized_lock(b->account, FURROW_FOREVER) < 0)
            return 1;
        n[0] += 5;
        n[1] += 1;
        furrow_synchronized_unlock(b->account);
    }
    return 0;
}

static int pay_and_die(void *arg, size_t size)
{
    const struct bank *b = arg;
    long *n = furrow_synchronized_array(b->account)->data;

    (void)size;
    furrow_synchronized_lock(b->account, FURROW_FOREVER);
    n[0] += 5;
    return raise(SIGKILL); /* between the two */
}

static void run(int (*pay)(void *, size_t), struct bank *b, int processes)
{
    furrow_process *p[4];

    for (int i = 0; i < processes; i++) {
        p[i] = furrow_process_new(pay, b, sizeof *b, NULL);
        furrow_process_start(p[i]);
    }
    for (int i = 0; i < processes; i++) {
        furrow_process_join(p[i], FURROW_FOREVER);
        furrow_process_free(p[i]);
    }
}

int main(void)
{
    furrow_init();
    struct bank b = {furrow_synchronized_new('l', 2, NULL)};
    long n[2] = {0};

    if (!b.account) {
        furrow_perror("account");
        return 1;
    }
    run(pay_often, &b, 4);
    furrow_synchronized_read(b.account, 0, 2, n, FURROW_FOREVER);
    printf("%ld in %ld payments\n", n[0], n[1]);

    run(pay_and_die, &b, 1);
    int rc = furrow_synchronized_lock(b.account, FURROW_FOREVER);
    if (rc < 0)
        return 1;
    long *held = furrow_synchronized_array(b.account)->data;
    if (rc == FURROW_OWNERDIED) {
        printf("somebody died: %ld in %ld payments\n", held[0], held[1]);
        held[1] = held[0] / 5; /* put it in order */
    }
    furrow_synchronized_unlock(b.account);
    furrow_synchronized_read(b.account, 0, 2, n, FURROW_FOREVER);
    printf("%ld in %ld payments\n", n[0], n[1]);
    return furrow_synchronized_free(b.account) != 0;
}
