/* SPDX-License-Identifier: MIT
 *
 * Messages that are not there as a whole: deadlines in the middle, writers that end or
 * are killed there, lengths that lie.
 */
#include "ends.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/uio.h>

#define MIB ((size_t)1 << 20)

/* A connection, and the raw other end. */
static furrow_connection *raw_pair(int *raw)
{
    furrow_connection *a, *b;

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    *raw = dup(furrow_connection_fileno(b));
    furrow_connection_close(b);
    return a;
}

static void put(int raw, const void *bytes, size_t size)
{
    cr_assert_eq(write(raw, bytes, size), (ssize_t)size);
}

/* ---- on the wire -----------------------------------------------------------------*/

static void want_wire(const void *message, size_t size, const char *wire, size_t bytes)
{
    int raw;
    furrow_connection *c = raw_pair(&raw);
    char got[64];

    cr_assert_eq(furrow_connection_send(c, message, size, ENDS_SOON), 0);
    cr_assert_eq(furrow_connection_close(c), 0);
    cr_assert_eq(read(raw, got, sizeof got), (ssize_t)bytes);
    cr_assert_arr_eq(got, wire, bytes);
    close(raw);
}

Test(partial, the_bytes_of_python)
{
    want_wire("", 0, "\0\0\0\0", 4);
    want_wire("hello", 5, "\0\0\0\5hello", 9);
    want_wire("\x80\x04K\x01.", 5, "\0\0\0\5\x80\x04K\x01.", 9);
}

Test(partial, lengths_of_both_forms)
{
    int raw;
    furrow_connection *c = raw_pair(&raw);
    char got[16];
    size_t size;

    put(raw, "\0\0\0\3one", 7);
    put(raw, "\xff\xff\xff\xff\0\0\0\0\0\0\0\3two", 15);
    put(raw, "\xff\xff\xff\xff\0\0\0\0\0\0\0\0", 12);
    put(raw, "\0\0\0\0", 4);
    cr_assert_eq(furrow_connection_recv(c, got, 16, &size, 0), 0);
    cr_assert(size == 3 && memcmp(got, "one", 3) == 0);
    cr_assert_eq(furrow_connection_recv(c, got, 16, &size, 0), 0);
    cr_assert(size == 3 && memcmp(got, "two", 3) == 0);
    cr_assert_eq(furrow_connection_recv(c, got, 16, &size, 0), 0);
    cr_assert_eq(size, 0);
    cr_assert_eq(furrow_connection_recv(c, got, 16, &size, 0), 0);
    cr_assert_eq(size, 0);
    close(raw);
    furrow_connection_close(c);
}

/* More than 2^31 bytes are announced in the long form; the memory for them is not
 * taken. */
Test(partial, five_gibibytes_are_announced)
{
    int raw;
    furrow_connection *c = raw_pair(&raw);
    size_t size = 0;

    put(raw, "\xff\xff\xff\xff\0\0\0\1\x40\0\0\0xyz", 15);
    cr_assert_eq(furrow_connection_next(c, &size, ENDS_SOON), 0);
    cr_assert_eq(size, (size_t)5 << 30);
    cr_assert_null(furrow_connection_recv_new(c, &size, 0));
    ends_want(FURROW_ETIME, "deadline");
    close(raw);
    cr_assert_null(furrow_connection_recv_new(c, &size, ENDS_SOON));
    ends_want(FURROW_ECORRUPT, "after 3 of its 5368709120 bytes");
    furrow_connection_close(c);
}

/* ---- lengths that lie ------------------------------------------------------------*/

static void want_refused(const char *head, size_t bytes, const char *says)
{
    int raw;
    furrow_connection *c = raw_pair(&raw);
    char got[16];

    put(raw, head, bytes);
    put(raw, "\0\0\0\1x", 5);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(furrow_connection_recv(c, got, 16, NULL, ENDS_SOON),
                     FURROW_ECORRUPT);
        ends_want(FURROW_ECORRUPT, says);
        cr_assert_eq(furrow_connection_poll(c, 0), 1);
    }
    cr_assert_null(furrow_connection_recv_new(c, NULL, ENDS_SOON));
    close(raw);
    furrow_connection_close(c);
}

Test(partial, negative_lengths_are_refused)
{
    want_refused("\xff\xff\xff\xfe", 4, "it has -2 bytes");
    want_refused("\x80\0\0\0", 4, "it has -2147483648 bytes");
    want_refused("\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", 12, "9223372036854775808 bytes");
    want_refused("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, "bytes");
}

Test(partial, a_limit_refuses_and_loses_nothing)
{
    int raw;
    furrow_connection *c = raw_pair(&raw);
    char got[16];
    size_t size;

    cr_assert_eq(furrow_connection_limit(c, 4), 0);
    put(raw, "\0\0\0\4four\0\0\0\5fives", 17);
    cr_assert_eq(furrow_connection_recv(c, got, 16, &size, 0), 0);
    cr_assert_eq(size, 4);
    cr_assert_eq(furrow_connection_recv(c, got, 16, &size, 0), FURROW_ESHORT);
    ends_want(FURROW_ESHORT, "has 5 bytes, the limit is 4");
    cr_assert_eq(size, 5);
    cr_assert_null(furrow_connection_recv_new(c, &size, 0));
    cr_assert_eq(furrow_connection_limit(c, 5), 0);
    cr_assert_eq(furrow_connection_recv(c, got, 16, &size, 0), 0);
    cr_assert(size == 5 && memcmp(got, "fives", 5) == 0);
    close(raw);
    furrow_connection_close(c);
}

Test(partial, hostile_lengths_take_no_memory)
{
    int raw;
    furrow_connection *c = raw_pair(&raw);

    put(raw, "\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 12);
    close(raw);
    cr_assert_null(furrow_connection_recv_new(c, NULL, FURROW_FOREVER));
    ends_want(FURROW_ECORRUPT, "after 0 of its 9223372036854775807 bytes");
    furrow_connection_close(c);
}

/* ---- deadlines in the middle -----------------------------------------------------*/

/* The message arrives byte by byte, a try between any two. */
Test(partial, tries_between_any_two_bytes)
{
    static const char wire[] = "\0\0\0\5hello\xff\xff\xff\xff\0\0\0\0\0\0\0\2ab";
    char got[16];
    size_t size;
    int raw;
    furrow_connection *c = raw_pair(&raw);

    for (size_t i = 0; i < 9; i++) {
        cr_assert_eq(furrow_connection_recv(c, got, 16, &size, 0), FURROW_ETIME);
        put(raw, wire + i, 1);
    }
    cr_assert_eq(furrow_connection_recv(c, got, 16, &size, 0), 0);
    cr_assert(size == 5 && memcmp(got, "hello", 5) == 0);
    for (size_t i = 9; i < 23; i++) {
        cr_assert_null(furrow_connection_recv_new(c, &size, 0));
        ends_want(FURROW_ETIME, "receiving");
        put(raw, wire + i, 1);
    }
    cr_assert_eq(furrow_connection_recv(c, got, 16, &size, 0), 0);
    cr_assert(size == 2 && memcmp(got, "ab", 2) == 0);
    close(raw);
    furrow_connection_close(c);
}

/* Kept by one way of receiving, taken by the other. */
Test(partial, what_is_kept_goes_to_whoever_asks)
{
    int raw;
    furrow_connection *c = raw_pair(&raw);
    unsigned char *said = malloc(3 * MIB), *got = malloc(3 * MIB), *own;
    size_t size, at = 0;
    const char head[] = {0, 0x30, 0, 0};

    ends_pattern(said, 3 * MIB, 3);
    put(raw, head, 4);
    for (int i = 0; at < 3 * MIB; i++, at += 64 << 10) {
        put(raw, said + at, 64 << 10);
        if (at + (64 << 10) == 3 * MIB)
            break;
        if (i % 2)
            cr_assert_eq(furrow_connection_recv(c, got, 3 * MIB, &size, 0),
                         FURROW_ETIME);
        else
            cr_assert_null(furrow_connection_recv_new(c, &size, 0));
        cr_assert_eq(furrow_connection_recv(c, got, 1, &size, 0), FURROW_ESHORT);
    }
    own = furrow_connection_recv_new(c, &size, 0);
    cr_assert_not_null(own);
    cr_assert(size == 3 * MIB && memcmp(own, said, size) == 0 && own[size] == 0);
    free(own);
    free(said);
    free(got);
    close(raw);
    furrow_connection_close(c);
}

Test(partial, a_deadline_is_kept)
{
    int raw;
    furrow_connection *c = raw_pair(&raw);
    double start = left_clock();
    char got[16];

    put(raw, "\0\0", 2);
    cr_assert_eq(furrow_connection_recv(c, got, 16, NULL, furrow_in(0.05)),
                 FURROW_ETIME);
    cr_assert_geq(left_clock() - start, 0.05);
    cr_assert_lt(left_clock() - start, 5);
    close(raw);
    furrow_connection_close(c);
}

static int slow_writer(void *arg)
{
    int fd = ends_take_fd(arg);

    child_want(fd >= 0);
    for (int i = 0; i < 9; i++) {
        left_sleep(0.003);
        child_want(write(fd, &"\0\0\0\5hello"[i], 1) == 1);
    }
    close(fd);
    return 0;
}

Test(partial, a_slow_writer_and_many_deadlines)
{
    peer p;
    furrow_connection *c =
        ends_begin(&p, slow_writer, ends_stage_new(), ENDS_PEER_SENDS);
    size_t size;
    char got[16];
    int rc;

    while ((rc = furrow_connection_recv(c, got, 16, &size, furrow_in(0.002))) ==
           FURROW_ETIME)
        ;
    cr_assert_eq(rc, 0, "%s", furrow_last_error()->text);
    cr_assert(size == 5 && memcmp(got, "hello", 5) == 0);
    cr_assert_eq(ends_finish(&p, c), 0);
}

/* Fill the connection: the last message is cut by the deadline. Returns how many
 * went. */
static int fill(furrow_connection *c, const void *message, size_t size)
{
    int n = 0, rc;

    while ((rc = furrow_connection_send(c, message, size, 0)) == 0)
        n++;
    cr_assert_eq(rc, FURROW_UNSENT, "%s", furrow_last_error()->text);
    return n;
}

static void send_in_pieces(int duplex)
{
    size_t len = 300000, size;
    unsigned char *said = malloc(len), *got = malloc(len);
    furrow_connection *a, *b;
    int n;

    ends_pattern(said, len, 9);
    cr_assert_eq(furrow_pipe(&b, &a, duplex), 0);
    cr_assert_eq(furrow_connection_unsent(a), 0);
    n = fill(a, said, len);
    cr_assert_gt(furrow_connection_unsent(a), 0);
    cr_assert_lt(furrow_connection_unsent(a), (int64_t)len + 4);
    cr_assert_eq(furrow_connection_send(a, "next", 4, 0), FURROW_EBUSY);
    ends_want(FURROW_EBUSY, "bytes of an earlier message are still to be sent");
    cr_assert_eq(furrow_connection_flush(a, furrow_in(0.01)), FURROW_ETIME);
    for (int i = 0; i <= n; i++) {
        while (furrow_connection_recv(b, got, len, &size, 0) != 0)
            (void)furrow_connection_flush(a, 0);
        cr_assert(size == len && memcmp(got, said, len) == 0);
    }
    cr_assert_eq(furrow_connection_flush(a, 0), 0);
    cr_assert_eq(furrow_connection_unsent(a), 0);
    cr_assert_eq(furrow_connection_send(a, "next", 4, 0), 0);
    cr_assert_eq(furrow_connection_recv(b, got, len, &size, 0), 0);
    cr_assert(size == 4 && memcmp(got, "next", 4) == 0);
    furrow_connection_close(a);
    furrow_connection_close(b);
    free(said);
    free(got);
}

Test(partial, the_rest_is_sent_later_through_a_socket)
{
    send_in_pieces(1);
}

Test(partial, the_rest_is_sent_later_through_a_pipe)
{
    send_in_pieces(0);
}

/* Small messages into a full pipe: each is sent as a whole, or not begun, or kept. */
static void send_small(int duplex)
{
    furrow_connection *a, *b;
    uint32_t number[20], next = 0, sent = 0;
    size_t size;

    cr_assert_eq(furrow_pipe(&b, &a, duplex), 0);
    while (sent < 20000) {
        int rc;

        for (int i = 0; i < 20; i++)
            number[i] = sent;
        rc = furrow_connection_send(a, number, sizeof number, 0);
        cr_assert_eq(rc == FURROW_UNSENT || rc == FURROW_EBUSY,
                     furrow_connection_unsent(a) > 0);
        sent += rc >= 0;
        if (rc == 0)
            continue;
        cr_assert(rc == FURROW_UNSENT || rc == FURROW_ETIME || rc == FURROW_EBUSY);
        for (int i = 0; i < 700; i++)
            if (furrow_connection_recv(b, number, sizeof number, &size, 0) == 0) {
                cr_assert_eq(size, sizeof number);
                cr_assert(number[0] == next && number[19] == next);
                next++;
            }
    }
    furrow_connection_close(a);
    furrow_connection_close(b);
}

Test(partial, small_messages_into_a_full_socket)
{
    send_small(1);
}

Test(partial, small_messages_into_a_full_pipe)
{
    send_small(0);
}

/* ---- the other end goes away -----------------------------------------------------*/

static void cut_after(size_t bytes, int code)
{
    int raw;
    furrow_connection *c = raw_pair(&raw);
    char got[16];

    put(raw, "\0\0\0\2ok\0\0\0\5hello", 6 + bytes);
    close(raw);
    cr_assert_eq(furrow_connection_recv(c, got, 16, NULL, ENDS_SOON), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(furrow_connection_recv(c, got, 16, NULL, ENDS_SOON), code);
    cr_assert_null(furrow_connection_recv_new(c, NULL, ENDS_SOON));
    cr_assert_eq(furrow_last_error()->code, code);
    furrow_connection_close(c);
}

Test(partial, cut_at_every_byte)
{
    cut_after(0, FURROW_EEOF);
    for (size_t bytes = 1; bytes < 9; bytes++)
        cut_after(bytes, FURROW_ECORRUPT);
}

static int send_for_ever(void *arg)
{
    furrow_connection *c = ends_take(arg);
    unsigned char *bytes = calloc(1, MIB);

    for (;;)
        child_want(furrow_connection_send(c, bytes, MIB, FURROW_FOREVER) == 0);
}

static void kill_a_writer(int how)
{
    peer p;
    furrow_connection *c = ends_begin(&p, send_for_ever, ends_stage_new(), how);
    char got[16];
    size_t size;

    cr_assert_eq(furrow_connection_next(c, &size, ENDS_SOON), 0);
    kill(p.pid, SIGKILL);
    cr_assert_eq(peer_join(&p), CHILD_SIGNAL + SIGKILL);
    cr_assert_eq(furrow_connection_recv(c, got, 16, &size, ENDS_SOON), FURROW_ESHORT);
    cr_assert_null(furrow_connection_recv_new(c, &size, FURROW_FOREVER));
    ends_want(FURROW_ECORRUPT, "the end of file came in the middle of a message");
    furrow_connection_close(c);
}

Test(partial, a_writer_is_killed_in_a_message)
{
    if (peer_threads())
        cr_skip_test("a thread cannot be killed");
    kill_a_writer(ENDS_DUPLEX);
    kill_a_writer(ENDS_PEER_SENDS);
}

static int take_one(void *arg)
{
    furrow_connection *c = ends_take(arg);
    char got[16];

    child_want(furrow_connection_recv(c, got, 16, NULL, ENDS_SOON) == 0);
    return furrow_connection_close(c);
}

/* Nobody reads any more: an error, not a signal that would end the test. */
static void nobody_reads(int how)
{
    peer p;
    furrow_connection *c = ends_begin(&p, take_one, ends_stage_new(), how);
    unsigned char *bytes = calloc(1, MIB);

    cr_assert_eq(furrow_connection_send(c, "x", 1, ENDS_SOON), 0);
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(furrow_connection_send(c, bytes, MIB, ENDS_SOON), FURROW_EEOF);
    cr_assert_eq(furrow_connection_send(c, "x", 1, FURROW_FOREVER), FURROW_EEOF);
    ends_want(FURROW_EEOF, "the other end is closed");
    furrow_connection_close(c);
    free(bytes);
}

Test(partial, nobody_reads_the_socket)
{
    nobody_reads(ENDS_DUPLEX);
}

Test(partial, nobody_reads_the_pipe)
{
    nobody_reads(ENDS_PEER_RECEIVES);
}

static int take_a_part(void *arg)
{
    int fd = ends_take_fd(arg);
    char part[1000];

    for (int i = 0; i < 100; i++)
        child_want(read(fd, part, sizeof part) > 0);
    close(fd);
    return 0;
}

/* The kernel then raises the signal, and says nothing of it: the count is short. */
Test(partial, the_reader_goes_in_the_middle_of_a_write)
{
    unsigned char *bytes = calloc(4, MIB);
    peer p;
    furrow_connection *c =
        ends_begin(&p, take_a_part, ends_stage_new(), ENDS_PEER_RECEIVES);

    cr_assert_eq(furrow_connection_send(c, bytes, 4 * MIB, FURROW_FOREVER),
                 FURROW_EEOF);
    cr_assert_eq(ends_finish(&p, c), 0);
    free(bytes);
}

static void note(int signal)
{
    (void)signal;
    cr_assert_fail("a SIGPIPE");
}

Test(partial, a_signal_that_waits_already_is_not_taken)
{
    sigset_t set, pending;
    furrow_connection *a, *b;

    signal(SIGPIPE, note);
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    cr_assert_eq(furrow_pipe(&a, &b, 0), 0);
    furrow_connection_close(a);
    cr_assert_eq(furrow_connection_send(b, "x", 1, ENDS_SOON), FURROW_EEOF);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    cr_assert_eq(furrow_connection_send(b, "x", 1, ENDS_SOON), FURROW_EEOF);
    sigpending(&pending);
    cr_assert_not(sigismember(&pending, SIGPIPE));
    raise(SIGPIPE);
    cr_assert_eq(furrow_connection_send(b, "x", 1, ENDS_SOON), FURROW_EEOF);
    sigpending(&pending);
    cr_assert(sigismember(&pending, SIGPIPE));
    signal(SIGPIPE, SIG_IGN);
    furrow_connection_close(b);
}

/* ---- a network that gives the other side up ---------------------------------------*/

static void tcp_pair(int fd[2])
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(door, (struct sockaddr *)&a, size), 0);
    cr_assert_eq(listen(door, 1), 0);
    cr_assert_eq(getsockname(door, (struct sockaddr *)&a, &size), 0);
    fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd[0], (struct sockaddr *)&a, size), 0);
    fd[1] = accept4(door, NULL, NULL, SOCK_CLOEXEC);
    cr_assert_geq(fd[1], 0);
    close(door);
}

/* The other side takes nothing any more, and the system ends the connection by ETIMEDOUT in
 * the middle of a message: no deadline of ours, whose bytes would be kept. */
Test(partial, a_network_that_gives_up_is_no_deadline)
{
    static char got[MIB];
    unsigned soon = 200;
    furrow_connection *c;
    int fd[2];

    tcp_pair(fd);
    c = furrow_connection_from_fd(fd[0]);
    put(fd[1], "\0\20\0\0", 4);
    put(fd[1], got, 10000);
    cr_assert_eq(setsockopt(fd[0], IPPROTO_TCP, TCP_USER_TIMEOUT, &soon, sizeof soon),
                 0);
    while (send(fd[0], got, sizeof got, MSG_DONTWAIT) > 0)
        ;
    cr_assert_eq(furrow_connection_recv(c, got, MIB, NULL, FURROW_FOREVER),
                 FURROW_ECORRUPT);
    ends_want(FURROW_ECORRUPT, "in the middle of a message");
    furrow_connection_close(c);
    close(fd[1]);
}

/* ---- the handle in a forked child ------------------------------------------------*/

static furrow_connection *held;

static void *hold(void *unused)
{
    char got[4];

    (void)unused;
    (void)furrow_connection_recv(held, got, 4, NULL, furrow_in(1.5));
    return NULL;
}

static int receive_held(void *arg)
{
    char got[4];

    (void)arg;
    child_want(furrow_connection_recv(held, got, 4, NULL, furrow_in(0.3)) ==
               FURROW_ETIME);
    child_want(strstr(furrow_last_error()->text, "while receiving"));
    return furrow_connection_close(held);
}

/* A thread receives while its process forks: in the child nobody does. (fork) */
Test(partial, a_forked_child_does_not_inherit_a_held_handle)
{
    pthread_t thread;
    int raw;

    held = raw_pair(&raw);
    pthread_create(&thread, NULL, hold, NULL);
    left_sleep(0.05);
    cr_assert_eq(child_run(receive_held, NULL), 0);
    close(raw);
    pthread_join(thread, NULL);
    furrow_connection_close(held);
}
