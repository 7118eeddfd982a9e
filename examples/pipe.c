/* SPDX-License-Identifier: MIT
 *
 * A child sends what its parent prints: what Python's manual shows for Pipe().
 */
#include <furrow.h>
#include <stdio.h>

struct message {
    int number;
    void *nothing;
    char text[8];
};

struct ends {
    furrow_connection *parent, *child;
};

static int f(void *arg, size_t size)
{
    struct ends *e = arg;
    struct message m = {42, NULL, "hello"};

    (void)size;
    furrow_connection_close(e->parent); /* the fork's copy */
    if (furrow_connection_send(e->child, &m, sizeof m, FURROW_FOREVER) < 0)
        return 1;
    return furrow_connection_close(e->child) != 0;
}

int main(void)
{
    furrow_process_options forked = {.start = FURROW_START_FORK};
    struct ends e;
    struct message m;

    furrow_init();
    furrow_pipe(&e.parent, &e.child, 1);
    furrow_process *p = furrow_process_new(f, &e, sizeof e, &forked);
    if (furrow_process_start(p) < 0) {
        furrow_perror("pipe");
        return 1;
    }
    furrow_connection_close(e.child); /* ours, so that the end of file comes */
    if (furrow_connection_recv(e.parent, &m, sizeof m, NULL, furrow_in(10)) < 0)
        furrow_perror("pipe");
    else
        printf("[%d, %s, '%s']\n", m.number, m.nothing ? "something" : "None", m.text);
    if (furrow_connection_recv(e.parent, &m, sizeof m, NULL, furrow_in(10)) ==
        FURROW_EEOF)
        printf("and that was all\n");
    furrow_process_join(p, FURROW_FOREVER);
    furrow_connection_close(e.parent);
    return furrow_process_free(p) != 0;
}
