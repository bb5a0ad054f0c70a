# TAP for guest scripts: `check NAME COMMAND...` is one test point, `finish` the plan.
points=0

pass() {
  points=$((points + 1))
  echo "ok $points - $*"
}

fail() {
  points=$((points + 1))
  echo "not ok $points - $*"
}

# The point passes where the command does; what the command printed is shown where it does not.
check() {
  name=$1
  shift
  if "$@" >/tmp/output 2>&1; then
    pass "$name"
  else
    fail "$name"
    sed 's/^/# /' /tmp/output
    return 1
  fi
}

equals() {
  [ "$1" = "$2" ] && return
  echo "'$1' is not '$2'"
  return 1
}

# eventually SECONDS COMMAND...: the command succeeds within that time.
eventually() {
  tries=$(($1 * 10))
  shift
  until "$@"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    usleep 100000
  done
}

# Kernel messages about a device in trouble. Debian's User-Mode Linux sometimes warns of its own ciphers while it starts.
no_kernel_errors() {
  dmesg | grep -v crypto_wait_for_test | grep -E 'I/O error|EXT4-fs error|EXT4-fs.*failed|WARNING: |BUG: (KASAN|unable|kernel|Bad)|DMAR:.*fault' >/tmp/errors || return 0
  head -20 /tmp/errors
  return 1
}

# Tells the host: it waits for `say` lines.
say() {
  echo "# say: $*"
}

finish() {
  echo "1..$points"
}
