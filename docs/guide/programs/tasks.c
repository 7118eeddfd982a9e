/* SPDX-License-Identifier: MIT
 *
 * Workers that get tasks from a queue. One is killed with a task in its hands; that task
 * is put again.
 */
#include <furrow.h>
#include <signal.h>
#include <stdio.h>

enum { TASKS = 20, WORKERS = 3 };

struct shop {
    furrow_queue *tasks;
    int *squares;  /* shared: what is 0 is not done */
    int *accident; /* shared: 1 when there was one */
};

static int work(void *arg, size_t size)
{
    const struct shop *s = arg;
    int n;

    (void)size;
    while (furrow_queue_get(s->tasks, &n, sizeof n, NULL, FURROW_FOREVER) == 0) {
        if (n == 7 && !*s->accident) {
            *s->accident = 1;
            raise(SIGKILL);
        }
        s->squares[n] = n * n;
        furrow_queue_task_done(s->tasks);
    }
    return 0; /* FURROW_ECLOSED: no more will come */
}

/* Put what is not done; 0 when all is done. */
static int put(const struct shop *s)
{
    for (int n = 1; n <= TASKS; n++)
        if (s->squares[n] == 0 &&
            furrow_queue_put(s->tasks, &n, sizeof n, FURROW_FOREVER) < 0)
            return furrow_last_error()->code;
    return furrow_queue_join(s->tasks, FURROW_FOREVER);
}

int main(void)
{
    furrow_process *workers[WORKERS];
    long sum = 0;
    int rc;

    furrow_init();
    furrow_array *memory = furrow_array_new('i', TASKS + 2, NULL);
    struct shop s = {furrow_queue_new(&(furrow_queue_options){.joinable = 1}), NULL,
                     NULL};
    if (!memory || !s.tasks) {
        furrow_perror("tasks");
        return 1;
    }
    s.squares = memory->data;
    s.accident = s.squares + TASKS + 1;
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = furrow_process_new(work, &s, sizeof s, NULL);
        furrow_process_start(workers[i]);
    }
    while ((rc = put(&s)) == FURROW_EDIED)
        printf("%s\n", furrow_last_error()->text);
    if (rc < 0)
        furrow_perror("tasks");
    furrow_queue_close(s.tasks); /* now they end */
    for (int i = 0; i < WORKERS; i++) {
        furrow_process_join(workers[i], FURROW_FOREVER);
        furrow_process_free(workers[i]);
    }
    for (int n = 1; n <= TASKS; n++)
        sum += s.squares[n];
    printf("the sum of the squares up to %d is %ld\n", TASKS, sum);
    furrow_queue_free(s.tasks);
    return furrow_array_free(memory) != 0;
}
