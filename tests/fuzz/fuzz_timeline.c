/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: timelines of any bars, as trace rings that were written over give them. What
 * is drawn is not looked at; it has to end, and to be a picture or an error.
 */
#include "furrow_shm.h"
#include "timeline.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int what)
{
    if (!what)
        abort();
}

/* A bar in 24 bytes. Times are those of a clock: not negative, and no overflow between
 * any two; the first byte says how coarse. */
static fw_timeline_bar bar_of(const uint8_t *bytes, int workers)
{
    const int64_t most = INT64_MAX >> 2;
    uint64_t word[3];
    fw_timeline_bar bar;

    memcpy(word, bytes, sizeof word);
    bar = (fw_timeline_bar){.worker = (int)(word[2] >> 8 & 255) % workers,
                            .start = (int64_t)(word[0] >> (word[2] & 63)) & most,
                            .call = word[2] >> 16,
                            .index = word[2] >> 40,
                            .stolen = word[2] >> 63 != 0};
    bar.end = bar.start + (int64_t)(word[1] >> (word[2] >> 2 & 63) & (uint64_t)most);
    return bar;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const size_t title = size > 2 ? bytes[1] % 64 : 0;
    fw_timeline t = {.workers = size > 2 ? bytes[0] + 1 : 1};
    fw_timeline_bar *bars;
    char name[65] = "";
    int rc;

    bytes += size > 2 ? 2 : 0;
    size -= size > 2 ? 2 : 0;
    if (size < title)
        return 0;
    memcpy(name, bytes, title);
    t.title = title ? name : NULL;
    t.count = (size - title) / 24;
    bars = malloc(t.count * sizeof *bars + 1);
    for (size_t i = 0; i < t.count; i++)
        bars[i] = bar_of(bytes + title + 24 * i, t.workers);
    t.bar = bars;
    rc = fw_timeline_write("/dev/null", &t);
    require(rc == 0 || rc == FURROW_EINVAL);
    require((rc == 0) == (t.count > 0));
    free(bars);
    return 0;
}
