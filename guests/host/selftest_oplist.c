/* Each operation on its own, so that a failure names the operation. */
#include <stdio.h>
#include <stdlib.h>

#include "expect.h"
#include "selftest.h"

#define LIST 0x20000
#define BUFFER 0x30000
#define BUFFER_BYTES 0x400
#define PORT 0x510
#define MMIO SELFTEST_MMIO
#define PAGE_END (SELFTEST_MMIO + 0x1000)
#define VALUE 0x8877665544332211
#define VALUE_HIGH 0xffeeddccbbaa9988

struct named_op {
  const char *name;
  struct op op;
};

#define READ(bytes, at) { .code = OP_MMIO_READ, .width = bytes, .count = 1, .address = at }
#define WRITE(bytes, at) \
  { .code = OP_MMIO_WRITE, .width = bytes, .count = 1, .address = at, .value = VALUE, .value_high = VALUE_HIGH }
#define IN(bytes) { .code = OP_PIO_READ, .width = bytes, .count = 1, .address = PORT }
#define OUT(bytes) { .code = OP_PIO_WRITE, .width = bytes, .count = 1, .address = PORT, .value = VALUE }
#define STRING(kind, bytes, to, from) { .code = kind, .width = bytes, .count = 5, .address = to, .value = from }

static const struct named_op ops[] = {
  { "MMIO read of 1 byte", READ(1, MMIO + 1) },
  { "MMIO read of 2 bytes", READ(2, MMIO + 2) },
  { "MMIO read of 4 bytes", READ(4, MMIO + 4) },
  { "MMIO read of 8 bytes", READ(8, MMIO + 8) },
  { "MMIO read of 16 bytes in two pieces", READ(16, MMIO + 16) },
  { "MMIO write of 1 byte", WRITE(1, MMIO + 1) },
  { "MMIO write of 2 bytes", WRITE(2, MMIO + 2) },
  { "MMIO write of 4 bytes", WRITE(4, MMIO + 4) },
  { "MMIO write of 8 bytes", WRITE(8, MMIO + 8) },
  { "MMIO write of 16 bytes in two pieces", WRITE(16, MMIO + 16) },
  { "unaligned MMIO read of 4 bytes", READ(4, MMIO + 3) },
  { "unaligned MMIO write of 8 bytes", WRITE(8, MMIO + 13) },
  { "MMIO read of 1 + 1 bytes across a page", READ(2, PAGE_END - 1) },
  { "MMIO read of 3 + 1 bytes across a page", READ(4, PAGE_END - 3) },
  { "MMIO read of 3 + 5 bytes across a page", READ(8, PAGE_END - 3) },
  { "MMIO read of 8 + 2 + 6 bytes across a page", READ(16, PAGE_END - 10) },
  { "MMIO write of 1 + 1 bytes across a page", WRITE(2, PAGE_END - 1) },
  { "MMIO write of 1 + 3 bytes across a page", WRITE(4, PAGE_END - 1) },
  { "MMIO write of 5 + 3 bytes across a page", WRITE(8, PAGE_END - 5) },
  { "MMIO write of 7 + 8 + 1 bytes across a page", WRITE(16, PAGE_END - 7) },
  { "read of 8 bytes half in memory, half MMIO", READ(8, SELFTEST_MEMORY - 4) },
  { "write of 8 bytes half in memory, half MMIO", WRITE(8, SELFTEST_MEMORY - 4) },
  { "port read of 1 byte", IN(1) },
  { "port read of 2 bytes", IN(2) },
  { "port read of 4 bytes", IN(4) },
  { "port write of 1 byte", OUT(1) },
  { "port write of 2 bytes", OUT(2) },
  { "port write of 4 bytes", OUT(4) },
  { "REP INSB", STRING(OP_STRING_IN, 1, PORT, BUFFER) },
  { "REP INSW", STRING(OP_STRING_IN, 2, PORT, BUFFER + 0x40) },
  { "REP INSD", STRING(OP_STRING_IN, 4, PORT, BUFFER + 0x80) },
  { "REP OUTSB", STRING(OP_STRING_OUT, 1, PORT, BUFFER) },
  { "REP OUTSW", STRING(OP_STRING_OUT, 2, PORT, BUFFER) },
  { "REP OUTSD", STRING(OP_STRING_OUT, 4, PORT, BUFFER) },
  { "REP MOVSB to MMIO", STRING(OP_STRING_COPY, 1, MMIO, BUFFER) },
  { "REP MOVSD to MMIO across a page", STRING(OP_STRING_COPY, 4, PAGE_END - 10, BUFFER) },
  { "REP MOVSW from MMIO", STRING(OP_STRING_COPY, 2, BUFFER + 0x100, MMIO) },
  { "REP MOVSD from MMIO to MMIO", STRING(OP_STRING_COPY, 4, MMIO + 0x100, MMIO) },
  { "MMIO reads with a stride",
    { .code = OP_MMIO_READ, .width = 4, .count = 9, .address = MMIO, .address_step = 4 } },
  { "MMIO writes of rising values",
    { .code = OP_MMIO_WRITE, .width = 4, .count = 9, .address = MMIO, .value = 7, .value_step = 3 } },
};

static void fill_buffer(uint8_t *buffer)
{
  for (size_t i = 0; i < BUFFER_BYTES; i++)
    buffer[i] = i * 7 + 1;
}

static void check_piece(const struct piece *piece, bool pio, bool write, uint64_t address, size_t size, uint8_t *data)
{
  if (piece->pio != pio || piece->write != write || piece->address != address || piece->size != size)
    die("expected %s %s of %u bytes at %#lx, got %s %s of %zu bytes at %#lx", piece->pio ? "port" : "MMIO",
        piece->write ? "write" : "read", piece->size, piece->address, pio ? "port" : "MMIO", write ? "write" : "read",
        size, address);
  if (!write)
    memcpy(data, piece->data, size);
  else if (memcmp(data, piece->data, size) != 0)
    die("%zu bytes written at %#lx have the wrong value", size, address);
}

static const struct piece *next_piece(const struct expectation *expected, size_t *next)
{
  if (*next == expected->piece_count)
    die("exit number %zu was not expected", *next + 1);
  return &expected->pieces[(*next)++];
}

static void check_exit(struct kvm_run *run, const struct expectation *expected, size_t *next)
{
  if (run->exit_reason == KVM_EXIT_MMIO) {
    const struct piece *piece = next_piece(expected, next);
    check_piece(piece, false, run->mmio.is_write, run->mmio.phys_addr, run->mmio.len, run->mmio.data);
    return;
  }
  if (run->exit_reason != KVM_EXIT_IO)
    die("unexpected exit reason %u", run->exit_reason);
  uint8_t *data = (uint8_t *)run + run->io.data_offset;
  for (uint32_t element = 0; element < run->io.count; element++, data += run->io.size)
    check_piece(next_piece(expected, next), true, run->io.direction == KVM_EXIT_IO_OUT, run->io.port, run->io.size,
                data);
}

static void check_memory(const struct guest_vm *vm, const struct expectation *expected)
{
  for (size_t i = 0; i < expected->stored_count; i++) {
    const struct stored *stored = &expected->stored[i];
    if (memcmp(vm->memory + stored->address, stored->data, stored->size) != 0)
      die("%u bytes at %#lx of guest memory are wrong", stored->size, stored->address);
  }
}

static void check_op(struct guest_vm *vm, struct guest_vcpu *vcpu, const struct op *op)
{
  static struct expectation expected;
  struct op after;
  struct op *list = (struct op *)(vm->memory + LIST);
  list[0] = *op;
  list[1] = (struct op){ .code = OP_END };
  expect_start(&expected, vm->memory, vm->size);
  expect_op(&expected, op, &after);
  size_t next = 0;
  while (guest_vcpu_run(vcpu), !guest_ended(vcpu))
    check_exit(vcpu->run, &expected, &next);
  if (next != expected.piece_count)
    die("%zu exits of %zu happened", next, expected.piece_count);
  if (memcmp(&list[0], &after, sizeof(after)) != 0)
    die("result %#lx %#lx sum %#lx, expected %#lx %#lx sum %#lx", list[0].result, list[0].result_high, list[0].sum,
        after.result, after.result_high, after.sum);
  check_memory(vm, &expected);
}

void test_oplist(enum guest_mode mode, const char *image)
{
  struct guest_vm vm;
  struct guest_vcpu vcpu;
  guest_vm_open(&vm, SELFTEST_MEMORY);
  guest_vm_load(&vm, image);
  guest_vcpu_open(&vcpu, &vm, 0, mode, LIST);
  const size_t count = sizeof(ops) / sizeof(ops[0]);
  printf("TAP version 14\n1..%zu\n", count);
  for (size_t i = 0; i < count; i++) {
    fill_buffer(vm.memory + BUFFER);
    printf("# %s\n", ops[i].name);
    check_op(&vm, &vcpu, &ops[i].op);
    printf("ok %zu - %s\n", i + 1, ops[i].name);
  }
  guest_vcpu_close(&vcpu);
  guest_vm_close(&vm);
}
