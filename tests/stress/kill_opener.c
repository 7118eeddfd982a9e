/* SPDX-License-Identifier: MIT
 *
 * Programs that open pools, make named arrays, run maps and close, and are SIGKILLed at
 * random moments of all that. Within 2 s no process of the family and no name in
 * /dev/shm is left.
 *
 * The test is the reaper of its descendants: whoever of a family is left when its
 * program has died becomes a child of the test, and wait() says when there are none.
 *
 *     kill_opener         ROUNDS programs, 2 s
 *     kill_opener soak    for FURROW_SOAK_MINUTES
 */
#include "dice.h"
#include "soak.h"
#include "verdict.h"

#include <dirent.h>
#include <errno.h>
#include <furrow.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define ROUNDS 100

enum { OPEN, MAP, CLOSE, PHASES };

static int step(furrow_chunk c)
{
    uint64_t *a = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        a[i] = a[i] * 3 + 1;
    return 0;
}

/* ---- the program that is killed ---------------------------------------------------*/

static void one_life(dice *d, long tester, volatile uint32_t *phase)
{
    char name[64];
    furrow_pool_options options = {.workers = 1 + (int)roll(d, 4)};
    furrow_array_options named = {.name = name};

    snprintf(name, sizeof name, "/furrow-opener-%ld-%u", tester, roll(d, 1000000));
    *phase = OPEN;
    furrow_pool *pool = furrow_pool_open(&options);
    furrow_array *a =
        furrow_array_new('Q', 1 + roll(d, 300000), roll(d, 2) ? &named : NULL);
    furrow_call call = {.kernel = step, .types = ">Q", .out = {a}};
    *phase = MAP;
    for (unsigned k = roll(d, 20); k > 0; k--) {
        if (roll(d, 2))
            furrow_future_free(furrow_map_async(pool, &call));
        else
            (void)furrow_map(pool, &call);
    }
    *phase = CLOSE;
    if (furrow_pool_close(pool) < 0 || furrow_array_free(a) < 0) {
        furrow_perror("opener");
        _exit(1);
    }
}

_Noreturn static void opener(unsigned round, long tester, volatile uint32_t *phase)
{
    dice d = dice_of(round);

    for (;;)
        one_life(&d, tester, phase);
}

/* ---- what is left of it -----------------------------------------------------------*/

static int names_left(long tester)
{
    char prefix[64];
    DIR *dir = opendir("/dev/shm");
    int left = 0;

    if (!dir)
        fail("/dev/shm cannot be read");
    snprintf(prefix, sizeof prefix, "furrow-opener-%ld-", tester);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir))
        left += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    closedir(dir);
    return left;
}

/* Does any descendant live? Those that have ended are buried. */
static int processes_left(void)
{
    pid_t pid;

    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        ;
    return pid == 0 || errno != ECHILD;
}

static double wait_until_gone(unsigned round, const char *where, long tester)
{
    double start = seconds_now();

    while (processes_left() || names_left(tester)) {
        if (seconds_now() > start + 2)
            fail("round %u, killed in %s: after 2 s there are %sprocesses and %d names",
                 round, where, processes_left() ? "" : "no ", names_left(tester));
        nap_us(500);
    }
    return seconds_now() - start;
}

/* ---- a round ----------------------------------------------------------------------*/

static pid_t start(unsigned round, volatile uint32_t *phase)
{
    long tester = (long)getpid();
    pid_t pid = fork();

    if (pid == 0)
        opener(round, tester, phase);
    if (pid < 0)
        fail("fork");
    return pid;
}

static double play(unsigned round, dice *d, volatile uint32_t *phase, unsigned *met)
{
    static const char *const name[PHASES] = {"open", "map", "close"};
    double until = seconds_now() + 1;
    uint32_t where;
    int status;
    pid_t pid;

    *phase = OPEN;
    pid = start(round, phase);
    while (round % 2 && *phase == OPEN && seconds_now() < until)
        nap_us(100); /* half of them get past their first opening */
    nap_us(roll(d, 40000));
    kill(pid, SIGKILL);
    if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) ||
        WTERMSIG(status) != SIGKILL)
        fail("round %u: the program ended by itself", round);
    where = *phase;
    met[where]++;
    return wait_until_gone(round, name[where], (long)getpid());
}

int main(int argc, char **argv)
{
    furrow_array *word = furrow_value_new('I'); /* where the program is */
    unsigned met[PHASES] = {0}, round = 0;
    double soak = soak_seconds(argc, argv), start = seconds_now(), longest = 0;
    dice d = dice_of(7);

    if (!word || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        fail("no shared word, or no reaper");
    for (; round < ROUNDS || seconds_now() - start < soak; round++) {
        double t = play(round, &d, word->data, met);

        longest = t > longest ? t : longest;
    }
    printf("%u programs killed: %u in open, %u in map, %u in close; all gone after at "
           "most %.0f ms\n",
           round, met[OPEN], met[MAP], met[CLOSE], longest * 1e3);
    if (furrow_fsck() < 0)
        fail("the heap: %s", furrow_last_error()->text);
    return furrow_array_free(word) != 0;
}
