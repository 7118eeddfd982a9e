/* SPDX-License-Identifier: MIT
 *
 * furrow_init(): a program that furrow has run is taken over before it does anything.
 *
 * The parent runs the program's file with one variable more in the environment, which names
 * two fds that it inherits: its end of a line, and the heap's file. furrow_init() removes
 * the variable, maps the heap where the parent has it, hears over the line what to run,
 * says that it is up, waits for the go-ahead, runs it and ends.
 *
 * A program that does not call furrow_init() would begin anew in each child, and start
 * children there. So nobody runs a program anew before furrow_init() has run in this one;
 * and where the variable is still there, nothing is started at all.
 */
#include "birth.h"
#include "context.h"
#include "line.h"
#include "nursery.h"
#include "segment.h"
#include "server.h"
#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static _Atomic uint32_t passed; /* furrow_init() ran */
static char helper[1024];       /* to be run in place of the program; "" */

/* ---- in the one that runs it ----------------------------------------------------------*/

int furrow_process_helper(const char *path)
{
    if (path && strlen(path) >= sizeof helper)
        return fw_status_in(
            __func__,
            fw_fail(FURROW_EINVAL, "a path of %zu bytes is too long", strlen(path)));
    strcpy(helper, path ? path : "");
    return 0;
}

static const char *to_run(void)
{
    const char *named = getenv("FURROW_HELPER");

    if (helper[0])
        return helper;
    if (named && *named)
        return named;
    return fw_load_relaxed(&passed) ? "/proc/self/exe" : NULL;
}

int fw_boot_passed(void)
{
    if (!getenv(FW_BOOT_VARIABLE))
        return 0;
    return fw_fail(FURROW_EINVAL,
                   "furrow started this program to run a function in it, "
                   "but furrow_init() is not the first line of main()");
}

int fw_boot_allowed(void)
{
    if (to_run())
        return 0;
    return fw_fail(
        FURROW_EINVAL,
        "spawn and forkserver run this program anew, and need furrow_init() as "
        "the first line of main()");
}

static int copy_environment(fw_boot_exec *x)
{
    size_t n = 0, prefix = strlen(FW_BOOT_VARIABLE "=");

    for (char **e = environ; e && *e; e++)
        n++;
    x->env = calloc(n + 2, sizeof *x->env);
    if (!x->env)
        return fw_fail(FURROW_ENOMEM, "no memory for an environment");
    n = 0;
    for (char **e = environ; e && *e; e++)
        if (strncmp(*e, FW_BOOT_VARIABLE "=", prefix) != 0)
            x->env[n++] = *e;
    x->env[n] = x->text;
    return 0;
}

int fw_boot_prepare(fw_boot_exec *x, int role, int line)
{
    const fw_segment *s = fw_segment_get();
    int heap, rc = fw_boot_allowed();
    fw_parent me;

    if (!s || rc < 0)
        return furrow_last_error()->code;
    heap = fw_segment_fd(s);
    if (heap < 0 && heap != -EBADF)
        return fw_fail_os(-heap, "no look at the file of the heap");
    if (heap < 0)
        return fw_fail(FURROW_ENOTSUP, "this program has closed the file of the heap, "
                                       "which spawn and forkserver hand on");
    fw_kin_self(&me);
    x->path = to_run();
    x->argv[0] = (char *)(role == FW_BOOT_SERVER    ? "furrow-server"
                          : role == FW_BOOT_NURSERY ? "furrow-nursery"
                                                    : "furrow-process");
    x->argv[1] = NULL;
    x->keep[0] = line;
    x->keep[1] = heap;
    snprintf(x->text, sizeof x->text, FW_BOOT_VARIABLE "=%c %d %d %p %zx %d %llu", role,
             line, heap, (void *)s->base, s->size, me.pid,
             (unsigned long long)me.start_time);
    return copy_environment(x);
}

void fw_boot_done(fw_boot_exec *x)
{
    free(x->env);
    x->env = NULL;
}

void fw_boot_exec_now(const fw_boot_exec *x)
{
    int rc = fw_os_exec(x->path, x->argv, x->env, x->keep);

    (void)fw_fail_os(-rc, "cannot run %s", x->path);
    (void)fw_line_say_error(x->keep[0]);
    fw_os_exit(1);
}

int fw_boot_for(fw_boot *boot, furrow_process *p)
{
    memset(boot, 0, sizeof *boot);
    boot->magic = FW_BOOT_MAGIC;
    boot->method = (int32_t)fw_context_chosen();
    boot->log = furrow_log_level(0);
    (void)furrow_log_level(boot->log);
    fw_kin_self(&boot->parent);
    if (p) {
        boot->is = p->is;
        boot->size = p->size;
    }
    return 0;
}

/* ---- in the program that was run ------------------------------------------------------*/

static int hear_argument(int line, const fw_parent *by, const fw_boot *boot, void **arg)
{
    int rc;

    *arg = boot->size < SIZE_MAX / 2 ? malloc(boot->size ? boot->size : 1) : NULL;
    if (!*arg)
        return fw_fail(FURROW_ENOMEM, "no memory for %zu bytes of an argument",
                       (size_t)boot->size);
    rc = fw_line_hear_parent(line, by, *arg, boot->size);
    return rc < 0 ? fw_fail_os(-rc, "the argument did not come") : 0;
}

static int hear(int line, const fw_parent *by, fw_boot *boot)
{
    int rc = fw_line_hear_parent(line, by, boot, sizeof *boot);

    if (rc < 0)
        return fw_fail_os(-rc, "nothing to run was told");
    if (boot->magic != FW_BOOT_MAGIC)
        return fw_fail(FURROW_ECORRUPT, "this program was built with another furrow");
    return 0;
}

static fw_entry_function find(const fw_entry *entry)
{
    fw_entry_function f = fw_entry_resolve(entry);

    if (!f)
        (void)fw_fail(
            FURROW_ENOTSUP,
            "%s of that build, where the function lies, is not to be had here",
            entry->path);
    return f;
}

void fw_boot_give_up(int line)
{
    (void)fw_line_say_error(line);
    fw_os_exit(1);
}

void fw_boot_child(int line, const fw_parent *by)
{
    furrow_process_function function;
    void *arg;
    fw_boot boot;

    if (hear(line, by, &boot) < 0 || hear_argument(line, by, &boot, &arg) < 0)
        fw_boot_give_up(line);
    function = (furrow_process_function)find(&boot.entry);
    if (!function)
        fw_boot_give_up(line);
    fw_context_inherit((furrow_start)boot.method);
    (void)furrow_log_level(boot.log);
    (void)fw_line_say(line, FW_LINE_UP, 0, -1);
    fw_born_run(&boot, function, arg, line, 0);
}

static _Noreturn void server(int line, const fw_parent *by)
{
    fw_entry_function preload = NULL;
    fw_boot boot;

    if (hear(line, by, &boot) < 0)
        fw_boot_give_up(line);
    if (boot.entry.path[0]) {
        preload = find(&boot.entry);
        if (!preload)
            fw_boot_give_up(line);
    }
    fw_server_run(line, &boot, preload);
}

/* "c 64 65 0x700000000000 1000000000 123 4567" */
static _Noreturn void take_over(const char *text)
{
    unsigned long long start;
    int line, heap, pid;
    void *base;
    size_t size;
    char role;
    fw_parent by;

    if (sscanf(text, "%c %d %d %p %zx %d %llu", &role, &line, &heap, &base, &size, &pid,
               &start) != 7 ||
        fw_os_fd_own(line) < 0 || fw_os_fd_own(heap) < 0) {
        fprintf(stderr, "furrow_init: " FW_BOOT_VARIABLE " is set, but furrow did not "
                        "run this program\n");
        fw_os_exit(1);
    }
    by = (fw_parent){.pid = pid, .start_time = start};
    unsetenv(FW_BOOT_VARIABLE);
    if (fw_segment_adopt(heap, base, size) < 0)
        fw_boot_give_up(line);
    if (role == FW_BOOT_SERVER)
        server(line, &by);
    if (role == FW_BOOT_NURSERY)
        fw_nursery_anew(line, &by);
    fw_boot_child(line, &by);
}

int furrow_init(void)
{
    const char *text = getenv(FW_BOOT_VARIABLE);

    fw_store_relaxed(&passed, 1);
    if (text)
        take_over(text);
    return 0;
}
