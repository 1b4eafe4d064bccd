#!/usr/bin/env bash
# --help of one screen, --help-all, and what shells are told to complete.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

"$TRAINER" train --help >help.txt
[ "$(wc -l <help.txt)" -le 24 ] || { echo "--help is no screen"; cat help.txt; exit 1; }
! grep -q "weight_decay" help.txt
"$TRAINER" train --help-all >all.txt
grep -q "^Learning rate and optimizer:" all.txt
grep -q -- "--weight_decay,--weight-decay" all.txt

"$TRAINER" completion bash >trainer.bash
# What bash offers for a line that ends within a word.
offered() {
  bash -c '. ./trainer.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _trainer; printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}
diff <(offered trainer ev) <(echo evaluate)
diff <(offered trainer plugins in) <(echo inspect)
diff <(offered trainer train run.json --learn) <(echo --learning_rate)
diff <(offered trainer predict --prob) <(echo --probabilities)
diff <(offered trainer train --push_to) <(echo) # what is refused is not offered
touch run.json
diff <(offered trainer train ru) <(echo run.json)
# The other shells, where they are.
for shell in zsh fish; do
  "$TRAINER" completion $shell >trainer.$shell
  ! command -v $shell >/dev/null || $shell -n trainer.$shell
  grep -q "learning_rate" trainer.$shell
done
status=0
"$TRAINER" completion tcsh 2>err.txt || status=$?
[ $status = 2 ]
