#!/usr/bin/env bash
# Checks that what the documents name exists: planted bugs, models, tests, source files and folders.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
status=0

missing() {
    echo "$1: $2 does not exist"
    status=1
}

documents=(README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md docs/*.md tests/README.md examples/README.md loom-tests/mutants/README.md src/guide/*.md)

# Paths of this repository, in code quotes, wherever they are named from.
for document in "${documents[@]}"; do
    while read -r path; do
        found=
        for root in . loom-tests src docs src/raw src/reclaim; do
            if [ -e "$root/$path" ]; then
                found=yes
                break
            fi
        done
        [ -n "$found" ] || missing "$document" "$path"
    done < <(grep -oE '`(src|tests|docs|ci|fuzz|loom-tests|schedule-tests|examples|benches)/[A-Za-z0-9_./-]+`' "$document" |
        tr -d '`' | grep -vE '(NAME|TARGET)|^(fuzz/(corpus|artifacts|target|coverage)|loom-tests/loom)(/|$)' | sort -u)
    # Links to files beside the document.
    folder=$(dirname "$document")
    case $document in src/guide/*) continue ;; esac
    while read -r path; do
        [ -e "$folder/$path" ] || missing "$document" "the target $path of a link"
    done < <(grep -oE '(\]\(|^\[[A-Za-z -]+\]: )[A-Za-z0-9_./-]+\.(md|rs|sh|toml|txt|svg)' "$document" | sed -E 's/^(\]\(|\[[^]]*\]: )//' | sort -u)
done

# The names of planted bugs and models: words with dashes in the column of ORDERINGS, and
# underscored words that look like a scenario of the design.
bugs=$(cd loom-tests/mutants && printf '%s\n' *.mutant | sed 's/\.mutant$//')
while read -r bug; do
    grep -Fxq "$bug" <<<"$bugs" || missing docs/ORDERINGS.md "the planted bug $bug"
done < <(grep '^|' docs/ORDERINGS.md | grep -oE '`[a-z]+(-[a-z]+)+`' | tr -d '`' | sort -u)

tests=$(grep -rhoE 'fn [a-z0-9_]+\(' tests loom-tests/tests schedule-tests/tests src fuzz/fuzz_targets | sed -E 's/fn (.*)\(/\1/' | sort -u)
for document in docs/GUARANTEES.md docs/ORDERINGS.md docs/RECLAMATION.md docs/ALGORITHM.md docs/TESTING.md; do
    while read -r name; do
        case $name in
        # A prefix, such as `shared_keys_`.
        *_) grep -q "^$name" <<<"$tests" || missing "$document" "a test or model $name*" ;;
        *) grep -Fxq "$name" <<<"$tests" || missing "$document" "the test or model $name" ;;
        esac
    done < <(grep -oE '`[a-z][0-9]+_[a-z0-9_]*`|`[a-z]+_[a-z0-9_]+\*`' "$document" | tr -d '`*' | sort -u)
done

# Each planted bug names a model that is there, or a test.
for file in loom-tests/mutants/*.mutant; do
    model=$(sed -n 's/^model: *//p' "$file")
    test=$(sed -n 's/^test: *//p' "$file")
    if [ -n "$test" ]; then
        [ -e "tests/${test%%::*}.rs" ] && grep -Fxq "${test##*::}" <<<"$tests" || missing "$file" "the test $test"
        continue
    fi
    grep -q "fn ${model#*::}()" "loom-tests/tests/${model%%::*}.rs" || missing "$file" "the model $model"
    [ -e "$(sed -n 's/^file: *//p' "$file")" ] || case $file in *loom-*) ;; *) missing "$file" 'its source file' ;; esac
done

[ "$status" = 0 ] && echo 'what the documents name exists'
exit "$status"
