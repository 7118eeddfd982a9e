/* SPDX-License-Identifier: MIT
 *
 * What other tests rely on under an emulator, and kernel.c and exec.c see to: the end of a
 * dead holder's lock, threads in a forked child, grandchildren that come home.
 */
#include "child.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

static pthread_mutex_t *lock;
static _Atomic int over;

static int make_lock(void)
{
    pthread_mutexattr_t attr;

    lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    child_want(lock != MAP_FAILED);
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    child_want(pthread_mutex_init(lock, &attr) == 0);
    return 0;
}

static int die_with_it(void *unused)
{
    (void)unused;
    child_want(pthread_mutex_lock(lock) == 0);
    return raise(SIGKILL);
}

static int want_told(void)
{
    struct timespec until;

    child_want(child_run(die_with_it, NULL) == CHILD_SIGNAL + SIGKILL);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    child_want(pthread_mutex_timedlock(lock, &until) == EOWNERDEAD);
    child_want(pthread_mutex_consistent(lock) == 0 && pthread_mutex_unlock(lock) == 0);
    return 0;
}

static void *end_with_it(void *unused)
{
    return (void *)(intptr_t)pthread_mutex_lock(lock) + (unused != NULL);
}

static void *rest(void *unused)
{
    while (!over)
        usleep(1000);
    return unused;
}

/* A thread's end is told, too: in a child that was forked beside another thread. */
static int start_threads(void *unused)
{
    pthread_t t;

    (void)unused;
    for (int i = 0; i < 3; i++) {
        child_want(pthread_create(&t, NULL, end_with_it, NULL) == 0);
        child_want(pthread_join(t, NULL) == 0);
        while (pthread_mutex_trylock(lock) == EBUSY)
            usleep(1000);
        child_want(pthread_mutex_consistent(lock) == 0);
        child_want(pthread_mutex_unlock(lock) == 0);
    }
    return 0;
}

static int want_threads(void)
{
    pthread_t t;
    int rc;

    child_want(pthread_create(&t, NULL, rest, NULL) == 0);
    rc = child_run(start_threads, NULL);
    over = 1;
    child_want(pthread_join(t, NULL) == 0);
    child_want(rc == 0);
    return 0;
}

static int leave_a_child(void *unused)
{
    if (fork() == 0) {
        while (getppid() != *(pid_t *)unused)
            usleep(1000);
        _exit(5);
    }
    return 0;
}

static int want_grandchild(void)
{
    pid_t me = getpid();
    int status;

    child_want(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    child_want(child_run(leave_a_child, &me) == 0);
    child_want(wait(&status) > 0 && status == 5 << 8);
    return 0;
}

int main(void)
{
    return make_lock() || want_told() || want_threads() || want_grandchild();
}
