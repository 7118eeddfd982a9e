/* SPDX-License-Identifier: MIT
 *
 * Tokens that come back from the dead, and a meeting that one party does not live to see.
 */
#include <furrow.h>
#include <signal.h>
#include <stdio.h>

struct meeting {
    furrow_semaphore *tokens; /* owned: two may talk at a time */
    furrow_semaphore *said;   /* counting: how much was said */
    furrow_event *begin;
    furrow_barrier *barrier;
};

static int come(void *arg, size_t size)
{
    const struct meeting *m = arg;

    (void)size;
    if (furrow_event_wait(m->begin, FURROW_FOREVER) < 0)
        return 1;
    furrow_semaphore_acquire(m->tokens, FURROW_FOREVER);
    furrow_semaphore_release(m->said);
    furrow_semaphore_release(m->tokens);
    return furrow_barrier_wait(m->barrier, FURROW_FOREVER) < 0;
}

static int die(void *arg, size_t size)
{
    const struct meeting *m = arg;

    (void)size;
    furrow_barrier_enrol(m->barrier);
    furrow_semaphore_acquire(m->tokens, FURROW_FOREVER);
    furrow_semaphore_release(m->said);
    return raise(SIGKILL);
}

/* This process and another one; what the barrier said. */
static int meet(int (*other)(void *, size_t), struct meeting *m)
{
    furrow_process *p = furrow_process_new(other, m, sizeof *m, NULL);

    furrow_process_start(p);
    furrow_event_set(m->begin);
    furrow_semaphore_acquire(m->said, FURROW_FOREVER);
    const int rc = furrow_barrier_wait(m->barrier, FURROW_FOREVER);
    furrow_process_join(p, FURROW_FOREVER);
    furrow_process_free(p);
    return rc;
}

int main(void)
{
    const furrow_semaphore_options counting = {.counting = 1};

    furrow_init();
    struct meeting m = {furrow_semaphore_new(2, NULL),
                        furrow_semaphore_new(0, &counting), furrow_event_new(),
                        furrow_barrier_new(2, NULL)};
    if (!m.tokens || !m.said || !m.begin || !m.barrier) {
        furrow_perror("meeting");
        return 1;
    }
    printf("both came: %s\n", meet(come, &m) >= 0 ? "yes" : "no");
    printf("one died: %s\n", furrow_status_name(meet(die, &m)));
    if (furrow_semaphore_acquire(m.tokens, furrow_in(10)) == 0 &&
        furrow_semaphore_acquire(m.tokens, furrow_in(10)) == 0)
        printf("both tokens are here\n");
    furrow_barrier_reset(m.barrier);
    furrow_semaphore_release(m.tokens);
    printf("both came: %s\n", meet(come, &m) >= 0 ? "yes" : "no");
    furrow_semaphore_release(m.tokens);
    furrow_barrier_free(m.barrier);
    furrow_event_free(m.begin);
    furrow_semaphore_free(m.said);
    return furrow_semaphore_free(m.tokens) != 0;
}
