/* SPDX-License-Identifier: MIT
 *
 * Ping and pong, by a condition: each waits until it is its turn.
 */
#include <furrow.h>
#include <stdio.h>

struct game {
    furrow_condition *changed;
    int *turn;  /* shared: whose it is */
    int player; /* who is told this */
};

static int my_turn(void *arg)
{
    const struct game *g = arg;

    return *g->turn % 2 == g->player;
}

static int play(void *arg, size_t size)
{
    struct game *g = arg;
    furrow_lock *lock = furrow_condition_get_lock(g->changed);

    (void)size;
    for (int i = 0; i < 3; i++) {
        if (furrow_lock_lock(lock, FURROW_FOREVER) != 0 ||
            furrow_condition_wait_for(g->changed, my_turn, g, FURROW_FOREVER) != 0)
            return 1; /* an error, or the other one has died */
        printf("%d: %s\n", *g->turn, g->player ? "pong" : "ping");
        fflush(stdout);
        *g->turn += 1;
        furrow_condition_notify_all(g->changed);
        furrow_lock_unlock(lock);
    }
    return 0;
}

int main(void)
{
    furrow_init();
    furrow_array *turn = furrow_value_new('i');
    struct game g = {furrow_condition_new(NULL, NULL), NULL, 1};

    if (!turn || !g.changed) {
        furrow_perror("turns");
        return 1;
    }
    g.turn = turn->data;
    furrow_process *p = furrow_process_new(play, &g, sizeof g, NULL);
    if (furrow_process_start(p) < 0) {
        furrow_perror("turns");
        return 1;
    }
    g.player = 0;
    const int rc = play(&g, sizeof g);
    furrow_process_join(p, FURROW_FOREVER);
    furrow_process_free(p);
    furrow_condition_free(g.changed);
    return furrow_array_free(turn) != 0 || rc != 0;
}
