/* A virtual machine for one guest image: memory from address 0 in one slot, no interrupt controller. */
#ifndef GUEST_VM_H
#define GUEST_VM_H

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "die.h"
#include "layout.h"

enum guest_mode {
  GUEST_MODE_REAL,
  GUEST_MODE_PROTECTED,
  GUEST_MODE_LONG,
  GUEST_MODE_LONG_USER,
};

struct guest_vm {
  int kvm;
  int vm;
  uint8_t *memory;
  size_t size;
};

struct guest_vcpu {
  int fd;
  struct kvm_run *run;
  size_t run_size;
};

/* real, protected, long or long-user; dies for another name. */
enum guest_mode guest_mode_by_name(const char *name);

void guest_vm_open(struct guest_vm *vm, size_t size);
void guest_vm_load(struct guest_vm *vm, const char *image);
void guest_vm_close(struct guest_vm *vm);

/* vCPU `index`, about to enter the image in `mode` with `parameter` in RDI. */
void guest_vcpu_open(struct guest_vcpu *vcpu, const struct guest_vm *vm, unsigned index, enum guest_mode mode,
                     uint64_t parameter);
void guest_vcpu_close(struct guest_vcpu *vcpu);

/* KVM_RUN until an exit to userspace; returns its reason. */
static inline uint32_t guest_vcpu_run(struct guest_vcpu *vcpu)
{
  while (ioctl(vcpu->fd, KVM_RUN, 0) < 0)
    if (errno != EINTR && errno != EAGAIN)
      die_errno("KVM_RUN");
  return vcpu->run->exit_reason;
}

/* True where the last exit is the OUT that ends a guest; dies where it reports failure. */
static inline bool guest_ended(const struct guest_vcpu *vcpu)
{
  const struct kvm_run *run = vcpu->run;
  if (run->exit_reason != KVM_EXIT_IO || run->io.port != GUEST_EXIT_PORT)
    return false;
  uint32_t status;
  memcpy(&status, (const uint8_t *)run + run->io.data_offset, sizeof(status));
  if (status != GUEST_STATUS_OK)
    die("the guest ended with status %u", status);
  return true;
}

#endif
