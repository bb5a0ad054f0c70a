/*
 * Keeps KVM's static keys on while the nested machine runs: a virtual machine with a local APIC, whose vCPU never runs, and one
 * without. Without these Linux overwrites instructions of its scheduler and of KVM whenever the first virtual machine comes and the
 * last one goes, which the emulator does not always notice: see qemu.mjs.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int hold(int kvm, int with_apic) {
  int vm = ioctl(kvm, KVM_CREATE_VM, 0);
  if (vm < 0) return -1;
  if (with_apic && ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0) return -1;
  return ioctl(vm, KVM_CREATE_VCPU, 0);
}

int main(void) {
  int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (kvm < 0 || hold(kvm, 1) < 0 || hold(kvm, 0) < 0) {
    perror("hold-kvm");
    return 1;
  }
  for (;;) pause();
}
