# A disk under a file system: written, remounted, compared, discarded. $disk_mib its size, $queues how many.
. /lib.sh
disk=/dev/vda
device=/sys/block/vda

summed() {
  md5sum </mnt/data | cut -d' ' -f1
}

# Bits of the device's feature word that the driver must have accepted: a string of 0 and 1, lowest first, in sysfs.
accepted() {
  for bit in $(echo "$1" | tr , ' '); do
    equals "bit $bit is $(cut -c$((bit + 1)) $device/device/features)" "bit $bit is 1" || return 1
  done
}

one_writer() {
  taskset -c "$1" dd if=/tmp/data of=$disk bs=64k count=64 seek=$(($1 * 100)) oflag=direct conv=notrunc 2>/dev/null &&
    taskset -c "$1" dd if=$disk bs=64k count=64 skip=$(($1 * 100)) iflag=direct 2>/dev/null | cmp -n 4194304 - /tmp/data
}

parallel() {
  one_writer 0 & first=$!
  one_writer 1 & second=$!
  wait $first && wait $second
}

# The host kills and restarts the backend meanwhile.
restarted() {
  round=0
  while [ $round -lt 40 ]; do
    dd if=/tmp/data of=$disk bs=64k count=32 seek=$((round * 32)) oflag=direct conv=notrunc 2>/dev/null || return 1
    round=$((round + 1))
  done
  round=0
  while [ $round -lt 40 ]; do
    dd if=$disk bs=64k count=32 skip=$((round * 32)) iflag=direct 2>/dev/null | cmp -n 2097152 - /tmp/data || return 1
    round=$((round + 1))
  done
}

check 'the disk is there' eventually 10 test -b $disk || { finish; exit; }
check "it has $disk_mib MiB" equals "$(cat $device/size)" $((disk_mib * 2048))
check "and $queues queue(s)" equals "$(ls $device/mq | wc -l)" "$queues"
[ -z "$features" ] || check "the driver has accepted feature(s) $features" accepted "$features"
check 'mkfs' mke2fs -q $disk
check 'mount' mount -t ext4 $disk /mnt
dd if=/dev/urandom of=/tmp/data bs=1M count=8 2>/dev/null
sum=$(md5sum </tmp/data | cut -d' ' -f1)
check 'a file of 8 MiB is written' cp /tmp/data /mnt/data
check 'unmount' umount /mnt
echo 3 >/proc/sys/vm/drop_caches
check 'mount again' mount -t ext4 $disk /mnt
check 'the file has the checksum it had' equals "$(summed)" "$sum"
check 'remove it' rm /mnt/data
sync
check 'discard what is free' fstrim /mnt
check 'unmount again' umount /mnt
check 'discard all of the disk' blkdiscard $disk
check 'it reads as zeroes' equals "$(dd if=$disk bs=1M count=4 iflag=direct 2>/dev/null | tr -d '\0' | wc -c)" 0
check 'write the last sector' dd if=/tmp/data of=$disk bs=512 count=1 seek=$((disk_mib * 2048 - 1)) oflag=direct conv=notrunc
check 'and read it' equals "$(dd if=$disk bs=512 skip=$((disk_mib * 2048 - 1)) iflag=direct 2>/dev/null | md5sum)" "$(head -c 512 /tmp/data | md5sum)"
[ "$parallel" != 1 ] || check 'both processors write and read at the same time' parallel
[ "$resize" != 1 ] || {
  say resize
  check 'the disk grows under the running guest' eventually 20 grep -qx $((disk_mib * 2 * 2048)) $device/size
}
[ "$reconnect" != 1 ] || {
  say restart
  check 'writes go on while the backend restarts' restarted
}
check 'the kernel has no complaint' no_kernel_errors
finish
