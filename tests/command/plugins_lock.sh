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
  "$CC" -std=c11 -shared -fPIC -fvisibility=hidden -I "$SOURCE/plugin_api/include" mine.c "${@:2}" -o plugins/mine.so.new
  mv plugins/mine.so.new plugins/mine.so
}
beside() { # <number>: a library that the plugin brings along
  echo "int beside(void) { return $1; }" >beside.c
  "$CC" -shared -fPIC beside.c -Wl,-soname,libbeside.so -o plugins/libbeside.so.new
  mv plugins/libbeside.so.new plugins/libbeside.so
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
beside 1
build 1.2.0 -Wl,--no-as-needed -Lplugins -lbeside '-Wl,-rpath,$ORIGIN'
train --resume_from_checkpoint --max_steps 5
said "with the plugin mine 1.2.0 (sha256 [0-9a-f]*, libbeside.so [0-9a-f]*), it had 1.1.0"
python3 - <<'END'
import hashlib, json
(mine,) = (p for p in json.load(open("trainer_output/plugins.lock"))["plugins"] if p["id"] == "mine")
assert mine["libraries"] == {"libbeside.so": hashlib.sha256(open("plugins/libbeside.so", "rb").read()).hexdigest()}, mine
END
beside 2
train --resume_from_checkpoint --max_steps 6
said "with the plugin mine 1.2.0 (sha256 [0-9a-f]*, libbeside.so [0-9a-f]*), it had 1.2.0"
echo broken >trainer_output/plugins.lock
train --resume_from_checkpoint --max_steps 7
grep -q "plugins.lock could not be read" out.txt || fail "$(cat out.txt)"

# Without plugins there is none.
"$TRAINER" train run.json --quiet --set 'callbacks=[]' --report_to none --output_dir plain >/dev/null 2>&1
[ ! -e plain/plugins.lock ] || fail "a lock without plugins"

# A run says which version it takes; the lock says which it got.
mkdir older
build 1.0.0
mv plugins/mine.so older
build 1.2.0
pinned() { "$TRAINER" "$1" run.json --plugin-dir plugins --plugin-dir older --output_dir pinned --set "callbacks=[{\"plugin\": \"$2\"}]" "${@:3}" >out.txt 2>&1; }
locked() { python3 -c 'import json, sys; print(*(p["id"] + " " + p["version"] for p in json.load(open("pinned/plugins.lock"))["plugins"]))'; }
pinned train mine@==1.0 --report_to 'csv@>=0.1,<1' || fail "$(cat out.txt)"
[ "$(locked)" = "csv 0.1.0 mine 1.0.0" ] || fail "$(locked)"
grep -q 'info: .*callbacks\[0\]: plugin "mine@==1.0" is .*older/mine.so, version 1.0.0; passed over: .*plugins/mine.so has 1.2.0$' out.txt || fail "$(cat out.txt)"
pinned train 'mine@>=1.1,<2' --resume_from_checkpoint --max_steps 3 || fail "$(cat out.txt)"
said "with the plugin mine 1.2.0 (sha256 [0-9a-f]*), it had 1.0.0"
status=0; pinned train mine@2 || status=$?
[ $status = 2 ] && grep -q 'callbacks\[0\]: plugin "mine@2", of which no such version was found: .*plugins/mine.so has 1.2.0, .*older/mine.so has 1.0.0; install one that fits.*\[plugin.version\]' out.txt ||
  fail "$(cat out.txt)"
status=0; pinned train mine@new || status=$?
[ $status = 2 ] && grep -q 'callbacks\[0\].plugin has "new" after the @, expected versions such as 1.2' out.txt || fail "$(cat out.txt)"
status=0; pinned train mine --report_to csv@9 || status=$?
[ $status = 2 ] && grep -q 'args.report_to names "csv@9", of which no such version was found: .*csv.so has 0.1.0' out.txt || fail "$(cat out.txt)"
pinned check mine@1.2 || fail "$(cat out.txt)"
grep -q "mine: callbacks\[0\], mine@1.2, version 1.2.0$" out.txt || fail "$(cat out.txt)"
pinned train mine@1.2 --print-config --report_to 'csv@>=0.1,<1' --quiet || fail "$(cat out.txt)"
python3 -c 'import json; c = json.load(open("out.txt")); assert c["callbacks"] == [{"plugin": "mine@1.2"}] and c["args"]["report_to"] == ["csv@>=0.1,<1"], c'
"$TRAINER" replay pinned/trainer_state.json --report_to none --callback 'mine@>=1.0,<1.2={}' --plugin-dir plugins --plugin-dir older --output_dir replayed >out.txt 2>&1 ||
  fail "$(cat out.txt)"
"$TRAINER" plugins list --plugin-dir plugins --plugin-dir older >out.txt 2>/dev/null
grep -q 'left out: .*older/mine.so has the id "mine" of .*plugins/mine.so, which was found first; a run gets it by its version, as mine@1.0.0$' out.txt ||
  fail "$(cat out.txt)"
