/* SPDX-License-Identifier: MIT
 *
 * A soak: `test soak` goes on for FURROW_SOAK_MINUTES instead of ending when it has
 * done enough. Without that variable it is skipped.
 */
#ifndef STRESS_SOAK_H
#define STRESS_SOAK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In seconds; 0 when this is no soak. */
static inline double soak_seconds(int argc, char **argv)
{
    const char *minutes = getenv("FURROW_SOAK_MINUTES");

    if (argc < 2 || strcmp(argv[1], "soak") != 0)
        return 0;
    if (minutes && strtod(minutes, NULL) > 0)
        return strtod(minutes, NULL) * 60;
    puts("FURROW_SOAK_MINUTES is not set");
    exit(77);
}

#endif
