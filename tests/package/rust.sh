#!/usr/bin/env bash
# The example in Rust: its structs lie as the C ones do, and the plugin it makes is validated and runs.
set -euo pipefail
rustc=$(command -v rustc) || {
  echo "skipped: no rustc; scripts/setup.sh tests installs it" >&2
  exit 77
}
[ -x /usr/bin/rustc ] && rustc=/usr/bin/rustc # the oldest that has to do
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$SOURCE"/sdk/examples/hello_rust/*.rs "$work"
cd "$work"
fail() {
  echo "$1" >&2
  exit 1
}
"$rustc" --version
"$rustc" --edition 2021 --crate-type cdylib -O -D warnings hello_rust.rs -o hello_rust.so

"$rustc" --edition 2021 --test trainer.rs -o layout
./layout --nocapture >printed
grep -E "^trainer_.* (offset|size) " printed | sort -u >lines
[ "$(wc -l <lines)" -ge 35 ] || fail "only: $(cat printed)"
while read -r line; do
  grep -qF -- "$line" "$SOURCE/plugin_api/abi/layout-x86_64.txt" || fail "another layout: $line"
done <lines
# The numbers of the contract are those of the header.
for number in MAJOR MINOR; do
  grep -q "ABI_$number: u32 = $(sed -n "s/^#define TRAINER_ABI_$number \([0-9]*\)u$/\1/p" "$SOURCE/plugin_api/include/trainer/abi.h");" trainer.rs ||
    fail "trainer.rs names another ABI_$number than abi.h"
done

"$TRAINER" plugins validate hello_rust.so >printed || fail "$(cat printed)"
cat >trainer_state.json <<'END'
{"global_step": 2, "max_steps": 2, "num_train_epochs": 1,
 "log_history": [{"loss": 0.25, "epoch": 0.5, "step": 1}, {"loss": 0.5, "epoch": 1.0, "step": 2}]}
END
"$TRAINER" replay trainer_state.json --report_to none --callback hello_rust --plugin-dir . --output_dir out >printed 2>&1
grep -q "hello_rust: lowest loss: 0.25 in step 1" printed || fail "$(cat printed)"
