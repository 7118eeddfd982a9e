#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_quick.sh BENCH JSON - runs a quick bench and looks whether every contender is in
# its figures, with a value where the machine must be able to give one. No time decides.
set -u
bench=$1
json=$2
bad=0

rm -f "$json"
"$bench" --quick --rows dispatch,small,gap-1ms,heavy,hog,isolated,pipe,queues,start --json "$json" || {
    echo "check_quick: furrow-bench failed with status $?"
    exit 1
}

if grep -q '"row": "machine".*"workers": 1,' "$json"; then
    echo "check_quick: one processor alone: there is nothing to dispatch to"
    exit 77
fi

# want ROW WHO SETTING PATTERN: such a line, whose value matches.
want()
{
    grep "^{\"row\": \"$1\", \"who\": \"$2\", \"setting\": \"$3\"" "$json" |
        grep -q "\"value\": $4.*}\$" || {
        echo "check_quick: no value of $1 for $2 ($3) in $json"
        bad=1
    }
}

number='[0-9]'
grep -q '^{"row": "machine", "cpu": ".*}$' "$json" || {
    echo "check_quick: no description of the machine"
    bad=1
}
want dispatch floor 'one line' "$number"
want dispatch furrow 'caller runs' "$number"
want pipe furrow duplex "$number"
want pipe furrow 'two pipes' "$number"
want pipe python Pipe '[0-9n]' # null where there is no python3
for setting in 1:1 '1:1, said so'; do
    want queue furrow "$setting" "$number"
    want queue-trip furrow "$setting" "$number"
done
want queue python 1:1 '[0-9n]'
want queue-2x2 furrow 2:2 "$number"
for ring in 'ck mpmc' 'ck spsc' moodycamel; do # null where they are not installed
    want queue "$ring" '1:1 threads' '[0-9n]'
done
want queue-2x2 'ck mpmc' '2:2 processes' '[0-9n]'
want queue-2x2 moodycamel '2:2 threads' '[0-9n]'
for method in thread fork forkserver spawn; do
    want "start-$method" furrow "$method" "$number"
    want "start-$method" python "$method" '[0-9n]'
done
want dispatch libgomp default '[0-9n]' # null where the compiler has none
want dispatch libgomp active '[0-9n]'
want dispatch barrier pthread "$number"
want small serial 'one core' "$number"
want small furrow 'caller runs' "$number"
want small furrow builtin "$number"
want small libgomp active '[0-9n]'
want small openblas default '[0-9n]' # null where it is not installed
for setting in 'caller runs' 'caller waits'; do
    want gap-1ms furrow "$setting" "$number.*\"burnt_us\": $number"
    want heavy furrow "$setting" "$number"
    want hog furrow "$setting" "$number"
    want isolated-empty furrow "$setting" "$number"
    want isolated-small furrow "$setting" "$number"
done
want gap-1ms processes sleep "$number.*\"burnt_us\": $number"
want gap-1ms libgomp passive '[0-9n]'
want heavy limit dealt "$number"
want heavy processes dealt "$number"
want heavy furrow 'its own chunk' "$number"
want heavy libgomp guided '[0-9n]'
want isolated-empty floor 'futex + line' "$number"
want isolated-empty furrow async "$number"
want isolated-small furrow async "$number"
grep -q '"row": "dispatch", "who": "furrow".*"counted": [0-9]' "$json" || {
    echo "check_quick: no share of counted dispatches"
    bad=1
}
exit $bad
