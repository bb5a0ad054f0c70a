# Writes and verifies until the host has done what it wants to do meanwhile, and says so in a line.
writer_blocks=$((disk_mib * 256))
rm -f /tmp/stop
say writing
verify-writer /dev/vda 0 $writer_blocks "${writers:-8}" "${writer_seconds:-600}" /tmp/stop >/tmp/writer 2>&1 &
writer=$!
read -r line
touch /tmp/stop
check "no write is lost and none is torn ($line)" wait $writer
sed 's/^#*/#/' /tmp/writer
