/* SPDX-License-Identifier: MIT
 *
 * Python's own Client and Listener at the other end, with the right key and a wrong
 * one.
 *
 *     python_listener        77: there is no Python
 */
#include "furrow_manager.h"
#include "left.h"
#include "pythons.h"

#define SOON   furrow_in(30)
#define SCRIPT FURROW_SOURCE_DIR "/tests/connect/peer.py"
#define KEY    "abracadabra"

enum { REFUSED = 3 };

static pid_t invite(const pythons *all, int i, const char *what, const char *address,
                    const char *key)
{
    const char *arguments[] = {all->path[i], SCRIPT, what, address, key, NULL};

    return python_start(all->path[i], arguments, -1);
}

/* Before 3.12 MD5 is all they know. */
static int is_old(const pythons *all, int i)
{
    return all->minor[i] < 12;
}

/* ---- their client ----------------------------------------------------------------*/

static int welcome(furrow_listener *l)
{
    furrow_connection *c = furrow_listener_accept(l, SOON);
    char got[8];
    size_t size;

    child_want(c != NULL);
    child_want(furrow_connection_recv(c, got, 8, &size, SOON) == 0);
    child_want(size == 5 && memcmp(got, "hello", 5) == 0);
    child_want(furrow_connection_send(c, "welcome", 7, SOON) == 0);
    return furrow_connection_close(c);
}

static int refuse(furrow_listener *l)
{
    child_want(!furrow_listener_accept(l, SOON));
    child_want(furrow_last_error()->code == FURROW_EAUTH);
    return 0;
}

static int their_client_at(const pythons *all, int i, const char *address, int digest)
{
    furrow_listener_options o = {.authkey = KEY,
                                 .authkey_size = strlen(KEY),
                                 .digest = digest,
                                 .legacy = is_old(all, i),
                                 .handshake = 20};
    furrow_listener *l = furrow_listener_open(address, &o);
    const char *where = furrow_listener_address(l);
    pid_t pid;

    child_want(l != NULL);
    pid = invite(all, i, "connect", where, KEY);
    child_want(welcome(l) == 0);
    child_want(child_wait(pid) == 0);
    pid = invite(all, i, "connect", where, "abracadabrb");
    child_want(refuse(l) == 0);
    child_want(child_wait(pid) == REFUSED);
    pid = invite(all, i, "connect", where, KEY);
    child_want(welcome(l) == 0);
    child_want(child_wait(pid) == 0);
    return furrow_listener_close(l);
}

static int their_client(const pythons *all, int i)
{
    char path[64];

    snprintf(path, sizeof path, "/tmp/furrow-python-%d", (int)getpid());
    return their_client_at(all, i, path, FURROW_DIGEST_SHA256) ||
           their_client_at(all, i, NULL, FURROW_DIGEST_SHA384) ||
           their_client_at(all, i, "127.0.0.1:0", FURROW_DIGEST_SHA3_256);
}

/* Without .legacy those that know MD5 alone are kept out. */
static int strict(const pythons *all, int i)
{
    furrow_listener_options o = {.authkey = KEY, .authkey_size = strlen(KEY)};
    furrow_listener *l = furrow_listener_open(NULL, &o);
    pid_t pid = invite(all, i, "connect", furrow_listener_address(l), KEY);

    child_want((is_old(all, i) ? refuse(l) : welcome(l)) == 0);
    child_want(child_wait(pid) == (is_old(all, i) ? REFUSED : 0));
    return furrow_listener_close(l);
}

/* ---- their listener --------------------------------------------------------------*/

/* It may not be there yet. */
static furrow_connection *connect_to(const char *address, const char *key, int legacy)
{
    furrow_client_options o = {
        .authkey = key, .authkey_size = strlen(key), .legacy = legacy};
    furrow_deadline end = SOON;
    furrow_connection *c;

    while (!(c = furrow_client_open(address, &o, SOON)) &&
           furrow_last_error()->code == FURROW_EOS && furrow_in(0) < end)
        left_sleep(0.005);
    return c;
}

static int greet(const char *address, int legacy)
{
    furrow_connection *c = connect_to(address, KEY, legacy);
    char got[8];
    size_t size;

    child_want(c != NULL);
    child_want(furrow_connection_send(c, "hi", 2, SOON) == 0);
    child_want(furrow_connection_recv(c, got, 8, &size, SOON) == 0);
    child_want(size == 2 && memcmp(got, "hi", 2) == 0);
    child_want(furrow_connection_recv(c, got, 8, &size, SOON) == FURROW_EEOF);
    return furrow_connection_close(c);
}

static int their_listener_at(const pythons *all, int i, const char *address)
{
    pid_t pid = invite(all, i, "serve", address, KEY);
    int old = is_old(all, i);

    child_want(greet(address, old) == 0);
    child_want(!connect_to(address, "another", old));
    child_want(furrow_last_error()->code == FURROW_EAUTH);
    if (old) {
        child_want(!connect_to(address, KEY, 0));
        child_want(furrow_last_error()->code == FURROW_EAUTH);
    }
    child_want(greet(address, old) == 0);
    child_want(child_wait(pid) == 0);
    return 0;
}

static int their_listener(const pythons *all, int i)
{
    char path[64], name[64];

    snprintf(path, sizeof path, "/tmp/furrow-python-%d-l", (int)getpid());
    snprintf(name, sizeof name, "@furrow-python-%d-%d", (int)getpid(), i);
    if (all->minor[i] < 8) /* theirs cannot close an abstract name */
        return their_listener_at(all, i, path);
    return their_listener_at(all, i, path) || their_listener_at(all, i, name);
}

int main(void)
{
    static const python_trial trials[] = {{"their client", their_client},
                                          {"strict", strict},
                                          {"their listener", their_listener}};

    return pythons_test(trials, sizeof trials / sizeof *trials);
}
