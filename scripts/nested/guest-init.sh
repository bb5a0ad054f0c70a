#!/bin/busybox sh
# The user space of a Linux guest of our VMM: reports in TAP on its console, then switches off (or reboots once, where it is told to).
/bin/busybox --install -s /bin
mount -t devtmpfs none /dev
mount -t proc none /proc
mount -t sysfs none /sys

count=0
check() {
  name=$1
  shift
  count=$((count + 1))
  if "$@" >/tmp/said 2>&1; then echo "ok $count - $name"; else echo "not ok $count - $name"; sed 's/^/# /' /tmp/said; fi
}
argument() { tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"; }

for module in /modules/*.ko; do insmod "$module" || echo "# $module cannot be loaded"; done

disk_works() {
  mount -t ext4 "/dev/$1" /mnt && (cd /mnt && md5sum -c SUMS) && date >"/mnt/written" && sync && umount /mnt
}
if [ "$(argument test.reboot)" = once ]; then
  mount -t ext4 /dev/vda /mnt
  if [ ! -e /mnt/rebooted ]; then
    touch /mnt/rebooted
    umount /mnt
    echo '# reboots'
    reboot -f
  fi
  check 'the disk has kept what was written before the reboot' [ -e /mnt/rebooted ]
  rm /mnt/rebooted
  umount /mnt
fi

# Writes to all disks at once while the machine may be saved and restored elsewhere: rounds are told, so that somebody knows when.
load() {
  mkdir -p "/mnt/$1" && mount -t ext4 "/dev/$1" "/mnt/$1" && cd "/mnt/$1" || return
  for round in $(seq "$(argument test.load)"); do
    dd if=/dev/urandom of="load-$round" bs=16k count=16 conv=fsync && md5sum "load-$round" >>LOAD || return
    echo "# $1 round $round" >/dev/console
  done
  cd / && umount "/mnt/$1"
}
load_is_there() {
  mount -t ext4 "/dev/$1" /mnt && (cd /mnt && md5sum -c LOAD && [ "$(wc -l <LOAD)" = "$(argument test.load)" ]) && rm /mnt/LOAD /mnt/load-* && umount /mnt
}
# Says back what the host says, over TCP and on the virtio console, until the host has had enough: machines are saved meanwhile.
echo_network() { nc "$(argument test.echo)" 7 -e /bin/cat; }
echo_lines() {
  stty raw -echo # for as long as it is open
  echo ready
  while read -r line && [ "$line" != end ]; do echo "$line"; done
}
echo_console() { echo_lines </dev/hvc0 >/dev/hvc0; }
if [ -n "$(argument test.echo)" ]; then
  ip addr add "$(argument test.address)" dev eth0
  ip link set eth0 up
  echo_network &
  echo_console &
fi
if [ -n "$(argument test.load)" ]; then
  mount -t tmpfs none /mnt
  for disk in $(cd /sys/block && echo vd?); do load $disk >/dev/null 2>&1 & done
  wait # also for those that echo
  umount /mnt
  for disk in $(cd /sys/block && echo vd?); do check "$disk has all that was written before the snapshot and after it" load_is_there $disk; done
fi

cpus=$(argument test.cpus)
check 'all vCPUs are up' [ "$(grep -c ^processor /proc/cpuinfo)" = "${cpus:-1}" ]
for disk in $(cd /sys/block && echo vd?); do check "the file system of $disk is as it was made, and takes a write" disk_works $disk; done
random() { [ "$(dd if=/dev/hwrng bs=32 count=1 | md5sum)" != "$(dd if=/dev/zero bs=32 count=1 | md5sum)" ]; }
check 'the entropy device gives random numbers' random
if [ -n "$(argument test.ping)" ]; then
  ip addr add "$(argument test.address)" dev eth0
  ip link set eth0 up
  check 'the host answers pings' ping -c 1 -W 60 "$(argument test.ping)"
fi

# Disks that come and go while it runs: the host plugs in as many as test.hotplug says, one after the other, and takes each back.
new_disk() { cd /sys/block && for disk in vd?; do case " $before " in *" $disk "*) ;; *) [ -e "/dev/$disk" ] && echo $disk ;; esac; done; }
functions() { ls /sys/bus/pci/devices | wc -l; }
if [ -n "$(argument test.hotplug)" ]; then
  before=$(cd /sys/block && echo vd?)
  there=$(functions)
  for round in $(seq "$(argument test.hotplug)"); do
    echo "# waits for disk $round"
    until disk=$(new_disk) && [ -n "$disk" ]; do sleep 0.1; done
    check "disk $round is there without a rescan: its file system is as it was made, and takes a write" disk_works $disk
    check "disk $round is a new function on the PCI bus" [ "$(functions)" = $((there + 1)) ]
    echo "# gives back disk $round"
    while [ -e "/sys/block/$disk" ] || [ "$(functions)" != "$there" ]; do sleep 0.1; done
    check "disk $round and its PCI function are gone" [ ! -e "/dev/$disk" ]
  done
fi
echo "1..$count"
poweroff -f
