/*
 * Performs a list of operations and stores beside each what it gave. Tests write the list, so that a guest makes any
 * sequence of accesses. Each vCPU has a list of its own.
 */
#include "mmio.h"
#include "op.h"
#include "pio.h"
#include "string_io.h"
#include "sync.h"

static uint32_t mmio_read(struct op *op, uintptr_t address)
{
  struct wide wide = { 0, 0 };
  switch (op->width) {
  case 1: wide.low = mmio_read8(address); break;
  case 2: wide.low = mmio_read16(address); break;
  case 4: wide.low = mmio_read32(address); break;
  case 8: wide.low = mmio_read64(address); break;
  case 16: wide = mmio_read128(address); break;
  default: return GUEST_STATUS_BAD_PARAMETER;
  }
  op->result = wide.low;
  op->result_high = wide.high;
  op->sum += wide.low;
  return GUEST_STATUS_OK;
}

static uint32_t mmio_write(const struct op *op, uintptr_t address, uint64_t value)
{
  switch (op->width) {
  case 1: mmio_write8(address, value); break;
  case 2: mmio_write16(address, value); break;
  case 4: mmio_write32(address, value); break;
  case 8: mmio_write64(address, value); break;
  case 16: mmio_write128(address, (struct wide){ value, op->value_high }); break;
  default: return GUEST_STATUS_BAD_PARAMETER;
  }
  return GUEST_STATUS_OK;
}

static uint32_t pio_read(struct op *op, uint16_t port)
{
  switch (op->width) {
  case 1: op->result = pio_read8(port); break;
  case 2: op->result = pio_read16(port); break;
  case 4: op->result = pio_read32(port); break;
  default: return GUEST_STATUS_BAD_PARAMETER;
  }
  op->sum += op->result;
  return GUEST_STATUS_OK;
}

static uint32_t pio_write(const struct op *op, uint16_t port, uint64_t value)
{
  switch (op->width) {
  case 1: pio_write8(port, value); break;
  case 2: pio_write16(port, value); break;
  case 4: pio_write32(port, value); break;
  default: return GUEST_STATUS_BAD_PARAMETER;
  }
  return GUEST_STATUS_OK;
}

static uint32_t string_in(const struct op *op)
{
  switch (op->width) {
  case 1: string_in8(op->address, op->value, op->count); break;
  case 2: string_in16(op->address, op->value, op->count); break;
  case 4: string_in32(op->address, op->value, op->count); break;
  default: return GUEST_STATUS_BAD_PARAMETER;
  }
  return GUEST_STATUS_OK;
}

static uint32_t string_out(const struct op *op)
{
  switch (op->width) {
  case 1: string_out8(op->address, op->value, op->count); break;
  case 2: string_out16(op->address, op->value, op->count); break;
  case 4: string_out32(op->address, op->value, op->count); break;
  default: return GUEST_STATUS_BAD_PARAMETER;
  }
  return GUEST_STATUS_OK;
}

static uint32_t string_copy(const struct op *op)
{
  switch (op->width) {
  case 1: string_copy8(op->address, op->value, op->count); break;
  case 2: string_copy16(op->address, op->value, op->count); break;
  case 4: string_copy32(op->address, op->value, op->count); break;
#ifdef __x86_64__
  case 8: string_copy64(op->address, op->value, op->count); break;
#endif
  default: return GUEST_STATUS_BAD_PARAMETER;
  }
  return GUEST_STATUS_OK;
}

static void wait_equal(uintptr_t address, uint32_t value)
{
  while (mmio_read32(address) != value)
    spin_hint();
}

/* An addition that is not atomic, under the spinlock in the word after it. */
static void locked_add(volatile uint32_t *word, uint32_t amount)
{
  spin_lock(word + 1);
  *word = *word + amount;
  spin_unlock(word + 1);
}

static uint64_t read_tsc(void)
{
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  return low | (uint64_t)high << 32;
}

/* Operations that are performed `count` times. */
static uint32_t perform_once(struct op *op, uint64_t address, uint64_t value)
{
  switch (op->code) {
  case OP_MMIO_READ: return mmio_read(op, address);
  case OP_MMIO_WRITE: return mmio_write(op, address, value);
  case OP_PIO_READ: return pio_read(op, address);
  case OP_PIO_WRITE: return pio_write(op, address, value);
  case OP_FENCE: fence(); return GUEST_STATUS_OK;
  case OP_WAIT_EQUAL: wait_equal(address, value); return GUEST_STATUS_OK;
  case OP_BARRIER: barrier_wait((struct barrier *)(uintptr_t)address, value); return GUEST_STATUS_OK;
  case OP_LOCKED_ADD: locked_add((uint32_t *)(uintptr_t)address, value); return GUEST_STATUS_OK;
  case OP_READ_TSC: op->result = read_tsc(); return GUEST_STATUS_OK;
  default: return GUEST_STATUS_BAD_PARAMETER;
  }
}

static uint32_t perform_repeatedly(struct op *op)
{
  uint64_t address = op->address;
  uint64_t value = op->value;
  op->sum = 0;
  for (uint32_t left = op->count; left > 0; left--) {
    uint32_t status = perform_once(op, address, value);
    if (status != GUEST_STATUS_OK)
      return status;
    address += op->address_step;
    value += op->value_step;
  }
  return GUEST_STATUS_OK;
}

static uint32_t perform(struct op *op)
{
  switch (op->code) {
  case OP_STRING_IN: return string_in(op);
  case OP_STRING_OUT: return string_out(op);
  case OP_STRING_COPY: return string_copy(op);
  default: return perform_repeatedly(op);
  }
}

/* Goes back to operation number `value`, `count` times; then on. `result` counts, and ends as zero. */
static struct op *after_loop(struct op *list, struct op *op)
{
  if (op->result == op->count) {
    op->result = 0;
    return op + 1;
  }
  op->result++;
  return list + op->value;
}

uint32_t guest_main(struct op *list)
{
  struct op *op = list;
  while (op->code != OP_END) {
    if (op->code == OP_LOOP) {
      op = after_loop(list, op);
      continue;
    }
    uint32_t status = perform(op);
    if (status != GUEST_STATUS_OK)
      return status;
    op++;
  }
  return GUEST_STATUS_OK;
}
