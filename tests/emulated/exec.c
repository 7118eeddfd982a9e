/* SPDX-License-Identifier: MIT
 *
 * execve(), prctl() and madvise() for test programs that run under QEMU's user mode.
 *
 * QEMU hands execve() to the host's kernel, which refuses a program for another processor
 * unless somebody has registered the emulator with it, which needs root. Criterion
 * executes its suite anew for each test. So a program for this processor is executed by
 * the emulator, FURROW_EMULATOR (words separated by '|'), and any other as it is.
 *
 * QEMU refuses prctl(PR_SET_CHILD_SUBREAPER), but its plugin has done it (kernel.c). It says
 * that all advice was taken: its plugin tells what the host's kernel said.
 *
 * Linked into the test programs; a call from a shared library finds it here too.
 */
#include "kernel.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WORDS = 64 };

/* Is it a program for the processor that is emulated? */
static int foreign(const char *file)
{
    Elf64_Ehdr head = {0};
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, &head, sizeof head);

    if (fd >= 0)
        close(fd);
    return n == (ssize_t)sizeof head && memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 &&
           head.e_machine == EM_AARCH64;
}

/* emulator... -0 argv[0] file argv[1]...  Returns 0 when those are too many. */
static int emulated(char *emulator, const char *file, char *const argv[], char **out)
{
    char *rest = NULL;
    int n = 0;

    for (char *w = strtok_r(emulator, "|", &rest); w; w = strtok_r(NULL, "|", &rest))
        out[n++] = w;
    out[n++] = (char *)"-0";
    out[n++] = argv[0];
    out[n++] = (char *)file;
    for (int i = 1; argv[i]; i++) {
        if (n == WORDS - 1)
            return 0;
        out[n++] = argv[i];
    }
    out[n] = NULL;
    return 1;
}

/* The emulator answers for this link, the host's kernel would name the emulator. */
static const char *named(const char *file, char *room, size_t size)
{
    ssize_t n = strcmp(file, "/proc/self/exe") ? -1 : readlink(file, room, size - 1);

    if (n < 0)
        return file;
    room[n] = 0;
    return room;
}

int execve(const char *file, char *const argv[], char *const envp[])
{
    char emulator[] = FURROW_EMULATOR, room[PATH_MAX], *words[WORDS];

    file = named(file, room, sizeof room);
    if (!foreign(file))
        return (int)syscall(SYS_execve, file, argv, envp);
    if (emulated(emulator, file, argv, words))
        return (int)syscall(SYS_execve, words[0], words, envp);
    errno = E2BIG;
    return -1;
}

int prctl(int option, ...)
{
    unsigned long argument[4];
    va_list more;
    int rc;

    va_start(more, option);
    for (int i = 0; i < 4; i++)
        argument[i] = va_arg(more, unsigned long);
    va_end(more);
    rc = (int)syscall(SYS_prctl, option, argument[0], argument[1], argument[2],
                      argument[3]);
    return rc < 0 && option == PR_SET_CHILD_SUBREAPER ? 0 : rc;
}

/* Weak: a test may have its own. */
__attribute__((weak)) int madvise(void *at, size_t size, int advice)
{
    int told = 0;
    long rc = syscall(SYS_madvise, at, size, advice, &told, EMULATED_TELL);

    if (rc != 0 || told == 0)
        return (int)rc;
    errno = told;
    return -1;
}
