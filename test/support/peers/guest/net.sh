# Network cards, each with a host of its own at the other end, 10.3.N.1 for ethN: $bytes_ethN come from there to port 10, and as
# many go to its port 9.
interfaces=$(ls /sys/class/net | grep '^eth')

check 'the network cards are there' test -n "$interfaces"
ip link set lo up
for interface in $interfaces; do
  eval "bytes=\$bytes_$interface"
  network=10.3.${interface#eth}
  ip addr add "$network.2/24" dev "$interface"
  check "$interface comes up" ip link set "$interface" up
  check "the host there answers ping" eventually 20 ping -c 1 -W 1 "$network.1"
  check "and large packets" ping -c 3 -s 1400 -W 5 "$network.1"
  tcp-transfer receive 10 "$bytes" >/tmp/received 2>&1 &
  receiver=$!
  check "a receiver listens" eventually 20 grep -q listening /tmp/received
  say "receives $interface"
  check "$bytes bytes arrive as the host has sent them" wait $receiver
  check "as many are sent" tcp-transfer send "$network.1" 9 "$bytes"
  sed 's/^/# /' /tmp/received
done
