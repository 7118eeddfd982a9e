/* SPDX-License-Identifier: MIT
 *
 * Open files, connections and arrays through a connection.
 */
#include "ends.h"

#include <sys/resource.h>

static const char *scratch(char *path, size_t size)
{
    snprintf(path, size, "/tmp/furrow-files-%d-%p", (int)getpid(), (void *)path);
    return path;
}

static int new_file(void)
{
    char path[64];
    int fd = open(scratch(path, sizeof path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    unlink(path);
    return fd;
}

static int write_into_it(void *arg)
{
    ends_stage *s = arg;
    furrow_connection *c = ends_take(s);
    int fd;

    if (s->number) /* numbers below are in use */
        child_want(dup2(0, s->number) == s->number);
    child_want(furrow_connection_recv_fds(c, &fd, 1, ENDS_SOON) == 0);
    child_want(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    child_want(write(fd, s->text, strlen(s->text)) == (ssize_t)strlen(s->text));
    close(fd);
    if (s->number)
        close(s->number);
    return furrow_connection_close(c);
}

static void want_written(int number)
{
    ends_stage *s = ends_stage_new();
    char got[32] = {0};
    peer p;
    furrow_connection *c;
    int fd = new_file();

    strcpy(s->text, "foo");
    s->number = number;
    c = ends_begin(&p, write_into_it, s, ENDS_DUPLEX);
    cr_assert_eq(furrow_connection_send_fds(c, &fd, 1, ENDS_SOON), 0);
    cr_assert_eq(ends_finish(&p, c), 0);
    cr_assert_eq(pread(fd, got, sizeof got, 0), 3);
    cr_assert_str_eq(got, "foo");
    close(fd);
}

/* CPython: _TestConnection.test_fd_transfer */
Test(files, a_peer_writes_into_a_file_that_was_sent)
{
    want_written(0);
}

/* CPython: _TestConnection.test_large_fd_transfer */
Test(files, a_number_above_256)
{
    struct rlimit limit;
    int fd, high;
    ends_stage *s = ends_stage_new();
    char got[8] = {0};
    peer p;
    furrow_connection *c;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 600)
        cr_skip_test("RLIMIT_NOFILE is too low");
    fd = new_file();
    high = fcntl(fd, F_DUPFD_CLOEXEC, 500);
    cr_assert_geq(high, 500);
    strcpy(s->text, "bar");
    c = ends_begin(&p, write_into_it, s, ENDS_DUPLEX);
    cr_assert_eq(furrow_connection_send_fds(c, &high, 1, ENDS_SOON), 0);
    cr_assert_eq(ends_finish(&p, c), 0);
    cr_assert_eq(pread(fd, got, sizeof got, 0), 3);
    cr_assert_str_eq(got, "bar");
    close(fd);
    close(high);
}

static int expect_no_files(void *arg)
{
    furrow_connection *c = ends_take(arg);
    int fd = 5;

    child_want(furrow_connection_recv_fds(c, &fd, 1, ENDS_SOON) == FURROW_ECORRUPT);
    child_want(strstr(furrow_last_error()->text, "a message came, and no files"));
    child_want(fd == -1);
    return furrow_connection_close(c);
}

/* CPython: _TestConnection.test_missing_fd_transfer */
Test(files, a_byte_without_its_file)
{
    peer p;
    furrow_connection *c =
        ends_begin(&p, expect_no_files, ends_stage_new(), ENDS_DUPLEX);

    cr_assert_eq(write(furrow_connection_fileno(c), "\1", 1), 1);
    cr_assert_eq(ends_finish(&p, c), 0);
}

Test(files, a_number_that_is_not_open)
{
    furrow_connection *a, *b;
    int fds[2] = {new_file(), 1 << 20};

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    cr_assert_eq(furrow_connection_send_fds(a, fds, 2, ENDS_SOON), FURROW_EINVAL);
    ends_want(FURROW_EINVAL, "one of the file descriptors is not open");
    cr_assert_eq(furrow_connection_send_fds(a, fds, 0, ENDS_SOON), FURROW_EINVAL);
    cr_assert_eq(furrow_connection_send_fds(a, fds, 254, ENDS_SOON), FURROW_EINVAL);
    cr_assert_eq(furrow_connection_poll(b, 0), 0);
    close(fds[0]);
    furrow_connection_close(a);
    furrow_connection_close(b);
}

Test(files, a_pipe_carries_none)
{
    furrow_connection *a, *b;
    int fd = 0;

    cr_assert_eq(furrow_pipe(&a, &b, 0), 0);
    cr_assert_eq(furrow_connection_send_fds(b, &fd, 1, ENDS_SOON), FURROW_EINVAL);
    ends_want(FURROW_EINVAL, "files need a duplex connection");
    cr_assert_eq(furrow_connection_recv_fds(a, &fd, 1, ENDS_SOON), FURROW_EINVAL);
    furrow_connection_close(a);
    furrow_connection_close(b);
}

Test(files, between_two_messages)
{
    furrow_connection *a, *b;
    int fds[3], got[3];
    char text[8];
    left_mark before = left_now();

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    for (int i = 0; i < 3; i++)
        fds[i] = new_file();
    cr_assert_eq(furrow_connection_send(a, "one", 3, 0), 0);
    cr_assert_eq(furrow_connection_send_fds(a, fds, 3, 0), 0);
    cr_assert_eq(furrow_connection_send(a, "two", 3, 0), 0);
    cr_assert_eq(furrow_connection_recv(b, text, 8, NULL, 0), 0);
    cr_assert_eq(furrow_connection_recv_fds(b, got, 3, 0), 0);
    cr_assert_eq(furrow_connection_recv(b, text, 8, NULL, 0), 0);
    cr_assert_eq(memcmp(text, "two", 3), 0);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(pwrite(fds[i], &"abc"[i], 1, 0), 1);
        cr_assert_eq(pread(got[i], text, 8, 0), 1);
        cr_assert_eq(text[0], "abc"[i]);
        close(got[i]);
        close(fds[i]);
    }
    cr_assert_eq(furrow_connection_recv_fds(b, got, 1, furrow_in(0.01)), FURROW_ETIME);
    furrow_connection_close(a);
    cr_assert_eq(furrow_connection_recv_fds(b, got, 1, 0), FURROW_EEOF);
    furrow_connection_close(b);
    cr_assert_eq(left_outside(&before, 0), 0);
}

Test(files, more_or_fewer_than_expected_are_closed)
{
    furrow_connection *a, *b;
    int fds[3] = {0, 1, 2}, got[3];
    left_mark before = left_now();

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    cr_assert_eq(furrow_connection_send_fds(a, fds, 3, 0), 0);
    cr_assert_eq(furrow_connection_recv_fds(b, got, 2, 0), FURROW_ECORRUPT);
    ends_want(FURROW_ECORRUPT, "2 files were to come, not 3");
    cr_assert_eq(furrow_connection_send_fds(a, fds, 1, 0), 0);
    cr_assert_eq(furrow_connection_recv_fds(b, got, 2, 0), FURROW_ECORRUPT);
    cr_assert(got[0] == -1 && got[1] == -1);
    furrow_connection_close(a);
    furrow_connection_close(b);
    cr_assert_eq(left_outside(&before, 0), 0);
}

/* The table of files is full but for one: nothing is leaked, and it works again. */
static int with_a_full_table(void *arg)
{
    furrow_connection *a, *b;
    int fds[3] = {0, 1, 2}, got[3], fill[256], filled = 0;

    (void)arg;
    child_want(furrow_pipe(&a, &b, 1) == 0);
    child_want(setrlimit(RLIMIT_NOFILE, &(struct rlimit){200, 200}) == 0);
    while (filled < 256 && (fill[filled] = dup(0)) >= 0)
        filled++;
    child_want(filled > 1 && filled < 256);
    close(fill[--filled]);
    child_want(furrow_connection_send_fds(a, fds, 3, 0) == 0);
    child_want(furrow_connection_recv_fds(b, got, 3, 0) == FURROW_EOS);
    child_want(furrow_last_error()->os_error == EMFILE);
    child_want(strstr(furrow_last_error()->text, "3 files came, and only 1 find room"));
    child_want((fill[filled] = dup(0)) >= 0); /* the one that came is closed */
    for (int i = 0; i < 3; i++)
        close(fill[i]);
    child_want(furrow_connection_send_fds(a, fds, 3, 0) == 0);
    child_want(furrow_connection_recv_fds(b, got, 3, 0) == 0);
    return 0;
}

Test(files, no_room_for_them)
{
    cr_assert_eq(child_run(with_a_full_table, NULL), 0);
}

/* ---- acknowledged ----------------------------------------------------------------*/

static int take_and_acknowledge(void *arg)
{
    ends_stage *s = arg;
    furrow_connection *c = ends_take(s);
    int fd;

    child_want(furrow_connection_acknowledge(c, s->number) == 0);
    child_want(furrow_connection_recv_fds(c, &fd, 1, ENDS_SOON) == 0);
    close(fd);
    child_want(furrow_connection_send(c, "done", 4, ENDS_SOON) == 0);
    return furrow_connection_close(c);
}

Test(files, acknowledged_files)
{
    ends_stage *s = ends_stage_new();
    char got[8];
    peer p;
    furrow_connection *c;
    int fd = 0;

    s->number = 1;
    c = ends_begin(&p, take_and_acknowledge, s, ENDS_DUPLEX);
    cr_assert_eq(furrow_connection_acknowledge(c, 1), 0);
    cr_assert_eq(furrow_connection_send_fds(c, &fd, 1, ENDS_SOON), 0);
    cr_assert_eq(furrow_connection_recv(c, got, 8, NULL, ENDS_SOON), 0);
    cr_assert_eq(memcmp(got, "done", 4), 0);
    cr_assert_eq(ends_finish(&p, c), 0);
}

Test(files, a_peer_that_does_not_acknowledge)
{
    char got[8];
    peer p;
    furrow_connection *c;
    int fd = 0;

    c = ends_begin(&p, take_and_acknowledge, ends_stage_new(), ENDS_DUPLEX);
    cr_assert_eq(furrow_connection_acknowledge(c, 1), 0);
    cr_assert_eq(furrow_connection_send_fds(c, &fd, 1, ENDS_SOON), FURROW_ECORRUPT);
    ends_want(FURROW_ECORRUPT, "does not acknowledge");
    cr_assert_eq(furrow_connection_recv(c, got, 8, NULL, ENDS_SOON), 0);
    cr_assert_eq(memcmp(got, "done", 4), 0); /* what came instead is whole */
    cr_assert_eq(ends_finish(&p, c), 0);
}

/* Both ends in this process: what one has not read waits in the socket. */
static void acknowledging_pair(furrow_connection **a, furrow_connection **b)
{
    cr_assert_eq(furrow_pipe(a, b, 1), 0);
    cr_assert_eq(furrow_connection_acknowledge(*a, 1), 0);
    cr_assert_eq(furrow_connection_acknowledge(*b, 1), 0);
}

static void want_message(furrow_connection *c, const char *message)
{
    char got[8];
    size_t size;

    cr_assert_eq(furrow_connection_recv(c, got, 8, &size, furrow_in(1)), 0, "%s",
                 furrow_last_error()->text);
    cr_assert_eq(size, strlen(message));
    cr_assert_eq(memcmp(got, message, size), 0);
}

Test(files, wrong_ones_are_acknowledged_too)
{
    furrow_connection *a, *b;
    int fds[2] = {0, 1}, got[1];

    acknowledging_pair(&a, &b);
    cr_assert_eq(furrow_connection_send_fds(a, fds, 2, 0), FURROW_ETIME);
    cr_assert_eq(furrow_connection_recv_fds(b, got, 1, 0), FURROW_ECORRUPT);
    ends_want(FURROW_ECORRUPT, "1 files were to come, not 2");
    cr_assert_eq(read(furrow_connection_fileno(a), got, 1), 1); /* does not hang */
    furrow_connection_close(a);
    furrow_connection_close(b);
}

Test(files, a_late_acknowledgement_is_no_part_of_a_message)
{
    furrow_connection *a, *b;
    int fds[1] = {0}, got[1];

    acknowledging_pair(&a, &b);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(furrow_connection_send_fds(a, fds, 1, 0), FURROW_ETIME);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(furrow_connection_recv_fds(b, got, 1, 0), 0);
        close(got[0]);
    }
    cr_assert_eq(furrow_connection_send(b, "one", 3, 0), 0);
    want_message(a, "one");
    cr_assert_eq(furrow_connection_send_fds(a, fds, 1, 0), FURROW_ETIME);
    cr_assert_eq(furrow_connection_recv_fds(b, got, 1, 0), 0);
    close(got[0]);
    cr_assert_eq(furrow_connection_acknowledge(b, 0), 0);
    cr_assert_eq(furrow_connection_send_fds(b, fds, 1, 0), 0);
    cr_assert_eq(furrow_connection_acknowledge(a, 0), 0);
    cr_assert_eq(furrow_connection_recv_fds(a, got, 1, 0), 0); /* behind it, too */
    close(got[0]);
    furrow_connection_close(a);
    furrow_connection_close(b);
}

/* One thread's message has gone out in part when another one takes files. */
Test(files, an_acknowledgement_waits_for_the_rest_of_a_message)
{
    static char large[1 << 20], got[1 << 20];
    furrow_connection *a, *b;
    int fds[1] = {0}, file[1];
    size_t size;

    acknowledging_pair(&a, &b);
    memset(large, 7, sizeof large);
    cr_assert_eq(furrow_connection_send(b, large, sizeof large, 0), FURROW_UNSENT);
    cr_assert_eq(furrow_connection_send_fds(a, fds, 1, 0), FURROW_ECORRUPT);
    cr_assert_eq(furrow_connection_recv_fds(b, file, 1, 0), 0);
    close(file[0]);
    while (furrow_connection_recv(a, got, sizeof got, &size, 0) == FURROW_ETIME)
        (void)furrow_connection_flush(b, 0);
    cr_assert_eq(size, sizeof large);
    cr_assert_eq(memcmp(got, large, size), 0);
    cr_assert_eq(furrow_connection_send(b, "two", 3, 0), 0);
    want_message(a, "two");
    furrow_connection_close(a);
    furrow_connection_close(b);
}

static void *receive_one(void *c)
{
    static char got[8];

    return furrow_connection_recv(c, got, 8, NULL, ENDS_SOON) == 0 ? got : NULL;
}

static void *take_one_file(void *c)
{
    int got = -1, rc = furrow_connection_recv_fds(c, &got, 1, ENDS_SOON);

    fw_os_close(got);
    return rc == 0 && furrow_connection_send(c, "one", 3, ENDS_SOON) == 0 ? c : NULL;
}

/* Another thread waits for a message meanwhile, and gets that alone. */
Test(files, an_acknowledgement_comes_to_another_thread)
{
    furrow_connection *a, *b;
    pthread_t receiver, taker;
    void *got, *taken;
    int fd = 0;

    acknowledging_pair(&a, &b);
    pthread_create(&receiver, NULL, receive_one, a);
    left_sleep(0.02);
    pthread_create(&taker, NULL, take_one_file, b);
    cr_assert_eq(furrow_connection_send_fds(a, &fd, 1, ENDS_SOON), 0);
    pthread_join(taker, &taken);
    pthread_join(receiver, &got);
    cr_assert_eq(taken, b);
    cr_assert_str_eq(got, "one");
    furrow_connection_close(a);
    furrow_connection_close(b);
}

Test(files, what_comes_instead_of_files_stays)
{
    furrow_connection *a, *b;
    int got[1];

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    cr_assert_eq(furrow_connection_send(a, "one", 3, 0), 0);
    cr_assert_eq(furrow_connection_recv_fds(b, got, 1, 0), FURROW_ECORRUPT);
    ends_want(FURROW_ECORRUPT, "a message came, and no files; it stays");
    cr_assert_eq(got[0], -1);
    want_message(b, "one");
    furrow_connection_close(a);
    furrow_connection_close(b);
}

/* ---- connections -----------------------------------------------------------------*/

/* Gets connections until the end of file, and says through each one which way it
 * goes. */
static int use_connections(void *arg)
{
    furrow_connection *c = ends_take(arg), *got;

    while ((got = furrow_connection_recv_connection(c, ENDS_SOON))) {
        char text[16];
        size_t size;

        if (furrow_connection_readable(got)) {
            child_want(furrow_connection_recv(got, text, 16, &size, ENDS_SOON) == 0);
            child_want(size == 4 && memcmp(text, "read", 4) == 0);
        }
        if (furrow_connection_writable(got))
            child_want(furrow_connection_send(got, "written", 7, ENDS_SOON) == 0);
        child_want(furrow_connection_close(got) == 0);
    }
    child_want(furrow_last_error()->code == FURROW_EEOF);
    return furrow_connection_close(c);
}

static void hand_over(furrow_connection *through, furrow_connection *theirs)
{
    cr_assert_eq(furrow_connection_send_connection(through, theirs, ENDS_SOON), 0);
    cr_assert_eq(furrow_connection_close(theirs), 0);
}

static void use(furrow_connection *mine)
{
    char text[16];
    size_t size;

    if (furrow_connection_writable(mine))
        cr_assert_eq(furrow_connection_send(mine, "read", 4, ENDS_SOON), 0);
    if (furrow_connection_readable(mine)) {
        cr_assert_eq(furrow_connection_recv(mine, text, 16, &size, ENDS_SOON), 0);
        cr_assert(size == 7 && memcmp(text, "written", 7) == 0);
        cr_assert_eq(furrow_connection_recv(mine, text, 16, &size, ENDS_SOON),
                     FURROW_EEOF);
    }
    cr_assert_eq(furrow_connection_close(mine), 0);
}

/* CPython: _TestPicklingConnections.test_pickling */
Test(files, a_connection_is_handed_to_a_peer)
{
    peer p;
    furrow_connection *a, *b, *c;

    c = ends_begin(&p, use_connections, ends_stage_new(), ENDS_DUPLEX);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
        hand_over(c, b);
        use(a);
    }
    cr_assert_eq(ends_finish(&p, c), 0);
}

/* CPython: _TestPicklingConnections.test_access */
Test(files, ends_that_only_read_or_only_write)
{
    peer p;
    furrow_connection *a, *b, *c;

    c = ends_begin(&p, use_connections, ends_stage_new(), ENDS_DUPLEX);
    cr_assert_eq(furrow_pipe(&a, &b, 0), 0);
    hand_over(c, b);
    use(a);
    cr_assert_eq(furrow_pipe(&a, &b, 0), 0);
    hand_over(c, a);
    use(b);
    cr_assert_eq(ends_finish(&p, c), 0);
}

Test(files, a_connection_in_the_middle_of_a_message_stays)
{
    furrow_connection *a, *b, *c, *d;
    size_t size;

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    cr_assert_eq(furrow_pipe(&c, &d, 1), 0);
    cr_assert_eq(furrow_connection_send(d, "x", 1, 0), 0);
    cr_assert_eq(furrow_connection_next(c, &size, 0), 0);
    cr_assert_eq(furrow_connection_send_connection(a, c, 0), FURROW_EBUSY);
    ends_want(FURROW_EBUSY, "in the middle of a message");
    cr_assert_eq(furrow_connection_poll(b, 0), 0);
    furrow_connection_close(a);
    furrow_connection_close(b);
    furrow_connection_close(c);
    furrow_connection_close(d);
}

/* ---- arrays ----------------------------------------------------------------------*/

static int double_array(void *arg)
{
    furrow_connection *c = ends_take(arg);
    furrow_array *a = furrow_connection_recv_array(c, ENDS_SOON);
    double *x;

    child_want(a && a->len == 1000 && a->type == 'd');
    x = a->data;
    for (size_t i = 0; i < a->len; i++)
        x[i] *= 2;
    child_want(furrow_connection_send(c, NULL, 0, ENDS_SOON) == 0);
    return furrow_connection_close(c);
}

Test(files, an_array_is_sent_without_its_elements)
{
    furrow_array *a = furrow_array_new('d', 1000, NULL);
    double *x = a->data;
    peer p;
    char none;
    furrow_connection *c = ends_begin(&p, double_array, ends_stage_new(), ENDS_DUPLEX);

    for (int i = 0; i < 1000; i++)
        x[i] = i;
    cr_assert_eq(furrow_connection_send_array(c, a, ENDS_SOON), 0, "%s",
                 furrow_last_error()->text);
    cr_assert_eq(furrow_connection_recv(c, &none, 1, NULL, ENDS_SOON), 0);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(x[i], 2 * i);
    cr_assert_eq(ends_finish(&p, c), 0);
    cr_assert_eq(furrow_array_free(a), 0);
}

Test(files, an_array_that_was_freed_meanwhile)
{
    furrow_connection *a, *b;
    furrow_array *old = furrow_array_new('d', 10, NULL), *other;

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    cr_assert_eq(furrow_connection_send_array(a, old, 0), 0);
    cr_assert_eq(furrow_connection_send_array(a, old, 0), 0);
    furrow_array_free(old);
    cr_assert_null(furrow_connection_recv_array(b, 0));
    ends_want(FURROW_EINVAL, "is not a live array");
    other = furrow_array_new('d', 10, NULL);
    cr_assert_eq(other, old, "the heap gives the same place again");
    cr_assert_null(furrow_connection_recv_array(b, 0));
    ends_want(FURROW_EINVAL, "has been freed");
    furrow_array_free(other);
    furrow_connection_close(a);
    furrow_connection_close(b);
}

Test(files, a_message_that_is_no_array_stays)
{
    furrow_connection *a, *b;
    char text[248] = "furrow array 1", got[248];
    size_t size;

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    cr_assert_eq(furrow_connection_send(a, "hello", 5, 0), 0);
    cr_assert_null(furrow_connection_recv_array(b, 0));
    ends_want(FURROW_ECORRUPT, "is no array's; it stays");
    cr_assert_eq(furrow_connection_recv(b, got, 248, &size, 0), 0);
    cr_assert_eq(size, 5);
    cr_assert_eq(furrow_connection_send(a, text, 248, 0), 0);
    cr_assert_null(furrow_connection_recv_array(b, 0));
    ends_want(FURROW_ECORRUPT, "is no array's; it stays");
    cr_assert_eq(furrow_connection_recv(b, got, 248, &size, 0), 0);
    cr_assert(size == 248 && memcmp(got, text, size) == 0);
    furrow_error_clear();
    cr_assert_eq(furrow_connection_send_array(a, NULL, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_connection_send_array(a, (furrow_array *)text, 0),
                 FURROW_EINVAL);
    furrow_connection_close(a);
    furrow_connection_close(b);
}

/* Another family: it forked before there was a heap, and has one of its own. */
static int another_program(void *arg)
{
    furrow_connection *c = furrow_connection_from_fd(*(int *)arg);
    furrow_array *own = furrow_array_new('i', 5, NULL), *a;
    char go;

    child_want(c && own);
    ((int *)own->data)[2] = 77;
    child_want(furrow_connection_recv(c, &go, 1, NULL, ENDS_SOON) == 0);
    child_want(furrow_connection_send_array(c, own, ENDS_SOON) == 0);
    a = furrow_connection_recv_array(c, ENDS_SOON);
    if (!a)
        furrow_perror("another program");
    child_want(a && a->len == 7 && ((int *)a->data)[3] == 33);
    ((int *)a->data)[3] = 34;
    child_want(furrow_array_free(a) == 0);
    child_want(furrow_array_free(own) == 0);
    return furrow_connection_close(c);
}

Test(files, another_program_gets_named_arrays_alone)
{
    furrow_connection *a, *b;
    furrow_array_options o = {.name = left_name("files")};
    furrow_array *named;
    int fd;
    pid_t pid;

    cr_assert_eq(furrow_pipe(&a, &b, 1), 0);
    fd = furrow_connection_fileno(b);
    pid = child_start(another_program, &fd);
    furrow_connection_close(b);
    named = furrow_array_new('i', 7, &o);
    ((int *)named->data)[3] = 33;
    cr_assert_eq(furrow_connection_send(a, "g", 1, ENDS_SOON), 0);
    cr_assert_null(furrow_connection_recv_array(a, ENDS_SOON));
    ends_want(FURROW_EINVAL, "another program's and has no name");
    cr_assert_eq(furrow_connection_send_array(a, named, ENDS_SOON), 0);
    cr_assert_eq(child_wait(pid), 0);
    cr_assert_eq(((int *)named->data)[3], 34);
    cr_assert_eq(furrow_array_free(named), 0);
    furrow_connection_close(a);
}
