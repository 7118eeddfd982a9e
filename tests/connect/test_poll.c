/* SPDX-License-Identifier: MIT
 *
 * Looking for messages without taking them.
 */
#include "ends.h"
#include "interrupt.h"

static const char *const strings[] = {"", "a", "", "bc", "d", "", "efgh", ""};
enum { STRINGS = 8 };

static int send_empty(void *arg)
{
    furrow_connection *c = ends_take(arg);

    child_want(furrow_connection_send(c, NULL, 0, ENDS_SOON) == 0);
    return furrow_connection_close(c);
}

/* CPython: _TestPoll.test_empty_string */
Test(poll, an_empty_message_is_there_and_stays)
{
    peer p;
    furrow_connection *c = ends_begin(&p, send_empty, ends_stage_new(), ENDS_DUPLEX);
    size_t size = 1;
    char got;

    for (int i = 0; i < 3; i++)
        cr_assert_eq(furrow_connection_poll(c, ENDS_SOON), 1);
    cr_assert_eq(furrow_connection_next(c, &size, ENDS_SOON), 0);
    cr_assert_eq(size, 0);
    cr_assert_eq(furrow_connection_poll(c, 0), 1);
    cr_assert_eq(furrow_connection_recv(c, &got, 1, &size, 0), 0);
    cr_assert_eq(ends_finish(&p, c), 0);
}

static int send_strings(void *arg)
{
    furrow_connection *c = ends_take(arg);

    for (int i = 0; i < STRINGS; i++) {
        child_want(
            furrow_connection_send(c, strings[i], strlen(strings[i]), ENDS_SOON) == 0);
        left_sleep(0.004);
    }
    return furrow_connection_close(c);
}

static void want_strings(furrow_connection *c)
{
    char got[8];
    size_t size;

    for (int i = 0; i < STRINGS; i++) {
        cr_assert_eq(furrow_connection_poll(c, ENDS_SOON), 1);
        cr_assert_eq(furrow_connection_recv(c, got, 8, &size, 0), 0);
        cr_assert_eq(size, strlen(strings[i]));
        cr_assert_arr_eq(got, strings[i], size);
    }
    cr_assert_eq(furrow_connection_poll(c, ENDS_SOON), 1);
    cr_assert_eq(furrow_connection_recv(c, got, 8, &size, 0), FURROW_EEOF);
}

/* CPython: _TestPoll.test_strings */
Test(poll, strings_and_empty_ones_in_order)
{
    peer p;
    furrow_connection *c = ends_begin(&p, send_strings, ends_stage_new(), ENDS_DUPLEX);

    want_strings(c);
    cr_assert_eq(ends_finish(&p, c), 0);
}

/* CPython: _TestPoll.test_strings */
Test(poll, strings_through_a_pipe)
{
    peer p;
    furrow_connection *c =
        ends_begin(&p, send_strings, ends_stage_new(), ENDS_PEER_SENDS);

    want_strings(c);
    cr_assert_eq(ends_finish(&p, c), 0);
}

static int send_in_parts(void *arg)
{
    int fd = ends_take_fd(arg);

    child_want(write(fd, "\0\0\0\4bo", 6) == 6);
    left_sleep(0.05);
    child_want(write(fd, "om\0\0\0\3pow", 9) == 9);
    close(fd);
    return 0;
}

/* CPython: _TestPoll.test_boundaries */
Test(poll, never_takes_a_part_of_a_message)
{
    peer p;
    furrow_connection *c = ends_begin(&p, send_in_parts, ends_stage_new(), ENDS_DUPLEX);
    char got[8];
    size_t size;

    for (int i = 0; i < 10; i++)
        cr_assert_eq(furrow_connection_poll(c, ENDS_SOON), 1);
    cr_assert_eq(furrow_connection_recv(c, got, 8, &size, ENDS_SOON), 0);
    cr_assert(size == 4 && memcmp(got, "boom", 4) == 0);
    cr_assert_eq(furrow_connection_poll(c, ENDS_SOON), 1);
    cr_assert_eq(furrow_connection_recv(c, got, 8, &size, 0), 0);
    cr_assert(size == 3 && memcmp(got, "pow", 3) == 0);
    cr_assert_eq(ends_finish(&p, c), 0);
}

static int send_two(void *arg)
{
    furrow_connection *c = ends_take(arg);

    child_want(furrow_connection_send(c, "a", 1, ENDS_SOON) == 0);
    child_want(furrow_connection_send(c, "b", 1, ENDS_SOON) == 0);
    return furrow_connection_close(c);
}

/* CPython: _TestPoll.test_dont_merge */
Test(poll, messages_are_not_merged)
{
    peer p;
    furrow_connection *c = ends_begin(&p, send_two, ends_stage_new(), ENDS_DUPLEX);
    char got[8];
    size_t size;

    cr_assert_eq(peer_join(&p), 0);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 3; k++)
            cr_assert_eq(furrow_connection_poll(c, ENDS_SOON), 1);
        cr_assert_eq(furrow_connection_next(c, &size, 0), 0);
        cr_assert_eq(furrow_connection_recv(c, got, 8, &size, 0), 0);
        cr_assert(size == 1 && got[0] == "ab"[i]);
    }
    cr_assert_eq(furrow_connection_recv(c, got, 8, &size, 0), FURROW_EEOF);
    furrow_connection_close(c);
}

/* ---- signals ---------------------------------------------------------------------*/

static void *send_signals(void *arg)
{
    interrupt(*(pthread_t *)arg, 5);
    return NULL;
}

/* Five signals to this thread. */
static pthread_t disturb(pthread_t *self)
{
    pthread_t thread;

    *self = pthread_self();
    cr_assert_eq(pthread_create(&thread, NULL, send_signals, self), 0);
    return thread;
}

/* CPython: _TestPollEintr.test_poll_eintr (fork) */
Test(poll, signals_do_not_end_it)
{
    furrow_connection *a, *b;
    double start = left_clock();
    pthread_t self, thread;

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    interrupt_allow(NULL);
    thread = disturb(&self);
    cr_assert_eq(furrow_connection_poll(a, furrow_in(0.12)), 0);
    cr_assert_geq(left_clock() - start, 0.12);
    pthread_join(thread, NULL);
    cr_assert_eq(atomic_load(interrupt_count), 5);
    furrow_connection_close(a);
    furrow_connection_close(b);
}

static int handled(ends_stage *s, int signals)
{
    for (int i = 0; i < 10000 && atomic_load(&s->interrupts) < signals; i++)
        left_sleep(0.001);
    return atomic_load(&s->interrupts) >= signals;
}

/* Each time when five signals have come in between. */
static int answer_late(void *arg)
{
    furrow_connection *c = ends_take(arg);
    size_t size;
    void *m;

    child_want(handled(arg, 5));
    child_want(furrow_connection_send(c, "ready", 5, ENDS_SOON) == 0);
    child_want(handled(arg, 10));
    m = furrow_connection_recv_new(c, &size, ENDS_SOON);
    child_want(m && size == 4 << 20);
    free(m);
    return furrow_connection_close(c);
}

/* CPython: TestIgnoreEINTR.test_ignore */
Test(poll, signals_end_neither_receiving_nor_sending)
{
    peer p;
    ends_stage *s = ends_stage_new();
    furrow_connection *c = ends_begin(&p, answer_late, s, ENDS_DUPLEX);
    unsigned char *bytes = calloc(4, 1 << 20);
    pthread_t self, thread;
    char got[8];
    size_t size;

    interrupt_allow(&s->interrupts);
    thread = disturb(&self);
    cr_assert_eq(furrow_connection_recv(c, got, 8, &size, FURROW_FOREVER), 0);
    cr_assert_eq(size, 5);
    pthread_join(thread, NULL);
    thread = disturb(&self);
    cr_assert_eq(furrow_connection_send(c, bytes, 4 << 20, FURROW_FOREVER), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(atomic_load(&s->interrupts), 10);
    cr_assert_eq(ends_finish(&p, c), 0);
    free(bytes);
}
