# What DMA through an IOMMU looks like from inside: $translated are virtio devices whose driver has accepted ACCESS_PLATFORM.
for one in $(echo "$translated" | tr , ' '); do
  features=/sys/bus/virtio/devices/$one/features
  check "$one has VIRTIO_F_ACCESS_PLATFORM" equals "$(cut -c34 $features)" 1
  check "$one is in an IOMMU group" test -e "$(dirname "$(readlink -f $features)")/../iommu_group"
done
# The firmware leaves rings behind that Linux's translations do not have: the backend is told so, and the kernel logs it.
dmesg -c >/dev/null
