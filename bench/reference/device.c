#include "device.h"

#define ALL_ONES UINT64_MAX

static uint64_t low_bytes(uint64_t value, uint32_t size)
{
  return size == sizeof(value) ? value : value & ((1ull << size * 8) - 1);
}

static bool width_allowed(uint64_t offset, uint32_t size)
{
  return offset == REGISTER_DATA ? size <= sizeof(uint64_t) : size == sizeof(uint64_t);
}

static uint64_t refuse(struct device *device)
{
  device->refused++;
  return ALL_ONES;
}

uint64_t device_read(struct device *device, uint64_t offset, uint32_t size)
{
  if (!width_allowed(offset, size))
    return low_bytes(refuse(device), size);
  switch (offset) {
  case REGISTER_READS: return device->reads;
  case REGISTER_WRITES: return device->writes;
  case REGISTER_SUM: return device->sum;
  case REGISTER_REFUSED: return device->refused;
  case REGISTER_DATA:
    device->reads++;
    return low_bytes(data_value(offset), size);
  default: return refuse(device);
  }
}

void device_write(struct device *device, uint64_t offset, uint32_t size, uint64_t value)
{
  if (offset != REGISTER_DATA || !width_allowed(offset, size)) {
    refuse(device);
    return;
  }
  device->writes++;
  device->sum += low_bytes(value, size);
}
