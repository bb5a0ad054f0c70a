/* Every kind and width of the bench guest: which exits, how many, and a sample for each. */
#include <stdio.h>

#include "bench.h"
#include "selftest.h"

#define PARAMETERS 0x20000
#define SAMPLES 0x30000
#define ACCESSES 50
#define ANSWER 0x8877665544332211

struct seen {
  uint32_t exits;
  uint64_t address;
  uint32_t size;
  bool pio;
  bool write;
  uint32_t sum;
};

static void note(struct seen *seen, bool pio, bool write, uint64_t address, uint32_t size, uint8_t *data)
{
  uint64_t value = 0;
  if (write)
    memcpy(&value, data, size);
  else
    memcpy(data, &(uint64_t){ ANSWER }, size);
  seen->pio = pio;
  seen->write = write;
  seen->address = address;
  seen->size = size;
  seen->sum += value;
  seen->exits++;
}

static void note_exit(struct seen *seen, struct kvm_run *run)
{
  if (run->exit_reason == KVM_EXIT_MMIO)
    note(seen, false, run->mmio.is_write, run->mmio.phys_addr, run->mmio.len, run->mmio.data);
  else if (run->exit_reason == KVM_EXIT_IO && run->io.count == 1)
    note(seen, true, run->io.direction == KVM_EXIT_IO_OUT, run->io.port, run->io.size,
         (uint8_t *)run + run->io.data_offset);
  else
    die("unexpected exit reason %u", run->exit_reason);
}

static struct seen run_batch(struct guest_vm *vm, struct guest_vcpu *vcpu, const struct bench *parameters)
{
  struct seen seen = { 0 };
  memcpy(vm->memory + PARAMETERS, parameters, sizeof(*parameters));
  memset(vm->memory + SAMPLES, 0, (ACCESSES + 1) * sizeof(uint32_t));
  while (guest_vcpu_run(vcpu), !guest_ended(vcpu))
    note_exit(&seen, vcpu->run);
  return seen;
}

static void check_samples(const struct guest_vm *vm)
{
  const uint32_t *samples = (const uint32_t *)(vm->memory + SAMPLES);
  for (size_t i = 0; i < ACCESSES; i++)
    if (samples[i] == 0)
      die("sample %zu is missing", i);
  if (samples[ACCESSES] != 0)
    die("a sample too many");
}

static void check_exits(const struct seen *seen, const struct bench *parameters)
{
  const bool pio = parameters->kind >= BENCH_KIND_PIO_READ;
  const bool write = parameters->kind == BENCH_KIND_WRITE || parameters->kind == BENCH_KIND_PIO_WRITE;
  if (seen->exits != ACCESSES || seen->pio != pio || seen->write != write || seen->size != parameters->width)
    die("%u exits, the last a %s %s of %u bytes", seen->exits, seen->pio ? "port" : "MMIO",
        seen->write ? "write" : "read", seen->size);
  if (seen->address != (pio ? BENCH_PORT : parameters->address))
    die("access to %#lx", seen->address);
  if (write && seen->sum != ACCESSES * (ACCESSES + 1) / 2)
    die("the values written add up to %u", seen->sum);
}

static void check_read_sum(const struct guest_vm *vm, uint32_t width)
{
  const struct bench *block = (const struct bench *)(vm->memory + PARAMETERS);
  const uint32_t mask = width == 1 ? 0xff : width == 2 ? 0xffff : 0xffffffff;
  if (block->check != ((uint32_t)ANSWER * ACCESSES & mask))
    die("the values read add up to %#x", block->check);
}

static void check_batch(struct guest_vm *vm, struct guest_vcpu *vcpu, uint32_t kind, uint32_t width)
{
  static const char *const names[] = { "MMIO read", "MMIO write", "port read", "port write" };
  static unsigned number;
  const struct bench parameters = {
    .kind = kind, .width = width, .address = SELFTEST_MMIO, .count = ACCESSES, .samples = SAMPLES
  };
  struct seen seen = run_batch(vm, vcpu, &parameters);
  check_exits(&seen, &parameters);
  check_samples(vm);
  if (kind == BENCH_KIND_READ)
    check_read_sum(vm, width);
  printf("ok %u - timed %s of %u bytes\n", ++number, names[kind], width);
}

/* Kinds that leave the guest alone: what the samples of the others contain besides the exit. */
static void check_without_exits(struct guest_vm *vm, struct guest_vcpu *vcpu, uint32_t kind)
{
  const struct bench parameters = {
    .kind = kind, .width = 4, .address = PARAMETERS, .count = ACCESSES, .samples = SAMPLES
  };
  if (run_batch(vm, vcpu, &parameters).exits != 0)
    die("kind %u exits though no MMIO is accessed", kind);
  check_samples(vm);
}

void test_bench(const char *image)
{
  struct guest_vm vm;
  struct guest_vcpu vcpu;
  guest_vm_open(&vm, SELFTEST_MEMORY);
  guest_vm_load(&vm, image);
  guest_vcpu_open(&vcpu, &vm, 0, GUEST_MODE_PROTECTED, PARAMETERS);
  printf("TAP version 14\n1..16\n");
  for (uint32_t kind = BENCH_KIND_READ; kind <= BENCH_KIND_PIO_WRITE; kind++)
    for (uint32_t width = 1; width <= (kind < BENCH_KIND_PIO_READ ? 8 : 4); width *= 2)
      check_batch(&vm, &vcpu, kind, width);
  check_without_exits(&vm, &vcpu, BENCH_KIND_READ);
  printf("ok 15 - timed read of memory\n");
  check_without_exits(&vm, &vcpu, BENCH_KIND_NONE);
  printf("ok 16 - timed nothing\n");
  guest_vcpu_close(&vcpu);
  guest_vm_close(&vm);
}
