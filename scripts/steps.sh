# For ./quickstart and ./test: one aligned line a step, with its duration; what a step prints goes to a log file.
# Sourced by bash; keeps the sums passed, failed and skipped.
# shellcheck shell=bash

passed=0
failed=0
skipped=0

seconds_since() { # of $EPOCHREALTIME, in tenths: 12.3
  local now=${EPOCHREALTIME/[.,]/} then=${1/[.,]/}
  local tenths=$(((now - then) / 100000))
  printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

# step NAME LOG COMMAND...: runs COMMAND. A step whose log ends with "N passed, N failed[, N skipped]" counts as those tests,
# another one as one. A step that failed shows the end of its log. The status is COMMAND's.
step() {
  local name=$1 log=$2 started=$EPOCHREALTIME status=0 counts
  shift 2
  mkdir -p "$(dirname "$log")"
  if [ -t 1 ]; then printf '  %-32s ...' "$name"; fi
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ -t 1 ]; then printf '\r'; fi
  counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" | tail -n 1) || true
  count "$counts" $status
  if [ $status -eq 0 ]; then
    printf '  %-32s ok     %7s s  %s\n' "$name" "$(seconds_since "$started")" "$counts"
  else
    printf '  %-32s FAILED %7s s  %s\n' "$name" "$(seconds_since "$started")" "$counts"
    printf '    its last lines; all of it: %s\n' "$log"
    tail -n 60 "$log" | cut -c 1-200 | sed 's/^/    | /'
  fi
  return $status
}

count() { # count "N passed, N failed, N skipped" STATUS
  local words
  read -ra words <<<"${1//[^0-9 ]/}"
  passed=$((passed + ${words[0]:-0}))
  failed=$((failed + ${words[1]:-0}))
  skipped=$((skipped + ${words[2]:-0}))
  if [ "$2" -ne 0 ] && [ "${words[1]:-0}" -eq 0 ]; then
    failed=$((failed + 1))
  elif [ ${#words[@]} -eq 0 ]; then
    passed=$((passed + 1))
  fi
}

skip() { # skip NAME REASON
  skipped=$((skipped + 1))
  printf '  %-32s skipped           %s\n' "$1" "$2"
}
