#!/usr/bin/env bash
# Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer into build-asan/, and a canary with deliberate
# faults by which test-asan.sh proves that the sanitizers are alive.
set -euo pipefail
cd "$(dirname "$0")/.."

# The headers of the Node that runs: beside its binary, where npm is told, or where node-gyp keeps them.
find_headers() {
  local candidate
  for candidate in \
    "$(node -p 'require("node:path").resolve(process.execPath, "../../include/node")')" \
    "$(npm config get nodedir 2>/dev/null)/include/node" \
    "$HOME/.cache/node-gyp/$(node -p 'process.versions.node')/include/node"; do
    if [ -f "$candidate/node_api.h" ]; then
      echo "$candidate"
      return
    fi
  done
  echo "no Node headers found: run 'npx node-gyp install' first" >&2
  return 1
}

headers=$(find_headers)
mkdir -p build-asan
flags=(-std=gnu11 -O1 -g -fPIC -shared -fno-omit-frame-pointer -fsanitize=address,undefined
  -fno-sanitize-recover=undefined -Wall -Wextra -Werror -Wno-unused-parameter -D_GNU_SOURCE -DNAPI_VERSION=8
  -DNODE_GYP_MODULE_NAME=ioregion -I"$headers" -Inative/src)
gcc "${flags[@]}" -o build-asan/ioregion.node native/src/*.c
gcc "${flags[@]}" -o build-asan/canary.node native/test/sanitizer_canary.c
echo "built build-asan/ioregion.node against $headers"
