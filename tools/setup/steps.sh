# Runs set-up's long steps: one line each with its time, the details in a log. Sourced by bash; expects FASTVM_ROOT.

LOG_DIR="$FASTVM_ROOT/.fastvm/log"
# Enough to hold the error of a compiler or of apt; the whole log is on disk.
LOG_TAIL_LINES=20
# npm ends its errors with a page of usage, which would push the error itself out of the tail.
NOISE='^npm error *$\|^npm error   [- ]\|^npm error \[-\|^npm error     '
# A registry or mirror that fails three times in half a minute is not having a hiccup.
MAX_ATTEMPTS=3
# The exit code by which a command tells retry that another attempt is pointless.
GIVE_UP=86
ticker_pid=""

fail() {
  printf 'Error: %s\n' "$*" >&2
  exit 1
}

seconds_since() {
  local now=${EPOCHREALTIME/./} start=${1/./}
  printf '%d.%01d' $(((now - start) / 1000000)) $(((now - start) / 100000 % 10))
}

# step LOG TITLE COMMAND... runs the command with its output in LOG, and ends set-up when it fails.
step() {
  local log="$LOG_DIR/$1.log" title=$2 start=$EPOCHREALTIME status=0
  shift 2
  mkdir -p "$LOG_DIR"
  : >"$log"
  start_ticker "$title" "$start"
  "$@" </dev/null >>"$log" 2>&1 9>&- || status=$?
  stop_ticker
  if [ "$status" -ne 0 ]; then
    printf '  failed: %s (%s s)\n' "$title" "$(seconds_since "$start")" >&2
    grep -v "$NOISE" "$log" | tail -n "$LOG_TAIL_LINES" | sed 's/^/  | /' >&2 || true
    fail "$title: exit code $status; the whole log is $log"
  fi
  printf '  %s (%s s)\n' "$title" "$(seconds_since "$start")"
}

# The command stays in the foreground, so that Ctrl-C reaches it; only the moving line is a background job.
start_ticker() {
  [ -t 1 ] || return 0
  (
    while sleep 0.5; do printf '\r  %s … %s s ' "$1" "$(seconds_since "$2")"; done
  ) 9>&- &
  ticker_pid=$!
}

stop_ticker() {
  [ -n "$ticker_pid" ] || return 0
  kill "$ticker_pid" 2>/dev/null || true
  wait "$ticker_pid" 2>/dev/null || true
  ticker_pid=""
  printf '\r\033[K'
}

# retry COMMAND... tries a command that depends on the network again, after a growing pause.
retry() {
  local attempt status
  for ((attempt = 1; attempt <= MAX_ATTEMPTS; attempt++)); do
    status=0
    "$@" || status=$?
    if [ "$status" -eq 0 ] || [ "$status" -eq "$GIVE_UP" ]; then return "$status"; fi
    if [ "$attempt" -lt "$MAX_ATTEMPTS" ]; then
      echo "Attempt $attempt of $MAX_ATTEMPTS failed: $*"
      sleep $((attempt * 5))
    fi
  done
  return "$status"
}
