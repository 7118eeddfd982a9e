/* SPDX-License-Identifier: MIT
 *
 * What comes along with bytes over a line: files and the sender's pid.
 */
#include "left.h"
#include "os.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILES = 5 };

static int line[2];

static void open_line(void)
{
    cr_assert_eq(fw_os_line(line), 0);
}

static void close_line(void)
{
    fw_os_close(line[0]);
    fw_os_close(line[1]);
}

static int files_now(void)
{
    char open_fds[LEFT_FDS];

    return left_files(open_fds);
}

/* As another program may, which does not keep to one file with each word. */
static void send_files(void)
{
    union {
        char room[CMSG_SPACE(FILES * sizeof(int))];
        struct cmsghdr align;
    } with = {{0}};
    int word = 7, fd[FILES];
    struct iovec part = {&word, sizeof word};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = with.room,
                       .msg_controllen = sizeof with.room};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    for (int i = 0; i < FILES; i++)
        fd[i] = STDERR_FILENO;
    memcpy(CMSG_DATA(c), fd, sizeof fd);
    cr_assert_eq(sendmsg(line[0], &m, 0), sizeof word);
}

TestSuite(line, .init = open_line, .fini = close_line);

Test(line, one_file_comes_with_bytes)
{
    int before = files_now(), word = 0;
    fw_os_along with;

    cr_assert_eq(fw_os_line_send(line[0], &word, sizeof word, STDERR_FILENO), 0);
    cr_assert_eq(fw_os_line_recv(line[1], &word, sizeof word, &with, INT64_MAX), 0);
    cr_assert_geq(with.fd, 0);
    cr_assert_neq(fcntl(with.fd, F_GETFD) & FD_CLOEXEC, 0);
    cr_assert_eq(with.from, 0);
    fw_os_close(with.fd);
    cr_assert_eq(files_now(), before);
}

Test(line, of_several_files_one_is_kept)
{
    int before = files_now(), word = 0;
    fw_os_along with;

    send_files();
    cr_assert_eq(fw_os_line_recv(line[1], &word, sizeof word, &with, INT64_MAX), 0);
    cr_assert_eq(word, 7);
    cr_assert_geq(with.fd, 0);
    cr_assert_eq(files_now(), before + 1);
    fw_os_close(with.fd);
    send_files();
    cr_assert_eq(fw_os_line_recv(line[1], &word, sizeof word, NULL, INT64_MAX), 0);
    cr_assert_eq(files_now(), before);
}

Test(line, the_sender_is_known)
{
    int word = 1;
    fw_os_along with;

    cr_assert_eq(fw_os_line_know_senders(line[1]), 0);
    cr_assert_eq(fw_os_line_recv(line[1], &word, sizeof word, &with, 0), -ETIMEDOUT);
    cr_assert_eq(fw_os_line_send(line[0], &word, sizeof word, STDERR_FILENO), 0);
    cr_assert_eq(fw_os_line_recv(line[1], &word, sizeof word, &with, 0), 0);
    cr_assert_eq(with.from, getpid());
    cr_assert_geq(with.fd, 0);
    fw_os_close(with.fd);
}

/* A file comes with the first byte of what is sent. */
Test(line, of_bytes_that_came_in_part_no_file_is_kept)
{
    int before = files_now(), word[2] = {0, 0};
    fw_os_along with;

    cr_assert_eq(fw_os_line_send(line[0], word, sizeof word[0], STDERR_FILENO), 0);
    cr_assert_eq(fw_os_line_recv(line[1], word, sizeof word, &with, 0), -ETIMEDOUT);
    cr_assert_eq(with.fd, -1);
    cr_assert_eq(files_now(), before);
    cr_assert_eq(fw_os_line_send(line[0], word, sizeof word[0], STDERR_FILENO), 0);
    fw_os_line_end(line[0]);
    cr_assert_eq(fw_os_line_recv(line[1], word, sizeof word, &with, INT64_MAX), -EPIPE);
    cr_assert_eq(with.fd, -1);
    cr_assert_eq(files_now(), before);
}

Test(line, a_closed_end)
{
    int word;
    fw_os_along with;

    fw_os_line_end(line[0]);
    cr_assert_eq(fw_os_line_recv(line[1], &word, sizeof word, &with, INT64_MAX),
                 -EPIPE);
    cr_assert_eq(with.fd, -1);
    cr_assert_eq(fw_os_line_send(line[0], &word, sizeof word, -1), -EPIPE);
}
