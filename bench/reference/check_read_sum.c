#include "die.h"
#include "driver.h"

void check_read_sum(uint32_t size, uint32_t count, uint32_t sum)
{
  const uint32_t mask = size >= sizeof(sum) ? UINT32_MAX : (1u << size * 8) - 1;
  const uint32_t expected = (uint32_t)data_value(REGISTER_DATA) * count & mask;
  if ((sum & mask) != expected)
    die("%u values read add up to %#x, not %#x", count, sum & mask, expected);
}
