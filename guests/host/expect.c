#include "expect.h"

#include <string.h>

#include "die.h"
#include "stress.h"

#define PAGE_BYTES 0x1000
#define LARGEST_PIECE 8

void expect_start(struct expectation *expected, const uint8_t *memory, uint64_t memory_size)
{
  memset(expected, 0, sizeof(*expected));
  expected->random = 0x2545f491;
  expected->memory = memory;
  expected->memory_size = memory_size;
}

static void draw(struct expectation *expected, uint8_t *data, size_t size)
{
  for (size_t i = 0; i < size; i++) {
    expected->random = xorshift32(expected->random);
    data[i] = expected->random >> 24;
  }
}

static struct piece *append_piece(struct expectation *expected, bool pio, bool write, uint64_t address, size_t size)
{
  if (expected->piece_count == MAX_PIECES)
    die("more than %d exits expected", MAX_PIECES);
  struct piece *piece = &expected->pieces[expected->piece_count++];
  piece->pio = pio;
  piece->write = write;
  piece->size = size;
  piece->address = address;
  return piece;
}

static void append_stored(struct expectation *expected, uint64_t address, const uint8_t *data, size_t size)
{
  if (expected->stored_count == MAX_STORED)
    die("more than %d stores expected", MAX_STORED);
  struct stored *stored = &expected->stored[expected->stored_count++];
  stored->address = address;
  stored->size = size;
  memcpy(stored->data, data, size);
}

/* KVM splits an access at page boundaries, then into at most 8 bytes. */
static size_t piece_size(uint64_t address, size_t left)
{
  size_t in_page = PAGE_BYTES - address % PAGE_BYTES;
  size_t size = left < in_page ? left : in_page;
  return size < LARGEST_PIECE ? size : LARGEST_PIECE;
}

static void expect_read(struct expectation *expected, uint64_t address, uint8_t *data, size_t width)
{
  for (size_t done = 0, size; done < width; done += size) {
    uint64_t at = address + done;
    size = piece_size(at, width - done);
    if (at < expected->memory_size) {
      memcpy(data + done, expected->memory + at, size);
      continue;
    }
    struct piece *piece = append_piece(expected, false, false, at, size);
    draw(expected, piece->data, size);
    memcpy(data + done, piece->data, size);
  }
}

static void expect_write(struct expectation *expected, uint64_t address, const uint8_t *data, size_t width)
{
  for (size_t done = 0, size; done < width; done += size) {
    uint64_t at = address + done;
    size = piece_size(at, width - done);
    if (at < expected->memory_size)
      append_stored(expected, at, data + done, size);
    else
      memcpy(append_piece(expected, false, true, at, size)->data, data + done, size);
  }
}

static void expect_port_read(struct expectation *expected, uint64_t port, uint8_t *data, size_t width)
{
  struct piece *piece = append_piece(expected, true, false, port, width);
  draw(expected, piece->data, width);
  memcpy(data, piece->data, width);
}

static void expect_port_write(struct expectation *expected, uint64_t port, const uint8_t *data, size_t width)
{
  memcpy(append_piece(expected, true, true, port, width)->data, data, width);
}

static void expect_string(struct expectation *expected, const struct op *op)
{
  for (uint32_t element = 0; element < op->count; element++) {
    uint64_t offset = (uint64_t)element * op->width;
    uint8_t data[16];
    if (op->code == OP_STRING_IN) {
      expect_port_read(expected, op->address, data, op->width);
      append_stored(expected, op->value + offset, data, op->width);
    } else if (op->code == OP_STRING_OUT) {
      expect_port_write(expected, op->address, expected->memory + op->value + offset, op->width);
    } else {
      expect_read(expected, op->value + offset, data, op->width);
      expect_write(expected, op->address + offset, data, op->width);
    }
  }
}

static void note_read(struct op *after, const uint8_t *data)
{
  memcpy(&after->result, data, sizeof(after->result));
  memcpy(&after->result_high, data + sizeof(after->result), sizeof(after->result_high));
  after->sum += after->result;
}

static void expect_once(struct expectation *expected, const struct op *op, struct op *after, uint64_t address,
                        uint64_t value)
{
  uint8_t data[16] = { 0 };
  if (op->code == OP_MMIO_READ || op->code == OP_PIO_READ) {
    (op->code == OP_MMIO_READ ? expect_read : expect_port_read)(expected, address, data, op->width);
    note_read(after, data);
  } else {
    memcpy(data, &value, sizeof(value));
    memcpy(data + sizeof(value), &op->value_high, sizeof(op->value_high));
    (op->code == OP_MMIO_WRITE ? expect_write : expect_port_write)(expected, address, data, op->width);
  }
}

void expect_op(struct expectation *expected, const struct op *op, struct op *after)
{
  *after = *op;
  if (op->code == OP_STRING_IN || op->code == OP_STRING_OUT || op->code == OP_STRING_COPY) {
    expect_string(expected, op);
    return;
  }
  for (uint32_t time = 0; time < op->count; time++)
    expect_once(expected, op, after, op->address + (uint64_t)time * op->address_step,
                op->value + (uint64_t)time * op->value_step);
}
