// SPDX-License-Identifier: MIT
//
// An exception that leaves a function of the program ends the process that runs it: no `try`
// around the caller's code catches it, though a forked worker has the caller's stack.
#include "child.h"
#include "furrow.h"

#include <cstring>
#include <pthread.h>
#include <stdexcept>

namespace
{
struct board {
    int caught; // by a `try` that is none of theirs
    int ran;
    pid_t caller;
};

board *shared;
furrow_array *shared_array;

bool by_threads()
{
    const char *start = std::getenv("FURROW_START");

    return start && std::strcmp(start, "thread") == 0;
}

// ---- what throws ---------------------------------------------------------------------

int throws_in_one(furrow_chunk c)
{
    if (c.index == 3)
        throw std::runtime_error("left a kernel");
    return 0;
}

int throws_in_the_caller(furrow_chunk c)
{
    const board *b = *static_cast<board *const *>(c.ctx);

    if (getpid() == b->caller)
        throw std::runtime_error("left a kernel that the caller runs");
    usleep(10000);
    return 0;
}

int catches_its_own(furrow_chunk c)
{
    try {
        throws_in_one(c);
    } catch (const std::runtime_error &) {
        ++(*static_cast<board *const *>(c.ctx))->ran;
    }
    return 0;
}

int ends_its_thread(furrow_chunk c)
{
    if (c.index == 3)
        pthread_exit(nullptr);
    return 0;
}

int process_throws(void *, std::size_t)
{
    throw std::runtime_error("left a process");
}

void hook_throws(void *)
{
    throw std::runtime_error("left a hook");
}

int process_with_hook(void *, std::size_t)
{
    return furrow_at_exit(hook_throws, nullptr);
}

int action_throws(void *)
{
    throw std::runtime_error("left an action");
}

// ---- who runs it ----------------------------------------------------------------------

int map_it(furrow_kernel kernel, unsigned flags, int times = 1)
{
    furrow_pool_options options{};
    furrow_call call{};
    furrow_pool *pool;
    int rc = 0;

    options.workers = 2;
    pool = furrow_pool_open(&options);
    child_want(pool);
    call.kernel = kernel;
    call.len = 100;
    call.chunk = 5;
    call.flags = flags;
    call.ctx = &shared;
    call.ctx_size = sizeof shared;
    while (rc == 0 && times-- > 0)
        rc = furrow_map(pool, &call);
    child_want(furrow_pool_close(pool) == 0);
    return rc;
}

int worker_dies(int signal, furrow_kernel kernel)
{
    const furrow_torn *torn;

    child_want(map_it(kernel, 0) == FURROW_EDIED);
    child_want(furrow_error_ranges(&torn) == 1);
    child_want(torn[0].begin == 15 && torn[0].end == 20);
    child_want(torn[0].signal == signal);
    return 0;
}

int of_a_kernel(void *)
{
    return worker_dies(SIGABRT, throws_in_one);
}

int of_the_end_of_a_thread(void *)
{
    return worker_dies(0, ends_its_thread);
}

int of_a_kernel_that_catches_it(void *)
{
    child_want(map_it(catches_its_own, 0) == 0);
    child_want(shared->ran == 1);
    return 0;
}

// Of workers that are run anew, the caller takes part once they are known to have the kernel.
int of_a_kernel_in_the_caller(void *)
{
    shared->caller = getpid();
    return map_it(throws_in_the_caller, FURROW_CALLER_RUNS, 2);
}

int process_ends(furrow_process_function function)
{
    furrow_process *p = furrow_process_new(function, nullptr, 0, nullptr);
    int code = 0;

    child_want(p && furrow_process_start(p) == 0);
    child_want(furrow_process_join(p, furrow_in(10)) == 0);
    child_want(furrow_process_exit_code(p, &code) == 0);
    child_want(furrow_process_free(p) == 0);
    child_want(code == -SIGABRT);
    return 0;
}

int of_a_process(void *)
{
    return process_ends(process_throws);
}

int of_a_hook(void *)
{
    return by_threads() ? 0 : process_ends(process_with_hook);
}

int of_an_action(void *)
{
    furrow_barrier_options options{};
    furrow_barrier *b;

    options.action = action_throws;
    b = furrow_barrier_new(1, &options);
    child_want(b);
    return furrow_barrier_wait(b, FURROW_FOREVER);
}

// The code that a library's user may have around all of it.
int in_a_try(void *arg)
{
    try {
        return (*static_cast<int (**)(void *)>(arg))(nullptr);
    } catch (const std::exception &e) {
        ++shared->caught;
        std::fprintf(stderr, "process %d caught what %s\n", static_cast<int>(getpid()),
                     e.what());
        return 9;
    }
}

int failed;

void want(const char *name, int (*test)(void *), int code)
{
    int got;

    shared->caught = shared->ran = 0;
    got = child_run(in_a_try, static_cast<void *>(&test));
    if (got == code && shared->caught == 0)
        return;
    std::fprintf(stderr, "%s: ended with %d, not %d; caught: %d\n", name, got, code,
                 shared->caught);
    failed++;
}
} // namespace

int main()
{
    const int aborted = CHILD_SIGNAL + SIGABRT;
    const int ours = by_threads() ? aborted : 0; // a thread's end is the program's

    shared_array = furrow_array_new('b', sizeof(board), nullptr);
    if (!shared_array)
        return 1;
    shared = static_cast<board *>(shared_array->data);
    want("kernel", of_a_kernel, ours);
    want("kernel that catches", of_a_kernel_that_catches_it, 0);
    want("end of a thread", of_the_end_of_a_thread, 0);
    want("kernel in the caller", of_a_kernel_in_the_caller, aborted);
    want("process", of_a_process, ours);
    want("hook", of_a_hook, 0);
    want("action", of_an_action, aborted);
    return failed > 0 || furrow_array_free(shared_array) < 0;
}
