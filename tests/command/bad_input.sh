#!/usr/bin/env bash
# Bad input: each case of bad_input/*.case is run in an empty directory that holds a good run.json with
# its data. A case has lines of
#   setup: shell commands            run: arguments of the command     status: the exit status
#   limits: shell commands in the subshell of the command, such as ulimit
#   stderr: a text that the one line on stderr must hold (repeatable)  absent: a path that must not be there
# The error is exactly one line on stderr that starts with "error: " and ends with an id of docs/errors.md.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
good=$work/good
mkdir "$good"
cat >"$good/run.json" <<'END'
{ "model": {"type": "mlp", "layers": [2, 4, 3]},
  "data": {"train": "train.csv", "eval": "train.csv", "target": "label"},
  "loss": "cross_entropy", "metrics": ["accuracy"],
  "args": {"max_steps": 3, "per_device_train_batch_size": 2, "save_steps": 1, "report_to": "none"} }
END
printf 'a,b,label\n1,2,0\n3,4,1\n5,6,2\n7,8,0\n' >"$good/train.csv"

failed=0
cases=0
for file in "$here"/bad_input/*.case; do
  name=$(basename "$file" .case)
  cases=$((cases + 1))
  dir=$work/$name
  cp -r "$good" "$dir"
  cd "$dir"
  complain() { echo "$name: $1"; sed 's/^/    /' stderr.txt 2>/dev/null || true; failed=$((failed + 1)); }
  eval "$(sed -n 's/^setup: //p' "$file")"
  status=0
  # Split as the shell does: a case may quote.
  (eval "$(sed -n 's/^limits: //p' "$file")"
   eval "exec timeout 60 \"\$TRAINER\" $(sed -n 's/^run: //p' "$file")") >stdout.txt 2>all.txt </dev/null || status=$?
  grep -v -e '^info: ' -e '^warning: ' all.txt >stderr.txt || true
  wanted=$(sed -n 's/^status: //p' "$file")
  [ "$status" = "$wanted" ] || complain "exit status $status, expected $wanted"
  [ "$(wc -l <stderr.txt)" = 1 ] && grep -q '^error: ' stderr.txt || complain "expected one line that starts with \"error: \""
  id=$(sed -n 's/^error: .* \[\([a-z.-]*\)\]$/\1/p' stderr.txt)
  grep -q "^| \`${id:-none}\` |" "$SOURCE/docs/errors.md" || complain "\"$id\" is no error id"
  while IFS= read -r text; do
    grep -qF -- "$text" stderr.txt || complain "no \"$text\" on stderr"
  done < <(sed -n 's/^stderr: //p' "$file")
  while IFS= read -r path; do
    # shellcheck disable=SC2086
    ! ls -d $path >/dev/null 2>&1 || complain "$path was left behind"
  done < <(sed -n 's/^absent: //p' "$file")
done
echo "$((cases - failed)) of $cases cases as expected"
[ "$failed" -eq 0 ] && [ "$cases" -gt 0 ]
