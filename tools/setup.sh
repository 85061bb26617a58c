#!/bin/bash
# Sets the project up after a clone: Debian packages, Node.js, npm packages, native parts. Does only what is missing.
# Usage: tools/setup.sh [--tests]        --tests also installs the packages that only ./test needs
set -euo pipefail

FASTVM_ROOT=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
# Without the sbin folders, an ordinary user's PATH hides half of the tools.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PATH LC_ALL=C.UTF-8
# Two set-ups of one clone would undo each other; the second waits for the first, as long as a slow one takes.
LOCK_SECONDS=1200

. "$FASTVM_ROOT/tools/setup/steps.sh"
. "$FASTVM_ROOT/tools/setup/debian.sh"
. "$FASTVM_ROOT/tools/setup/borrowed-npm.sh"
. "$FASTVM_ROOT/tools/setup/toolchain.sh"
. "$FASTVM_ROOT/tools/setup/runtimes.sh"

main() {
  local -a lists=("$FASTVM_ROOT/tools/packages.txt")
  case "${1-}" in
    "") ;;
    --tests) lists+=("$FASTVM_ROOT/tools/packages-test.txt") ;;
    *) fail "unknown argument $1; usage: tools/setup.sh [--tests]" ;;
  esac
  mkdir -p "$STATE_DIR"
  exec 9>"$STATE_DIR/setup.lock"
  flock -w "$LOCK_SECONDS" 9 || fail "another set-up of this clone has been running for $LOCK_SECONDS seconds"
  trap 'stop_ticker; allow_services; return_npm' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  cd "$FASTVM_ROOT"
  install_packages "${lists[@]}"
  bring_toolchain
  install_npm_packages
  [ "${1-}" != --tests ] || bring_runtimes
  build_native packages/worker/native "build the worker's native parts"
  build_native guest/agent "build the guest agent"
}

main "$@"
