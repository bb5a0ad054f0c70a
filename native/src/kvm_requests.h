/* The KVM ioctls that JavaScript may issue, as data. */
#ifndef IOREGION_KVM_REQUESTS_H
#define IOREGION_KVM_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The memory a request touches is `length` bytes, then `entry_length` for each of the entries that the 32-bit field at
 * `count_offset` announces. For `unbounded` requests the kernel alone knows how much follows the first `length` bytes.
 */
struct kvm_request {
  uint32_t number;
  const char *name;
  uint32_t length;
  uint32_t count_offset;
  uint32_t entry_length;
  bool unbounded;
};

/* More than any x86 XSAVE area: what an unbounded request is given, however short the caller's buffer. */
#define KVM_UNBOUNDED_LENGTH 65536

/* NULL where the list has no such request that takes an integer / a structure. */
const struct kvm_request *kvm_integer_request(uint32_t number);
const struct kvm_request *kvm_data_request(uint32_t number);
/* False for capabilities whose KVM_ENABLE_CAP arguments may be addresses. */
bool kvm_capability_is_safe(uint32_t capability);

#endif
