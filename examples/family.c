/* SPDX-License-Identifier: MIT
 *
 * Who is who: the names and parents of a process and of its child.
 */
#include <furrow.h>
#include <stdio.h>

static void info(const char *title)
{
    const furrow_process *me = furrow_process_current(),
                         *parent = furrow_process_parent();

    printf("%s: %s, started by %s\n", title, furrow_process_name(me),
           parent ? furrow_process_name(parent) : "nobody of the family");
    fflush(stdout);
}

static int f(void *arg, size_t size)
{
    const long *starter = arg;

    (void)size;
    info("function f");
    return furrow_process_pid(furrow_process_parent()) == *starter ? 0 : 1;
}

int main(void)
{
    int code = 1;

    furrow_init();
    info("main line");
    long me = furrow_process_pid(furrow_process_current());
    furrow_process *p = furrow_process_new(f, &me, sizeof me, NULL);

    if (furrow_process_start(p) || furrow_process_join(p, FURROW_FOREVER) ||
        furrow_process_exit_code(p, &code)) {
        furrow_perror("family");
        return 1;
    }
    printf("its parent is this process: %s\n", code == 0 ? "yes" : "no");
    return furrow_process_free(p);
}
