/* The KVM_RUN loop of one vCPU: exits that hit a region are completed here, without entering JavaScript. */
#ifndef IOREGION_VCPU_H
#define IOREGION_VCPU_H

#include "caller.h"

#include <linux/kvm.h>

/* What vcpuRun and vcpuSettle return besides KVM's exit reasons (src/native/bindings/dispatch.ts). */
enum { RUN_INTERRUPTED = -1, RUN_FAILED = -2, RUN_SETTLED = -3 };

struct vcpu {
  struct shared shared;
  struct caller caller;
  int fd;
  struct kvm_run *run;
  size_t run_size;
  /* The exit under way, copied from kvm_run once: KVM_EXIT_MMIO, KVM_EXIT_IO, or -1. */
  int32_t exit;
  uint32_t count, index; /* elements of a string access */
  uint8_t *data;         /* of the current element, inside kvm_run */
  struct access access;
  enum outcome outcome;
};

#endif
