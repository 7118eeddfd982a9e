/* SPDX-License-Identifier: MIT
 *
 * Messages over a pipe, to a peer and back.
 */
#include "ends.h"

#define MIB ((size_t)1 << 20)

/* Sends back what it gets, until an empty message. */
static int echo(void *arg)
{
    furrow_connection *c = ends_take(arg);
    size_t size = 1;

    child_want(c != NULL);
    while (size > 0) {
        void *m = furrow_connection_recv_new(c, &size, ENDS_SOON);

        child_want(m != NULL);
        child_want(furrow_connection_send(c, m, size, ENDS_SOON) == 0);
        free(m);
    }
    child_want(furrow_connection_close(c) == 0);
    return 0;
}

typedef struct talk {
    peer p;
    furrow_connection *c;
    left_mark before;
} talk;

static talk begin(void)
{
    talk t = {.before = left_now_with_heap()};

    /* the heap and its stage stay: peers may still look at them */
    return t;
}

static void start_echo(talk *t)
{
    t->c = ends_begin(&t->p, echo, ends_stage_new(), ENDS_DUPLEX);
}

static void say(talk *t, const void *data, size_t size)
{
    cr_assert_eq(furrow_connection_send(t->c, data, size, ENDS_SOON), 0, "%s",
                 furrow_last_error()->text);
}

static void end_echo(talk *t)
{
    size_t size = 1;
    char none;

    say(t, NULL, 0);
    cr_assert_eq(furrow_connection_recv(t->c, &none, 1, &size, ENDS_SOON), 0);
    cr_assert_eq(size, 0);
    cr_assert_eq(ends_finish(&t->p, t->c), 0);
    cr_assert_eq(left_outside(&t->before, 1), 0);
}

/* CPython: _TestConnection.test_connection */
Test(connection, what_is_sent_comes_back)
{
    static const char *const said[] = {"hello", "a", "two words", "\n", "hello"};
    talk t = begin();
    char got[16];
    size_t size;

    start_echo(&t);
    for (int i = 0; i < 5; i++) {
        say(&t, said[i], strlen(said[i]));
        cr_assert_eq(furrow_connection_recv(t.c, got, sizeof got, &size, ENDS_SOON), 0);
        cr_assert_eq(size, strlen(said[i]));
        cr_assert_arr_eq(got, said[i], size);
    }
    end_echo(&t);
}

/* CPython: _TestConnection.test_connection */
Test(connection, into_the_middle_of_a_buffer)
{
    talk t = begin();
    char buffer[16] = "................";
    size_t size;

    start_echo(&t);
    say(&t, "bytes", 5);
    cr_assert_eq(furrow_connection_recv(t.c, buffer + 4, 6, &size, ENDS_SOON), 0);
    cr_assert_eq(size, 5);
    cr_assert_arr_eq(buffer, "....bytes.......", 16);
    end_echo(&t);
}

/* CPython: _TestConnection.test_connection */
Test(connection, a_message_too_long_for_the_buffer_stays)
{
    static const char said[] = "a message too long for so short a buffer";
    talk t = begin();
    char got[64] = {0};
    size_t size;

    start_echo(&t);
    say(&t, said, sizeof said);
    for (int i = 0; i < 3; i++) {
        size = 0;
        cr_assert_eq(furrow_connection_recv(t.c, got, 10, &size, ENDS_SOON),
                     FURROW_ESHORT);
        ends_want(FURROW_ESHORT, "has 41 bytes, the buffer 10");
        cr_assert_eq(size, sizeof said);
        cr_assert_eq(got[0], 0);
    }
    cr_assert_eq(furrow_connection_recv(t.c, got, sizeof got, &size, ENDS_SOON), 0);
    cr_assert_str_eq(got, said);
    end_echo(&t);
}

/* CPython: _TestConnection.test_connection */
Test(connection, sixteen_mebibytes)
{
    talk t = begin();
    size_t size, len = 16 * MIB;
    unsigned char *said = malloc(len), *got = malloc(len);

    ends_pattern(said, len, 7);
    start_echo(&t);
    say(&t, said, len);
    cr_assert_eq(furrow_connection_recv(t.c, got, len, &size, ENDS_SOON), 0, "%s",
                 furrow_last_error()->text);
    cr_assert_eq(size, len);
    cr_assert_eq(memcmp(got, said, len), 0);
    end_echo(&t);
    free(said);
    free(got);
}

/* CPython: _TestConnection.test_connection */
Test(connection, polling_takes_as_long_as_it_should)
{
    talk t = begin();
    char got[8];
    double start;

    start_echo(&t);
    start = left_clock();
    cr_assert_eq(furrow_connection_poll(t.c, 0), 0);
    cr_assert_eq(furrow_connection_poll(t.c, furrow_in(-1)), 0);
    cr_assert_lt(left_clock() - start, 0.5);
    start = left_clock();
    cr_assert_eq(furrow_connection_poll(t.c, furrow_in(0.1)), 0);
    cr_assert_geq(left_clock() - start, 0.1);
    say(&t, "x", 1);
    cr_assert_eq(furrow_connection_poll(t.c, ENDS_SOON), 1);
    cr_assert_eq(furrow_connection_poll(t.c, 0), 1);
    cr_assert_eq(furrow_connection_recv(t.c, got, 8, NULL, 0), 0);
    cr_assert_eq(furrow_connection_poll(t.c, 0), 0);
    end_echo(&t);
}

/* CPython: _TestConnection.test_connection */
Test(connection, the_end_of_file_is_clean_and_stays)
{
    talk t = begin();
    char got[8];
    peer p;

    t.c = ends_begin(&p, echo, ends_stage_new(), ENDS_DUPLEX);
    cr_assert_eq(furrow_connection_send(t.c, NULL, 0, ENDS_SOON), 0);
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(furrow_connection_poll(t.c, ENDS_SOON), 1);
    cr_assert_eq(furrow_connection_recv(t.c, got, 8, NULL, ENDS_SOON), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(furrow_connection_poll(t.c, ENDS_SOON), 1);
        cr_assert_eq(furrow_connection_recv(t.c, got, 8, NULL, ENDS_SOON), FURROW_EEOF);
        ends_want(FURROW_EEOF, "the other end is closed");
        cr_assert_null(furrow_connection_recv_new(t.c, NULL, ENDS_SOON));
    }
    cr_assert_eq(furrow_connection_close(t.c), 0);
    cr_assert_eq(left_outside(&t.before, 1), 0);
}

static int say_hello(void *arg)
{
    furrow_connection *c = ends_take(arg);

    child_want(c != NULL);
    child_want(furrow_connection_send(c, "hello", 5, ENDS_SOON) == 0);
    child_want(furrow_connection_close(c) == 0);
    return 0;
}

/* CPython: _TestConnection.test_spawn_close */
Test(connection, the_starter_closes_its_copy_at_once)
{
    talk t = begin();
    char got[8];
    size_t size;

    t.c = ends_begin(&t.p, say_hello, ends_stage_new(), ENDS_DUPLEX);
    cr_assert_eq(furrow_connection_recv(t.c, got, 8, &size, ENDS_SOON), 0);
    cr_assert_eq(size, 5);
    cr_assert_arr_eq(got, "hello", 5);
    cr_assert_eq(ends_finish(&t.p, t.c), 0);
}

/* ---- one way ---------------------------------------------------------------------*/

/* CPython: _TestConnection.test_duplex_false (fork) */
Test(connection, one_way_only)
{
    furrow_connection *a, *b;
    char got[8];
    size_t size;

    cr_assert_eq(furrow_pipe(&a, &b, 0), 0);
    cr_assert_eq(furrow_connection_readable(a), 1);
    cr_assert_eq(furrow_connection_writable(a), 0);
    cr_assert_eq(furrow_connection_readable(b), 0);
    cr_assert_eq(furrow_connection_writable(b), 1);
    cr_assert_eq(furrow_connection_send(b, "1", 1, ENDS_SOON), 0);
    cr_assert_eq(furrow_connection_recv(a, got, 8, &size, ENDS_SOON), 0);
    cr_assert_eq(size, 1);
    cr_assert_eq(furrow_connection_close(a), 0);
    cr_assert_eq(furrow_connection_close(b), 0);
}

/* CPython: _TestConnection.test_duplex_false (fork) */
Test(connection, the_wrong_way_is_an_error)
{
    furrow_connection *a, *b;
    char got[8];

    cr_assert_eq(furrow_pipe(&a, &b, 0), 0);
    cr_assert_eq(furrow_connection_send(a, "2", 1, ENDS_SOON), FURROW_EINVAL);
    ends_want(FURROW_EINVAL, "this end of the pipe only receives");
    cr_assert_eq(furrow_connection_unsent(a), FURROW_EINVAL);
    cr_assert_eq(furrow_connection_recv(b, got, 8, NULL, ENDS_SOON), FURROW_EINVAL);
    ends_want(FURROW_EINVAL, "this end of the pipe only sends");
    cr_assert_eq(furrow_connection_poll(b, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_connection_next(b, NULL, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_connection_limit(b, 9), FURROW_EINVAL);
    furrow_connection_close(a);
    furrow_connection_close(b);
}

static int count_bytes(void *arg)
{
    ends_stage *s = arg;
    furrow_connection *c = ends_take(s);
    size_t size;
    void *m;

    child_want(c && !furrow_connection_writable(c));
    while ((m = furrow_connection_recv_new(c, &size, ENDS_SOON))) {
        s->size += size;
        free(m);
    }
    child_want(furrow_last_error()->code == FURROW_EEOF);
    return furrow_connection_close(c);
}

/* CPython: _TestConnection.test_duplex_false */
Test(connection, a_pipe_to_a_peer_that_reads)
{
    ends_stage *s = ends_stage_new();
    unsigned char *bytes = calloc(1, MIB);
    talk t = begin();

    t.c = ends_begin(&t.p, count_bytes, s, ENDS_PEER_RECEIVES);
    for (size_t size = 1; size <= MIB; size *= 4) {
        say(&t, bytes, size);
        cr_assert_eq(furrow_connection_send(t.c, bytes, size, FURROW_FOREVER), 0);
    }
    cr_assert_eq(ends_finish(&t.p, t.c), 0);
    cr_assert_eq(s->size, 2 * (4 * MIB - 1) / 3);
    free(bytes);
}

static int send_sizes(void *arg)
{
    furrow_connection *c = ends_take(arg);
    unsigned char *bytes = malloc(MIB);

    child_want(c && !furrow_connection_readable(c));
    ends_pattern(bytes, MIB, 1);
    for (size_t size = 1; size <= MIB; size *= 4)
        child_want(furrow_connection_send(c, bytes, size, FURROW_FOREVER) == 0);
    free(bytes);
    return furrow_connection_close(c);
}

/* CPython: _TestConnection.test_duplex_false */
Test(connection, a_pipe_from_a_peer_that_writes)
{
    unsigned char *bytes = malloc(MIB), *got = malloc(MIB);
    talk t = begin();
    size_t size;

    ends_pattern(bytes, MIB, 1);
    t.c = ends_begin(&t.p, send_sizes, ends_stage_new(), ENDS_PEER_SENDS);
    for (size_t want = 1; want <= MIB; want *= 4) {
        cr_assert_eq(furrow_connection_recv(t.c, got, MIB, &size, ENDS_SOON), 0);
        cr_assert_eq(size, want);
        cr_assert_eq(memcmp(got, bytes, size), 0);
    }
    cr_assert_eq(furrow_connection_recv(t.c, got, MIB, &size, ENDS_SOON), FURROW_EEOF);
    cr_assert_eq(ends_finish(&t.p, t.c), 0);
    free(bytes);
    free(got);
}

/* ---- parts of a buffer -----------------------------------------------------------*/

static void send_part(size_t offset, size_t size, const char *want)
{
    static const char latin[] = "abcdefghijklmnopqrstuvwxyz";
    furrow_connection *a, *b;
    char got[32] = {0};
    size_t n;

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    cr_assert_eq(furrow_connection_send(a, latin + offset, size, ENDS_SOON), 0);
    cr_assert_eq(furrow_connection_recv(b, got, sizeof got, &n, ENDS_SOON), 0);
    cr_assert_eq(n, size);
    cr_assert_str_eq(got, want);
    furrow_connection_close(a);
    furrow_connection_close(b);
}

/* CPython: _TestConnection.test_sendbytes (fork) */
Test(connection, any_part_of_a_buffer)
{
    send_part(0, 26, "abcdefghijklmnopqrstuvwxyz");
    send_part(5, 21, "fghijklmnopqrstuvwxyz");
    send_part(7, 8, "hijklmno");
    send_part(26, 0, "");
    send_part(13, 13, "nopqrstuvwxyz");
    send_part(25, 1, "z");
}

/* CPython: _TestConnection.test_sendbytes (fork) */
Test(connection, what_is_no_buffer)
{
    furrow_connection *a, *b;

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    cr_assert_eq(furrow_connection_send(a, NULL, 4, ENDS_SOON), FURROW_EINVAL);
    ends_want(FURROW_EINVAL, "the message of 4 bytes is NULL");
    cr_assert_eq(furrow_connection_send(a, "", SIZE_MAX, ENDS_SOON), FURROW_EINVAL);
    cr_assert_eq(furrow_connection_recv(b, NULL, 4, NULL, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_connection_poll(b, 0), 0);
    furrow_connection_close(a);
    furrow_connection_close(b);
}

/* ---- handles ---------------------------------------------------------------------*/

/* CPython: _TestConnection.test_context (fork) */
Test(connection, closing_closes_its_file)
{
    left_mark before = left_now();
    furrow_connection *a, *b;
    int fd;

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    fd = furrow_connection_fileno(a);
    cr_assert_geq(fd, 3);
    cr_assert_eq(furrow_connection_send(a, "x", 1, ENDS_SOON), 0);
    cr_assert_eq(furrow_connection_close(a), 0);
    cr_assert_eq(fcntl(fd, F_GETFD), -1);
    cr_assert_eq(furrow_connection_close(b), 0);
    cr_assert_eq(furrow_connection_close(NULL), 0);
    cr_assert_eq(left_outside(&before, 0), 0);
}

/* CPython: TestInvalidHandle.test_invalid_handles (fork) */
Test(connection, numbers_that_are_no_files)
{
    static const int numbers[] = {-1, 44977, 1 << 30};

    for (int i = 0; i < 3; i++) {
        cr_assert_null(furrow_connection_from_fd(numbers[i]));
        ends_want(FURROW_EINVAL, "is not open");
    }
}

/* CPython: TestInvalidHandle.test_invalid_handles (fork) */
Test(connection, files_that_are_no_streams)
{
    int dir = open("/", O_RDONLY | O_CLOEXEC);
    int datagrams = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    cr_assert_null(furrow_connection_from_fd(dir));
    ends_want(FURROW_EINVAL, "neither an end of a pipe nor a connected stream socket");
    cr_assert_null(furrow_connection_from_fd(datagrams));
    cr_assert_neq(fcntl(datagrams, F_GETFD), -1);
    close(dir);
    close(datagrams);
}

Test(connection, a_null_handle_keeps_the_first_message)
{
    furrow_connection *c = furrow_connection_from_fd(-1);
    char got;

    cr_assert_eq(furrow_connection_send(c, "", 0, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_connection_recv(c, &got, 1, NULL, 0), FURROW_EINVAL);
    cr_assert_null(furrow_connection_recv_new(c, NULL, 0));
    cr_assert_eq(furrow_connection_fileno(c), FURROW_EINVAL);
    cr_assert_eq(furrow_connection_flush(c, 0), FURROW_EINVAL);
    ends_want(FURROW_EINVAL, "file descriptor -1 is not open");
    cr_assert_str_eq(furrow_last_error()->function, "furrow_connection_from_fd");
    furrow_error_clear();
    cr_assert_eq(furrow_connection_poll(c, 0), FURROW_EINVAL);
    ends_want(FURROW_EINVAL, "the connection is NULL");
    cr_assert_eq(furrow_pipe(NULL, &c, 1), FURROW_EINVAL);
}

Test(connection, what_is_overwritten_is_no_connection)
{
    uint64_t nothing[64] = {0};
    furrow_connection *c = (furrow_connection *)nothing;

    cr_assert_eq(furrow_connection_send(c, "x", 1, 0), FURROW_EINVAL);
    ends_want(FURROW_EINVAL, "is not an open connection");
    cr_assert_eq(furrow_connection_close(c), FURROW_EINVAL);
}

Test(connection, standard_numbers_stay_free)
{
    furrow_connection *a, *b;
    int saved = dup(0);

    close(0);
    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    cr_assert_gt(furrow_connection_fileno(a), 2);
    cr_assert_gt(furrow_connection_fileno(b), 2);
    dup2(saved, 0);
    close(saved);
    furrow_connection_close(a);
    furrow_connection_close(b);
}

/* ---- threads of one process ------------------------------------------------------*/

enum { TALKERS = 4, SENTENCES = 200 };

static void *talk_much(void *arg)
{
    unsigned char said[3000];

    for (int i = 0; i < SENTENCES; i++) {
        memset(said, i & 0xff, sizeof said);
        if (furrow_connection_send(arg, said, (size_t)(1 + i * 14), ENDS_SOON) != 0)
            return "failed";
    }
    return NULL;
}

Test(connection, threads_send_whole_messages)
{
    furrow_connection *a, *b;
    pthread_t talker[TALKERS];
    size_t size, seen[256] = {0};
    unsigned char got[3000];
    void *failed;

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    for (int i = 0; i < TALKERS; i++)
        pthread_create(&talker[i], NULL, talk_much, a);
    for (int i = 0; i < TALKERS * SENTENCES; i++) {
        cr_assert_eq(furrow_connection_recv(b, got, sizeof got, &size, ENDS_SOON), 0);
        cr_assert_eq(size, (size_t)(1 + got[0] * 14));
        for (size_t k = 1; k < size; k++)
            cr_assert_eq(got[k], got[0]);
        seen[got[0]]++;
    }
    for (int i = 0; i < SENTENCES; i++)
        cr_assert_eq(seen[i], TALKERS);
    for (int i = 0; i < TALKERS; i++) {
        cr_assert_eq(pthread_join(talker[i], &failed), 0);
        cr_assert_null(failed);
    }
    furrow_connection_close(a);
    furrow_connection_close(b);
}
