/* SPDX-License-Identifier: MIT
 *
 * A message from a child to its parent, through a queue.
 */
#include <furrow.h>
#include <stdio.h>

struct message {
    int number;
    double *nothing;
    char text[8];
};

static int f(void *arg, size_t size)
{
    furrow_queue *q = *(furrow_queue **)arg;
    const struct message m = {42, NULL, "hello"};

    (void)size;
    return furrow_queue_put(q, &m, sizeof m, FURROW_FOREVER) != 0;
}

int main(void)
{
    struct message m;

    furrow_init();
    furrow_queue *q = furrow_queue_new(NULL);
    furrow_process *p = furrow_process_new(f, &q, sizeof q, NULL);

    if (furrow_process_start(p) ||
        furrow_queue_get(q, &m, sizeof m, NULL, furrow_in(30))) {
        furrow_perror("queue");
        return 1;
    }
    printf("[%d, %s, '%s']\n", m.number, m.nothing ? "something" : "None", m.text);
    furrow_process_join(p, FURROW_FOREVER);
    furrow_process_free(p);
    return furrow_queue_free(q) != 0;
}
