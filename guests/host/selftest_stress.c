/* Two vCPUs on registers kept here. Prints what the guest and the device saw, for comparison with a model. */
#include <pthread.h>
#include <stdio.h>

#include "selftest.h"
#include "stress.h"

#define PARAMETERS 0x20000
#define BARRIER 0x21000
#define VCPUS 2
#define REGIONS 2
#define REGISTERS 8
#define REGION_BYTES 0x1000
#define ACCESSES 500
#define SEED 12345

struct device_side {
  struct guest_vcpu vcpu;
  uint32_t registers[REGIONS][REGISTERS * VCPUS];
  uint32_t reads, writes, read_hash, write_hash;
};

static uint32_t *register_at(struct device_side *side, uint64_t address)
{
  const uint64_t region = (address - SELFTEST_MMIO) / REGION_BYTES;
  const uint64_t index = address % REGION_BYTES / sizeof(uint32_t);
  if (region >= REGIONS || index >= REGISTERS * VCPUS)
    die("no register at %#lx", address);
  return &side->registers[region][index];
}

static void serve(struct device_side *side, struct kvm_run *run)
{
  if (run->exit_reason != KVM_EXIT_MMIO || run->mmio.len != sizeof(uint32_t))
    die("unexpected exit reason %u", run->exit_reason);
  uint32_t *word = register_at(side, run->mmio.phys_addr);
  if (run->mmio.is_write) {
    memcpy(word, run->mmio.data, sizeof(*word));
    side->write_hash = hash_step(side->write_hash, *word);
    side->writes++;
  } else {
    memcpy(run->mmio.data, word, sizeof(*word));
    side->read_hash = hash_step(side->read_hash, *word);
    side->reads++;
  }
}

static void *run_to_end(void *argument)
{
  struct device_side *side = argument;
  while (guest_vcpu_run(&side->vcpu), !guest_ended(&side->vcpu))
    serve(side, side->vcpu.run);
  return NULL;
}

static void run_both(struct device_side sides[VCPUS])
{
  pthread_t thread;
  if (pthread_create(&thread, NULL, run_to_end, &sides[1]) != 0)
    die("pthread_create");
  run_to_end(&sides[0]);
  pthread_join(thread, NULL);
}

static void print_side(const struct stress *guest, const struct device_side *device, unsigned vcpu)
{
  if (guest->reads != device->reads || guest->writes != device->writes || guest->read_hash != device->read_hash ||
      guest->write_hash != device->write_hash)
    die("vCPU %u and the device disagree", vcpu);
  printf("%s{\"reads\":%u,\"writes\":%u,\"readHash\":%u,\"writeHash\":%u}", vcpu > 0 ? "," : "", guest->reads,
         guest->writes, guest->read_hash, guest->write_hash);
}

void test_stress(enum guest_mode mode, const char *image)
{
  struct guest_vm vm;
  static struct device_side sides[VCPUS];
  guest_vm_open(&vm, SELFTEST_MEMORY);
  guest_vm_load(&vm, image);
  struct stress *blocks = (struct stress *)(vm.memory + PARAMETERS);
  for (unsigned i = 0; i < VCPUS; i++) {
    blocks[i] = (struct stress){ .seed = SEED + i, .count = ACCESSES, .vcpu = i, .vcpus = VCPUS, .regions = REGIONS,
                                 .registers = REGISTERS, .barrier = BARRIER,
                                 .bases = { SELFTEST_MMIO, SELFTEST_MMIO + REGION_BYTES } };
    guest_vcpu_open(&sides[i].vcpu, &vm, i, mode, PARAMETERS + i * sizeof(struct stress));
  }
  run_both(sides);
  printf("{\"seed\":%d,\"count\":%d,\"vcpus\":[", SEED, ACCESSES);
  for (unsigned i = 0; i < VCPUS; i++)
    print_side(&blocks[i], &sides[i], i);
  printf("]}\n");
  for (unsigned i = 0; i < VCPUS; i++)
    guest_vcpu_close(&sides[i].vcpu);
  guest_vm_close(&vm);
}
