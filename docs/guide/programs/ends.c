/* SPDX-License-Identifier: MIT
 *
 * Four ways to end, and one loop that waits for all of them.
 */
#include <furrow.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RETURNS, EXITS, CRASHES, SLEEPS, WAYS };

static int end(void *arg, size_t size)
{
    const int how = *(const int *)arg;

    (void)size;
    if (how == EXITS)
        exit(4);
    if (how == CRASHES)
        raise(SIGSEGV);
    while (how == SLEEPS)
        pause();
    return 3;
}

/* Whoever ends makes its sentinel readable. */
static void wait_for_first(furrow_process *const *p, int n)
{
    furrow_waited w[WAYS] = {{0}};
    int left = n;

    for (int i = 0; i < n; i++) {
        w[i].what = FURROW_WAIT_FD;
        w[i].fd = furrow_process_sentinel(p[i]);
    }
    while (left > 0) {
        if (furrow_wait(w, (size_t)left, furrow_in(30)) <= 0)
            exit(1);
        for (int i = left; i-- > 0;)
            if (w[i].ready)
                w[i] = w[--left];
    }
}

int main(void)
{
    const char *const names[WAYS] = {"returns", "exits", "crashes", "sleeps"};
    furrow_process *p[WAYS];
    int code = 0;

    furrow_init();
    for (int i = 0; i < WAYS; i++) {
        furrow_process_options o = {.name = names[i]};
        p[i] = furrow_process_new(end, &i, sizeof i, &o);
        if (furrow_process_start(p[i]) < 0) {
            furrow_perror("ends");
            return 1;
        }
    }
    wait_for_first(p, SLEEPS); /* the first three */
    if (furrow_process_join(p[SLEEPS], furrow_in(0.05)) == FURROW_ETIME)
        furrow_process_terminate(p[SLEEPS]);
    for (int i = 0; i < WAYS; i++) {
        furrow_process_join(p[i], FURROW_FOREVER);
        furrow_process_exit_code(p[i], &code);
        printf("%s: %d\n", furrow_process_name(p[i]), code);
        furrow_process_free(p[i]);
    }
    return 0;
}
