/* SPDX-License-Identifier: MIT
 *
 * The trail of a window (see trail.h).
 */
#include "trail.h"

#include <string.h>
#include <sys/mman.h>

enum {
    PLACES = 1 << 16,
    DEAR = 200 /* a place that comes by so often before is left to those like it */
};

/* How often the tracee was at a place: of the trail that is being made. */
static struct {
    uintptr_t pc;
    uint32_t visits;
} place[PLACES];

static uint32_t visit(uintptr_t pc)
{
    size_t i = (size_t)(pc * UINT64_C(0x9E3779B97F4A7C15) >> 40) % PLACES;

    for (size_t tries = 0; tries < PLACES; tries++, i = (i + 1) % PLACES)
        if (place[i].pc == pc || place[i].pc == 0) {
            place[i].pc = pc;
            return ++place[i].visits;
        }
    return 0;
}

trail *trail_new(void)
{
    void *p = mmap(NULL, sizeof(trail), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

void trail_begin(trail *t)
{
    t->steps = 0;
    t->cut = 0;
    t->end = 0;
    memset(place, 0, sizeof place);
}

int trail_add(trail *t, uintptr_t pc)
{
    const trail_step *last = t->steps ? &t->step[t->steps - 1] : NULL;
    trail_step *s = &t->step[t->steps];

    if (t->steps == TRAIL_MOST) {
        t->cut = 1;
        return -1;
    }
    *s = (trail_step){.pc = pc};
    if (last && last->pc == pc) { /* an iteration of a string instruction */
        s->nth = last->nth;
        s->more = (uint16_t)(last->more + 1);
    } else {
        s->nth = visit(pc);
    }
    t->steps++;
    return s->nth ? 0 : -1;
}

void trail_mark(trail *t, int what)
{
    t->step[t->steps - 1].what |= (uint16_t)what;
}

trail_place trail_at(const trail *t, long k)
{
    const trail_step *s = &t->step[k > 0 ? k - 1 : 0];

    if (k > 0 && s->what & TRAIL_SLEEPS)
        return (trail_place){s->pc, s->nth, s->more + 1L};
    if (k == t->steps)
        return (trail_place){t->end, 1, 0};
    return (trail_place){t->step[k].pc, t->step[k].nth, t->step[k].more};
}

static int is_news(const trail *t, long k)
{
    return k == 0 || k == t->steps || t->step[k - 1].what != 0;
}

/* Those that are `news`, or those others that are not dear to get to, in random order.
 * Returns how many. */
static long gather(const trail *t, int news, unsigned long seed, long *out)
{
    long n = 0;

    for (long k = 0; k <= t->steps; k++)
        if (is_news(t, k) == news && (news || trail_at(t, k).nth <= DEAR))
            out[n++] = k;
    for (long i = n - 1; i > 0; i--) {
        long other, was = out[i];

        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        other = (long)((seed >> 33) % ((unsigned long)i + 1));
        out[i] = out[other];
        out[other] = was;
    }
    return n;
}

long trail_choose(const trail *t, long most, long stride, unsigned long seed, long *out)
{
    long n = gather(t, 1, seed, out), others;

    if (n >= most || stride == 0)
        return n < most ? n : most;
    others = gather(t, 0, seed, out + n) / stride;
    return n + others < most ? n + others : most;
}
