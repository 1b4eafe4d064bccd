#!/usr/bin/env bash
# trainer plugins new, inspect, validate and bench, from the build tree and without LibTorch.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() {
  echo "$1" >&2
  exit 1
}
flags=(-shared -fPIC -Wl,--version-script="$SOURCE/sdk/cmake/plugin.exports" -I "$SOURCE/plugin_api/include" -I "$SOURCE/sdk/include")

# New projects: plugin and unit test, each by one call of the compiler.
"$TRAINER" plugins new best-loss --language cpp >printed
[ "$(ls best-loss | tr '\n' ' ')" = "CMakeLists.txt README.md best-loss.cpp data.csv run.json test.cpp " ] || fail "$(ls best-loss)"
"$CXX" -std=c++17 "${flags[@]}" best-loss/best-loss.cpp -o best-loss.so
"$TRAINER" plugins new best_c --language c --directory in/c >printed
"$CC" -std=c11 "${flags[@]}" in/c/best_c.c -o best_c.so
for name in best-loss best_c; do
  test=best-loss/test.cpp
  [ "$name" = best_c ] && test=in/c/test.cpp
  "$CXX" -std=c++17 -I "$SOURCE/plugin_api/include" -I "$SOURCE/sdk/include" "$test" -o "$name.test" -ldl
  [ "$("./$name.test" "./$name.so")" = passed ] || fail "the unit test of $name"
  "$TRAINER" plugins validate "$name.so" --junit "$name.xml" >printed || fail "$(cat printed)"
  grep -q "^[0-9]* passed, 0 failed, [0-9]* skipped$" printed || fail "$(cat printed)"
  python3 -c "import sys, xml.etree.ElementTree as t; s = t.parse(sys.argv[1]).getroot()[0]; sys.exit(len(s) != int(s.get('tests')) or len(s) < 20)" "$name.xml"
done
! "$TRAINER" plugins new best-loss --language cpp 2>printed || fail "it wrote over a project"
grep -q "exists already" printed
! "$TRAINER" plugins new Best --language cpp 2>printed || fail "it took a name that is no id"
grep -q "is not a plugin id" printed
[ ! -e Best ]

# What it reads without running anything.
"$TRAINER" plugins inspect best-loss.so --json >inspected.json
python3 - <<'END'
import json
found = json.load(open("inspected.json"))
assert found["note"]["id"] == "best-loss", found
assert found["symbols"] == [{"name": "trainer_plugin_entry", "function": True}], found
assert "libc.so.6" in found["needed"] and any(v.startswith("GLIBC_") for v in found["versions"]["libc.so.6"]), found
END
"$TRAINER" plugins inspect best-loss.so >printed
grep -q "^exports  *trainer_plugin_entry$" printed || fail "$(cat printed)"

# Nanoseconds.
"$TRAINER" plugins bench best-loss.so --json >costs.json
python3 - <<'END'
import json
costs = {c["what"]: c for c in json.load(open("costs.json"))["costs"]}
assert set(costs) == {"on_train_begin", "on_log, ten values", "on_train_end"}, costs
assert 0 < costs["on_log, ten values"]["ns"] < 1e6 and costs["on_log, ten values"]["calls"] > 1000, costs
END

# The arguments' output_dir is there, as in a run.
cat >writes.c <<'END'
#include <stdio.h>
#include <string.h>
#include <trainer/plugin.h>
static const trainer_host* run;
static int32_t TRAINER_CALL on_train_begin(trainer_callback* self, const trainer_event* event) {
  trainer_value directory = {sizeof directory, 0, 0, 0, {0, 0}};
  char path[4096];
  FILE* file;
  (void)self, (void)event;
  run->argument(run, "output_dir", 10, &directory);
  snprintf(path, sizeof path, "%.*s/written.txt", (int)directory.text.size, directory.text.data);
  file = fopen(path, "w");
  if (file == NULL) return run->set_error(run, path, strlen(path)), TRAINER_ERROR;
  fclose(file);
  return TRAINER_OK;
}
static int32_t TRAINER_CALL create(const trainer_host* host, trainer_callback** out) {
  static trainer_callback callback;
  run = host;
  callback.struct_size = sizeof callback;
  callback.on_train_begin = on_train_begin;
  *out = &callback;
  return TRAINER_OK;
}
TRAINER_PLUGIN_DEFINE(create, NULL, {"id": "writes", "version": "1", "events": ["on_train_begin"]})
END
"$CC" -std=c11 "${flags[@]}" writes.c -o writes.so
"$TRAINER" plugins bench writes.so >printed || fail "$(cat printed)"
"$TRAINER" plugins validate writes.so --only events.run >printed || fail "$(cat printed)"
grep -q "^1 passed, 0 failed, 0 skipped$" printed || fail "$(cat printed)"

# The list of tests, and one of them again.
"$TRAINER" plugins validate --list >printed
[ "$(wc -l <printed)" -ge 25 ] || fail "$(cat printed)"
"$TRAINER" plugins validate best_c.so --only events.random --seed 7 >printed
grep -q "^1 passed, 0 failed, 0 skipped$" printed || fail "$(cat printed)"
