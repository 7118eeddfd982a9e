# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# What a model (tests/model/*.pml) names in the code is there: a function as `fn()`, a file,
# and the ends of a release or an acquire, written as in the code. Only a model that says
# that it is ahead of the code may name nothing.

# model_names TREE MODEL: the comments of a model as lines "file NAME", "fn NAME" and
# "tag KIND WORD FN".
model_names()
{
    awk '
        /\/\*/ { inside = 1 }
        inside {
            line = $0
            if (match(line, /(release|acquire): [a-z_.]+ (->|<-) /)) {
                split(substr(line, RSTART), part, " ")
                rest = substr(line, RSTART + RLENGTH)
                while (match(rest, /^[a-z0-9_]+\(\)/)) {
                    print "tag", substr(part[1], 1, 7), part[2], \
                        substr(rest, 1, RLENGTH - 2)
                    rest = substr(rest, RLENGTH + 1)
                    sub(/^, */, "", rest)
                }
            }
            line = $0
            while (match(line, /[a-z_][a-z0-9_]*\(\)/)) {
                print "fn", substr(line, RSTART, RLENGTH - 2)
                line = substr(line, RSTART + RLENGTH)
            }
            line = $0
            while (match(line, /[a-z_]+\.[ch][^a-z_]/)) {
                print "file", substr(line, RSTART, RLENGTH - 1)
                line = substr(line, RSTART + RLENGTH)
            }
        }
        /\*\// { inside = 0 }' "$1/$2" | sort -u
}

# code_names TREE: functions that the layers define, their files, and their tags.
code_names()
{
    (cd "$1" && for file in $(c_files . shm sched engine); do
        echo "file ${file##*/}"
    done)
    (cd "$1" && c_files . shm sched engine | xargs awk '
        /^[a-z].*[ *][a-z_][a-z0-9_]*\(/ && !/;[ \t]*$/ {
            line = $0
            sub(/\(.*/, "", line)
            sub(/.*[ *]/, "", line)
            print "fn", line
        }')
    pair_tags "$1" | awk '{ print "tag", $1, $2, $3 }'
}

check_models()
{
    code_names "$1" | sort -u >"$scratch/code-names"
    (cd "$1" && ls tests/model/*.pml) | while read -r model; do
        model_names "$1" "$model" >"$scratch/model-names"
        # What the model itself defines, and its own file.
        sed -n 's/^\(inline\|proctype\) \([a-z_]*\)(.*/fn \2/p' "$1/$model" |
            cat - "$scratch/code-names" | sort -u >"$scratch/known"
        comm -23 "$scratch/model-names" "$scratch/known" |
            sed "s|^|$model: not in the code: |"
        grep -q '^fn' "$scratch/model-names" || grep -q 'is ahead of the code' "$1/$model" ||
            echo "$model: names no function of the code"
    done
}
plant_models() # a function has another name
{
    sed -i 's/\bfw_reap_scan\b/fw_reap_look/g' "$1"/sched/*.[ch]
}
plant_models_2() # a tag is another one
{
    sed -i 's/member\.out/member.left/' "$1"/sched/*.[ch]
}
plant_models_3() # a model of nothing
{
    printf '/* SPDX-License-Identifier: MIT\n * Nothing. */\ninit { skip }\n' \
        >"$1/tests/model/planted.pml"
}
