/* SPDX-License-Identifier: MIT
 *
 * Start method forkserver, in the program: one server for all its threads.
 *
 * Which server is ours stands in a page that reads as zeros in a forked child: that has
 * none, and nobody has the turn there that a thread of its parent may have had. The fds'
 * numbers stand beside it, for the child to close them.
 */
#include "birth.h"
#include "line.h"
#include "nursery.h"
#include "participant.h"
#include "server.h"
#include "status.h"
#include "turn.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

typedef struct serving {
    fw_turn turn;
    int runs;
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

static void take_turn(serving *mine)
{
    while (!fw_turn_try(&mine->turn) && !fw_turn_wait(&mine->turn, 100 * 1000 * 1000))
        ;
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
    fw_turn_end(&mine->turn);
}

/* ---- its start ------------------------------------------------------------------------*/

static void run_server(void *arg, fw_handshake *h)
{
    const fw_birth *b = arg;

    fw_nursery_await(h, b->boot.parent.pid, b->boot.parent.start_time);
    fw_os_child_signals(1);
    fw_boot_exec_now(&b->exec);
}

static int hear_up(int line)
{
    int64_t patience = fw_os_now() + 60 * INT64_C(1000000000);
    fw_word word;
    int rc;

    do
        rc = fw_line_hear(line, &word, NULL, fw_os_now() + 100 * 1000 * 1000);
    while (rc == -ETIMEDOUT && fw_os_now() < patience && !fw_os_pidfd_dead(pidfd));
    if (rc == 0 && word.kind == FW_LINE_FAILED)
        return fw_line_adopt(&word);
    if (rc < 0)
        return fw_fail(FURROW_EDIED, "the server that forks processes ended before it "
                                     "could begin (does what is run call "
                                     "furrow_init()?)");
    return 0;
}

static int launch(fw_birth *b, int theirs)
{
    int rc = fw_boot_prepare(&b->exec, FW_BOOT_SERVER, theirs);

    if (rc == 0) {
        rc = fw_nursery_fork(run_server, b, NULL, &pidfd);
        if (rc < 0)
            rc = fw_fail_os(-rc, "cannot fork the server that forks processes");
    }
    fw_boot_done(&b->exec);
    return rc < 0 ? rc : 0;
}

static int start_server(serving *mine)
{
    fw_birth b = {0};
    int end[2], rc = fw_os_line(end);

    if (rc < 0)
        return fw_fail_os(-rc, "no line to the server that forks processes");
    control = end[0];
    (void)fw_boot_for(&b.boot, NULL);
    snprintf(b.boot.is.name, sizeof b.boot.is.name, "ForkServer");
    b.boot.entry = preload;
    rc = launch(&b, end[1]);
    fw_os_close(end[1]);
    if (rc == 0)
        (void)fw_os_line_send(control, &b.boot, sizeof b.boot, -1);
    if (rc == 0)
        rc = hear_up(control);
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
    fw_turn_end(&mine->turn);
    return rc;
}

/* ---- requests -------------------------------------------------------------------------*/

static int request(serving *mine, fw_birth *b, unsigned *asked)
{
    int rc = ready(mine);

    if (rc < 0)
        return rc;
    *asked = mine->launched;
    rc = fw_line_say(control, FW_LINE_REQUEST, b->process->is.daemon, b->child->theirs);
    if (rc == 0)
        return 0;
    stop(mine);
    return rc == -EPIPE ? FW_BIRTH_AGAIN
                        : fw_fail_os(-rc, "cannot ask the server for a process");
}

/* Was it the server that was killed, not what it forked? A line of the one may end a little
 * before those of the other. */
static int was_killed(serving *mine, unsigned asked)
{
    int killed;

    take_turn(mine);
    killed = !mine->runs || mine->launched != asked ||
             ends(fw_os_now() + 100 * INT64_C(1000000));
    fw_turn_end(&mine->turn);
    return killed;
}

static int start_forkserver(fw_birth *b)
{
    serving *mine = here();
    unsigned asked = 0;
    int rc = mine ? fw_boot_allowed()
                  : fw_fail(FURROW_ENOMEM, "no memory for a page of this process");

    if (rc < 0)
        return rc;
    take_turn(mine);
    rc = request(mine, b, &asked);
    fw_turn_end(&mine->turn);
    fw_children_close_theirs(b->child);
    if (rc != 0)
        return rc;
    rc = fw_birth_tell(b);
    if (rc == 0)
        rc = fw_birth_hear(b, FW_LINE_HELLO);
    if (rc == 0)
        rc = fw_birth_hear(b, FW_LINE_UP);
    if (rc == FURROW_EDIED && was_killed(mine, asked))
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
    fw_turn_end(&mine->turn);
    return fw_status_in(__func__, rc);
}
