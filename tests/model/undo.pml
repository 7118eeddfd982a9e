/* SPDX-License-Identifier: MIT
 *
 * Undo of a torn chunk, for spin. It is ahead of the code: the policy FURROW_UNDO is not in
 * the library yet, and this is the protocol that it is going to have.
 *
 * A chunk is transformed in place, block by block. Each worker has a scratch of one block and
 * a header, one 64-bit word {epoch, chunk's block, VALID}:
 *
 *   before a block   copy it to the scratch; header = {block, VALID}: one store
 *   the block        transform it in place
 *   after it         header = {block + 1, INVALID}: one store; the mark is DONE after the last
 *   a death          whoever recovers copies the scratch back where the header is VALID, then
 *                    header = {block, INVALID}, and only then is the chunk run again, from
 *                    that block on, by a worker with another scratch
 *
 *   Chunk     one worker's run after another's, KILLS deaths at any step, also in recovery
 *
 * What must hold: in the end each word was transformed once, however often workers and
 * recoverers died. A new call starts from what the last one left: the headers of other
 * epochs count for nothing.
 *
 * What run.sh does with it:
 *   holds  five_deaths           -DKILLS=5
 *   holds  two_calls             -DKILLS=2 -DCALLS=2
 *   caught M_NO_COPY_BACK: the chunk is run again over what the dead one left
 *   caught M_NOT_INVALID: the dead one's header stays VALID while the chunk is run again
 *   caught M_HEADER_FIRST: the header is VALID before the copy is complete
 *   caught M_SPLIT: block and VALID are two stores
 *   caught M_INVALID_FIRST: the header is made invalid before the scratch is copied back
 *   caught M_HEADER_LATE: a block is changed before its header is VALID
 *   caught M_NO_EPOCH -DCALLS=2: a header counts whatever call it is of
 */
#ifndef KILLS
#define KILLS 2
#endif
#ifndef CALLS
#define CALLS 1
#endif
#define BLOCKS 2
#define WORDS  2 /* of a block */
#define W      3 /* workers */

/* shared memory */
byte data[BLOCKS * WORDS];
byte saved[W * WORDS];
byte block_of[W], epoch_of[W]; /* a header is one word: changed in one step */
bit  valid[W];

/* what only the model knows */
byte kills = KILLS;

/* A death here ends the worker: another one goes on, after the recovery. */
inline or_killed()
{
    if
    :: kills > 0 -> kills--; goto killed
    :: skip
    fi
}

/* A death here ends the recovery: another one begins it anew. */
inline or_recoverer_killed()
{
    if
    :: kills > 0 -> kills--; goto recover
    :: skip
    fi
}

#ifdef M_NO_EPOCH
#define CURRENT(w) (epoch_of[w] != 0)
#else
#define CURRENT(w) (epoch_of[w] == epoch)
#endif

proctype Chunk()
{
    byte epoch = 1, w, i, b, from;

    do
    :: epoch > CALLS -> break
    :: else ->
        w = 0;
recover:
        i = 0; from = 0;
        do
        :: i < W ->
            if
            :: CURRENT(i) && valid[i] ->
#ifdef M_INVALID_FIRST
                valid[i] = 0;
                or_recoverer_killed();
#endif
#ifndef M_NO_COPY_BACK
                data[block_of[i] * WORDS] = saved[i * WORDS];
                or_recoverer_killed();
                data[block_of[i] * WORDS + 1] = saved[i * WORDS + 1];
                or_recoverer_killed();
#endif
#ifndef M_NOT_INVALID
                valid[i] = 0;
                or_recoverer_killed();
#endif
            :: else
            fi;
            i++
        :: else -> break
        od;
        i = 0;
        do /* the rest begins where the last one was */
        :: i < W ->
            if
            :: CURRENT(i) && block_of[i] > from -> from = block_of[i]
            :: else
            fi;
            i++
        :: else -> break
        od;
        i = 0; b = from; from = 0;
        do
        :: b < BLOCKS ->
#ifdef M_HEADER_FIRST
            d_step { block_of[w] = b; epoch_of[w] = epoch; valid[w] = 1 };
            or_killed();
#endif
#ifdef M_HEADER_LATE
            data[b * WORDS]++;
            or_killed();
#endif
            saved[w * WORDS] = data[b * WORDS];
            or_killed();
            saved[w * WORDS + 1] = data[b * WORDS + 1];
            or_killed();
#ifdef M_SPLIT
            d_step { valid[w] = 1; epoch_of[w] = epoch };
            or_killed();
            block_of[w] = b;
            or_killed();
#else
            d_step { block_of[w] = b; epoch_of[w] = epoch; valid[w] = 1 };
            or_killed();
#endif
#ifndef M_HEADER_LATE
            data[b * WORDS]++;
            or_killed();
#endif
            data[b * WORDS + 1]++;
            or_killed();
            b++;
            d_step { block_of[w] = b; valid[w] = 0 };
            or_killed()
        :: else -> break
        od;
        skip;
        d_step {
            b = 0;
            assert(data[0] == epoch && data[1] == 10 + epoch && data[2] == 20 + epoch &&
                   data[3] == 30 + epoch);
            epoch++
        };
        goto next;
killed:
        b = 0;
        w = (w + 1) % W;
        goto recover;
next:   skip
    od
}

init {
    d_step { data[1] = 10; data[2] = 20; data[3] = 30 };
    run Chunk()
}
