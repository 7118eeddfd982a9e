/* SPDX-License-Identifier: MIT
 *
 * Operations on processes: each is started, by each method, does something, and is joined.
 */
#include "operations.h"

#include "server.h"

#include <signal.h>

static int last(const void *p)
{
    return p ? 0 : furrow_last_error()->code;
}

static int need_array(world *w)
{
    w->a = furrow_array_new('d', 1, NULL);
    return last(w->a);
}

static int write_one(void *arg, size_t size)
{
    (void)size;
    **(double **)arg = 1;
    return 3;
}

/* Nothing is left of one that could not be started. */
static int run_process(world *w, const furrow_process_options *o)
{
    double *at = w->a->data;
    furrow_process *p = furrow_process_new(write_one, &at, sizeof at, o);
    int code = -1, rc = last(p);

    if (rc == 0)
        rc = furrow_process_start(p);
    if (rc == 0)
        rc = furrow_process_join(p, FURROW_FOREVER);
    if (rc == 0)
        rc = furrow_process_exit_code(p, &code);
    w->sum = code;
    return furrow_process_free(p) < 0 ? -1 : rc;
}

static int run_process_fork(world *w)
{
    return run_process(w, &(furrow_process_options){.start = FURROW_START_FORK});
}

static int run_process_spawn(world *w)
{
    return run_process(w, &(furrow_process_options){.start = FURROW_START_SPAWN});
}

static int run_process_forkserver(world *w)
{
    return run_process(w, &(furrow_process_options){.start = FURROW_START_FORKSERVER});
}

static int need_server(world *w)
{
    return need_array(w) < 0 ? -1 : fw_server_ready();
}

static int run_process_thread(world *w)
{
    return run_process(w, &(furrow_process_options){.start = FURROW_START_THREAD});
}

static int run_process_daemon(world *w)
{
    return run_process(
        w, &(furrow_process_options){.start = FURROW_START_FORK, .daemon = 1});
}

/* One that was killed has told so. */
static int check_process(world *w)
{
    return w->sum == -SIGKILL || (w->sum == 3 && *(double *)w->a->data == 1) ? 0 : -1;
}

static const operation list[] = {
    {"process-fork", need_array, run_process_fork, check_process},
    {"process-daemon", need_array, run_process_daemon, check_process},
    {"process-spawn", need_array, run_process_spawn, check_process},
    {"process-forkserver", need_array, run_process_forkserver, check_process},
    {"process-forkserver-there", need_server, run_process_forkserver, check_process},
    {"process-thread", need_array, run_process_thread, check_process},
};

const operation_table operations = {.operation = list,
                                    .count = sizeof list / sizeof *list};

/* ---- the world ----------------------------------------------------------------------*/

int world_end(world *w)
{
    int rc = furrow_array_free(w->a);

    fw_server_stop();
    w->a = NULL;
    return rc;
}

int world_use_library(void)
{
    world w = {0};
    int rc = need_array(&w) < 0 || run_process_fork(&w) < 0 || check_process(&w) < 0;

    return world_end(&w) < 0 || rc ? -1 : 0;
}
