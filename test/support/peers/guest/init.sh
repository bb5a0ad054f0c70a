#!/bin/busybox sh
# The first process of a guest: file systems, modules, then the parts of the test; the VM ends with them.
/bin/busybox mkdir -p /bin /proc /sys /dev /tmp /mnt
/bin/busybox --install -s /bin
export PATH=/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmp /tmp
for module in /modules/*.ko; do
  [ -f "$module" ] && insmod "$module"
done
# Settings of the test come on the kernel's command line: test.NAME=VALUE.
for word in $(cat /proc/cmdline); do
  case $word in
  test.*=*) export "${word#test.}" ;;
  esac
done
echo "# guest: Linux $(uname -r) is up after $(cut -d' ' -f1 /proc/uptime) s"
. /lib.sh
for part in $(echo "$parts" | tr , ' '); do
  . "/$part.sh"
done
check 'the kernel has no complaint' no_kernel_errors
finish
sync
poweroff -f
