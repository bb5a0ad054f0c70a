# The entropy source.
random=/sys/class/misc/hw_random

check 'the entropy source is there' eventually 10 grep -q virtio_rng $random/rng_available
check 'and in use' equals "$(cat $random/rng_current)" virtio_rng.0
dd if=/dev/hwrng of=/tmp/random bs=64k count=1 iflag=fullblock 2>/dev/null
check 'it gives 64 KiB' equals "$(wc -c </tmp/random)" 65536
check 'that do not compress' test "$(gzip -c /tmp/random | wc -c)" -gt 65000
