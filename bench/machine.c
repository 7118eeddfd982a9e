/* SPDX-License-Identifier: MIT
 *
 * machine.c - reads the machine's own description of itself from /proc and /sys.
 */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The first line of a file, "unknown" where there is none. */
static void read_line(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "r");
    snprintf(out, size, "unknown");
    if (!f)
        return;
    if (fgets(out, (int)size, f))
        out[strcspn(out, "\n")] = '\0';
    fclose(f);
}

/* What follows "key ... : " in a file of such lines; 0 when it is there. */
static int read_key(const char *path, const char *key, char *out, size_t size)
{
    FILE *f = fopen(path, "r");
    char line[512];
    int rc = -1;
    while (f && rc != 0 && fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) != 0 || !colon)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(out, size, "%.*s", (int)strcspn(colon, "\n"), colon);
        rc = 0;
    }
    if (f)
        fclose(f);
    return rc;
}

/* Of "always [madvise] never" the word in brackets. */
static void read_choice(const char *path, char *out, size_t size)
{
    char line[BENCH_TEXT];
    read_line(path, line, sizeof line);
    const char *begin = strchr(line, '[');
    if (begin)
        snprintf(out, size, "%.*s", (int)strcspn(begin + 1, "]"), begin + 1);
    else
        snprintf(out, size, "%s", line);
}

static size_t read_size(const char *text)
{
    char *unit;
    const size_t n = strtoull(text, &unit, 10);
    while (*unit == ' ')
        unit++;
    return n << (*unit == 'K' || *unit == 'k' ? 10 : *unit == 'M' ? 20 : 0);
}

static size_t read_memory(const char *key)
{
    char text[BENCH_TEXT];
    return read_key("/proc/meminfo", key, text, sizeof text) ? 0 : read_size(text);
}

static size_t read_l3(void)
{
    char text[BENCH_TEXT];
    read_line("/sys/devices/system/cpu/cpu0/cache/index3/size", text, sizeof text);
    return read_size(text);
}

static void read_cpu(char *out, size_t size)
{
    struct utsname name;
    if (read_key("/proc/cpuinfo", "model name", out, size) == 0)
        return;
    snprintf(out, size, "%s", uname(&name) == 0 ? name.machine : "unknown");
}

void bench_machine_read(bench_machine *m)
{
    struct utsname name;
    *m = (bench_machine){.online = (int)sysconf(_SC_NPROCESSORS_ONLN),
                         .l3 = read_l3(),
                         .memory = read_memory("MemTotal"),
                         .available = read_memory("MemAvailable")};
    read_cpu(m->cpu, sizeof m->cpu);
    if (uname(&name) == 0)
        snprintf(m->kernel, sizeof m->kernel, "%.40s %.80s", name.sysname,
                 name.release);
    read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", m->governor,
              sizeof m->governor);
    read_line("/sys/devices/system/cpu/cpuidle/current_driver", m->idle,
              sizeof m->idle);
    read_choice("/sys/kernel/mm/transparent_hugepage/enabled", m->thp, sizeof m->thp);
    read_choice("/sys/kernel/mm/transparent_hugepage/shmem_enabled", m->shmem_thp,
                sizeof m->shmem_thp);
    snprintf(m->compiler, sizeof m->compiler, "%s", __VERSION__);
}

double bench_machine_steal_ms(void)
{
    char line[256];
    unsigned long long steal = 0;
    read_line("/proc/stat", line, sizeof line);
    if (sscanf(line, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &steal) != 1)
        return 0;
    return (double)steal * 1000 / (double)sysconf(_SC_CLK_TCK);
}

double bench_machine_load(void)
{
    double load;
    return getloadavg(&load, 1) == 1 ? load : -1;
}
