#!/usr/bin/env bash
# The checks of the project, in stages.
#
#   ci/test.sh                what a change must pass, in at most 15 minutes on two cores
#   ci/test.sh all            the rest too: nights and releases
#   ci/test.sh [all] STAGE... these stages, short or whole
#   ci/test.sh --list         names them
#
# Needs Rust and a C compiler; the fuzz stage also a nightly toolchain and a C++ compiler, the api
# stage a nightly toolchain and cargo-public-api. Without those they are skipped, and say so. What
# else is needed is installed by cargo.
#
# shellcheck disable=SC2034 # `about_STAGE` is read by name
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

if [ "${CI:-}" = true ]; then
    export CARGO_TERM_COLOR=never NO_COLOR=1
fi
# Each thing is built once here: no time for what makes the next build fast, or a debugger happy.
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=line-tables-only
# Inherited flags would build something else than what is shipped.
unset RUSTFLAGS RUSTDOCFLAGS CARGO_ENCODED_RUSTFLAGS

# Where stages build that need other flags than the rest.
readonly targets=${CARGO_TARGET_DIR:-$root/target}

# A stage returns this where something is missing that it can do nothing about.
readonly SKIPPED=77
readonly stages='fmt names clippy test bounds strict stress doctest doc api deps deny downstream floors msrv features bench compare promise instructions example loom mutants schedules sanitize fuzz mutate miri'
# Those that only \`all\` runs: docs/TESTING.md says what nobody sees without them.
readonly slow='strict floors msrv features bench sanitize mutate miri'
extent=short
notes=$(mktemp)
passed_stages=''
trap 'rm -f "$notes"' EXIT

# Says, now and once more at the end, that something was left out, and why.
leave_out() {
    printf '\n!!!!!!!! LEFT OUT: %s\n\n' "$*"
    echo "left out: $*" >>"$notes"
}

# The command has to end with this status.
expect_status() {
    local expected=$1 status=0
    shift
    echo "\$ $*"
    "$@" || status=$?
    if [ "$status" != "$expected" ]; then
        echo "ended with status $status instead of $expected: $*"
        return 1
    fi
}

# fmt and clippy are parts of a toolchain that a minimal one lacks.
need_component() {
    cargo "$1" --version >/dev/null 2>&1 || rustup component add "$2"
}

# What runs on a nightly toolchain is left out where there is none.
has_nightly() {
    rustup toolchain list 2>/dev/null | grep -q '^nightly'
}

has_cxx() {
    command -v c++ >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null
}

# Catches: nothing but noise in later changes.
about_fmt='the default style'
stage_fmt() {
    need_component fmt rustfmt
    local manifest
    for manifest in {.,compare,examples/read_heavy_cache,tests/bounds}/Cargo.toml loom-tests/Cargo.toml schedule-tests/Cargo.toml fuzz/Cargo.toml; do
        cargo fmt --check --manifest-path "$manifest"
    done
    rustfmt --check --edition 2024 {loom,schedule}-tests/library/build.rs
}

# Catches: documents that name a planted bug, a model, a test or a file that is gone.
about_names='what the documents name exists'
stage_names() {
    ci/names.sh
}

# Catches: slips that a lint knows, such as unsafe code without its proof, in all four packages.
about_clippy='no warning in any target'
stage_clippy() {
    need_component clippy clippy
    cargo clippy --all-targets --all-features -- -D warnings
    cargo clippy --lib -- -D warnings
    loom-tests/run cargo clippy --all-targets -- -D warnings
    # Some models are there only where tables double.
    RUSTFLAGS='--cfg splitmap_doubling' loom-tests/run cargo clippy --tests -- -D warnings
    cargo clippy --manifest-path schedule-tests/Cargo.toml --all-targets -- -D warnings
    if has_cxx; then
        cargo clippy --manifest-path fuzz/Cargo.toml --all-targets -- -D warnings
    else
        leave_out 'clippy of fuzz/: its dependency libfuzzer-sys needs a C++ compiler'
    fi
}

# Catches: wrong answers, lost or doubled drops, unsoundness in signatures; in the unit tests and
# the black-box tests, with debug assertions.
about_test='unit tests and black-box tests on every back end, in debug'
stage_test() {
    cargo test -p splitmap -p read-heavy-cache --no-fail-fast --all-features --lib --tests --examples
}

# Catches: unsoundness in signatures: code that must not compile and does, and messages that nobody
# can read.
about_bounds='what must not compile does not'
stage_bounds() {
    cargo test --manifest-path tests/bounds/Cargo.toml --target-dir "$targets/bounds"
}

# Catches: what holds only where the system has membarrier, or while the memory of entries is used again.
about_strict='reclamation with fences on both sides, and each entry in memory of its own'
stage_strict() {
    RUSTFLAGS='--cfg splitmap_strict --cfg splitmap_boxes' cargo test --test reclamation --target-dir "$targets/strict"
}

# Catches: races that need speed: optimised code, no debug assertions, real threads.
about_stress='threads on one map, optimised'
stage_stress() {
    cargo test --release --all-features --test stress --test reclamation
}

# Catches: examples in the documentation that do not compile or do not do what they say.
about_doctest='examples in the documentation'
stage_doctest() {
    cargo test -p splitmap --doc --all-features
}

# Catches: broken links and other faults of the documentation.
about_doc='the documentation builds without a warning'
stage_doc() {
    RUSTDOCFLAGS='-D warnings' cargo doc -p splitmap --no-deps --all-features
}

# Catches: a change of the public interface that nobody meant: an item, a bound, what is `Send`.
about_api='the public interface is the one in docs/PUBLIC-API.txt'
stage_api() {
    if ! has_nightly; then
        leave_out 'api: no nightly toolchain (rustup toolchain install nightly)'
        return "$SKIPPED"
    fi
    # To install it takes minutes, so that is not done in passing.
    if ! cargo public-api --version >/dev/null 2>&1; then
        leave_out 'api: no cargo-public-api (cargo install cargo-public-api --locked)'
        return "$SKIPPED"
    fi
    ci/public-api.sh --check
}

# Catches: a dependency that came in unnoticed, for all users of the crate.
about_deps='the dependencies of a plain build are a handful'
stage_deps() {
    local limit=5 direct all
    cargo tree -p splitmap -e normal
    direct=$(cargo tree -p splitmap -e normal --depth 1 --prefix none | tail -n +2 | sort -u | wc -l)
    all=$(cargo tree -p splitmap -e normal --prefix none --no-dedupe | tail -n +2 | sort -u | wc -l)
    echo "direct dependencies: $((direct)), at most $limit; with their own: $((all))"
    [ "$direct" -gt 0 ]
    [ "$direct" -le "$limit" ]
}

# Catches: a dependency with a known vulnerability, a licence that asks for more than a notice, a
# package from elsewhere than the registry.
about_deny='advisories, licences and sources of all dependencies'
stage_deny() {
    # To install it takes minutes, so that is not done in passing.
    if ! cargo deny --version >/dev/null 2>&1; then
        leave_out 'deny: no cargo-deny (cargo install cargo-deny@0.20.2 --locked)'
        return "$SKIPPED"
    fi
    cargo deny check bans licenses sources
    if ! cargo deny fetch db; then
        leave_out 'deny: the database of advisories cannot be fetched; licences and sources were checked'
        return
    fi
    cargo deny check --disable-fetch advisories
}

# Catches: a dependency that only tests need and users get all the same, also by a cfg that is off; a
# cfg of the user's own that changes what the crate is.
about_downstream='what a user of the published package locks, fetches and runs'
stage_downstream() {
    ci/downstream.sh
}

# Catches: a lower bound in Cargo.toml that is a wish: the crate does not build with that version.
about_floors='the lowest versions of dependencies that Cargo.toml admits'
stage_floors() {
    if ! has_nightly; then
        leave_out 'floors: no nightly toolchain (rustup toolchain install nightly)'
        return "$SKIPPED"
    fi
    ci/floors.sh
}

# Catches: something of std that is newer than the Rust that Cargo.toml promises to build with.
about_msrv='the oldest Rust that Cargo.toml names'
stage_msrv() {
    local version toolchain
    version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    toolchain=$(rustup toolchain list 2>/dev/null | grep -o "^$version[.0-9]*" | tail -n 1 || true)
    if [ -z "$toolchain" ]; then
        leave_out "msrv: no such toolchain (rustup toolchain install $version --profile minimal)"
        return "$SKIPPED"
    fi
    cargo "+$toolchain" check -p splitmap --lib --target-dir "$targets/msrv"
    cargo "+$toolchain" check -p splitmap --lib --all-features --target-dir "$targets/msrv"
}

# Catches: a feature that only works beside another.
about_features='each combination of features builds'
stage_features() {
    local backends others
    for backends in '' crossbeam-epoch seize crossbeam-epoch,seize; do
        for others in '' serde rayon serde,rayon; do
            cargo check -p splitmap --no-default-features --features "$backends,$others"
        done
    done
}

# Catches: benches that do not build or find a wrong result. They measure nothing here.
about_bench='each benchmark once'
stage_bench() {
    # Not for speed: built as other optimised code is.
    CARGO_PROFILE_BENCH_LTO=off CARGO_PROFILE_BENCH_CODEGEN_UNITS=16 \
        cargo bench -p splitmap --all-features --benches -- --test
}

# Catches: a comparison that does not build, stops with a wrong answer, or writes no report; statistics
# that call noise a win.
about_compare='the comparison with other maps, tried once'
stage_compare() {
    ci/compare.sh
}

# Catches: a read that locks, fences or stores where another thread may read: what promise A rules out.
about_promise='a read under a guard stores only to its stack, in the assembly'
stage_promise() {
    local status=0
    ci/promise-a.sh || status=$?
    if [ "$status" = "$SKIPPED" ]; then
        leave_out 'promise: only the assembly of x86-64 is read'
    fi
    return "$status"
}

# Catches: code that has become longer where it matters, by as little as a few instructions.
about_instructions='no operation executes more instructions than docs/PERFORMANCE.md says'
stage_instructions() {
    local status=0
    benches/instructions.sh --check || status=$?
    if [ "$status" = "$SKIPPED" ]; then
        leave_out 'instructions: no valgrind, or not x86-64 Linux'
    fi
    return "$status"
}

# Catches: an example that does not run, or answers a wrong call with a panic or with success.
about_example='the examples run and check themselves, and refuse wrong calls with status 2'
stage_example() {
    local built example
    cargo build --release --examples
    built=${CARGO_TARGET_DIR:-target}/release/examples
    example=$built/read_heavy_cache
    expect_status 0 "$example" --seconds 2
    expect_status 2 "$example" --seconds 0
    expect_status 2 "$example" --seconds soon
    expect_status 0 "$example" --seconds 2 --threads 1,2
    expect_status 2 "$example" --threads 0
    expect_status 2 "$example" --threads 1,,2
    expect_status 2 "$example" --trace "$root/no/such/file"
    expect_status 2 "$example" --no-such-option

    expect_status 0 "$built/async_cache"
    expect_status 2 "$built/async_cache" --tasks 0
    expect_status 0 "$built/config_reload"
    expect_status 2 "$built/config_reload" --reloads -1
    expect_status 0 "$built/interner"
    expect_status 0 "$built/interner" "$root/README.md"
    expect_status 2 "$built/interner" "$root/no/such/file"
    expect_status 0 "$built/word_count"
    expect_status 0 "$built/word_count" --threads 1 --rounds 1 - <"$root/README.md"
    expect_status 2 "$built/word_count" - </dev/null
    expect_status 2 "$built/word_count" --top many
}

# Catches: interleavings and weak-memory outcomes that break the protocol; orderings too weak,
# memory freed too early.
about_loom='the models that every change has to pass'
stage_loom() {
    loom-tests/run quick
}

# Catches: models that have become blind: each planted bug has to make one fail.
about_mutants='each planted bug makes a model fail'
stage_mutants() {
    # Each bug is one small change.
    export CARGO_INCREMENTAL=1
    local names chosen=()
    if [ "$extent" = short ]; then
        names=$(ci/planted.sh)
        if [ -z "$names" ]; then
            echo 'no planted bug is chosen'
            return
        fi
        chosen=(quick)
        while read -r name; do chosen+=("$name"); done <<<"$names"
    fi
    # That the models pass without a bug was just shown, if their stage passed. It does not run the
    # slow models of the bugs that are not quick.
    case "$extent $passed_stages " in
    short*' loom '*) loom-tests/run mutants "${chosen[@]}" --no-baseline ;;
    *) loom-tests/run mutants "${chosen[@]}" ;;
    esac
}

# Catches: errors of the protocol on schedules that nobody thought of, in programs too long for a
# model; a thread that waits for one that is stopped, at any of its steps; a read without a bound.
about_schedules='the map under random schedules, and with a thread stopped at each step'
stage_schedules() {
    cargo test --release --manifest-path schedule-tests/Cargo.toml --target-dir "$targets/schedules" \
        --tests
}

# Catches: memory freed too early, by AddressSanitizer; orderings too weak for what happens before
# what, by ThreadSanitizer. That the latter still sees it is shown by one that is made too weak.
about_sanitize='stress and reclamation under sanitizers'
stage_sanitize() {
    if ! has_nightly || [ "$(uname -s) $(uname -m)" != 'Linux x86_64' ]; then
        leave_out 'sanitizers: no nightly toolchain, or not x86-64 Linux'
        return "$SKIPPED"
    fi
    local target=x86_64-unknown-linux-gnu
    local test=(cargo +nightly test --release --target "$target")
    (
        # Each entry has memory of its own: what is used again would hide a use after free.
        export RUSTFLAGS='-Zsanitizer=address --cfg splitmap_boxes'
        # Maps in statics, and what is leaked on purpose.
        export ASAN_OPTIONS=detect_leaks=0
        "${test[@]}" --target-dir "$targets/asan" --all-features \
            --test reclamation --test drops --test stress --test allocator --test many_maps
        "${test[@]}" --target-dir "$targets/asan" --all-features \
            --test epoch --test crossbeam --test seize -- panics parallel
    )
    export RUSTFLAGS='-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer'
    export TSAN_OPTIONS="suppressions=$root/ci/tsan.supp"
    # A forked child of several threads is nothing that ThreadSanitizer follows.
    "${test[@]}" --target-dir "$targets/tsan" --test reclamation --test stress -- \
        --test-threads=1 --skip fork

    local copy=$targets/unpin-relaxed file=src/reclaim/epoch/slot.rs
    rm -rf "$copy"
    mkdir -p "$copy/target"
    cp -R Cargo.toml Cargo.lock README.md src tests benches compare examples docs "$copy"
    cp -R "$targets/tsan/." "$copy/target"
    sed 's/word.store(word - 1, Ordering::Release)/word.store(word - 1, Ordering::Relaxed)/' \
        "$file" >"$copy/$file"
    if cmp -s "$file" "$copy/$file"; then
        echo "$file has no unpinning store any more that could be weakened: ci/test.sh has to follow"
        return 1
    fi
    # What happens to order two threads on one run hides the race on it: a run in ten is silent.
    local log=$copy/log tries=30 try
    echo 'Unpinning by a Relaxed store, which ThreadSanitizer has to report:'
    for try in $(seq "$tries"); do
        (cd "$copy" && "${test[@]}" --target-dir target --test reclamation -- \
            --test-threads=1 epoch::reclamation::a_writer_goes_on) >"$log" 2>&1 || break
    done
    if ! grep 'WARNING: ThreadSanitizer: data race' "$log"; then
        tail -n 50 "$log"
        echo "after $try runs of at most $tries: ThreadSanitizer was silent, or something else failed"
        return 1
    fi
    rm -rf "$copy"
}

# Catches: sequences of operations that nobody thought of, against std's map (ops); programs of a few
# threads and their schedules, whose histories are not linearizable (sched), and the same on real
# threads (threads); memory errors, by AddressSanitizer.
about_fuzz='old failures again, and some seconds of new inputs for three targets'
stage_fuzz() {
    local target seconds=5
    for target in ops sched threads; do
        ls "fuzz/seeds/$target" "fuzz/regressions/$target" >/dev/null
    done
    if ! has_nightly; then
        leave_out 'fuzz: no nightly toolchain (rustup toolchain install nightly)'
        return "$SKIPPED"
    fi
    if ! has_cxx; then
        leave_out 'fuzz: no C++ compiler'
        return "$SKIPPED"
    fi
    cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked

    if [ "$extent" = all ]; then
        seconds=60
    fi
    fuzz/run build
    fuzz/run replay
    export FUZZ_VERBOSITY=0
    for target in ops sched threads; do
        fuzz/run "$target" "$seconds"
    done
}

# Catches: tests that miss what is changed: of the sources that differ from the commit before, or from
# MUTATE_SINCE.
about_mutate='each change that cargo-mutants makes to sources that differ is noticed'
stage_mutate() {
    local since=${MUTATE_SINCE:-HEAD~1}
    if ! git rev-parse --quiet --verify "$since^{commit}" >/dev/null 2>&1; then
        leave_out "mutate: no commit $since to compare with"
        return "$SKIPPED"
    fi
    ci/mutate "$since"
}

# Catches: what loom and the sanitizers do not see: a reference that is used although another has taken
# its place, memory that is read before it is written; and orderings that are too weak, by an
# emulation of weak memory that is not loom's, in small programs of threads.
about_miri='aliasing and threads under Miri, with many seeds'
stage_miri() {
    if ! cargo +nightly miri --version >/dev/null 2>&1; then
        leave_out 'miri: no such component (rustup component add --toolchain nightly miri rust-src)'
        return "$SKIPPED"
    fi
    local seeds=${MIRI_SEEDS:-16} copy
    export MIRIFLAGS=-Zmiri-permissive-provenance
    cargo +nightly miri test --target-dir "$targets/miri" --features rayon --test aliasing -- --skip parts
    MIRIFLAGS="$MIRIFLAGS -Zmiri-tree-borrows -Zmiri-ignore-leaks" cargo +nightly miri test \
        --target-dir "$targets/miri" --features rayon --test aliasing parts
    export MIRIFLAGS="$MIRIFLAGS -Zmiri-many-seeds=0..$seeds"
    cargo +nightly miri test --target-dir "$targets/miri" --test weak_memory

    # That it still sees what it is for: each of three orderings, weakened in a copy.
    copy=$targets/miri-weakened
    local file from to weaken
    for weaken in \
        'src/reclaim/epoch/slot.rs|word.store(word - 1, Ordering::Release)|word.store(word - 1, Ordering::Relaxed)' \
        'src/reclaim/lazy.rs|compare_exchange(null, ours, Ordering::Release, Ordering::Acquire)|compare_exchange(null, ours, Ordering::Relaxed, Ordering::Acquire)' \
        'src/reclaim/lazy.rs|let made = self.made.load(Ordering::Acquire);|let made = self.made.load(Ordering::Relaxed);'; do
        IFS='|' read -r file from to <<<"$weaken"
        rm -rf "$copy"
        mkdir -p "$copy"
        cp -R Cargo.toml Cargo.lock README.md src tests benches examples docs "$copy"
        if ! grep -qF "$from" "$copy/$file"; then
            echo "$file has no '$from' any more: ci/test.sh has to follow"
            return 1
        fi
        FROM=$from TO=$to perl -pi -e 's/\Q$ENV{FROM}\E/$ENV{TO}/' "$copy/$file"
        if (cd "$copy" && cargo +nightly miri test --target-dir "$targets/miri-weak" --test weak_memory) \
            >"$copy/log" 2>&1; then
            echo "Miri does not see that $file has '$to'"
            return 1
        fi
        grep -m 1 'error: Undefined Behavior' "$copy/log"
    done
    rm -rf "$copy"
}

wanted=()
for argument in "$@"; do
    case "$argument" in
    --list)
        for stage in $stages; do
            about=about_$stage
            case " $slow " in *" $stage "*) when=all ;; *) when='' ;; esac
            printf '%-13s %-4s %s\n' "$stage" "$when" "${!about}"
        done
        exit 0
        ;;
    all) extent=all ;;
    -*)
        echo "usage: ci/test.sh [--list | [all] [STAGE...]]" >&2
        exit 2
        ;;
    *)
        case " $stages " in
        *" $argument "*) wanted+=("$argument") ;;
        *)
            echo "ci/test.sh: no stage $argument; there are: $stages" >&2
            exit 2
            ;;
        esac
        ;;
    esac
done
if [ ${#wanted[@]} = 0 ]; then
    for stage in $stages; do
        case "$extent $slow " in
        short*" $stage "*) ;;
        *) wanted+=("$stage") ;;
        esac
    done
    if [ "$extent" = short ]; then
        echo "left to ci/test.sh all: $slow; planted bugs of unchanged files; long fuzzing" >>"$notes"
    fi
fi

passed=0 failed=0 skipped=0 summary=''
for stage in "${wanted[@]}"; do
    about=about_$stage
    printf '\n======== %s: %s\n' "$stage" "${!about}"
    start=$SECONDS
    # Not as a condition: there bash would ignore `set -e` inside.
    set +e
    (
        set -e
        "stage_$stage"
    ) </dev/null 2>&1
    status=$?
    set -e
    case $status in
    0)
        word=passed
        passed=$((passed + 1))
        passed_stages="$passed_stages $stage"
        ;;
    "$SKIPPED")
        word=SKIPPED
        skipped=$((skipped + 1))
        ;;
    *)
        word=FAILED
        failed=$((failed + 1))
        ;;
    esac
    line=$(printf '%-8s %-8s %4d s' "$stage" "$word" $((SECONDS - start)))
    printf '======== %s\n' "$line"
    summary="$summary$line"$'\n'
done

printf '\n======== summary, after %d s\n%s' "$SECONDS" "$summary"
cat "$notes"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
