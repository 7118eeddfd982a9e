/* SPDX-License-Identifier: MIT
 *
 * Two programs and one array. Run without arguments, it makes the array and starts
 * itself again as the other program, which has its name alone.
 */
#include <furrow.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int other_program(const char *name)
{
    furrow_array *a = furrow_array_attach(name);

    if (!a) {
        furrow_perror("other");
        return 1;
    }
    printf("other: %zu elements of type '%c'\n", a->len, a->type);
    ((double *)a->data)[2] = 42;
    fflush(stdout);
    return furrow_array_free(a) != 0; /* detaches; the name belongs to its creator */
}

static int run_other(char *self, char *name)
{
    char *arguments[] = {self, name, NULL};
    int status = -1;
    pid_t pid;

    if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ) == 0)
        waitpid(pid, &status, 0);
    return status;
}

int main(int argc, char **argv)
{
    char name[64];

    if (argc > 1)
        return other_program(argv[1]);
    snprintf(name, sizeof name, "/furrow-guide-%ld", (long)getpid());
    furrow_array *a = furrow_array_new('d', 5, &(furrow_array_options){.name = name});
    if (!a) {
        furrow_perror("named");
        return 1;
    }
    const int status = run_other(argv[0], name);
    printf("here: element 2 is %g\n", ((double *)a->data)[2]);
    furrow_array_free(a); /* the name goes too */
    if (!furrow_array_attach(name))
        printf("then: %s\n", furrow_status_name(furrow_last_error()->code));
    return status != 0;
}
