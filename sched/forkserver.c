/* SPDX-License-Identifier: MIT
 *
 * Start method forkserver, in the program: one server for all its threads.
 *
 * Which server is ours stands in a page that reads as zeros in a forked child: that has
 * none, and nobody has the turn there that a thread of its parent may have had. The fds'
 * numbers stand beside it, for the child to close them.
 */
#include "anew.h"
#include "birth.h"
#include "line.h"
#include "participant.h"
#include "server.h"
#include "status.h"
#include "turn.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

typedef struct serving {
    fw_turn turn;
    int runs;
    int cancel_state;  /* of the thread that has the turn, before */
    unsigned launched; /* which server it is: the first is 1 */
} serving;

static void *_Atomic page;
static int control = -1, pidfd = -1; /* under the turn */
static fw_entry preload;

static serving *here(void)
{
    void *there;

    return fw_os_page_wiped_on_fork(&page, &there) < 0 ? NULL : there;
}

/* A cancelled thread would take it along. */
static void take_turn(serving *mine)
{
    int before;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    while (!fw_turn_try(&mine->turn) && !fw_turn_wait(&mine->turn, 100 * 1000 * 1000))
        ;
    mine->cancel_state = before;
}

static void end_turn(serving *mine)
{
    int before = mine->cancel_state;

    fw_turn_end(&mine->turn);
    pthread_setcancelstate(before, NULL);
}

void fw_server_forget(void)
{
    serving *mine = fw_load_acquire(&page);

    fw_os_close(control);
    fw_os_close(pidfd);
    control = pidfd = -1;
    if (mine)
        mine->runs = 0; /* emulators do not wipe it */
}

static void stop(serving *mine)
{
    int was = pidfd;

    fw_os_close(control);
    if (was >= 0 && mine->runs) /* it ends at the end of its line */
        (void)fw_os_readable(&was, 1, fw_os_now() + 1000 * INT64_C(1000000));
    fw_os_close(pidfd);
    control = pidfd = -1;
    mine->runs = 0;
}

void fw_server_stop(void)
{
    serving *mine = fw_load_acquire(&page);

    if (!mine || !mine->runs)
        return;
    take_turn(mine);
    stop(mine);
    end_turn(mine);
}

/* ---- its start ------------------------------------------------------------------------*/

static int start_server(serving *mine)
{
    fw_anew server = {.what = "the server that forks processes", .pidfd = -1};
    fw_boot boot;
    fw_word word;
    int end[2], fd, rc = fw_os_line(end);

    if (rc < 0)
        return fw_fail_os(-rc, "no line to the server that forks processes");
    control = server.line = end[0];
    (void)fw_boot_for(&boot, NULL);
    snprintf(boot.is.name, sizeof boot.is.name, "ForkServer");
    boot.entry = preload;
    rc = fw_anew_run(&server, FW_BOOT_SERVER, end[1], NULL);
    pidfd = server.pidfd;
    fw_os_close(end[1]);
    if (rc > 0) {
        (void)fw_os_line_send(control, &boot, sizeof boot, -1);
        rc = fw_anew_hear_up(&server, &word, &fd);
    }
    mine->runs = rc == 0;
    mine->launched++;
    if (rc < 0)
        stop(mine);
    return rc;
}

/* It says nothing more once it is up: its line ends with it. */
static int ends(int64_t until)
{
    int fd[2] = {control, pidfd};

    return fw_os_readable(fd, 2, until) != 0;
}

static int lives(const serving *mine)
{
    return mine->runs && !ends(0);
}

static int ready(serving *mine)
{
    if (lives(mine))
        return 0;
    stop(mine);
    return start_server(mine);
}

int fw_server_ready(void)
{
    serving *mine = here();
    int rc;

    if (!mine)
        return fw_fail(FURROW_ENOMEM, "no memory for a page of this process");
    take_turn(mine);
    rc = ready(mine);
    end_turn(mine);
    return rc;
}

/* ---- requests -------------------------------------------------------------------------*/

/* Under the turn. */
static int request(serving *mine, int what, int theirs)
{
    int rc = ready(mine);

    if (rc < 0)
        return rc;
    rc = fw_line_say(control, FW_LINE_REQUEST, what, theirs);
    if (rc == 0)
        return 0;
    if (rc != -EPIPE) /* it lives, and so do its children */
        return fw_fail_os(-rc, "cannot ask the server for a process");
    stop(mine);
    return FW_BIRTH_AGAIN;
}

int fw_server_ask(int what, int theirs, unsigned *asked)
{
    serving *mine = here();
    int rc = mine ? fw_boot_allowed()
                  : fw_fail(FURROW_ENOMEM, "no memory for a page of this process");

    if (rc < 0)
        return rc;
    take_turn(mine);
    rc = request(mine, what, theirs);
    *asked = mine->launched;
    end_turn(mine);
    return rc;
}

/* A line of the one may end a little before those of the other. */
int fw_server_was_killed(unsigned asked)
{
    serving *mine = here();
    int killed;

    if (!mine)
        return 1;
    take_turn(mine);
    killed = !mine->runs || mine->launched != asked ||
             ends(fw_os_now() + 100 * INT64_C(1000000));
    end_turn(mine);
    return killed;
}

static int start_forkserver(fw_birth *b)
{
    unsigned asked = 0;
    int rc = fw_server_ask(b->process->is.daemon ? FW_SERVE_DAEMON : FW_SERVE_CHILD,
                           b->child->theirs, &asked);

    fw_children_close_theirs(b->child);
    if (rc != 0)
        return rc;
    rc = fw_birth_tell(b);
    if (rc == 0)
        rc = fw_birth_hear(b, FW_LINE_HELLO);
    if (rc == 0)
        rc = fw_birth_hear(b, FW_LINE_UP);
    if (rc == FURROW_EDIED && fw_server_was_killed(asked))
        return FW_BIRTH_AGAIN;
    return rc;
}

const fw_method fw_method_forkserver = {
    .name = "forkserver", .exec = 1, .start = start_forkserver};

int furrow_process_preload(void (*function)(void))
{
    serving *mine = here();
    int rc = 0;

    if (!mine)
        return fw_status_in(__func__, fw_fail(FURROW_ENOMEM, "no memory for a page"));
    take_turn(mine);
    if (lives(mine))
        rc = fw_fail(FURROW_EBUSY, "the server runs already");
    else if (function)
        rc = fw_entry_of(function, &preload);
    else
        preload = (fw_entry){0};
    end_turn(mine);
    return fw_status_in(__func__, rc);
}
