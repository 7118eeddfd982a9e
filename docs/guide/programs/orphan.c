/* SPDX-License-Identifier: MIT
 *
 * A daemonic process ends with its parent, also when that is killed.
 */
#include <furrow.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct shared {
    furrow_lock *lock;
    furrow_event *locked;
};

static int serve(void *arg, size_t size) /* the daemonic one: for ever, with the lock */
{
    const struct shared *s = arg;

    (void)size;
    if (furrow_lock_lock(s->lock, 0) < 0)
        return 1;
    furrow_event_set(s->locked);
    while (1)
        pause();
}

static int work(void *arg, size_t size)
{
    const struct shared *s = arg;
    furrow_process_options o = {.daemon = 1};
    furrow_process *server = furrow_process_new(serve, arg, size, &o);

    if (furrow_process_start(server) < 0 || furrow_event_wait(s->locked, furrow_in(30)))
        return 1;
    return raise(SIGKILL);
}

int main(void)
{
    int code = 0;

    furrow_init();
    struct shared s = {furrow_lock_new(NULL), furrow_event_new()};
    furrow_process *worker = furrow_process_new(work, &s, sizeof s, NULL);

    if (furrow_process_start(worker) || furrow_process_join(worker, furrow_in(30)) ||
        furrow_process_exit_code(worker, &code)) {
        furrow_perror("orphan");
        return 1;
    }
    printf("the worker ended with %d\n", code);
    if (furrow_lock_lock(s.lock, furrow_in(30)) == FURROW_OWNERDIED)
        printf("its server has ended, too\n");
    furrow_lock_consistent(s.lock);
    furrow_lock_unlock(s.lock);
    furrow_process_free(worker);
    furrow_event_free(s.locked);
    return furrow_lock_free(s.lock) != 0;
}
