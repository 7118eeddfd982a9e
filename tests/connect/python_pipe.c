/* SPDX-License-Identifier: MIT
 *
 * Python at the other end of an inherited file descriptor, in both directions.
 *
 *     python_pipe        77: there is no Python
 */
#include "furrow_pipe.h"
#include "pythons.h"

#define SOON   furrow_in(30)
#define SCRIPT FURROW_SOURCE_DIR "/tests/connect/peer.py"

static const size_t sizes[] = {0,     1,     4,     5,       4095,         4096,
                               16384, 16385, 65536, 1 << 20, (1 << 24) + 3};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void pattern(unsigned char *to, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (unsigned char)(i % 256 * 7 + size);
}

/* ---- one peer --------------------------------------------------------------------*/

typedef struct guest {
    furrow_connection *c;
    pid_t pid;
    int minor;
} guest;

static guest invite(const pythons *all, int i, const char *what, int how)
{
    const char *arguments[] = {all->path[i], SCRIPT, what, NULL, NULL};
    furrow_connection *a, *b;
    char number[16];
    guest g = {.minor = all->minor[i]};

    if (furrow_pipe(&a, &b, how == 2) < 0)
        return g;
    g.c = how == 1 ? b : a;
    b = how == 1 ? a : b;
    snprintf(number, sizeof number, "%d", furrow_connection_fileno(b));
    arguments[3] = number;
    g.pid = python_start(all->path[i], arguments, furrow_connection_fileno(b));
    furrow_connection_close(b);
    return g;
}

static int part(guest *g)
{
    furrow_connection_close(g->c);
    return child_wait(g->pid);
}

/* ---- what is tried ---------------------------------------------------------------*/

static int try_echo(const pythons *all, int i)
{
    unsigned char *said = malloc(sizes[SIZES - 1]), *got = malloc(sizes[SIZES - 1]);
    guest g = invite(all, i, "echo", 2);
    size_t size;

    for (int k = 0; k < SIZES; k++) {
        pattern(said, sizes[k]);
        child_want(furrow_connection_send(g.c, said, sizes[k], SOON) == 0);
        child_want(furrow_connection_recv(g.c, got, sizes[SIZES - 1], &size, SOON) ==
                   0);
        child_want(size == sizes[k] && memcmp(said, got, size) == 0);
    }
    free(said);
    free(got);
    child_want(part(&g) == 0);
    return 0;
}

static int want_message(guest *g, const char *bytes, size_t size)
{
    char got[64];
    size_t n;

    child_want(furrow_connection_recv(g->c, got, sizeof got, &n, SOON) == 0);
    child_want(n == size && memcmp(got, bytes, size) == 0);
    return 0;
}

/* Before 3.8 objects were pickled otherwise. */
static int want_objects(guest *g)
{
    static const char list[] =
        "\x80\4\x95\x10\0\0\0\0\0\0\0]\x94(K\1G@\4\0\0\0\0\0\0e.";
    static const char dict[] = "\x80\4\x95\f\0\0\0\0\0\0\0}\x94\x8c\1k\x94"
                               "C\1\1\x94s.";

    if (g->minor < 8 || g->minor > 13) {
        for (int i = 0; i < 5; i++) {
            void *m = furrow_connection_recv_new(g->c, NULL, SOON);

            child_want(m != NULL);
            free(m);
        }
        return 0;
    }
    return want_message(g, "\x80\4N.", 4) || want_message(g, "\x80\4K\1.", 5) ||
           want_message(g, "\x80\4\x95\6\0\0\0\0\0\0\0\x8c\2hi\x94.", 17) ||
           want_message(g, list, 27) || want_message(g, dict, 23);
}

static int try_objects(const pythons *all, int i)
{
    guest g = invite(all, i, "objects", 0);

    child_want(want_objects(&g) == 0);
    for (int k = 0; k < SIZES; k++) {
        unsigned char *want = malloc(sizes[k] + 1);
        size_t size;
        void *got = furrow_connection_recv_new(g.c, &size, SOON);

        pattern(want, sizes[k]);
        child_want(got && size == sizes[k] && memcmp(got, want, size) == 0);
        free(got);
        free(want);
    }
    child_want(furrow_connection_next(g.c, NULL, SOON) == FURROW_EEOF);
    child_want(part(&g) == 0);
    return 0;
}

static int try_check(const pythons *all, int i)
{
    guest g = invite(all, i, "check", 2);

    for (int k = 0; k < SIZES; k++) {
        unsigned char *said = malloc(sizes[k] + 1);

        pattern(said, sizes[k]);
        child_want(furrow_connection_send(g.c, said, sizes[k], FURROW_FOREVER) == 0);
        free(said);
    }
    child_want(want_message(&g, "ok", 2) == 0);
    child_want(part(&g) == 0);
    return 0;
}

/* A Python that is killed in a message of 16 MiB. */
static int try_kill(const pythons *all, int i)
{
    guest g = invite(all, i, "objects", 0);
    size_t size = 0;

    while (size <= 1 << 20) {
        child_want(furrow_connection_next(g.c, &size, SOON) == 0);
        if (size <= 1 << 20)
            free(furrow_connection_recv_new(g.c, NULL, SOON));
    }
    kill(g.pid, SIGKILL);
    child_want(child_wait(g.pid) == CHILD_SIGNAL + SIGKILL);
    child_want(!furrow_connection_recv_new(g.c, NULL, SOON));
    child_want(furrow_last_error()->code == FURROW_ECORRUPT);
    return furrow_connection_close(g.c);
}

/* Two files there and one back. Python acknowledges them from 3.14 on. */
static int try_files(const pythons *all, int i)
{
    guest g = invite(all, i, "files", 2);
    int one[2], two[2], back;
    char text[16] = "";

    child_want(pipe2(one, O_CLOEXEC) == 0 && pipe2(two, O_CLOEXEC) == 0);
    child_want(furrow_connection_acknowledge(g.c, g.minor >= 14) == 0);
    child_want(furrow_connection_send_fds(g.c, (int[]){one[1], two[1]}, 2, SOON) == 0);
    child_want(want_message(&g, "written", 7) == 0);
    child_want(read(one[0], text, sizeof text) == 11 && !strcmp(text, "from python"));
    child_want(furrow_connection_recv_fds(g.c, &back, 1, SOON) == 0);
    child_want(write(back, "back", 4) == 4);
    child_want(read(two[0], text, sizeof text) == 4 && !memcmp(text, "back", 4));
    for (int k = 0; k < 2; k++) {
        close(one[k]);
        close(two[k]);
    }
    close(back);
    child_want(part(&g) == 0);
    return 0;
}

int main(void)
{
    static const python_trial trials[] = {{"echo", try_echo},
                                          {"objects", try_objects},
                                          {"check", try_check},
                                          {"kill", try_kill},
                                          {"files", try_files}};

    return pythons_test(trials, sizeof trials / sizeof *trials);
}
