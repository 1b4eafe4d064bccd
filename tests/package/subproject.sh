#!/usr/bin/env bash
# LibTrainer as a part of another project, whose targets have the names of plugins: with FetchContent, for the SDK alone
# (no Boost, no LibTorch), and whole.   subproject.sh <cmake>, with SOURCE and TORCH in the environment
set -euo pipefail
cmake=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "$1" >&2
  exit 1
}
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "failed: $*"; }; }

mkdir "$work/project"
cd "$work/project"
cp "$SOURCE/sdk/examples/hello_cpp/hello_cpp.cpp" "$SOURCE/sdk/examples/hello_c/hello_c.c" .
cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.22)
project(Parent LANGUAGES C CXX)
foreach(taken IN ITEMS csv python wandb mlflow tensorboard system http script probe hello_c LibTorch plugins core sdk host)
  add_custom_target(${taken})
endforeach()
include(FetchContent)
FetchContent_Declare(LibTrainer SOURCE_DIR $ENV{SOURCE})
FetchContent_MakeAvailable(LibTrainer)
trainer_add_plugin(mine SOURCES hello_cpp.cpp)
trainer_add_plugin(hello_c TARGET mine_in_c SOURCES hello_c.c)
install(TARGETS mine DESTINATION plugins)
END

quietly "$cmake" -S . -B sdk -DLIBTRAINER_BUILD_HOST=OFF -DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON \
  -DCMAKE_DISABLE_FIND_PACKAGE_spdlog=ON -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON
quietly "$cmake" --build sdk
built=$(find sdk -name '*.so' -printf '%f\n' | sort | tr '\n' ' ')
[ "$built" = "hello_c.so mine.so " ] || fail "built more than was asked for: $built"
quietly "$cmake" --install sdk --prefix "$work/installed"
[ "$(cd "$work/installed" && find . -type f)" = ./plugins/mine.so ] || fail "installed: $(find "$work/installed" -type f)"

# The names of the rest are its own, too; of it one plugin is built.
quietly "$cmake" -S . -B whole -DLIBTRAINER_BUILD_PLUGINS=ON -DLIBTRAINER_BUILD_COMMAND=ON -DLIBTRAINER_INSTALL=ON \
  -DCMAKE_INSTALL_LIBDIR=lib64 -DTorch_DIR="$TORCH/share/cmake/Torch" -DCMAKE_BUILD_TYPE=Debug
quietly "$cmake" --build whole --target trainer_plugin_early_stopping
find whole -name early_stopping.so | grep -q . || fail "no early_stopping.so"

# Plugins are installed where the command looks, seen from its own directory.
for libdir in lib64 lib/x86_64-linux-gnu; do
  quietly "$cmake" -S . -B whole -DCMAKE_INSTALL_LIBDIR="$libdir"
  script=$(find whole -path '*/plugins/early_stopping/cmake_install.cmake')
  quietly "$cmake" -DCMAKE_INSTALL_PREFIX="$work/$libdir" -DCMAKE_INSTALL_CONFIG_NAME=Debug -P "$script"
  mkdir -p "$work/$libdir/bin"
  looked=$(grep -rhoE 'TRAINER_BIN_TO_LIB=[^ ]*' --include=flags.make --include=build.ninja whole | tr -d '\\"' | sort -u)
  found=$work/$libdir/bin/${looked#*=}/libtrainer/plugins/early_stopping.so
  test -f "$found" || fail "with $libdir the command looks for $found"
done
