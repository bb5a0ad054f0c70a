# The network: a host at $peer that answers, serves http://$peer/data with checksum $data_sum, and takes what is sent to port 9.
interface=$(ls /sys/class/net | grep -v -e '^lo$' -e '^bond' -e '^sit' | head -1)

fetched() {
  wget -q -O - "http://$peer/data" | md5sum | cut -d' ' -f1
}

check 'a network interface is there' test -n "$interface"
ip link set lo up
check 'it gets an address' ip addr add "$address/24" dev "$interface"
check 'and comes up' ip link set "$interface" up
check 'the peer answers ping' eventually 20 ping -c 1 -W 1 "$peer"
check 'and large packets' ping -c 3 -s 1400 -W 5 "$peer"
check 'what is fetched has the right checksum' equals "$(fetched)" "$data_sum"
check 'as much is sent' sh -c "wget -q -O - http://$peer/data | nc -w 30 $peer 9"
