# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# Laws of the source text. check_X TREE prints what breaks the law, one line each, and
# nothing when all is well; plant_X TREE breaks it in a copy of the tree. run.sh says how
# the two are used.

layers='shm sched engine'

# c_files TREE [ROOM...]: the C files of the rooms, or of the whole tree.
c_files()
{
    tree=$1
    shift
    [ $# -gt 0 ] || set -- shm sched engine tests examples demo bench
    (cd "$tree" && find "$@" -name '*.[ch]' | sort)
}

# No file reaches into another room by a path.
check_dotdot()
{
    (cd "$1" && c_files . | xargs grep -nE '#[ \t]*include[ \t]*"(\.\./|[a-z]+/\.\./)') || :
}
plant_dotdot()
{
    printf '#include "../sched/furrow_sched.h"\n' >>"$1/shm/type.h"
}

# Headers include each other without a cycle. An include means the neighbour in the same
# folder, else the header of that name in one of the layers.
include_edges()
{
    (cd "$1" && c_files . | grep '\.h$' | xargs \
        awk '/^#[ \t]*include[ \t]*"/ { split($0, q, "\""); print FILENAME, q[2] }') |
    while read -r from name; do
        for to in "${from%/*}/$name" "shm/$name" "sched/$name" "engine/$name" \
            "engine/manager/$name"; do
            [ -e "$1/$to" ] || continue
            if [ "$from" = "$to" ]; then
                printf 'itself %s %s itself\n' "$from" "$from"
            else
                printf '%s %s\n' "$from" "$to"
            fi
            break
        done
    done
}
check_cycles()
{
    include_edges "$1" | tsort 2>&1 >/dev/null | sed 's/^tsort: //' || :
}
plant_cycles() # of two headers
{
    printf '#include "status.h"\n' >>"$1/shm/furrow_shm.h"
}
plant_cycles_2() # of one
{
    printf '#include "status.h"\n' >>"$1/shm/status.h"
}

# The preprocessor decides nothing but in os_*.c, cpu_*.c and atomic.h; a header may have
# its guard, and a public one asks for __cplusplus.
check_conditionals()
{
    # shellcheck disable=SC2086
    (cd "$1" && c_files . $layers examples |
        grep -vE '(^|/)(os_[a-z0-9_]*\.c|cpu_[a-z0-9_]*\.c|atomic\.h)$' | xargs awk '
        FNR == 1 { guard = "" }
        !/^#[ \t]*(if|ifdef|ifndef|elif)/ { next }
        FILENAME ~ /\.h$/ && !guard && /^#ifndef F(URROW|W)_[A-Z0-9_]+_H$/ {
            guard = $2; next
        }
        FILENAME ~ /\.h$/ && !guard && /^#ifndef FURROW_H$/ { guard = $2; next }
        FILENAME ~ /(^|\/)furrow(_[a-z]+)?\.h$/ && /^#ifdef __cplusplus$/ { next }
        { print FILENAME ":" FNR ": " $0 }')
}
plant_conditionals() # in a source
{
    printf '#ifdef __linux__\n#endif\n' >>"$1/shm/status.c"
}
plant_conditionals_2() # in a header, behind its guard
{
    printf '#ifndef FW_PLANTED_H\n#endif\n' >>"$1/shm/type.h"
}

# One file knows hwloc, one libcrypto; instruction sets are known in cpu_*.c alone.
check_libraries()
{
    # shellcheck disable=SC2086
    (cd "$1" && c_files . $layers | xargs grep -nE '#[ \t]*include[ \t]*<' |
        grep -E '<hwloc|<openssl/|<[a-z0-9]*intrin\.h|<arm_[a-z]*\.h' |
        grep -v '^engine/manager/digest\.c:.*<openssl/' |
        grep -vE '^sched/topology\.c:.*<hwloc|(^|/)cpu_[a-z0-9_]*\.c:.*(intrin|arm_)') || :
}
plant_libraries()
{
    printf '#include <hwloc.h>\n' >>"$1/shm/status.c"
}
plant_libraries_2()
{
    printf '#include <immintrin.h>\n' >>"$1/shm/status.c"
}

plant_libraries_3()
{
    printf '#include <openssl/evp.h>\n' >>"$1/engine/manager/listener.c"
}

# No deadline minds the wall clock: nobody asks for it, nor waits by it. (ThreadSanitizer knows
# no lock with a clock of one's choice.)
check_clocks()
{
    # shellcheck disable=SC2086
    (cd "$1" && c_files . $layers | xargs grep -nE \
        'CLOCK_REALTIME|CLOCK_TAI|(^|[^_a-z])(time|ftime|gettimeofday|timespec_get|(sem|mq|pthread)_[a-z_]*timed[a-z]*)\(' |
        grep -v '^shm/lock\.c:.*FW_UNDER_TSAN') || :
}
plant_clocks() # a look
{
    printf 'static long planted(void) { return time(0); }\n' >>"$1/shm/status.c"
}
plant_clocks_2() # a wait
{
    printf 'int planted = FUTEX_CLOCK_REALTIME;\n' >>"$1/shm/status.c"
}
plant_clocks_3() # of the C library's
{
    printf 'void planted(void) { pthread_cond_timedwait(0, 0, 0); }\n' >>"$1/shm/status.c"
}

# Every source says its licence in its first lines.
check_spdx()
{
    (cd "$1" && {
        c_files .
        find cmake tests -name '*.sh' -o -name '*.cmake' -o -name '*.in' \
            -o -name '*.c.in' -o -name '*.cc'
        find shm sched engine tests examples demo bench -name CMakeLists.txt \
            -o -name '*.py'
        for f in run .ci/run CMakeLists.txt; do [ ! -e "$f" ] || echo "$f"; done
    } | sort -u | while read -r f; do
        head -n 3 "$f" | grep -q 'SPDX-License-Identifier: MIT' || echo "$f: no SPDX line"
    done)
}
plant_spdx()
{
    echo 'int planted;' >"$1/sched/planted.c"
}

# Files of one noun stay below 500 lines, functions below 60; five parameters are enough.
# A function is what stands between a brace in the first column and its end.
check_sizes()
{
    # shellcheck disable=SC2086
    (cd "$1" && c_files . $layers | xargs awk '
        function parameters(text,    n) { n = gsub(/,/, ",", text); return n + 1 }
        FNR == 1 { start = 0; head = "" }
        FNR == 501 { print FILENAME ": more than 500 lines" }
        /^[a-z].*\(/ { head = "" }
        !start { head = head $0 }
        /^[{]/ {
            start = FNR
            if (head !~ /[({] *\.\.\. *[)}]/ && parameters(head) > 5)
                print FILENAME ":" FNR ": more than five parameters"
        }
        /^[};#\/]/ || /;$/ { if (!start) head = "" }
        /^[}]/ {
            if (start && FNR - start > 60)
                print FILENAME ":" start ": a function of " FNR - start " lines"
            start = 0; head = ""
        }')
}
plant_sizes() # a long function
{
    {
        printf '/* SPDX-License-Identifier: MIT */\nvoid planted(int a)\n{\n'
        yes '    a++;' | head -n 70
        echo '}'
    } >"$1/shm/planted.c"
}
plant_sizes_2() # a long file
{
    { echo '/* SPDX-License-Identifier: MIT */'; yes '' | head -n 500; } >"$1/shm/planted.c"
}
plant_sizes_3() # six parameters, on two lines
{
    printf '/* SPDX-License-Identifier: MIT */\nint planted(int a, int b, int c,\n%s\n{\n}\n' \
        '            int d, int e, int f)' >"$1/shm/planted.c"
}

# The README's program is examples/axpy.c, to the letter.
check_readme()
{
    sed -n '/^```c$/,/^```$/{/^```/d;p;}' "$1/README.md" >"$scratch/readme.c"
    sed -n '/^#include/,$p' "$1/examples/axpy.c" | diff - "$scratch/readme.c" || :
}
plant_readme()
{
    echo 'int planted;' >>"$1/examples/axpy.c"
}
