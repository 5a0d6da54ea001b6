# For ./test and scripts/fuzz: builds the fuzz targets, and runs them side by side, as many at once as there are processors.
# Sourced by bash in the top folder. A target is the name of a program in build-fuzz/fuzz/, or protocols_fuzz.NAME for one parser
# of src/protocols/list.inc by itself. In build-fuzz/: corpus/TARGET/ stays from run to run, seeds/ is made from captures/,
# crashes/TARGET-* is what was found, logs/TARGET what libFuzzer says.
# shellcheck shell=bash

build_fuzz() { # g++ decides which warnings are errors; clang's own ones only show
  cmake --preset fuzz -DMICROCLOUD_WERROR=OFF && cmake --build --preset fuzz --target fuzz_targets
}

fuzz_seeds() {
  rm -rf build-fuzz/seeds
  fuzz/make-seeds build-fuzz/seeds captures
}

fuzz_programs() { # one a line
  local program
  for program in build-fuzz/fuzz/*_fuzz; do
    if [ -x "$program" ]; then printf '%s\n' "${program##*/}"; fi
  done
}

fuzz_parsers() { # protocols_fuzz.NAME, one a line
  sed -n 's/^PROTOCOL(\(.*\))$/protocols_fuzz.\1/p' src/protocols/list.inc
}

fuzz_one() { # fuzz_one TARGET SECONDS
  local program=${1%%.*} protocol="" folder seeds=()
  case $1 in *.*) protocol=${1#*.} ;; esac
  mkdir -p "build-fuzz/corpus/$1" build-fuzz/crashes
  for folder in "fuzz/corpus/$program" "build-fuzz/seeds/$program${protocol:+/$protocol}"; do
    if [ -d "$folder" ]; then seeds+=("$folder"); fi
  done
  MICROCLOUD_FUZZ_PROTOCOL=$protocol "build-fuzz/fuzz/$program" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -verbosity=1 -artifact_prefix="build-fuzz/crashes/$1-" "build-fuzz/corpus/$1" "${seeds[@]}"
}

fuzz_number() { # fuzz_number NAME LOG: of libFuzzer's last statistics
  sed -n "s/^stat::$1: *//p" "$2" | tail -n 1
}

# fuzz_all SECONDS TARGET...: a line a target when all have run; the status is 1 when one of them failed.
fuzz_all() {
  local seconds=$1 target jobs=() at=0 status=0 verdict log named
  shift
  mkdir -p build-fuzz/logs
  for target in "$@"; do
    while [ "$(jobs -pr | wc -l)" -ge "$(nproc)" ]; do sleep 0.2; done
    fuzz_one "$target" "$seconds" >"build-fuzz/logs/$target" 2>&1 </dev/null &
    jobs+=($!)
  done
  printf '%-24s %12s %9s  %s\n' target runs 'runs/s' found
  for target in "$@"; do
    log=build-fuzz/logs/$target
    verdict=nothing
    case $target in protocols_fuzz*) named=PROTOCOL-WHAT-IT-IS ;; *) named=WHAT-IT-IS ;; esac
    if ! wait "${jobs[at]}"; then
      status=1
      verdict=$(grep -E 'ERROR: |SUMMARY: ' "$log" | tail -n 1) || true
      verdict=${verdict:-failed, see $log}
    fi
    printf '%-24s %12s %9s  %s\n' "$target" "$(fuzz_number number_of_executed_units "$log")" \
      "$(fuzz_number average_exec_per_sec "$log")" "$verdict"
    sed -n "s|^.*Test unit written to \(.*\)$|  input: \1; once mended, keep it in fuzz/corpus/${target%%.*}/$named|p" "$log"
    at=$((at + 1))
  done
  return $status
}
