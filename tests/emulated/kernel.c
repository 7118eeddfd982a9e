/* SPDX-License-Identifier: MIT
 *
 * What QEMU's user mode does not pass on to the host's kernel: a plugin of QEMU, built for
 * the host, that hears of each system call before QEMU has its own way with it.
 *
 *   set_robust_list  QEMU says that there is none. A thread of the guest is a thread of the
 *                    host with the same number, the list has the same layout, and QEMU's own
 *                    threads need none: so the host's kernel is given the guest's, and marks
 *                    the locks of a dead holder.
 *   prctl            PR_SET_CHILD_SUBREAPER is refused. It is done here, and exec.c tells the
 *                    guest so.
 *   madvise          MADV_REMOVE and MADV_POPULATE_ are taken for advice that may be ignored.
 *                    What the host's kernel answers is told to who asks for it (exec.c).
 *
 * And a forked child: QEMU 7 and 8 forget there the threads that it has not, but not in the
 * table of their plugins' code, and abort when it starts a thread that takes a number from
 * it. They are taken from that table here.
 *
 * Addresses are the guest's: the same on the host (guest_base 0) where both have 64 bits.
 */
#include "kernel.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of QEMU's plugin interface what is used. */
typedef struct qemu_info {
    const char *target;
    struct {
        int least, now;
    } version;
} qemu_info;

typedef void heard(uint64_t id, unsigned cpu, int64_t number, uint64_t a, uint64_t b,
                   uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g,
                   uint64_t h);
void qemu_plugin_register_vcpu_syscall_cb(uint64_t id, heard *what);

/* Of QEMU itself, by the names that its program exports. */
typedef struct listed {
    void *next;
    struct listed *previous;
} listed;
extern uintptr_t guest_base;
extern listed cpus; /* the list's head: the first, and the link within the last */
extern __thread void *thread_cpu;
void qemu_plugin_vcpu_exit_hook(void *cpu);

int qemu_plugin_version = FURROW_QEMU_PLUGIN;
int qemu_plugin_install(uint64_t id, const qemu_info *info, int argc, char **argv);

enum { PRCTL = 167, SET_ROBUST_LIST = 99, MADVISE = 233 }; /* of aarch64 */

static ptrdiff_t link_at = -1; /* within what is listed */

/* The program's first thread registers its list while it is alone. */
static void learn(void)
{
    if (link_at < 0)
        link_at = (char *)cpus.previous - (char *)cpus.next;
}

/* Of the threads that a forked child has not: QEMU drops its list of them next, and holds
 * the lock of the table. */
enum { ABSENT = 4096 };
static void *absent[ABSENT];
static int absent_count;

static void in_child(void)
{
    void *next;

    absent_count = 0;
    for (void *cpu = link_at < 0 ? NULL : cpus.next; cpu; cpu = next) {
        next = ((listed *)((char *)cpu + link_at))->next;
        if (cpu != thread_cpu && absent_count < ABSENT)
            absent[absent_count++] = cpu;
    }
}

/* At the child's first system call: it is alone still. */
static void forget_absent(void)
{
    while (absent_count > 0)
        qemu_plugin_vcpu_exit_hook(absent[--absent_count]);
}

static int is_no_mere_advice(uint64_t advice)
{
    return advice == MADV_REMOVE || advice == MADV_POPULATE_READ ||
           advice == MADV_POPULATE_WRITE;
}

static void advise(uint64_t at, uint64_t size, int advice, int *told)
{
    int rc = madvise((void *)(guest_base + at), size, advice);

    if (told)
        *told = rc ? errno : 0;
}

static void hear(uint64_t id, unsigned cpu, int64_t number, uint64_t a, uint64_t b,
                 uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
    (void)id, (void)cpu, (void)f, (void)g, (void)h;
    forget_absent();
    if (number == SET_ROBUST_LIST) {
        learn();
        if (guest_base == 0)
            (void)syscall(SYS_set_robust_list, a, b);
    } else if (number == PRCTL && a == PR_SET_CHILD_SUBREAPER) {
        (void)prctl(PR_SET_CHILD_SUBREAPER, b, 0, 0, 0);
    } else if (number == MADVISE && is_no_mere_advice(c)) {
        advise(a, b, (int)c, e == EMULATED_TELL ? (int *)(guest_base + d) : NULL);
    }
}

int qemu_plugin_install(uint64_t id, const qemu_info *info, int argc, char **argv)
{
    (void)argc, (void)argv;
    if (info->version.now < 2)
        (void)pthread_atfork(NULL, NULL, in_child);
    qemu_plugin_register_vcpu_syscall_cb(id, hear);
    return 0;
}
