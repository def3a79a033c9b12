#!/usr/bin/env bash
# Everything that a change has to pass. `ci/test.sh --list` names the stages, `ci/test.sh STAGE...`
# runs some of them. Needs Rust and a C compiler; installs the rest, or says what it skips and why.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -z "${CI:-}" ] || export CARGO_TERM_COLOR=never
export CARGO_TERM_PROGRESS_WHEN=never

# Unformatted code.
stage_fmt() {
    cargo fmt --check &&
        cargo fmt --check --manifest-path fuzz/Cargo.toml &&
        loom-tests/run cargo fmt --check
}

# Suspicious code, an `unsafe` without its reason, an undocumented item.
stage_clippy() {
    cargo clippy --all-targets -- -D warnings &&
        loom-tests/run cargo clippy --all-targets -- -D warnings
}

# Wrong answers, lost entries, leaks, double drops, what must not compile.
stage_test() {
    cargo test --lib --tests
}

# Races that only show at full speed.
stage_stress() {
    cargo test --release --test stress --test oracle
}

# Examples in the documentation and in the README that do not run.
stage_doctest() {
    cargo test --doc
}

# Documentation with dead links.
stage_docs() {
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
}

# More dependencies in a plain build than a handful.
stage_dependencies() {
    local tree count
    tree=$(cargo tree --edges normal --depth 1 --prefix none) || return
    count=$(printf '%s\n' "$tree" | tail -n +2 | grep -c .)
    printf '%s\n' "$tree"
    [ "$count" -le 5 ] || {
        echo "a plain build has $count direct dependencies; five are allowed"
        return 1
    }
}

# Benches that do not build, or maps that do not agree in their answers.
stage_benches() {
    cargo test --release --benches
}

# The main job, and its answers to bad input.
stage_example() {
    local run="cargo run --release --quiet --example read_heavy_cache --"
    $run --seconds 3 || return
    local trace
    for trace in /nowhere/at/all /dev/null "$PWD"; do
        $run --trace "$trace" --seconds 1
        [ $? = 2 ] || {
            echo "--trace $trace: expected exit code 2"
            return 1
        }
    done
    printf '\xff\xfe\n' >"$scratch/not-utf-8"
    $run --trace "$scratch/not-utf-8"
    [ $? = 2 ] || {
        echo "a trace that is not UTF-8: expected exit code 2"
        return 1
    }
    printf 'one\ntwo\none\n' >"$scratch/keys"
    $run --trace "$scratch/keys" --seconds 1 --threads 1 --refresh 10
}

# Interleavings and memory orderings that break the core.
stage_loom() {
    loom-tests/run quick
}

# The same with growths that double, where two of them can be explored at once.
stage_loom_doubling() {
    RUSTFLAGS="--cfg splitmap_doubling" CARGO_TARGET_DIR="$PWD/loom-tests/target/doubling" \
        loom-tests/run quick
}

# Models that find no bugs.
stage_mutants() {
    loom-tests/run mutants quick
}

# Operation sequences that nobody thought of; and memory errors in them.
stage_fuzz() {
    if ! cargo +nightly --version >/dev/null 2>&1; then
        skip "there is no nightly toolchain, which cargo-fuzz needs (rustup toolchain install nightly)"
        return
    fi
    if ! cargo fuzz --version >/dev/null 2>&1; then
        cargo install cargo-fuzz --version 0.13.2 --locked || return
    fi
    local finds
    finds=$(find fuzz/regressions/ops -type f ! -name '*.md')
    # shellcheck disable=SC2086 # one argument for each file; their names have no spaces
    [ -z "$finds" ] || cargo +nightly fuzz run ops $finds || return
    # The committed inputs are read, and new ones are written elsewhere.
    mkdir -p "$scratch/corpus"
    cargo +nightly fuzz run ops "$scratch/corpus" fuzz/corpus/ops -- \
        -max_total_time=30 -print_final_stats=1
}

stages="fmt clippy test stress doctest docs dependencies benches example loom loom_doubling mutants fuzz"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

skip() {
    echo "!!!"
    echo "!!! SKIPPED: $1"
    echo "!!!"
    skipped="$skipped $stage"
}

case "${1:-}" in
--list)
    echo "$stages"
    exit
    ;;
-*)
    sed -n '2,3p' "${BASH_SOURCE[0]}"
    exit 2
    ;;
esac
for stage in "$@"; do
    case " $stages " in
    *" $stage "*) ;;
    *)
        echo "ci/test.sh: there is no stage $stage; the stages are: $stages" >&2
        exit 2
        ;;
    esac
done

passed="" failed="" skipped=""
for stage in ${*:-$stages}; do
    echo "=== $stage ==="
    start=$SECONDS
    if "stage_$stage"; then
        case " $skipped " in
        *" $stage "*) verdict=skipped ;;
        *)
            verdict=passed
            passed="$passed $stage"
            ;;
        esac
    else
        verdict=FAILED
        failed="$failed $stage"
    fi
    echo "=== $stage: $verdict after $((SECONDS - start)) s ==="
done

echo
[ -z "$skipped" ] || echo "skipped:$skipped"
[ -z "$failed" ] || echo "failed:$failed"
echo "stages, in $SECONDS s:"
echo "$(wc -w <<<"$passed") passed, $(wc -w <<<"$failed") failed, $(wc -w <<<"$skipped") skipped"
[ -z "$failed" ]
