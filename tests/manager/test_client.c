/* SPDX-License-Identifier: MIT
 *
 * Clients and listeners: with a key, with the wrong one, and those that say nothing.
 */
#include "connect/ends.h"
#include "furrow_manager.h"
#include "interrupt.h"

#include <criterion/criterion.h>
#include <pthread.h>

#define KEY .authkey = "xyzzy", .authkey_size = 5

enum { SILENT = 100 };

static furrow_listener *listener_at(const char *address, ends_stage *s)
{
    furrow_listener_options o = {KEY, .handshake = 10};
    furrow_listener *l = furrow_listener_open(address, &o);

    cr_assert_not_null(l, "%s", furrow_last_error()->text);
    strcpy(s->text, furrow_listener_address(l));
    return l;
}

static furrow_connection *connect_here(const ends_stage *s)
{
    furrow_client_options o = {KEY};

    return furrow_client_open(s->text, &o, ENDS_SOON);
}

static int say_hello(void *arg)
{
    furrow_connection *c = connect_here(arg);

    child_want(c != NULL);
    child_want(furrow_connection_send(c, "hello", 5, ENDS_SOON) == 0);
    return furrow_connection_close(c);
}

static void want_hello(furrow_connection *c)
{
    char got[8];
    size_t size;

    cr_assert_not_null(c, "%s", furrow_last_error()->text);
    cr_assert_eq(furrow_connection_recv(c, got, 8, &size, ENDS_SOON), 0);
    cr_assert(size == 5 && memcmp(got, "hello", 5) == 0);
    cr_assert_eq(furrow_connection_recv(c, got, 8, &size, ENDS_SOON), FURROW_EEOF);
    cr_assert_eq(furrow_connection_close(c), 0);
}

static void meet_at(const char *address)
{
    ends_stage *s = ends_stage_new();
    furrow_listener *l = listener_at(address, s);
    left_mark before = left_now();
    peer p;

    cr_assert_eq(peer_start(&p, say_hello, s), 0);
    want_hello(furrow_listener_accept(l, ENDS_SOON));
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(left_outside(&before, 1), 0);
    cr_assert_eq(furrow_listener_close(l), 0);
}

/* CPython: _TestListenerClient.test_listener_client */
Test(client, through_a_path)
{
    char path[64];

    snprintf(path, sizeof path, "/tmp/furrow-client-%d", (int)getpid());
    meet_at(path);
}

/* CPython: _TestListenerClient.test_listener_client */
Test(client, through_an_abstract_name)
{
    meet_at(NULL);
}

/* CPython: _TestListenerClient.test_listener_client */
Test(client, through_tcp)
{
    meet_at("127.0.0.1:0");
}

static int say_hello_at_once(void *arg)
{
    ends_stage *s = arg;
    furrow_connection *c = furrow_client_open(s->text, NULL, ENDS_SOON);

    child_want(c != NULL);
    child_want(furrow_connection_send(c, "hello", 5, ENDS_SOON) == 0);
    return furrow_connection_close(c);
}

static void accept_later(const char *address)
{
    ends_stage *s = ends_stage_new();
    furrow_listener *l = furrow_listener_open(address, NULL);
    peer p;

    strcpy(s->text, furrow_listener_address(l));
    cr_assert_eq(peer_start(&p, say_hello_at_once, s), 0);
    cr_assert_eq(peer_join(&p), 0);
    want_hello(furrow_listener_accept(l, ENDS_SOON));
    furrow_listener_close(l);
}

/* CPython: _TestListenerClient.test_issue14725 */
Test(client, gone_before_it_is_accepted)
{
    accept_later(NULL);
    accept_later("127.0.0.1:0");
}

static int take_hello(void *arg)
{
    furrow_connection *c = connect_here(arg);

    child_want(c != NULL);
    child_want(furrow_connection_poll(c, ENDS_SOON) == 1);
    left_sleep(0.01);
    child_want(furrow_connection_poll(c, ENDS_SOON) == 1);
    child_want(furrow_connection_next(c, NULL, 0) == 0);
    return furrow_connection_close(c);
}

/* CPython: _TestListenerClient.test_issue16955 */
Test(client, a_message_is_seen_after_its_sender_closed)
{
    ends_stage *s = ends_stage_new();
    furrow_listener *l = listener_at(NULL, s);
    furrow_connection *c;
    peer p;

    cr_assert_eq(peer_start(&p, take_hello, s), 0);
    c = furrow_listener_accept(l, ENDS_SOON);
    cr_assert_eq(furrow_connection_send(c, "hello", 5, ENDS_SOON), 0);
    furrow_connection_close(c);
    furrow_listener_close(l);
    cr_assert_eq(peer_join(&p), 0);
}

/* ---- keys ------------------------------------------------------------------------*/

static int use_wrong_key(void *arg)
{
    ends_stage *s = arg;
    furrow_client_options o = {.authkey = "wrong", .authkey_size = 5};

    child_want(!furrow_client_open(s->text, &o, ENDS_SOON));
    child_want(furrow_last_error()->code == FURROW_EAUTH);
    child_want(strstr(furrow_last_error()->text, "does not accept our key"));
    return 0;
}

Test(client, the_wrong_key_is_told_to_both)
{
    ends_stage *s = ends_stage_new();
    furrow_listener *l = listener_at(NULL, s);
    left_mark before = left_now();
    peer p;

    for (int i = 0; i < 3; i++) {
        cr_assert_eq(peer_start(&p, use_wrong_key, s), 0);
        cr_assert_null(furrow_listener_accept(l, ENDS_SOON));
        ends_want(FURROW_EAUTH, "the other side has another key");
        cr_assert_eq(peer_join(&p), 0);
        cr_assert_eq(peer_start(&p, say_hello, s), 0);
        want_hello(furrow_listener_accept(l, ENDS_SOON));
        cr_assert_eq(peer_join(&p), 0);
    }
    cr_assert_eq(left_outside(&before, 1), 0);
    furrow_listener_close(l);
}

static int use_no_key(void *arg)
{
    ends_stage *s = arg;
    furrow_connection *c = furrow_client_open(s->text, NULL, ENDS_SOON);
    char got[64];
    size_t size;

    child_want(c && furrow_connection_recv(c, got, 64, &size, ENDS_SOON) == 0);
    child_want(size == 59 && memcmp(got, "#CHALLENGE#{sha256}", 19) == 0);
    child_want(furrow_connection_send(c, "let me in", 9, ENDS_SOON) == 0);
    child_want(furrow_connection_recv(c, got, 64, &size, ENDS_SOON) == 0);
    child_want(size == 9 && memcmp(got, "#FAILURE#", 9) == 0);
    child_want(furrow_connection_recv(c, got, 64, &size, ENDS_SOON) == FURROW_EEOF);
    return furrow_connection_close(c);
}

Test(client, without_a_key)
{
    ends_stage *s = ends_stage_new();
    furrow_listener *l = listener_at(NULL, s);
    peer p;

    cr_assert_eq(peer_start(&p, use_no_key, s), 0);
    cr_assert_null(furrow_listener_accept(l, ENDS_SOON));
    cr_assert_eq(furrow_last_error()->code, FURROW_EAUTH);
    cr_assert_eq(peer_join(&p), 0);
    furrow_listener_close(l);
}

Test(client, a_listener_that_never_proves_anything)
{
    furrow_listener *l = furrow_listener_open(NULL, NULL);
    ends_stage *s = ends_stage_new();
    furrow_client_options o = {KEY};
    double start = left_clock();

    strcpy(s->text, furrow_listener_address(l));
    cr_assert_null(furrow_client_open(s->text, &o, furrow_in(0.05)));
    ends_want(FURROW_ETIME, "did not go on with the handshake");
    cr_assert_geq(left_clock() - start, 0.05);
    furrow_listener_close(l);
}

static int by_digests(void *arg)
{
    ends_stage *s = arg;

    for (int digest = 0; digest < 4; digest++) {
        furrow_client_options o = {KEY, .digest = digest};
        furrow_connection *c = furrow_client_open(s->text, &o, ENDS_SOON);

        child_want(c != NULL);
        child_want(furrow_connection_close(c) == 0);
    }
    return 0;
}

Test(client, any_digest_each_way)
{
    ends_stage *s = ends_stage_new();
    peer p;

    for (int digest = 0; digest < 4; digest++) {
        furrow_listener_options o = {KEY, .digest = digest};
        furrow_listener *l = furrow_listener_open(NULL, &o);

        strcpy(s->text, furrow_listener_address(l));
        cr_assert_eq(peer_start(&p, by_digests, s), 0);
        for (int i = 0; i < 4; i++) {
            furrow_connection *c = furrow_listener_accept(l, ENDS_SOON);

            cr_assert_not_null(c, "%s", furrow_last_error()->text);
            furrow_connection_close(c);
        }
        cr_assert_eq(peer_join(&p), 0);
        furrow_listener_close(l);
    }
}

/* ---- those who say nothing -------------------------------------------------------*/

static int connect_silently(const ends_stage *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(a.sun_path + 1, s->text + 1);
    cr_assert_eq(
        connect(fd, (struct sockaddr *)&a,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(s->text))),
        0);
    return fd;
}

/* The 101st is let in at once, although a hundred before it never answer. */
Test(client, a_hundred_that_say_nothing)
{
    ends_stage *s = ends_stage_new();
    furrow_listener *l = listener_at(NULL, s);
    double start;
    int fd[SILENT];
    peer p;

    for (int i = 0; i < SILENT; i++)
        fd[i] = connect_silently(s);
    start = left_clock();
    cr_assert_eq(peer_start(&p, say_hello, s), 0);
    want_hello(furrow_listener_accept(l, ENDS_SOON));
    cr_assert_lt(left_clock() - start, 5, "the handshake may take 10 s");
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(peer_start(&p, say_hello, s), 0);
    want_hello(furrow_listener_accept(l, ENDS_SOON));
    cr_assert_eq(peer_join(&p), 0);
    for (int i = 0; i < SILENT; i++)
        close(fd[i]);
    furrow_listener_close(l);
}

Test(client, who_says_nothing_is_dropped)
{
    furrow_listener_options o = {KEY, .handshake = 0.05};
    furrow_listener *l = furrow_listener_open(NULL, &o);
    ends_stage *s = ends_stage_new();
    left_mark before = left_now();
    char got[64];
    int fd;

    strcpy(s->text, furrow_listener_address(l));
    fd = connect_silently(s);
    cr_assert_null(furrow_listener_accept(l, furrow_in(0.3)));
    cr_assert_eq(furrow_last_error()->code, FURROW_ETIME);
    cr_assert_eq(read(fd, got, sizeof got), 63); /* the challenge, and then the end */
    cr_assert_eq(read(fd, got, sizeof got), 0);
    close(fd);
    cr_assert_eq(left_outside(&before, 0), 0);
    furrow_listener_close(l);
}

/* Time in which nobody accepts is not the client's. */
Test(client, who_is_not_asked_is_not_dropped)
{
    furrow_listener_options o = {KEY, .handshake = 0.3};
    furrow_listener *l = furrow_listener_open(NULL, &o);
    ends_stage *s = ends_stage_new();
    char got[64];
    int fd;

    strcpy(s->text, furrow_listener_address(l));
    fd = connect_silently(s);
    cr_assert_null(furrow_listener_accept(l, furrow_in(0.02)));
    left_sleep(0.5);
    cr_assert_null(furrow_listener_accept(l, furrow_in(0.02)));
    cr_assert_eq(recv(fd, got, sizeof got, MSG_DONTWAIT), 63); /* the challenge */
    cr_assert_eq(recv(fd, got, sizeof got, MSG_DONTWAIT), -1, "it was dropped");
    cr_assert_null(furrow_listener_accept(l, furrow_in(0.5)));
    cr_assert_eq(recv(fd, got, sizeof got, MSG_DONTWAIT), 0);
    close(fd);
    furrow_listener_close(l);
}

/* Who goes away in the middle is nobody's error. */
Test(client, who_goes_away_is_dropped)
{
    ends_stage *s = ends_stage_new();
    furrow_listener *l = listener_at(NULL, s);
    left_mark before = left_now();

    for (int i = 0; i < 10; i++) {
        int fd = connect_silently(s);

        cr_assert_eq(write(fd, "\0\0\0\x28{sha2", (size_t)i), i);
        close(fd);
    }
    cr_assert_null(furrow_listener_accept(l, furrow_in(0.02)));
    cr_assert_eq(furrow_last_error()->code, FURROW_ETIME);
    cr_assert_eq(left_outside(&before, 0), 0);
    furrow_listener_close(l);
}

static int connect_and_wait(void *arg)
{
    ends_stage *s = arg;
    int fd = connect_silently(s);

    s->code[0] = 1;
    for (;;)
        if (read(fd, s->code, sizeof s->code) < 0)
            return 1;
}

Test(client, killed_in_the_handshake)
{
    ends_stage *s = ends_stage_new();
    furrow_listener *l = listener_at(NULL, s);
    peer p;

    if (peer_threads())
        cr_skip_test("a thread cannot be killed");
    cr_assert_eq(peer_start(&p, connect_and_wait, s), 0);
    cr_assert_null(furrow_listener_accept(l, furrow_in(0.05)));
    kill(p.pid, SIGKILL);
    cr_assert_eq(peer_join(&p), CHILD_SIGNAL + SIGKILL);
    cr_assert_eq(peer_start(&p, say_hello, s), 0);
    want_hello(furrow_listener_accept(l, ENDS_SOON));
    cr_assert_eq(peer_join(&p), 0);
    furrow_listener_close(l);
}

/* A queue that is full holds up connect(), until its deadline. */
Test(client, a_full_backlog)
{
    furrow_listener_options o = {.backlog = 1};
    furrow_listener *l = furrow_listener_open(NULL, &o);
    ends_stage *s = ends_stage_new();
    furrow_connection *c[8] = {NULL};
    int n = 0;

    strcpy(s->text, furrow_listener_address(l));
    while (n < 8 && (c[n] = furrow_client_open(s->text, NULL, furrow_in(0.05))))
        n++;
    cr_assert_lt(n, 8);
    ends_want(FURROW_ETIME, "did not take the connection in time");
    for (int i = 0; i < n; i++)
        furrow_connection_close(c[i]);
    furrow_listener_close(l);
}

/* ---- signals ---------------------------------------------------------------------*/

typedef struct disturbed {
    pthread_t self;
    ends_stage *s;
} disturbed;

static void *disturb(void *arg)
{
    disturbed *d = arg;
    furrow_connection *c;

    interrupt(d->self, 3);
    c = connect_here(d->s);
    furrow_connection_close(c);
    return c;
}

/* CPython: TestIgnoreEINTR.test_ignore_listener (fork) */
Test(client, signals_do_not_end_accepting)
{
    disturbed d = {.self = pthread_self(), .s = ends_stage_new()};
    furrow_listener *l = listener_at(NULL, d.s);
    furrow_connection *c;
    pthread_t thread;

    interrupt_allow(NULL);
    cr_assert_eq(pthread_create(&thread, NULL, disturb, &d), 0);
    c = furrow_listener_accept(l, FURROW_FOREVER);
    cr_assert_not_null(c);
    cr_assert_eq(atomic_load(interrupt_count), 3);
    pthread_join(thread, NULL);
    furrow_connection_close(c);
    furrow_listener_close(l);
}
