# The host makes the disk twice as large.
say resize
check 'the disk grows under the running guest' eventually 20 grep -qx $((disk_mib * 2 * 2048)) /sys/block/vda/size
