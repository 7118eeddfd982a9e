/* SPDX-License-Identifier: MIT
 *
 * Bands: the parts of neighbours on one node, joined.
 */
#include "band.h"

#include "furrow_sched.h"

int fw_band_plan(const fw_place *place, size_t size, fw_band *band)
{
    const fw_place_worker *w = place->worker;
    int last = place->workers - 1, count = 0;

    if (place->pin == FURROW_PIN_NONE || w[0].node == w[last].node)
        return 0;
    for (int i = 0; i <= last; i++) {
        size_t from = fw_band_edge(size, place->workers, i);
        size_t to = fw_band_edge(size, place->workers, i + 1);

        if (from == to)
            continue;
        if (count && band[count - 1].node == w[i].node)
            band[count - 1].to = to;
        else
            band[count++] = (fw_band){.node = w[i].node, .from = from, .to = to};
    }
    return count;
}
