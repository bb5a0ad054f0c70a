#!/usr/bin/env bash
# Runs tests against the sanitized addon. Usage: scripts/test-asan.sh [path...] (default: what exercises native code).
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build-asan.sh

# Node itself is not instrumented, so that the runtimes must be loaded before it.
run_sanitized() {
  # Leaks of Node and V8 at exit are not ours to judge: descriptors, threads and mappings are counted by tests instead.
  LD_PRELOAD="$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)" \
    ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 \
    UBSAN_OPTIONS=print_stacktrace=1 \
    IOREGION_ADDON="$PWD/build-asan/ioregion.node" "$@"
}

# A deliberate fault must end the process with a report, or everything below would pass unseen.
expect_report() {
  local fault=$1 expected=$2 output
  if output=$(run_sanitized node -e "require('./build-asan/canary.node').$fault()" 2>&1); then
    echo "the sanitizer did not stop $fault" >&2
    exit 1
  fi
  grep -q "$expected" <<<"$output" || { echo "$output" >&2; exit 1; }
  echo "sanitizer is live: $fault reported as '$expected'"
}
expect_report overflowHeap 'AddressSanitizer: heap-buffer-overflow'
expect_report useAfterFree 'AddressSanitizer: heap-use-after-free'
expect_report overflowInteger 'runtime error: signed integer overflow'

if [ $# -eq 0 ]; then set -- test/unit/native test/unit/memory test/unit/ioregion test/kvm/native-requests; fi
# A test that fails may be late, ten times slower than it is made for, and has a second try, which is told. A report ends the process.
run_sanitized npx vitest run --retry=1 "$@"
