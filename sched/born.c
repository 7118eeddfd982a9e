/* SPDX-License-Identifier: MIT
 *
 * The life of a child, from its first step to its last word.
 *
 * It begins only after its parent's go-ahead: the parent knows its pid by then, has its
 * pidfd, and has it in its list. A parent that is killed before leaves a child that ends
 * without having begun. One who forked it for the parent, and is killed before, takes it
 * with it: it is at the other end of a line by whose end alone the parent hears of that.
 */
#include "birth.h"
#include "hook.h"
#include "line.h"
#include "nothrow.h"
#include "server.h"
#include "status.h"

#include <errno.h>
#include <pthread.h>

static int own_line = -1;
static pid_t own_pid; /* what the program forks here has the line, too */
static int copied;    /* the streams' buffers are copies of the parent's */

/* The way out, by return, exit() or the end of the last thread. */
static void leave(int status)
{
    int code = status & 255;

    fw_hooks_run();
    fw_children_end();
    furrow_log(FURROW_LOG_INFO, "ends with code %d", code);
    fw_os_flush(!copied);
    if (fw_os_pid() == own_pid)
        (void)fw_line_say(own_line, FW_LINE_EXITED, code, -1);
    fw_os_exit(code);
}

/* The function has ended its thread: the process goes on as long as others do. The frames
 * below ours, a parent's by fork, are not unwound. */
static void leave_with_thread(void *unused)
{
    (void)unused;
    while (fw_os_threads() > 1)
        (void)fw_os_readable(NULL, 0, fw_os_now() + 2 * 1000 * 1000);
    leave(0);
}

static void await_go(int line, const fw_parent *parent)
{
    int rc;

    do
        rc = fw_os_line_await(line, fw_os_now() + 100 * 1000 * 1000);
    while (rc == -ETIMEDOUT && !fw_os_process_gone(parent->pid, parent->start_time));
    if (rc < 0)
        fw_os_exit(1);
}

/* Where that is refused, only one that is daemonic cannot do without. */
void fw_born_bind(int line, pid_t by, int daemon)
{
    int rc = fw_os_die_with(by);

    if (rc == 0 || (rc != -ESRCH && !daemon))
        return;
    if (rc == -ESRCH) /* a moment later the kernel would have */
        fw_os_kill(fw_os_pid());
    (void)fw_fail_os(-rc, FW_BORN_UNBOUND);
    (void)fw_line_say_error(line);
    fw_os_exit(1);
}

void fw_born_run(const fw_boot *boot, furrow_process_function function, void *arg,
                 int line, int copy)
{
    fw_nothrow_frame();
    fw_os_close(own_line); /* a parent's, by fork, that was started itself */
    own_line = line;
    own_pid = fw_os_pid();
    copied = copy;
    fw_kin_become(&boot->is, &boot->parent);
    fw_hooks_forget();
    fw_children_mind();
    if (copy)
        fw_os_child_exit(); /* forgets what the streams hold */
    fw_os_child_leave(leave);
    fw_os_child_stdin();
    fw_os_child_signals(0);
    await_go(line, &boot->parent);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL); /* by fork it is start()'s */
    if (!boot->is.daemon)
        (void)fw_os_outlive_parent();
    furrow_log(FURROW_LOG_INFO, "begins");
    pthread_cleanup_push(leave_with_thread, NULL);
    leave(function(arg, (size_t)boot->size));
    pthread_cleanup_pop(0);
    fw_os_exit(1);
}
