#!/usr/bin/env bash
# What a user of the published package gets, shown by a throw-away program that depends on it.
#
# * Its lock file and its vendor folder hold the packages below and no other.
# * It builds and runs with a map in a static, as it is and under the cfgs by which users switch
#   their own models on.
# * The package holds what a user needs, and is small.
#
# Builds in $CARGO_TARGET_DIR/downstream, else in target/downstream.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
readonly expected='crossbeam-utils equivalent foldhash libc splitmap'
readonly targets=${CARGO_TARGET_DIR:-$root/target}
readonly build=$targets/downstream
# In bytes, compressed. Nearly all of it is src.
readonly most=210000

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The package as it would be published: what is not included there is missing here.
cargo package -p splitmap --quiet --allow-dirty --no-verify --target-dir "$build"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
archive=$build/package/splitmap-$version.crate
tar -xzf "$archive" -C "$work"
mv "$work/splitmap-$version" "$work/splitmap"

size=$(wc -c <"$archive")
echo "the package has $((size)) bytes, at most $most"
[ "$size" -le "$most" ]
(cd "$work/splitmap" && for wanted in CHANGELOG.md LICENSE-APACHE LICENSE-MIT README.md docs/GUARANTEES.md src/guide; do
    [ -e "$wanted" ] || { echo "$wanted is missing in the package" && exit 1; }
done)
(cd "$work/splitmap" && for unwanted in benches ci examples fuzz loom-tests schedule-tests src/model tests; do
    [ ! -e "$unwanted" ] || { echo "$unwanted is in the package" && exit 1; }
done)
if grep -q OWNER "$work/splitmap/Cargo.toml"; then
    echo 'Before a release: OWNER in Cargo.toml stands for an address that has to be set (git grep OWNER).'
fi

# A program that depends on the package, with these features.
program() {
    mkdir -p "$work/program/src"
    cat >"$work/program/Cargo.toml" <<TOML
[package]
name = "program"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[dependencies]
splitmap = { path = "../splitmap", features = [$1] }
TOML
    cat >"$work/program/src/main.rs" <<'RUST'
use splitmap::HashMap;

static MAP: HashMap<u64, u64> = HashMap::new_const();

fn main() {
    std::thread::scope(|scope| {
        for key in 0..4 {
            scope.spawn(move || assert_eq!(MAP.pin().insert(key, key + 1), None));
        }
    });
    let map = MAP.pin();
    assert!((0..4).all(|key| map.get(&key) == Some(&(key + 1))));
    assert_eq!(map.len(), 4);
}
RUST
}

# The packages that the program's lock file names, but for itself, in one line.
locked() {
    sed -n 's/^name = "\(.*\)"$/\1/p' "$work/program/Cargo.lock" | grep -vx program | sort | paste -sd ' ' -
}

# Fails with the difference, if there is one.
same() {
    if [ "$2" != "$3" ]; then
        printf '%s\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3"
        return 1
    fi
    printf '%s: %s\n' "$1" "$3"
}

program ''
cd "$work/program"
cargo generate-lockfile --quiet
same 'packages in the lock file' "$expected" "$(locked)"
cargo vendor --quiet "$work/vendor" >/dev/null
# A package by path is where it is already.
same 'packages to vendor' "${expected% splitmap}" "$(cd "$work/vendor" && printf '%s\n' * | sort | paste -sd ' ' -)"

for flags in '' '--cfg loom' '--cfg shuttle'; do
    echo "\$ RUSTFLAGS='$flags' cargo run"
    RUSTFLAGS=$flags cargo run --quiet --target-dir "$build"
done

program '"crossbeam-epoch", "rayon", "seize", "serde"'
rm Cargo.lock
cargo generate-lockfile --quiet
echo "with all features: $(locked)"
for unwanted in loom shuttle; do
    if grep -q "^name = \"$unwanted" Cargo.lock; then
        echo "$unwanted has come in with a feature"
        exit 1
    fi
done
