/* Accesses of the bench guest. Exits go to the target; the guest times itself with its time-stamp counter. */
#include <string.h>

#include "bench.h"
#include "driver.h"
#include "guest_vm.h"
#include "samples.h"

#define MEMORY_BYTES 0x200000
#define PARAMETERS 0x20000
#define SAMPLES 0x30000

struct kvm_driver {
  struct driver driver;
  struct guest_vm vm;
  struct guest_vcpu vcpu;
  bool write;
  uint32_t size;
  uint32_t tsc_khz;
};

static void serve_exit(struct kvm_run *run, struct target *target)
{
  const uint64_t offset = run->mmio.phys_addr - REGION_ADDRESS;
  if (run->exit_reason != KVM_EXIT_MMIO || offset >= REGION_BYTES)
    die("the bench guest caused exit %u", run->exit_reason);
  const struct access access = {
    .write = run->mmio.is_write, .size = run->mmio.len, .offset = offset, .data = run->mmio.data
  };
  target->access(target, &access);
}

static void run_guest(struct kvm_driver *kvm, struct target *target)
{
  while (guest_vcpu_run(&kvm->vcpu), !guest_ended(&kvm->vcpu))
    serve_exit(kvm->vcpu.run, target);
}

static struct bench *set_parameters(struct kvm_driver *kvm, uint32_t kind, uint32_t count)
{
  struct bench *parameters = (struct bench *)(kvm->vm.memory + PARAMETERS);
  *parameters = (struct bench){
    .kind = kind,
    .width = kvm->size,
    .address = REGION_ADDRESS + REGISTER_DATA,
    .count = count,
    .samples = SAMPLES,
  };
  return parameters;
}

static void convert_samples(const struct kvm_driver *kvm, uint32_t count, uint32_t *latencies)
{
  const uint32_t *cycles = (const uint32_t *)(kvm->vm.memory + SAMPLES);
  for (uint32_t i = 0; i < count; i++)
    latencies[i] = (uint64_t)cycles[i] * 1000000u / kvm->tsc_khz;
}

static void kvm_batch(struct driver *driver, struct target *target, uint32_t count, uint32_t *latencies)
{
  struct kvm_driver *kvm = (struct kvm_driver *)driver;
  const struct bench *parameters = set_parameters(kvm, kvm->write ? BENCH_KIND_WRITE : BENCH_KIND_READ, count);
  run_guest(kvm, target);
  if (!kvm->write)
    check_read_sum(kvm->size, count, parameters->check);
  convert_samples(kvm, count, latencies);
}

static uint32_t kvm_floor(struct driver *driver)
{
  struct kvm_driver *kvm = (struct kvm_driver *)driver;
  uint32_t values[BATCH_ACCESSES];
  struct samples samples = { .values = values, .count = BATCH_ACCESSES };
  set_parameters(kvm, BENCH_KIND_NONE, BATCH_ACCESSES);
  run_guest(kvm, NULL);
  convert_samples(kvm, BATCH_ACCESSES, values);
  samples_sort(&samples);
  return samples_quantile(&samples, 0.5);
}

static void kvm_close(struct driver *driver)
{
  struct kvm_driver *kvm = (struct kvm_driver *)driver;
  guest_vcpu_close(&kvm->vcpu);
  guest_vm_close(&kvm->vm);
}

struct driver *kvm_driver_open(bool write, uint32_t size, const char *guest)
{
  static struct kvm_driver kvm;
  kvm = (struct kvm_driver){ .driver = { kvm_batch, kvm_floor, kvm_close }, .write = write, .size = size };
  guest_vm_open(&kvm.vm, MEMORY_BYTES);
  guest_vm_load(&kvm.vm, guest);
  guest_vcpu_open(&kvm.vcpu, &kvm.vm, 0, GUEST_MODE_PROTECTED, PARAMETERS);
  int khz = ioctl(kvm.vcpu.fd, KVM_GET_TSC_KHZ, 0);
  if (khz <= 0)
    die_errno("KVM_GET_TSC_KHZ");
  kvm.tsc_khz = khz;
  return &kvm.driver;
}

void kvm_driver_use_eventfd(struct driver *driver, int eventfd)
{
  const struct kvm_driver *kvm = (struct kvm_driver *)driver;
  struct kvm_ioeventfd ioeventfd = { .addr = REGION_ADDRESS + REGISTER_DATA, .len = kvm->size, .fd = eventfd };
  if (ioctl(kvm->vm.vm, KVM_IOEVENTFD, &ioeventfd) < 0)
    die_errno("KVM_IOEVENTFD");
}
