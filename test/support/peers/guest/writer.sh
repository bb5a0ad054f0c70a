# Writes to all disks and verifies, until the host has done what it wants to do meanwhile, and says so in a line.
writers=
rm -f /tmp/stop
say writing
for disk in vda vdb; do
  [ -b /dev/$disk ] || continue
  verify-writer /dev/$disk 0 $(($(cat /sys/block/$disk/size) / 8)) 8 600 /tmp/stop >/tmp/writer-$disk 2>&1 &
  writers="$writers $!"
done
read -r line
touch /tmp/stop
for writer in $writers; do
  check "no write is lost and none is torn: $line" wait "$writer"
done
sed 's/^#*/#/' /tmp/writer-*
