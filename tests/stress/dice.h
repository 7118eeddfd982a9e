/* SPDX-License-Identifier: MIT
 *
 * Dice: random numbers that begin the same at every run, and naps of random length.
 */
#ifndef STRESS_DICE_H
#define STRESS_DICE_H

#include <stdint.h>
#include <time.h>

typedef struct dice {
    uint64_t state; /* never 0 */
} dice;

static inline dice dice_of(uint64_t seed)
{
    return (dice){(seed + 1) * UINT64_C(0x9E3779B97F4A7C15) | 1};
}

/* 0 .. n-1, by a xorshift generator. */
static inline unsigned roll(dice *d, unsigned n)
{
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return (unsigned)(d->state >> 33) % n;
}

static inline double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline void nap_us(unsigned us)
{
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L};

    nanosleep(&t, NULL);
}

/* So long, awake: for naps shorter than the kernel can sleep. */
static inline void dawdle_us(unsigned us)
{
    double until = seconds_now() + us * 1e-6;

    while (seconds_now() < until)
        ;
}

#endif
