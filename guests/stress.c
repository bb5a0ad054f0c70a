/*
 * Pseudo-random reads and writes of 32-bit registers. Each vCPU draws from its own generator and uses its own
 * registers of every region (index modulo the number of vCPUs), so a read must give what this vCPU last wrote there;
 * the device and a model on the host compute the same hashes, which depend on the order of the values.
 */
#include "mmio.h"
#include "stress.h"
#include "sync.h"

static inline uintptr_t register_address(const struct stress *stress, uint32_t random)
{
  uint32_t region = random >> 1 & (stress->regions - 1);
  uint32_t index = (random >> 8 & (stress->registers - 1)) * stress->vcpus + stress->vcpu;
  return stress->bases[region] + index * sizeof(uint32_t);
}

static inline void access(struct stress *stress, uint32_t random)
{
  uintptr_t address = register_address(stress, random);
  if (random & 1) {
    mmio_write32(address, random);
    stress->write_hash = hash_step(stress->write_hash, random);
    stress->writes++;
  } else {
    stress->read_hash = hash_step(stress->read_hash, mmio_read32(address));
    stress->reads++;
  }
}

uint32_t guest_main(struct stress *stress)
{
  if (stress->seed == 0 || stress->vcpus == 0 || stress->regions - 1 >= STRESS_MAX_REGIONS)
    return GUEST_STATUS_BAD_PARAMETER;
  stress->reads = stress->writes = stress->read_hash = stress->write_hash = 0;
  barrier_wait((struct barrier *)(uintptr_t)stress->barrier, stress->vcpus);
  uint32_t random = stress->seed;
  for (uint32_t left = stress->count; left > 0; left--) {
    random = xorshift32(random);
    access(stress, random);
  }
  return GUEST_STATUS_OK;
}
