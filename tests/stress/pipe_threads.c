/* SPDX-License-Identifier: MIT
 *
 * Threads that share the ends of one pipe: each message comes as it was sent, and once,
 * whoever sends and receives, and whatever deadlines cut.
 */
#include "furrow_pipe.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SENDERS = 3, RECEIVERS = 2, MESSAGES = 3000, MOST = 4000 };

typedef struct shared {
    furrow_connection *in, *out;
    pthread_mutex_t lock;
    int seen[SENDERS][MESSAGES];
    int failed;
} shared;

typedef struct worker {
    shared *s;
    int number;
    pthread_t thread;
} worker;

static void fail(shared *s, const char *what)
{
    pthread_mutex_lock(&s->lock);
    if (!s->failed++)
        printf("FAILED: %s (%s)\n", what, furrow_last_error()->text);
    pthread_mutex_unlock(&s->lock);
}

static size_t size_of(int sender, int i)
{
    return sizeof(int[2]) +
           (size_t)(((unsigned)i * 2654435761u + (unsigned)sender) % MOST);
}

/* Now and then without patience: then the message is sent later, or its rest is. */
static int send_one(furrow_connection *c, const void *message, size_t size, int i)
{
    int rc = furrow_connection_send(c, message, size, i % 3 ? FURROW_FOREVER : 0);

    while (rc == FURROW_EBUSY || rc == FURROW_ETIME)
        rc = furrow_connection_send(c, message, size, furrow_in(0.001));
    return rc;
}

static void *send_all(void *arg)
{
    worker *w = arg;
    unsigned char message[sizeof(int[2]) + MOST];

    for (int i = 0; i < MESSAGES; i++) {
        int head[2] = {w->number, i};
        size_t size = size_of(w->number, i);

        memset(message, i & 0xff, size);
        memcpy(message, head, sizeof head);
        if (send_one(w->s->out, message, size, i) < 0)
            fail(w->s, "sending");
    }
    return NULL;
}

static void look(shared *s, const unsigned char *message, size_t size)
{
    int head[2];

    memcpy(head, message, sizeof head);
    if (size < sizeof head || head[0] < 0 || head[0] >= SENDERS || head[1] < 0 ||
        head[1] >= MESSAGES || size != size_of(head[0], head[1])) {
        fail(s, "a message that nobody sent");
        return;
    }
    for (size_t i = sizeof head; i < size; i++)
        if (message[i] != (head[1] & 0xff)) {
            fail(s, "a message that is torn");
            return;
        }
    pthread_mutex_lock(&s->lock);
    s->seen[head[0]][head[1]]++;
    pthread_mutex_unlock(&s->lock);
}

static void *receive_all(void *arg)
{
    worker *w = arg;
    unsigned char message[sizeof(int[2]) + MOST];
    int rc;

    for (int turn = 0;; turn++) {
        size_t size;

        rc = furrow_connection_recv(w->s->in, message, sizeof message, &size,
                                    turn % 5 ? FURROW_FOREVER : 0);
        if (rc == FURROW_ETIME || (rc == 0 && (look(w->s, message, size), 1)))
            continue;
        break;
    }
    if (rc != FURROW_EEOF)
        fail(w->s, "receiving");
    return NULL;
}

static void count(shared *s)
{
    for (int i = 0; i < SENDERS; i++)
        for (int k = 0; k < MESSAGES; k++)
            if (s->seen[i][k] != 1) {
                printf("FAILED: message %d of %d came %d times\n", k, i, s->seen[i][k]);
                s->failed++;
                return;
            }
}

static int run(int duplex)
{
    static shared s;
    worker senders[SENDERS], receivers[RECEIVERS];

    memset(&s, 0, sizeof s);
    pthread_mutex_init(&s.lock, NULL);
    if (furrow_pipe(&s.in, &s.out, duplex) < 0)
        return 1;
    for (int i = 0; i < RECEIVERS; i++) {
        receivers[i] = (worker){.s = &s, .number = i};
        pthread_create(&receivers[i].thread, NULL, receive_all, &receivers[i]);
    }
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (worker){.s = &s, .number = i};
        pthread_create(&senders[i].thread, NULL, send_all, &senders[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    if (furrow_connection_flush(s.out, FURROW_FOREVER) < 0)
        fail(&s, "the last rest");
    furrow_connection_close(s.out);
    for (int i = 0; i < RECEIVERS; i++)
        pthread_join(receivers[i].thread, NULL);
    furrow_connection_close(s.in);
    count(&s);
    printf("%s: %d messages\n", duplex ? "sockets" : "a pipe", SENDERS * MESSAGES);
    return s.failed;
}

int main(void)
{
    return run(1) || run(0) ? 1 : 0;
}
