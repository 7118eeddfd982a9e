/* SPDX-License-Identifier: MIT
 *
 * The server of start method forkserver: the program anew, with one thread and nothing of
 * the program's state, which forks children on request.
 *
 * A request is a word and the child's end of a line; what to run comes over that. Nobody
 * reaches the line of requests by a name, but what the program forks has a copy of its end:
 * the kernel tells who has sent a request, and another's is refused. The server forks, says
 * HELLO with the child's pidfd over the line, and at the child's end STATUS. It ends when the
 * program is gone or closes the line of requests. Killed: daemonic children are killed by the
 * kernel, and those that have no go-ahead yet, of which the program may not know; others go
 * on. The program starts another server at the next request.
 */
#include "server.h"

#include "birth.h"
#include "line.h"
#include "nothrow.h"
#include "nursery.h"
#include "status.h"

#include <errno.h>
#include <stdlib.h>

typedef struct served {
    struct served *next;
    pid_t pid;
    int line;
} served;

typedef struct server {
    int control, signals, program;
    fw_parent by;
    served *first;
} server;

static void close_all(server *s)
{
    fw_os_close(s->control);
    fw_os_close(s->signals);
    fw_os_close(s->program);
    for (served *c = s->first; c; c = c->next)
        fw_os_close(c->line);
}

static void be_child(server *s, int line, int what, pid_t me)
{
    close_all(s);
    if (what == FW_SERVE_NURSERY)
        fw_nursery_anew(line, &s->by);
    fw_born_bind(line, me, what == FW_SERVE_DAEMON);
    fw_os_child_signals(0);
    fw_boot_child(line, &s->by);
}

static void refuse(int line, int error)
{
    (void)fw_fail_os(error, "the server cannot fork a process");
    (void)fw_line_say_error(line);
    fw_os_close(line);
}

static void refuse_stranger(int line, pid_t from)
{
    (void)fw_fail(FURROW_EAUTH, "the server is another program's than process %d's",
                  (int)from);
    (void)fw_line_say_error(line);
    fw_os_close(line);
}

static void serve(server *s, int line, int what)
{
    served *c = malloc(sizeof *c);
    pid_t me = fw_os_pid(), pid = c ? fw_os_fork() : -ENOMEM;
    int fd;

    if (pid == 0)
        be_child(s, line, what, me);
    if (pid < 0) {
        free(c);
        refuse(line, -(int)pid);
        return;
    }
    fd = fw_os_pidfd_open(pid);
    (void)fw_line_say(line, FW_LINE_HELLO, pid, fd);
    fw_os_close(fd);
    *c = (served){s->first, pid, line};
    s->first = c;
}

static void reap(server *s)
{
    int status;
    pid_t pid;

    (void)fw_os_wait_events(s->signals, -1, 0);
    while ((pid = fw_os_reap(&status)) > 0)
        for (served **at = &s->first; *at; at = &(*at)->next) {
            served *c = *at;

            if (c->pid != pid)
                continue;
            (void)fw_line_say(c->line, FW_LINE_STATUS, status, -1);
            fw_os_close(c->line);
            *at = c->next;
            free(c);
            break;
        }
}

static int program_gone(const server *s)
{
    if (s->program >= 0)
        return fw_os_pidfd_dead(s->program);
    return fw_os_process_gone(s->by.pid, s->by.start_time);
}

static void listen_to(server *s)
{
    int fd[3] = {s->control, s->signals, s->program}, rc;
    int deaf = s->signals < 0 || s->program < 0; /* no files were left for them */
    int64_t tick = 100 * INT64_C(1000000) * (deaf ? 1 : 100);
    unsigned ready = fw_os_readable(fd, 3, fw_os_now() + tick);
    fw_os_along with;
    fw_word word;

    if (program_gone(s))
        fw_os_exit(0);
    if (ready & 2 || s->signals < 0)
        reap(s);
    if (!(ready & 1))
        return;
    rc = fw_line_hear(s->control, &word, &with, 0);
    if (rc == -ETIMEDOUT)
        return; /* there is nothing after all */
    if (rc < 0)
        fw_os_exit(0);
    if (word.kind == FW_LINE_REQUEST && with.fd >= 0 && with.from != s->by.pid)
        refuse_stranger(with.fd, with.from);
    else if (word.kind == FW_LINE_REQUEST && with.fd >= 0)
        serve(s, with.fd, word.value);
    else
        fw_os_close(with.fd);
}

void fw_server_run(int control, const fw_boot *boot, fw_entry_function preload)
{
    server s = {.control = control, .by = boot->parent};

    fw_nothrow_frame();
    fw_kin_become(&boot->is, &boot->parent);
    fw_os_set_name("furrow-server");
    fw_os_child_stdin();
    fw_os_child_signals(1);
    s.signals = fw_os_signals_open();
    if (s.signals < 0) {
        (void)fw_fail_os(-s.signals, "the server cannot watch what it forks");
        (void)fw_line_say_error(control);
        fw_os_exit(1);
    }
    s.program = fw_os_pidfd_open(boot->parent.pid);
    if (preload)
        preload();
    if (fw_os_line_know_senders(control) < 0)
        fw_os_exit(1);
    (void)fw_line_say(control, FW_LINE_UP, 0, -1);
    for (;;)
        listen_to(&s);
}
