/* SPDX-License-Identifier: MIT
 *
 * Waiting for several connections, files and sentinels.
 */
#include "ends.h"

#include <sys/eventfd.h>

enum { WRITERS = 4, MESSAGES = 10 };

static furrow_waited connection(furrow_connection *c)
{
    return (furrow_waited){.connection = c};
}

static furrow_waited file(int fd)
{
    return (furrow_waited){.what = FURROW_WAIT_FD, .fd = fd};
}

/* The message is the writer's number and the message's. */
static int write_messages(void *arg)
{
    ends_stage *s = arg;
    furrow_connection *c = ends_take(s);
    int message[2] = {s->number, 0};

    child_want(c != NULL);
    for (; message[1] < MESSAGES; message[1]++) {
        if (s->code[0])
            left_sleep(0.002 * (message[0] + 1));
        child_want(furrow_connection_send(c, message, sizeof message, ENDS_SOON) == 0);
    }
    return furrow_connection_close(c);
}

/* Receive of whoever is ready until all are at their end. */
static void take_all(furrow_waited *objects, int n)
{
    int next[WRITERS] = {0}, open = n, message[2];

    while (open > 0) {
        int ready = furrow_wait(objects, (size_t)open, ENDS_SOON);

        cr_assert_gt(ready, 0, "%s", furrow_last_error()->text);
        for (int i = open - 1; i >= 0; i--) {
            furrow_connection *c = objects[i].connection;
            int rc;

            if (!objects[i].ready)
                continue;
            ready--;
            rc = furrow_connection_recv(c, message, sizeof message, NULL, ENDS_SOON);
            if (rc == FURROW_EEOF) {
                cr_assert_eq(furrow_connection_close(c), 0);
                objects[i] = objects[--open];
                continue;
            }
            cr_assert_eq(rc, 0);
            cr_assert_eq(message[1], next[message[0]]++);
        }
        cr_assert_eq(ready, 0);
    }
    for (int i = 0; i < n; i++)
        cr_assert_eq(next[i], MESSAGES);
}

static void four_writers(int how, int slow)
{
    furrow_waited objects[WRITERS];
    peer p[WRITERS];

    for (int i = 0; i < WRITERS; i++) {
        ends_stage *s = ends_stage_new();

        s->number = i;
        s->code[0] = slow;
        objects[i] = connection(ends_begin(&p[i], write_messages, s, how));
    }
    take_all(objects, WRITERS);
    for (int i = 0; i < WRITERS; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
}

/* CPython: TestWait.test_wait */
Test(wait, four_writers_and_their_ends)
{
    four_writers(ENDS_PEER_SENDS, 0);
}

/* CPython: TestWait.test_wait_slow */
Test(wait, four_slow_writers)
{
    four_writers(ENDS_PEER_SENDS, 1);
}

/* CPython: TestWait.test_wait_socket */
Test(wait, four_writers_through_sockets)
{
    four_writers(ENDS_DUPLEX, 0);
}

/* CPython: TestWait.test_wait_socket_slow */
Test(wait, four_slow_writers_through_sockets)
{
    four_writers(ENDS_DUPLEX, 1);
}

/* CPython: TestWait.test_wait_timeout (fork) */
Test(wait, the_deadline_is_never_early)
{
    furrow_connection *a, *b;
    furrow_waited objects[2];
    double start = left_clock();

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    objects[0] = connection(a);
    objects[1] = connection(b);
    cr_assert_eq(furrow_wait(objects, 2, furrow_in(0.15)), 0);
    cr_assert_geq(left_clock() - start, 0.15);
    cr_assert_eq(furrow_connection_send(b, "x", 1, ENDS_SOON), 0);
    start = left_clock();
    cr_assert_eq(furrow_wait(objects, 2, furrow_in(20)), 1);
    cr_assert_lt(left_clock() - start, 10);
    cr_assert(objects[0].ready && !objects[1].ready);
    furrow_connection_close(a);
    furrow_connection_close(b);
}

/* CPython: TestWait.test_neg_timeout (fork) */
Test(wait, a_deadline_long_past)
{
    furrow_connection *a, *b;
    furrow_waited object;

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    object = connection(a);
    cr_assert_eq(furrow_wait(&object, 1, furrow_in(-1)), 0);
    cr_assert_eq(furrow_wait(&object, 1, -5), 0);
    cr_assert_eq(furrow_wait(&object, 1, 0), 0);
    cr_assert_eq(furrow_wait(NULL, 0, furrow_in(0.01)), 0);
    furrow_connection_close(a);
    furrow_connection_close(b);
}

/* A sentinel is any file that becomes readable for good when its process ends. */
static int wait_a_while(void *arg)
{
    int fd = ends_take_fd(arg);
    char go;

    child_want(read(fd, &go, 1) == 1);
    left_sleep(0.02);
    close(fd);
    return 0;
}

typedef struct watched {
    furrow_connection *go, *a, *b;
    int sentinel;
    peer p;
} watched;

static int make_sentinel(void *ctx)
{
    watched *w = ctx;
    int fd[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    w->sentinel = fd[0];
    return fd[1];
}

/* CPython: TestWait.test_wait_integer */
Test(wait, a_sentinel_and_two_connections)
{
    watched w;
    furrow_waited o[3];

    ends_start(&w.p, wait_a_while, ends_stage_new(), make_sentinel, &w);
    cr_assert_eq(furrow_pipe(&w.a, &w.b, 1), 0);
    o[0] = connection(w.a);
    o[1] = file(w.sentinel);
    o[2] = connection(w.b);
    cr_assert_eq(furrow_wait(o, 3, furrow_in(0.02)), 0);
    cr_assert_eq(write(w.sentinel, "g", 1), 1);
    cr_assert_eq(furrow_wait(o, 3, ENDS_SOON), 1);
    cr_assert(!o[0].ready && o[1].ready && !o[2].ready);
    cr_assert_eq(furrow_connection_send(w.a, "x", 1, ENDS_SOON), 0);
    cr_assert_eq(furrow_wait(o, 3, ENDS_SOON), 2);
    cr_assert(!o[0].ready && o[1].ready && o[2].ready);
    cr_assert_eq(furrow_connection_send(w.b, "y", 1, ENDS_SOON), 0);
    cr_assert_eq(furrow_wait(o, 3, ENDS_SOON), 3);
    cr_assert_eq(peer_join(&w.p), 0);
    cr_assert_eq(furrow_wait(o, 3, FURROW_FOREVER), 3);
    close(w.sentinel);
    furrow_connection_close(w.a);
    furrow_connection_close(w.b);
}

Test(wait, an_empty_message_whose_length_was_read)
{
    furrow_connection *a, *b;
    furrow_waited object;
    size_t size;

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    cr_assert_eq(furrow_connection_send(b, "", 0, 0), 0);
    cr_assert_eq(furrow_connection_next(a, &size, 0), 0);
    object = connection(a);
    cr_assert_eq(furrow_wait(&object, 1, FURROW_FOREVER), 1);
    cr_assert_eq(object.ready, 1);
    furrow_connection_close(a);
    furrow_connection_close(b);
}

Test(wait, a_hundred_of_them)
{
    static furrow_waited objects[100];
    static int fd[100];

    for (int i = 0; i < 100; i++) {
        fd[i] = eventfd(0, EFD_CLOEXEC);
        objects[i] = file(fd[i]);
    }
    cr_assert_eq(eventfd_write(fd[99], 1), 0);
    cr_assert_eq(eventfd_write(fd[40], 1), 0);
    cr_assert_eq(furrow_wait(objects, 100, FURROW_FOREVER), 2);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(objects[i].ready, i == 40 || i == 99);
        close(fd[i]);
    }
}

Test(wait, what_cannot_be_waited_for)
{
    furrow_connection *a, *b;
    furrow_waited o[2];

    cr_assert_eq(furrow_pipe(&a, &b, 0), 0);
    o[0] = connection(a);
    o[1] = connection(b);
    cr_assert_eq(furrow_wait(o, 2, 0), FURROW_EINVAL);
    ends_want(FURROW_EINVAL, "this end of the pipe only sends");
    o[1] = file(-1);
    cr_assert_eq(furrow_wait(o, 2, 0), FURROW_EINVAL);
    ends_want(FURROW_EINVAL, "object 1 has the file descriptor -1");
    o[1] = file(1 << 20);
    cr_assert_eq(furrow_wait(o, 2, 0), FURROW_EINVAL);
    ends_want(FURROW_EINVAL, "file descriptor 1048576 is not open");
    o[1].what = 7;
    cr_assert_eq(furrow_wait(o, 2, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_wait(NULL, 2, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_wait(NULL, 0, FURROW_FOREVER), FURROW_EINVAL);
    furrow_connection_close(a);
    furrow_connection_close(b);
}
