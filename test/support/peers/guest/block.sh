# Disks under a file system: written, remounted, compared, discarded. $disk_mib their size, $queues how many, $disks their names.
dd if=/dev/urandom of=/tmp/data bs=1M count=8 2>/dev/null

file_sum() {
  md5sum <"$1" | cut -d' ' -f1
}

# Read past the cache.
last_sector() {
  dd if=$disk bs=512 skip=$((disk_mib * 2048 - 1)) iflag=direct 2>/dev/null | md5sum
}

one_writer() {
  taskset -c "$1" dd if=/tmp/data of=$disk bs=64k count=64 seek=$(($1 * 100)) oflag=direct conv=notrunc 2>/dev/null &&
    taskset -c "$1" dd if=$disk bs=64k count=64 skip=$(($1 * 100)) iflag=direct 2>/dev/null | cmp -n 4194304 - /tmp/data
}

parallel() {
  one_writer 0 &
  first=$!
  one_writer 1 &
  second=$!
  wait $first && wait $second
}

try_disk() {
  disk=/dev/$1
  device=/sys/block/$1
  check "$1 is there" eventually 10 test -b $disk
  check "it has $disk_mib MiB" equals "$(cat $device/size)" $((disk_mib * 2048))
  check "and $queues queue(s)" equals "$(ls $device/mq | wc -l)" "$queues"
  check 'mkfs' mke2fs -q $disk
  check 'mount' mount -t ext4 $disk /mnt
  check 'a file of 8 MiB is written' cp /tmp/data /mnt/data
  check 'unmount' umount /mnt
  echo 3 >/proc/sys/vm/drop_caches
  check 'mount again' mount -t ext4 $disk /mnt
  check 'the file has the checksum it had' equals "$(file_sum /mnt/data)" "$(file_sum /tmp/data)"
  check 'remove it' rm /mnt/data
  sync
  check 'discard what is free' fstrim /mnt
  check 'unmount again' umount /mnt
  check 'discard all of the disk' blkdiscard $disk
  check 'it reads as zeroes' equals "$(dd if=$disk bs=1M count=4 iflag=direct 2>/dev/null | tr -d '\0' | wc -c)" 0
  check 'the last sector is written' \
    dd if=/tmp/data of=$disk bs=512 count=1 seek=$((disk_mib * 2048 - 1)) oflag=direct conv=notrunc
  check 'and read' equals "$(last_sector)" "$(head -c 512 /tmp/data | md5sum)"
  [ "$queues" = 1 ] || check 'two processors write and read at the same time' parallel
}

for one in $(echo "${disks:-vda}" | tr , ' '); do
  try_disk "$one"
done
