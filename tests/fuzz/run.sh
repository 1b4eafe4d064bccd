#!/usr/bin/env bash
# Each fuzzer on its corpus, and then for some time on what it makes of it, two at a time.
#   run.sh BUILD [SECONDS]       BUILD: the directory of the preset `fuzz`; the last line says how many passed
# An input that breaks something is kept in BUILD/fuzzers/found; once mended, it joins tests/fuzz/corpus.
set -euo pipefail
build=$(cd "$1" && pwd)
seconds=${2:-60}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
found=$build/fuzzers/found
mkdir -p "$found"

# Whole plugins as seeds, which no text could be.
mkdir "$work/plugin_file"
"${CC:-cc}" -std=c11 -Os -s -shared -fPIC -fvisibility=hidden -I "$here/../../plugin_api/include" \
  "$here/../../sdk/examples/hello_c/hello_c.c" -o "$work/plugin_file/hello_c.so"
cp "$here/../hostile/dlls/good.dll" "$work/plugin_file"

fuzz() { # <fuzzer>
  local name
  name=$(basename "$1")
  mkdir -p "$work/$name" "$work/grown/$name"
  local seeds=("$work/grown/$name" "$work/$name")
  [ -d "$here/corpus/$name" ] && seeds+=("$here/corpus/$name")
  # By a fixed seed; the time alone decides how far it gets.
  if (cd "$work" && "$1" -seed=1 -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$found/$name-" "${seeds[@]}") >"$work/$name.log" 2>&1; then
    echo "passed $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name.log") inputs"
  else
    echo "FAILED $name"
    tail -n 40 "$work/$name.log"
  fi
}
export -f fuzz
export work here found seconds
printf '%s\0' "$build"/fuzzers/* | xargs -0 -n 1 -P 2 bash -c '[ -d "$1" ] || fuzz "$1"' _ >"$work/results"
cat "$work/results"
passed=$(grep -c "^passed" "$work/results" || true)
failed=$(grep -c "^FAILED" "$work/results" || true)
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
