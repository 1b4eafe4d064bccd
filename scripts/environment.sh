# shellcheck shell=bash
# Set-up's steps, one line each, and Python environments; scripts/setup.sh and scripts/format source it. uv installs
# in seconds what pip needs minutes for; pip does it where uv is not to be had.

uv_version=0.13.9
uv=build/uv-venv/bin/uv
uv_tried=false

# step <what> <command>...: says what is done, every minute that it still is, and what the command says when it fails.
step() {
  local what=$1 log=build/setup.log clock status
  mkdir -p build
  echo "$what"
  exec {clock}> >(minutes=0 && while read -r -t 60 || [ $? -gt 128 ]; do echo "  still ${what,} ... $((minutes += 1)) min"; done)
  set +e # the command stops at its first error, and its status is wanted here
  (set -e && "${@:2}") >"$log" 2>&1 {clock}>&-
  status=$?
  set -e
  exec {clock}>&-
  [ "$status" -ne 0 ] || return 0
  cat "$log" >&2
  echo "$what: failed; what it said is above, and in $log" >&2
  return "$status"
}

# environment <folder> [--torch] <requirements file>...: the packages of these files, anew when one has changed.
# With --torch the build's own torch is among them, where that is in build/venv.
environment() {
  local folder=$1 torch=() stamp=$1/requirements.txt
  shift
  if [ "$1" = --torch ]; then
    torch=(--torch)
    shift
  fi
  if ! cat "$@" | cmp -s - "$stamp"; then
    setup_uv
    step "Installing the packages of $* into $folder" make_environment "$folder" "${torch[@]}" "${@/#/--requirement=}"
    cat "$@" >"$stamp"
  fi
}

make_environment() { # <folder> [--torch] <requirement>...
  local folder=$1 exclude=()
  shift
  rm -rf "$folder"
  if have_uv; then
    "$uv" venv --python "$(command -v python3)" "$folder"
  else
    python3 -m venv "$folder"
  fi
  if [ "$1" = --torch ]; then
    shift
    if [ -d build/venv ]; then
      ls -d "$PWD"/build/venv/lib/python3*/site-packages >"$(echo "$folder"/lib/python3*/site-packages)/torch.pth"
      echo torch >"$folder/from-build.txt" # pip finds it through the .pth, uv does not look there
      exclude=(--excludes "$folder/from-build.txt")
    fi
  fi
  if have_uv; then
    follow_pip
    "$uv" pip install --python "$folder/bin/python" "${exclude[@]}" "$@"
  else
    "$folder/bin/python" -m pip install "$@"
  fi
}

have_uv() { [[ $("$uv" --version 2>/dev/null) == "uv $uv_version"* ]]; }

setup_uv() {
  if [ "$uv_tried" = false ] && ! have_uv; then
    step "Installing uv $uv_version into build/uv-venv" install_uv
    have_uv || echo "It is not available; pip is used instead, which takes some minutes longer"
  fi
  uv_tried=true
}

install_uv() {
  rm -rf build/uv-venv
  python3 -m venv build/uv-venv
  build/uv-venv/bin/python -m pip install --only-binary :all: "uv==$uv_version" || true
}

# uv takes packages from where pip is told to: its own variables, unless set, get what pip's variables and files say.
follow_pip() {
  local python=build/uv-venv/bin/python settings variable name section value
  settings=$("$python" -m pip config list)
  while read -r variable name; do
    for section in :env: install global; do
      value=$(sed -n "s/^$section\.$name='\(.*\)'\$/\1/p" <<<"$settings" | sed 's/\\n/ /g; s/^ *//')
      [ -z "$value" ] || break
    done
    [ -z "$value" ] || export "$variable=${!variable:-$value}"
  done <<'END'
UV_DEFAULT_INDEX index-url
UV_INDEX extra-index-url
UV_FIND_LINKS find-links
UV_CONSTRAINT constraint
UV_INSECURE_HOST trusted-host
UV_HTTP_TIMEOUT default-timeout
UV_HTTP_TIMEOUT timeout
SSL_CERT_FILE cert
ALL_PROXY proxy
END
  # As with pip no index goes before another. Of one version uv takes the files of the first that has it, which may lack
  # this machine's; so the main index, which pip knows, is the first.
  export UV_INDEX_STRATEGY=unsafe-best-match
  if [ -n "${UV_INDEX:-}" ]; then
    value=${UV_DEFAULT_INDEX:-$("$python" -c 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)')}
    export UV_INDEX="$value $UV_INDEX"
  fi
}
