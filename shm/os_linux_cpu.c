/* SPDX-License-Identifier: MIT
 *
 * Processors of Linux. Raw system calls: glibc's fixed cpu_set_t fails with EINVAL where
 * the kernel knows more than 1024 CPUs.
 */
#include "os.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int fw_os_affinity(fw_cpuset *out)
{
    memset(out, 0, sizeof *out);
    return syscall(SYS_sched_getaffinity, 0, sizeof out->bits, out->bits) < 0 ? -errno
                                                                              : 0;
}

int fw_os_pin(const fw_cpuset *cpus)
{
    return syscall(SYS_sched_setaffinity, 0, sizeof cpus->bits, cpus->bits) < 0 ? -errno
                                                                                : 0;
}

int fw_os_cpus_online(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    return cpus < 1 ? 1 : (int)cpus;
}

int fw_os_cpu(void)
{
    return sched_getcpu();
}
