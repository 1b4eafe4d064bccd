#!/usr/bin/env bash
# Installs what is missing, and nothing when nothing is: Debian packages, and LibTorch.
#
#   scripts/setup.sh          what the build needs
#   scripts/setup.sh tests    what the tests need, too
#
# scripts/demo and scripts/test source it. pip's own settings (PIP_INDEX_URL ...) say where LibTorch is
# taken from; Torch_DIR and CMAKE_PREFIX_PATH name one that is there already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

torch_version=2.13.0
missing=()

have() { command -v "$1" >/dev/null 2>&1; }
have_clang() { have clang && have clang++; }
have_fuzzer() {
  have_clang && echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
    clang++ -x c++ -fsanitize=fuzzer,address - -o /dev/null 2>/dev/null
}
have_cmake() {
  have cmake && printf '3.22\n%s\n' "$(cmake --version | sed -n '1s/[^0-9]*//p')" | sort -C -V
}
have_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

# want <package> [command]: the package is missing when the command fails, or where there is no command,
# when dpkg does not know it as installed.
want() {
  if [ $# -gt 1 ]; then
    "${@:2}" || missing+=("$1")
  elif have dpkg-query; then
    dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep -q ' installed$' || missing+=("$1")
  else
    missing+=("$1")
  fi
}

setup_packages() { # [tests]
  want g++ have g++
  want cmake have_cmake
  want ninja-build have ninja
  want git have git
  want pkg-config have pkg-config
  want python3 have python3
  want python3-venv have_venv
  want libboost1.81-dev
  want libboost-json1.81-dev
  want libspdlog-dev
  want libgtest-dev
  want libgmock-dev
  want libcli11-dev
  want zlib1g-dev
  want libcurl4-openssl-dev
  want libssl-dev
  if [ "${1:-}" = tests ]; then
    want clang have_clang
    want libclang-rt-14-dev have_fuzzer
    want openssl have openssl
    want rustc have rustc
  fi
  [ ${#missing[@]} -gt 0 ] || return 0

  if ! have apt-get; then
    echo "This is no Debian: install what these Debian packages hold, if it is not there yet:" >&2
    echo "  ${missing[*]}" >&2
    return 0
  fi
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! have sudo; then
      echo "These packages are missing, and there is no sudo: as root, run" >&2
      echo "  apt-get update && apt-get install ${missing[*]}" >&2
      exit 1
    fi
    root=(sudo)
  fi
  echo "Installing ${missing[*]}"
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

find_libtorch() { cmake -DLIBTRAINER_TORCH_VENV=build/venv -P host/cmake/LibTorch.cmake 2>&1; }

setup_libtorch() {
  # What the user named and does not fit is the configuration's to complain about.
  if [ -n "${Torch_DIR:-}" ] || find_libtorch >/dev/null; then
    return 0
  fi
  echo "Installing LibTorch $torch_version into build/venv"
  python3 -m venv build/venv
  build/venv/bin/python -m pip install --quiet "torch==$torch_version" numpy
}

# The Python that reads what the plugins write, and runs the real transformers on the build's torch, where
# that is in build/venv.
setup_readers() {
  local stamp=build/test-venv/requirements.txt packages
  if ! cat tests/requirements.txt tests/parity/requirements.txt | cmp -s - "$stamp"; then
    echo "Installing the readers' packages into build/test-venv"
    python3 -m venv build/test-venv
    packages=$(build/test-venv/bin/python -c 'import site; print(site.getsitepackages()[0])')
    if [ -d build/venv ]; then
      build/venv/bin/python -c 'import site; print(site.getsitepackages()[0])' >"$packages/torch.pth"
    fi
    build/test-venv/bin/python -m pip install --quiet -r tests/requirements.txt
    if build/test-venv/bin/python -c 'import torch' 2>/dev/null; then
      build/test-venv/bin/python -m pip install --quiet -r tests/parity/requirements.txt
    fi
    cat tests/requirements.txt tests/parity/requirements.txt >"$stamp"
  fi
}

# An environment for each file of tests/trackers/venvs: the trackers' own clients, which read what our plugins
# write. What one cannot be installed beside has another.
setup_trackers() {
  local file venv
  for file in tests/trackers/venvs/*.txt; do
    venv=build/venvs/$(basename "$file" .txt)
    if ! cmp -s "$file" "$venv/requirements.txt"; then
      echo "Installing the packages of $file into $venv"
      rm -rf "$venv"
      python3 -m venv "$venv"
      "$venv/bin/python" -m pip install --quiet -r "$file"
      cp "$file" "$venv/requirements.txt"
    fi
  done
}

# How many compilers at a time: one a processor, and 2 GiB of memory for each.
jobs() {
  local processors memory
  processors=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
  memory=$(awk '/^MemTotal/ { print int($2 / 2097152) }' /proc/meminfo 2>/dev/null || true)
  if [ -n "$memory" ] && [ "$memory" -lt "$processors" ]; then
    processors=$((memory > 0 ? memory : 1))
  fi
  echo "$processors"
}

setup() { # [tests]
  setup_packages "$@"
  setup_libtorch
  if [ "${1:-}" = tests ]; then
    setup_readers
    setup_trackers
  fi
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  setup "$@"
fi
