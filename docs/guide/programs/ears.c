/* SPDX-License-Identifier: MIT
 *
 * One process listens to several pipes. One of those who speak is killed.
 */
#include <furrow.h>
#include <signal.h>
#include <stdio.h>

enum { SPEAKERS = 3, WORDS = 10 };

struct speaker {
    furrow_connection *out;
    int number;
};

static int speak(void *arg, size_t size)
{
    const struct speaker *s = arg;

    (void)size;
    for (int i = 0; i < WORDS; i++) {
        if (s->number == 1 && i == 4)
            raise(SIGKILL);
        if (furrow_connection_send(s->out, &i, sizeof i, FURROW_FOREVER) < 0)
            return 1;
    }
    return 0;
}

static furrow_process *start(int number, furrow_connection **in)
{
    furrow_process_options forked = {.start = FURROW_START_FORK}; /* has our pipes */
    struct speaker s = {NULL, number};

    if (furrow_pipe(in, &s.out, 0) < 0)
        return NULL;
    furrow_process *p = furrow_process_new(speak, &s, sizeof s, &forked);
    furrow_process_start(p);
    furrow_connection_close(s.out); /* ours, so that the end of file comes */
    return p;
}

/* Until all have come to their end: count[i] messages from speaker i. */
static void listen_to(furrow_connection *const *in, int *count)
{
    furrow_waited w[SPEAKERS] = {{0}};
    int open = SPEAKERS, word;

    for (int i = 0; i < SPEAKERS; i++)
        w[i].connection = in[i];
    while (open > 0 && furrow_wait(w, (size_t)open, furrow_in(30)) > 0)
        for (int i = open; i-- > 0;) {
            furrow_connection *c = w[i].connection;
            if (!w[i].ready)
                continue;
            if (furrow_connection_recv(c, &word, sizeof word, NULL, 0) < 0) {
                w[i] = w[--open]; /* FURROW_EEOF */
                continue;
            }
            for (int k = 0; k < SPEAKERS; k++)
                count[k] += in[k] == c;
        }
}

int main(void)
{
    furrow_process *p[SPEAKERS];
    furrow_connection *in[SPEAKERS];
    int count[SPEAKERS] = {0};

    furrow_init();
    for (int i = 0; i < SPEAKERS; i++)
        p[i] = start(i, &in[i]);
    listen_to(in, count);
    for (int i = 0; i < SPEAKERS; i++) {
        printf("speaker %d: %d words\n", i, count[i]);
        furrow_process_join(p[i], FURROW_FOREVER);
        furrow_process_free(p[i]);
        furrow_connection_close(in[i]);
    }
    return 0;
}
