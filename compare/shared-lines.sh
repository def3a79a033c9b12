#!/usr/bin/env bash
# What one read does to memory that threads share, for each map of the comparison, as a table in Markdown.
#
# valgrind's tool lackey lists every instruction and every store that a program executes. Each map is read
# 1,000 and 3,000 times, all reads being hits in 64 entries (`u64` to `u64`), each with its own pin or
# lock; the difference over 2,000 is one read. Counted are
# * locked instructions (a lock prefix, or xchg with memory) and fences, by the disassembly of the
#   instructions that were executed;
# * stores elsewhere than to the stack.
#
# Needs valgrind and objdump on x86-64 Linux. Without them it ends with status 77.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ "$(uname -s) $(uname -m)" != 'Linux x86_64' ] || ! command -v valgrind objdump >/dev/null; then
    echo 'skipped: no valgrind or no objdump, or not x86-64 Linux'
    exit 77
fi
export CARGO_PROFILE_BENCH_LTO=off CARGO_PROFILE_BENCH_CODEGEN_UNITS=16
unset RUSTFLAGS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
program=$(cargo bench --no-run --bench compare 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p')

# Addresses of locked instructions and fences, where valgrind loads a position-independent program.
readonly base=0x108000
objdump -d --no-show-raw-insn "$program" |
    grep -E $'\tlock |\txchg .*\\(|\t[ml]fence' | sed 's/:.*//; s/ //g' |
    while read -r address; do printf '%x\n' $((0x$address + base)); done >"$work/locked"

# Locked instructions, fences and all, and stores not to the stack, of so many reads.
counted() {
    valgrind --tool=lackey --trace-mem=yes --log-fd=9 "$program" --reads-of "$1" "$2" 9>&1 >/dev/null |
        awk -v locked="$work/locked" '
            BEGIN { while ((getline line < locked) > 0) at[line] = 1 }
            $1 == "I" { sub(/^0+/, "", $2); sub(/,.*/, "", $2); if ($2 in at) locks++ }
            # The stack of the main thread is at the end of memory.
            ($1 == "S" || $1 == "M") && $2 !~ /^1ff[ef]/ { stores++ }
            END { print locks + 0, stores + 0 }'
}

echo '| one hit, its pin or lock included | locked instructions | stores not to the stack |'
echo '|---|---:|---:|'
for map in splitmap dashmap dashmap-7 papaya scc-map scc-index flurry kovan-map RwLock parking_lot arc-swap evmap; do
    read -r l1 s1 <<<"$(counted "$map" 1000)"
    read -r l2 s2 <<<"$(counted "$map" 3000)"
    awk -v map="$map" -v l=$((l2 - l1)) -v s=$((s2 - s1)) \
        'BEGIN { printf "| %s | %.0f | %.0f |\n", map, l / 2000, s / 2000 }'
done
