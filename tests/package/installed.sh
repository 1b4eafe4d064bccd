#!/usr/bin/env bash
# LibTrainer as a third party has it: installed, moved to another place, and used from outside the tree
# with find_package and with pkg-config.   installed.sh <cmake>, with BUILD and TORCH in the environment
set -euo pipefail

cmake=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "$1" >&2
  exit 1
}
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "failed: $*"; }; }

quietly "$cmake" --install "$BUILD" --prefix "$work/first"
mv "$work/first" "$work/prefix"
prefix=$work/prefix
trainer=$prefix/bin/trainer

for plugin in csv tensorboard codecarbon early_stopping; do
  test -f "$prefix/lib/libtrainer/plugins/$plugin.so" || fail "not installed: $plugin.so"
done
"$trainer" plugins list | grep early_stopping >/dev/null || fail "the installed command does not find the installed plugins"

# The examples, as a plugin's author builds them: without LibTorch.
for example in hello_c hello_cpp time_limit; do
  cp -r "$prefix/share/libtrainer/examples/$example" "$work/$example"
  quietly "$cmake" -S "$work/$example" -B "$work/$example/build" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_BUILD_TYPE=Release
  quietly "$cmake" --build "$work/$example/build"
  library=$work/$example/build/$example.so
  exported=$(nm -D --defined-only "$library" | awk '{ print $3 }')
  test "$exported" = trainer_plugin_entry || fail "$example exports: $exported"
  "$trainer" plugins inspect "$library" >"$work/inspected"
  grep "$example" "$work/inspected" >/dev/null || fail "inspect does not name $example: $(cat "$work/inspected")"
done

# A new project, in C and in C++: it builds, its unit test and the validator pass, and it runs.
for language in c cpp; do
  project=$work/new_$language
  "$trainer" plugins new "my-best_$language" --language "$language" --directory "$project" >/dev/null
  quietly "$cmake" -S "$project" -B "$project/build" -DCMAKE_PREFIX_PATH="$prefix"
  quietly "$cmake" --build "$project/build"
  (cd "$project/build" && quietly ctest --output-on-failure --no-tests=error)
  grep "validate" "$work/log" >/dev/null || fail "the new project does not validate its plugin: $(cat "$work/log")"
  (cd "$project" && "$trainer" train run.json --plugin-dir build >"$work/printed" 2>&1) || fail "$(cat "$work/printed")"
  grep "my-best_$language: lowest loss: .* in step [1-5]" "$work/printed" >/dev/null || fail "it did not run: $(cat "$work/printed")"
done

# The lines of docs/plugins.md, with its two plugins: CMake's in a project in C alone, and those for a compiler.
hand=$work/by_hand
mkdir "$hand"
page=$SOURCE/docs/plugins.md
block() { awk -v fence="\`\`\`$1" -v has="$2" '$0 == fence { on = 1; text = ""; next } /^```$/ { if (on && text ~ has) { printf "%s", text; exit } on = 0 } on { text = text $0 "\n" }' "$page"; }
block c "Starting training" >"$hand/hello.c"
block cpp "Starting training" >"$hand/hello.cpp"
{
  printf 'cmake_minimum_required(VERSION 3.22)\nproject(x C)\n'
  block cmake "hello.c"
  printf 'add_executable(app app.c)\ntarget_link_libraries(app LibTrainer::plugin_api)\ntrainer_link_plugin(app hello SOURCES hello.c)\n'
} >"$hand/CMakeLists.txt"
printf '#include <trainer/plugin.h>\nconst trainer_plugin* hello_plugin(void);\nint main(void) { return hello_plugin()->magic != TRAINER_PLUGIN_MAGIC; }\n' >"$hand/app.c"
quietly "$cmake" -S "$hand" -B "$hand/build" -DCMAKE_PREFIX_PATH="$prefix"
quietly "$cmake" --build "$hand/build"
quietly "$trainer" plugins validate "$hand/build/hello.so"
quietly "$hand/build/app"
block sh "cc -shared" | sed "s#DIR/#$prefix/#g; s#^trainer#$trainer#" >"$hand/lines"
[ "$(grep -c . "$hand/lines")" = 3 ] || fail "other lines than expected: $(cat "$hand/lines")"
for compiler in cc c++; do
  (cd "$hand" && quietly sh -c "$(grep "^$compiler " lines)" && quietly sh -c "$(grep "plugins validate" lines)")
  rm "$hand/hello.so"
done

# One compiler call, with the header only.
pkg_config=$(find "$prefix" -name trainer-plugin.pc)
flags=$(PKG_CONFIG_PATH=$(dirname "$pkg_config") pkg-config --cflags trainer-plugin)
# shellcheck disable=SC2086
"${CC:-cc}" -std=c11 $flags -shared -fPIC "$work/hello_c/hello_c.c" -o "$work/by_hand.so"
"$trainer" plugins inspect "$work/by_hand.so" >/dev/null

# A run with each.
printf 'x,y,label\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n' >"$work/data.csv"
for example in hello_c hello_cpp; do
  cat >"$work/run.json" <<END
{ "model": {"type": "mlp", "layers": [2, 4, 2], "activation": "relu"},
  "data": {"train": "data.csv", "target": "label"},
  "loss": "cross_entropy",
  "args": {"num_train_epochs": 1, "save_strategy": "no", "report_to": "none"},
  "callbacks": [{"plugin": "$example"}],
  "actions": [{"do": "train"}] }
END
  "$trainer" train "$work/run.json" --output_dir "$work/output" --plugin-dir "$work/$example/build" \
    >"$work/printed"
  grep "Starting training" "$work/printed" >/dev/null || fail "$example did not print: $(cat "$work/printed")"
done

# What find_package gives: the rest where the host cannot be had, with a word on it; versions of one minor.
try_package() { # <languages> <argument of cmake> <arguments of find_package>
  rm -rf "$work/package"
  mkdir "$work/package"
  printf 'cmake_minimum_required(VERSION 3.22)\nproject(p LANGUAGES %s)\nfind_package(LibTrainer %s CONFIG REQUIRED)\n' "$1" "$3" \
    >"$work/package/CMakeLists.txt"
  "$cmake" -S "$work/package" -B "$work/package/build" -DCMAKE_PREFIX_PATH="$prefix" "$2" >"$work/log" 2>&1
}
try_package C -DX=1 "" || fail "in a project in C: $(cat "$work/log")"
grep -q "LibTrainer without LibTrainer::trainer: .* is C++" "$work/log" || fail "$(cat "$work/log")"
try_package CXX -DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON "" || fail "without Boost: $(cat "$work/log")"
grep -q "LibTrainer without LibTrainer::trainer: .*Boost" "$work/log" || fail "$(cat "$work/log")"
! try_package CXX -DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON "COMPONENTS trainer" || fail "a host without Boost"
grep -q "LibTrainer::trainer needs Boost" "$work/log" || fail "$(cat "$work/log")"
try_package C -DX=1 "0.1" || fail "version 0.1 of 0.1.0: $(cat "$work/log")"
! try_package C -DX=1 "0.0" || fail "version 0.0 of 0.1.0"
