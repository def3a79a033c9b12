#!/usr/bin/env bash
# The comparison with other maps, tried once: it has to run, check its answers, write what it says it
# writes, and refuse wrong options with status 2. The figures of such a run are worth nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
targets=${CARGO_TARGET_DIR:-$PWD/target}

# Not for speed: built as other optimised code is.
export CARGO_PROFILE_BENCH_LTO=off CARGO_PROFILE_BENCH_CODEGEN_UNITS=16
saved=$(mktemp -d)
trap 'rm -rf "$saved"' EXIT

# Median, spread and tie.
cargo test --quiet --profile bench -p splitmap-compare --lib

compare() {
    cargo bench --quiet --bench compare -- "$@"
}

compare --test --save "$saved"
for file in "$targets/compare/report.html" "$targets/compare/results.json" "$saved/results.json" \
    "$saved/README.md" "$saved/front-page.md" "$saved/crossings.svg"; do
    [ -s "$file" ] || { echo "the comparison did not write $file"; exit 1; }
done
if grep -E '(src|href)="?(https?:)?//' "$targets/compare/report.html"; then
    echo 'the report needs something that is not in it'
    exit 1
fi

# An option, and what its error has to say.
refused() {
    local expected=$1 status=0 output
    shift
    output=$(compare "$@" 2>&1) || status=$?
    # cargo says 101 or 1 for any failure of a bench, and the program's own status in a line.
    if [ "$status" = 0 ] || ! grep -qF "$expected" <<<"$output"; then
        printf '%s\nended with status %s, and the error did not say: %s\n' "$output" "$status" "$expected"
        return 1
    fi
    echo "refused: $*"
}

refused 'expected a whole number from 1 to 1024' --threads 0
refused 'expected a whole number from 1 to 1024' --threads many
refused 'expected a whole number from 0 to 100' --reads 101
refused 'expected a whole number from 1 to 100000000' --entries -5
refused 'expected a whole number from 5 to 36000' --seconds 0
refused 'possible values: u64, string, 64b' --keys u32
refused 'expected some of splitmap, dashmap' --maps hashbrown
refused 'expected some of reads, mixes' --only everything
refused 'expected a text file with one key a line' --trace no/such/file
refused 'expected a folder that can be written' --save Cargo.toml
