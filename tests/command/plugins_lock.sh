#!/usr/bin/env bash
# plugins.lock says which plugins a run used, and a resumed run which of them are others.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() {
  echo "$1" >&2
  exit 1
}
cat >run.json <<'END'
{ "model": {"type": "mlp", "layers": [2, 4, 3]},
  "data": {"train": "train.csv", "target": "label"},
  "loss": "cross_entropy",
  "args": {"max_steps": 2, "per_device_train_batch_size": 2, "report_to": ["csv"], "save_steps": 1, "use_cpu": true},
  "callbacks": [{"plugin": "mine"}, {"plugin": "mine"}] }
END
printf 'a,b,label\n1,2,0\n3,4,1\n5,6,2\n7,8,0\n' >train.csv
mkdir plugins
build() { # <version>
  sed -e 's/"id": "hello_c"/"id": "mine"/' -e "s/\"version\": \"[^\"]*\"/\"version\": \"$1\"/" \
    "$SOURCE/sdk/examples/hello_c/hello_c.c" >mine.c
  "$CC" -std=c11 -shared -fPIC -fvisibility=hidden -I "$SOURCE/plugin_api/include" mine.c -o plugins/mine.so.new
  mv plugins/mine.so.new plugins/mine.so
}
train() { "$TRAINER" train run.json --quiet --plugin-dir plugins "$@" >out.txt 2>&1 || fail "$(cat out.txt)"; }
said() { grep -q "warning: this run goes on $1" out.txt || fail "no \"$1\" in: $(cat out.txt)"; }

build 1.0.0
train
python3 - <<'END'
import hashlib, json
lock = json.load(open("trainer_output/plugins.lock"))
ids = [p["id"] for p in lock["plugins"]]
assert ids == ["csv", "mine"], ids
assert lock["plugins"][1] == {"id": "mine", "version": "1.0.0", "sha256": hashlib.sha256(open("plugins/mine.so", "rb").read()).hexdigest()}, lock
END
train --resume_from_checkpoint --max_steps 3
! grep "this run goes on" out.txt || fail "nothing has changed"
build 1.1.0
train --resume_from_checkpoint --max_steps 4 --report_to tensorboard
said "with the plugin mine 1.1.0 (sha256 [0-9a-f]*), it had 1.0.0 (sha256 [0-9a-f]*) before"
said "without the plugin csv 0.1.0 (sha256 [0-9a-f]*), which it had before"
said "with the plugin tensorboard .*, which it had not before"
echo broken >trainer_output/plugins.lock
train --resume_from_checkpoint --max_steps 5
grep -q "plugins.lock could not be read" out.txt || fail "$(cat out.txt)"

# Without plugins there is none.
"$TRAINER" train run.json --quiet --set 'callbacks=[]' --report_to none --output_dir plain >/dev/null 2>&1
[ ! -e plain/plugins.lock ] || fail "a lock without plugins"
