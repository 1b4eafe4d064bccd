#!/usr/bin/env bash
# The binding in Rust: its structs lie as the C ones do, and the plugins that are made with it, the example and a new
# project, are validated and run.
set -euo pipefail
rustc=$(command -v rustc) || {
  echo "skipped: no rustc; scripts/setup.sh tests installs it" >&2
  exit 77
}
[ -x /usr/bin/rustc ] && rustc=/usr/bin/rustc # the oldest that has to do
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p examples templates
cp -r "$SOURCE/sdk/examples/hello_rust" examples
cp -r "$SOURCE/sdk/templates/rust" templates
cp "$SOURCE/tests/package/rust_layout.rs" .
fail() {
  echo "$1" >&2
  exit 1
}
"$rustc" --version

"$rustc" --edition 2021 rust_layout.rs -o layout
./layout >printed
grep -E "^trainer_.* (offset|size) " printed | sort -u >lines
[ "$(wc -l <lines)" -ge 45 ] || fail "only: $(cat printed)"
while read -r line; do
  grep -qF -- "$line" "$SOURCE/plugin_api/abi/layout-x86_64.txt" || fail "another layout: $line"
done <lines
# The numbers of the contract are those of the header.
for number in MAJOR MINOR; do
  grep -q "ABI_$number: u32 = $(sed -n "s/^#define TRAINER_ABI_$number \([0-9]*\)u$/\1/p" "$SOURCE/plugin_api/include/trainer/abi.h");" templates/rust/trainer.rs ||
    fail "trainer.rs names another ABI_$number than abi.h"
done

cat >trainer_state.json <<'END'
{"global_step": 2, "max_steps": 2, "num_train_epochs": 1,
 "log_history": [{"loss": 0.25, "epoch": 0.5, "step": 1}, {"loss": 0.5, "epoch": 1.0, "step": 2}]}
END
check() { # <name> <directory> <file>
  "$TRAINER" plugins validate "$2/$3" >printed || fail "$(cat printed)"
  "$TRAINER" replay trainer_state.json --report_to none --callback "$1" --plugin-dir "$2" --output_dir out >printed 2>&1
  grep -q "$1: lowest loss: 0.25 in step 1" printed || fail "$(cat printed)"
}
mkdir example
"$rustc" --edition 2021 --crate-type cdylib -O -D warnings examples/hello_rust/hello_rust.rs -o example/hello_rust.so
check hello_rust example hello_rust.so

# The rest of the binding: values that are read, changed and removed, flags, arguments, errors and panics.
cat >busy.rs <<'END'
#[path = "templates/rust/trainer.rs"]
mod trainer;
use trainer::{Event, Host, Outcome, TrainerCallback, Value};
struct Busy;
impl TrainerCallback for Busy {
    fn new(host: Host) -> Result<Self, String> {
        assert_eq!(host.config("list"), Some(Value::Json("[1, 2]".to_string())));
        assert_eq!(host.config("none"), None);
        assert_eq!(host.argument("seed"), Some(Value::Integer(42)));
        Ok(Busy)
    }
    fn on_step_end(&mut self, event: &mut Event) -> Outcome {
        event.control().should_training_stop = (event.state().global_step == 2) as u32;
        Ok(())
    }
    fn on_log(&mut self, event: &mut Event) -> Outcome {
        let step = event.state().global_step;
        let mut logs = event.values().ok_or("no logs")?;
        assert_eq!(logs.at(0).unwrap().0, "loss");
        assert!(logs.at(logs.len()).is_none() && !logs.is_empty());
        logs.set("loss", &Value::Number(7.5))?;
        logs.set("word", &Value::Text("läuft".to_string()))?;
        logs.set("flag", &Value::Boolean(true))?;
        assert!(logs.remove("gone") && !logs.remove("gone"));
        if step == 2 { panic!("at step {}", step) }
        Ok(())
    }
    fn on_train_end(&mut self, _: &mut Event) -> Outcome { Err("it is over".to_string()) }
}
plugin!(Busy, [on_step_end, on_log, on_train_end], r#"{"id": "busy", "version": "1",
  "config": {"list": {"type": "array", "default": [1, 2]}}}"#);
END
mkdir busy
"$rustc" --edition 2021 --crate-type cdylib -O -D warnings busy.rs -o busy/busy.so
sed 's/"loss"/"gone": 1, "loss"/g; s/"gone": 1, \("loss": [0-9.]*\)/\1, "gone": 1/g' trainer_state.json >state.json
status=0
"$TRAINER" replay state.json --report_to none --callback busy --callback csv --plugin-dir busy --output_dir busy_out >printed 2>&1 || status=$?
[ $status = 1 ] && grep -q "callback busy failed in on_log at step 2: it panicked: at step 2" printed || fail "status $status: $(cat printed)"
grep -q "^1,0.5,7.5,läuft,True$" busy_out/metrics.csv || fail "$(cat busy_out/metrics.csv printed)"

# A new project: by the line of its README, and by cargo where there is one.
"$TRAINER" plugins new 2best-loss.x --language rust --directory project >printed
[ "$(ls project | tr '\n' ' ')" = "2best-loss.x.rs Cargo.toml README.md data.csv run.json trainer.rs " ] || fail "$(ls project)"
line=$(sed -n 's/^Without cargo: `rustc \(.*\)`\.$/\1/p' project/README.md)
# shellcheck disable=SC2086
(cd project && "$rustc" -D warnings $line)
mkdir by_hand
mv project/*.so by_hand
check 2best-loss.x by_hand 2best-loss.x.so
command -v cargo >/dev/null || {
  echo "no cargo, so the project's own build was left out"
  exit 0
}
export CARGO_TARGET_DIR=$work/project/target
(cd project && cargo test --offline --quiet && cargo build --release --offline --quiet) >printed 2>&1 || fail "$(cat printed)"
! grep -q "^warning" printed || fail "$(cat printed)"
grep -q "1 passed" <(cd project && cargo test --offline 2>&1) || fail "the project has no unit test"
check 2best-loss.x project/target/release libplugin_2best_loss_x.so
