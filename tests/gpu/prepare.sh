#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches what tests/gpu/check.sh needs on a machine without a network. On Debian 12, with one:
#   tests/gpu/prepare.sh FOLDER [REQUIREMENT...]
# FOLDER/packages.tar.xz: the Debian packages that a build needs, unpacked into one tree. FOLDER/wheels: those of the
# REQUIREMENTs alone, without what they need in turn, such as transformers==5.23.0.
set -euo pipefail

[ $# -ge 1 ] || { sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
folder=$1
shift
packages=(
  libboost1.81-dev libboost-json1.81-dev libboost-json1.81.0 libboost-container1.81-dev
  libboost-container1.81.0 libboost-system1.81-dev libboost-system1.81.0 libspdlog-dev libspdlog1.10 libfmt-dev libfmt9 libcli11-dev
  libssl-dev libssl3 zlib1g-dev zlib1g libcurl4-openssl-dev libxxhash-dev)
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd "$work" && apt-get -o APT::Sandbox::User=root download "${packages[@]}" >"$work/log" 2>&1) || {
  cat "$work/log" >&2
  exit 1
}
for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/root"; done
# All libraries in one folder, and links that hold wherever the tree lies.
cp -a "$work/root/lib/." "$work/root/usr/lib/"
rm -rf "$work/root/lib" "$work/root/usr/share/doc" "$work/root/usr/share/man" "$work/root/usr/share/lintian"
find "$work/root" -name '*.a' -delete
find "$work/root" -type l | while read -r link; do
  target=$(readlink "$link")
  case $target in /*) ln -sfn "$(basename "$target")" "$link" ;; esac
done
tar -C "$work/root" -cJf "$folder/packages.tar.xz" usr
rm -rf "$folder/wheels"
if [ $# -gt 0 ]; then
  python3 -m pip download -q --no-deps --only-binary=:all: --python-version "${PYTHON_VERSION:-3.12}" -d "$folder/wheels" "$@"
fi
du -sh "$folder" | sed 's/\t/  /'
