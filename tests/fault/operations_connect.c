/* SPDX-License-Identifier: MIT
 *
 * Operations on connections, mostly with a process at the other end: whatever befalls
 * either side, no message comes that is not whole, nobody hangs, and what the failed
 * one could not do is told.
 */
#include "operations.h"

#include "digest.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONG = 300000, MESSAGES = 4 };
static const size_t sizes[MESSAGES] = {5, 0, LONG, 70000};
#define SOON    furrow_in(3)
#define OPTIONS .authkey = "secret", .authkey_size = 6

static int last(const void *p)
{
    return p ? 0 : furrow_last_error()->code;
}

static int nothing(world *w)
{
    (void)w;
    return 0;
}

/* ---- messages --------------------------------------------------------------------*/

/* No memory is asked for while a fault may refuse it to the test itself. */
static unsigned char want[LONG], got[LONG];

static void fill(int i)
{
    for (size_t k = 0; k < sizes[i]; k++)
        want[k] = (unsigned char)(k * 31 + (size_t)i + (k >> 12));
}

static int send_one(furrow_connection *c, int i, furrow_deadline deadline)
{
    fill(i);
    return furrow_connection_send(c, want, sizes[i], deadline);
}

/* A message that is not right is FURROW_EINVAL, which fits no fault. */
static int recv_one(furrow_connection *c, int i, furrow_deadline deadline)
{
    size_t size = 0;
    int rc = furrow_connection_recv(c, got, LONG, &size, deadline);

    fill(i);
    if (rc == 0 && (size != sizes[i] || memcmp(got, want, size) != 0))
        rc = FURROW_EINVAL;
    return rc;
}

static int send_all(furrow_connection *c, furrow_deadline deadline)
{
    int rc = 0;

    for (int i = 0; i < MESSAGES && rc == 0; i++)
        rc = send_one(c, i, deadline);
    return rc;
}

static int recv_all(furrow_connection *c, furrow_deadline deadline)
{
    int rc = 0;

    for (int i = 0; i < MESSAGES && rc == 0; i++)
        rc = recv_one(c, i, deadline);
    return rc;
}

/* ---- a process beside ------------------------------------------------------------*/

/* It has the second end alone, the caller the first. */
static pid_t beside(world *w, int (*run)(furrow_connection *c))
{
    pid_t pid = fork();

    if (pid == 0) {
        furrow_connection_close(w->end[0]);
        alarm(10);
        _exit(run(w->end[1]) ? 1 : 0);
    }
    furrow_connection_close(w->end[1]);
    w->end[1] = NULL;
    return pid;
}

/* Close what the peer may wait for, and wait for it. A fork() that failed is told as
 * the library would tell it. */
static int finish(world *w, pid_t pid, int rc)
{
    if (w->end[0])
        furrow_connection_close(w->end[0]);
    if (w->end[2])
        furrow_listener_close(w->end[2]);
    w->end[0] = w->end[2] = NULL;
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (pid >= 0)
        return rc < 0 ? rc : 0;
    furrow_array_new('d', (size_t)1 << 58, NULL);
    return furrow_last_error()->code;
}

static int need_duplex(world *w)
{
    furrow_connection *a, *b;
    int rc = furrow_pipe(&a, &b, 1);

    w->end[0] = a;
    w->end[1] = b;
    return rc;
}

static int need_to(world *w) /* a pipe that the peer reads */
{
    furrow_connection *a, *b;
    int rc = furrow_pipe(&a, &b, 0);

    w->end[0] = b;
    w->end[1] = a;
    return rc;
}

static int need_from(world *w) /* a pipe that the peer writes */
{
    furrow_connection *a, *b;
    int rc = furrow_pipe(&a, &b, 0);

    w->end[0] = a;
    w->end[1] = b;
    return rc;
}

static int check_both(world *w)
{
    if (furrow_connection_writable(w->end[1]))
        return send_one(w->end[1], 0, 0) || recv_one(w->end[0], 0, 0) ? -1 : 0;
    return send_one(w->end[0], 0, 0) || recv_one(w->end[1], 0, 0) ? -1 : 0;
}

/* Messages of the peer's, until its end. */
static int peer_sends(furrow_connection *c)
{
    return send_all(c, FURROW_FOREVER);
}

static int run_recv(world *w)
{
    pid_t pid = beside(w, peer_sends);

    return finish(w, pid, recv_all(w->end[0], FURROW_FOREVER));
}

static int peer_sends_in_time(furrow_connection *c)
{
    return send_all(c, SOON);
}

static int run_recv_in_time(world *w)
{
    pid_t pid = beside(w, peer_sends_in_time);

    return finish(w, pid, recv_all(w->end[0], SOON));
}

static int peer_receives(furrow_connection *c)
{
    return recv_all(c, FURROW_FOREVER);
}

static int run_send_by(world *w, furrow_deadline deadline)
{
    pid_t pid = beside(w, peer_receives);

    return finish(w, pid, pid < 0 ? 0 : send_all(w->end[0], deadline));
}

static int run_send(world *w)
{
    return run_send_by(w, FURROW_FOREVER);
}

static int run_send_in_time(world *w)
{
    return run_send_by(w, SOON);
}

static int run_wait(world *w)
{
    pid_t pid = beside(w, peer_sends);
    int rc = 0;

    for (int i = 0; i < MESSAGES && rc >= 0; i++) {
        furrow_waited o = {.connection = w->end[0]};

        rc = furrow_wait(&o, 1, SOON);
        if (rc > 0)
            rc = recv_one(w->end[0], i, SOON);
    }
    return finish(w, pid, rc);
}

/* ---- files -----------------------------------------------------------------------*/

static int peer_sends_files(furrow_connection *c)
{
    int fds[2] = {0, 1};

    return furrow_connection_send_fds(c, fds, 2, SOON);
}

static int run_files(world *w)
{
    pid_t pid = beside(w, peer_sends_files);
    int fds[2], rc = furrow_connection_recv_fds(w->end[0], fds, 2, SOON);

    for (int i = 0; i < 2 && rc == 0; i++)
        close(fds[i]);
    return finish(w, pid, rc);
}

static int run_array(world *w)
{
    furrow_array *a = furrow_array_new('d', 10, NULL), *b = NULL;
    int rc = last(a);

    if (rc == 0)
        rc = furrow_connection_send_array(w->end[0], a, SOON);
    if (rc == 0) {
        b = furrow_connection_recv_array(w->end[1], SOON);
        rc = b ? 0 : furrow_last_error()->code;
        rc = rc == 0 && b != a ? FURROW_EINVAL : rc;
    }
    if (a && furrow_array_free(a) < 0)
        return FURROW_EINVAL;
    return rc;
}

/* ---- meeting ---------------------------------------------------------------------*/

static int run_open(world *w)
{
    furrow_listener_options o = {OPTIONS, .handshake = 1};

    w->end[2] = furrow_listener_open(NULL, &o);
    return last(w->end[2]);
}

static int run_open_path(world *w)
{
    char path[128];

    snprintf(path, sizeof path, "%s.sock", w->path);
    w->end[2] = furrow_listener_open(path, NULL);
    return last(w->end[2]);
}

static int check_gone(world *w)
{
    char path[128];

    furrow_listener_close(w->end[2]);
    w->end[2] = NULL;
    snprintf(path, sizeof path, "%s.sock", w->path);
    return access(path, F_OK) == 0 ? -1 : 0;
}

static int visit(const char *address)
{
    furrow_client_options o = {OPTIONS};
    furrow_connection *c = furrow_client_open(address, &o, SOON);
    int rc = last(c);

    if (rc == 0)
        rc = send_one(c, 3, SOON);
    if (c)
        furrow_connection_close(c);
    return rc;
}

/* libcrypto sets itself up once, and never again where that fails: here, before any
 * fault. */
static int need_listener(world *w)
{
    fw_digest_key key = {(unsigned char *)"", 0};
    unsigned char out[FW_DIGEST_BYTES];

    return fw_digest_hmac(FURROW_DIGEST_SHA256, &key, "", 0, out) < 0 ? -1
                                                                      : run_open(w);
}

static int child_is_gone(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) != 0;
}

static int parent_is_gone(pid_t pid)
{
    return getppid() != pid;
}

/* Let one in, unless the one who was to come is gone. */
static int serve(furrow_listener *l, int (*gone)(pid_t), pid_t pid)
{
    furrow_connection *c = NULL;
    int rc = FURROW_ETIME;

    for (int turn = 0, last_turn = 100; rc == FURROW_ETIME && turn < last_turn;
         turn++) {
        if (last_turn == 100 && gone(pid))
            last_turn = turn + 2;
        c = furrow_listener_accept(l, furrow_in(0.03));
        rc = last(c);
    }
    if (rc == 0)
        rc = recv_one(c, 3, SOON);
    if (c)
        furrow_connection_close(c);
    return rc;
}

/* A peer that connects, or lets the caller in. */
static pid_t beside_listener(world *w, int serves)
{
    pid_t parent = getpid(), pid = fork();
    char address[128];
    int rc;

    if (pid != 0)
        return pid;
    alarm(10);
    strcpy(address, furrow_listener_address(w->end[2]));
    if (serves) {
        rc = serve(w->end[2], parent_is_gone, parent);
    } else {
        furrow_listener_close(w->end[2]); /* else it would queue for itself */
        rc = visit(address);
    }
    _exit(rc ? 1 : 0);
}

static int run_accept(world *w)
{
    pid_t pid = beside_listener(w, 0);

    return finish(w, pid, pid < 0 ? 0 : serve(w->end[2], child_is_gone, pid));
}

static int run_client(world *w)
{
    char address[128];
    pid_t pid = beside_listener(w, 1);
    int rc;

    strcpy(address, furrow_listener_address(w->end[2]));
    furrow_listener_close(w->end[2]);
    w->end[2] = NULL;
    rc = pid < 0 ? 0 : visit(address);
    if (rc < 0 && pid > 0)
        kill(pid, SIGKILL); /* nobody else comes */
    return finish(w, pid, rc);
}

static const operation list[] = {
    {"pipe-duplex", nothing, need_duplex, check_both},
    {"pipe-one-way", nothing, need_from, check_both},
    {"recv", need_duplex, run_recv, nothing},
    {"recv-in-time", need_duplex, run_recv_in_time, nothing},
    {"recv-pipe", need_from, run_recv, nothing},
    {"recv-pipe-in-time", need_from, run_recv_in_time, nothing},
    {"send", need_duplex, run_send, nothing},
    {"send-in-time", need_duplex, run_send_in_time, nothing},
    {"send-pipe", need_to, run_send, nothing},
    {"send-pipe-in-time", need_to, run_send_in_time, nothing},
    {"wait", need_from, run_wait, nothing},
    {"files", need_duplex, run_files, nothing},
    {"send-array", need_duplex, run_array, nothing},
    {"listen", nothing, run_open, nothing},
    {"listen-path", nothing, run_open_path, check_gone},
    {"accept", need_listener, run_accept, nothing},
    {"client", need_listener, run_client, nothing},
};

const operation_table operations = {
    .operation = list, .count = sizeof list / sizeof *list, .have_peers = 1};

/* ---- the world -------------------------------------------------------------------*/

int world_end(world *w)
{
    int rc = furrow_connection_close(w->end[0]);

    rc = furrow_connection_close(w->end[1]) ? -1 : rc;
    rc = furrow_listener_close(w->end[2]) ? -1 : rc;
    memset(w->end, 0, sizeof w->end);
    return rc;
}

int world_use_library(void)
{
    furrow_heap_info info;
    world w = {0};
    int rc =
        furrow_heap_describe(&info) < 0 || need_duplex(&w) < 0 || check_both(&w) < 0;

    return world_end(&w) < 0 || rc ? -1 : 0;
}
