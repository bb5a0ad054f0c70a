# Two network interfaces at the two ends of a cable: the second one lives in a network namespace of its own.
there="nsenter --net=/proc/$$/fd/9"

unshare --net sleep 1000 &
holder=$!
check 'a second network' eventually 10 sh -c "[ \$(readlink /proc/$holder/ns/net) != \$(readlink /proc/self/ns/net) ]"
exec 9</proc/$holder/ns/net
check 'the second interface moves there' ip link set eth1 netns $holder
check 'both get addresses' sh -c "ip addr add 10.2.0.1/24 dev eth0 && $there ip addr add 10.2.0.2/24 dev eth1"
check 'and come up' sh -c "ip link set lo up && ip link set eth0 up && $there ip link set eth1 up"
check 'ping over the cable' eventually 20 ping -c 1 -W 1 10.2.0.2
check 'and ping with large packets' ping -c 3 -s 1400 -W 5 10.2.0.2

$there tcp-transfer receive 9 "$transfer_bytes" >/tmp/received 2>&1 &
receiver=$!
check 'a receiver listens there' eventually 20 grep -q listening /tmp/received
check "$transfer_bytes bytes are sent" tcp-transfer send 10.2.0.2 9 "$transfer_bytes"
check 'and arrive as they were sent' wait $receiver
sed 's/^/# /' /tmp/received
kill $holder
