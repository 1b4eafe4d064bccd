#!/usr/bin/env bash
# The .tar.gz and the .deb that cpack makes: unpacked without root, each has a command that finds its plugins, and
# packages for CMake and pkg-config; the .deb names what its files need.   packed.sh <cpack>, with BUILD in the environment
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "$1" >&2
  exit 1
}
cd "$work"
"$1" --config "$BUILD/CPackConfig.cmake" -B "$work/packages" >log 2>&1 || fail "$(cat log)"
archive=$(ls packages/libtrainer-*.tar.gz)
mkdir archive
tar -xzf "$archive" -C archive --strip-components 1

check() { # <prefix>
  "$1/bin/trainer" plugins list >printed
  grep -q "^tensorboard " printed && grep -q "searched:.*$1/lib/libtrainer/plugins" printed || fail "$(cat printed)"
  local pkg_config
  pkg_config=$(find "$1" -name trainer-plugin.pc)
  flags=$(PKG_CONFIG_PATH=$(dirname "$pkg_config") pkg-config --cflags trainer-plugin)
  # shellcheck disable=SC2086
  "${CC:-cc}" -std=c11 $flags -shared -fPIC "$1/share/libtrainer/examples/hello_c/hello_c.c" -o hello.so
  "$1/bin/trainer" plugins inspect hello.so >/dev/null
  cmake -S "$1/share/libtrainer/examples/hello_c" -B "$2" -DCMAKE_PREFIX_PATH="$1" >log 2>&1 || fail "$(cat log)"
  cmake --build "$2" >log 2>&1 || fail "$(cat log)"
  "$1/bin/trainer" plugins validate "$2/hello_c.so" --only events.run >printed || fail "$(cat printed)"
}
check "$work/archive" of_archive

if ! command -v dpkg-deb >/dev/null; then
  echo "no dpkg-deb: the .deb is not looked at"
  exit 0
fi
deb=$(ls packages/libtrainer_*.deb)
dpkg-deb -x "$deb" deb
check "$work/deb/usr" of_deb
dpkg-deb -f "$deb" Depends >depends
# Every library that a file in it needs is one of its own, LibTorch's, or of a package that it depends on.
find deb -name '*.so*' -o -path '*/bin/*' -type f | while read -r file; do
  readelf -d "$file" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
done | sort -u >needed
while read -r library; do
  case $library in
    libtrainer.so.* | libtorch*.so | libc10*.so | ld-linux* ) continue ;;
    libgcc_s.so.1) continue ;; # libstdc++6 depends on its package
  esac
  path=$(ldconfig -p | sed -n "s/^[[:space:]]*$library .*=> //p" | head -n 1)
  package=$(dpkg -S "$(readlink -f "$path")" "$path" 2>/dev/null | sed -n 's/^\([^:]*\):.*/\1/p' | head -n 1 || true)
  grep -q "\(^\|, \)$package\($\|,\| \)" depends || fail "$library is of $package, which the .deb does not depend on: $(cat depends)"
done <needed
