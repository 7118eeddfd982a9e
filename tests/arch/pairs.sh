# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# Both ends of every release and acquire name each other:
#
#     release: ring.tail -> ring_take()          in the function ring_put
#     acquire: ring.tail <- ring_put()           in the function ring_take
#
# A tag may name several functions, after commas. The tags of atomic.h are its manual.

# pair_tags TREE: one line "kind word other here file:line" for each function named by a
# tag. `here` is the function around the tag, or the one that follows a comment.
pair_tags()
{
    (cd "$1" && find shm sched engine tests -name '*.[ch]' ! -name atomic.h | sort |
        xargs awk '
        function flush_tags(name,    i) {
            for (i = 0; i < n; i++) print tag[i], name, place[i]
            n = 0
        }
        function note(kind, text,    part, word, i, m, names) {
            word = text
            sub(/ .*/, "", word)
            sub(/^[^ ]+ (->|<-) /, "", text)
            m = split(text, names, /, */)
            for (i = 1; i <= m; i++) {
                part = names[i]
                sub(/\(\).*/, "", part)
                tag[n] = kind " " word " " part
                place[n++] = FILENAME ":" FNR
            }
        }
        FNR == 1 { if (n) flush_tags("?"); inside = 0; here = "?" }
        {
            line = $0
            while (match(line, /(release: [a-z_.]+ ->|acquire: [a-z_.]+ <-) [a-z0-9_]+\(\)(, *[a-z0-9_]+\(\))*/)) {
                text = substr(line, RSTART + 9, RLENGTH - 9)
                note(substr(line, RSTART, 7), text)
                line = substr(line, RSTART + RLENGTH)
            }
        }
        /(release|acquire): [a-z_]+\./ && !/(release: [a-z_.]+ ->|acquire: [a-z_.]+ <-) [a-z0-9_]+\(\)/ {
            print "malformed", "-", "-", "-", FILENAME ":" FNR
        }
        !inside && /^[a-z].*[a-z0-9_]\(/ {
            here = $0
            sub(/\(.*/, "", here)
            sub(/.*[ *]/, "", here)
        }
        /^[{]/ { inside = 1 }
        inside { flush_tags(here) }
        /^[}]/ { inside = 0; here = "?" }
        END { if (n) flush_tags("?") }')
}

# plant_pair RELEASED ACQUIRED FROM: in $copy, two functions with one tag each.
plant_pair()
{
    cat >"$copy/shm/planted.c" <<END
/* SPDX-License-Identifier: MIT */
void planted_put(void)
{
    /* release: $1 -> planted_take() */
}
void planted_take(void)
{
    /* acquire: $2 <- $3() */
}
END
}

check_pairs()
{
    pair_tags "$1" | awk '
        $1 == "malformed" { print $5 ": a tag reads `release: noun.field -> fn()` or " \
                                  "`acquire: noun.field <- fn()`"; next }
        { kind[NR] = $1; word[NR] = $2; other[NR] = $3; here[NR] = $4; at[NR] = $5
          seen[$1, $2, $4, $3] = 1; last = NR }
        END {
            for (i = 1; i <= last; i++) {
                if (!(i in kind)) continue
                back = kind[i] == "release" ? "acquire" : "release"
                if (!((back, word[i], other[i], here[i]) in seen))
                    printf "%s: %s: %s in %s() names %s(), which has no %s of it for %s()\n",
                        at[i], kind[i], word[i], here[i], other[i], back, here[i]
            }
        }'
}
plant_pairs() # no acquire for the release
{
    plant_pair planted.word planted.other planted_put
}
plant_pairs_2() # the acquire names another function
{
    plant_pair planted.word planted.word planted_get
}
plant_pairs_3() # half a tag
{
    printf '/* SPDX-License-Identifier: MIT\n * release: planted.word\n */\n' \
        >"$1/shm/planted.c"
}
