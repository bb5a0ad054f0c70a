/* ioctl(2) for the requests of the allow-list in kvm_requests.c. */
#include "common.h"
#include "kvm_requests.h"

#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static napi_value throw_unlisted(napi_env env) {
  return throw_range(env, "request must be a KVM ioctl of the allow-list (native/src/kvm_requests.c)");
}

static napi_value ioctl_int(napi_env env, napi_callback_info info) {
  struct args args;
  int fd;
  uint32_t number;
  uint64_t argument;
  if (!get_args(env, info, 3, &args) || !arg_fd(&args, 0, "fd", &fd) || !arg_u32(&args, 1, "request", &number) ||
      !arg_size(&args, 2, "argument", &argument))
    return NULL;
  const struct kvm_request *request = kvm_integer_request(number);
  if (request == NULL) return throw_unlisted(env);
  int result = ioctl(fd, request->number, (unsigned long)argument);
  return result < 0 ? throw_errno(env, errno, request->name) : to_i32(env, result);
}

/* The kernel's copy of the caller's structure: no other thread can change its counts between check and use. */
struct transfer {
  uint8_t *copy;
  size_t used;
};

/* The bytes a request reads or writes; more than `available` where the buffer is too short. */
static size_t bytes_needed(const struct kvm_request *request, size_t available, uint32_t count) {
  if (!request->unbounded || available < request->length) return request->length + (size_t)count * request->entry_length;
  return available < KVM_UNBOUNDED_LENGTH ? available : KVM_UNBOUNDED_LENGTH;
}

static uint32_t read_count(const struct kvm_request *request, const uint8_t *data, size_t length) {
  uint32_t count = 0;
  if (request->entry_length != 0 && length >= request->length)
    memcpy(&count, data + request->count_offset, sizeof count);
  return count;
}

static bool copy_in(napi_env env, const struct kvm_request *request, const uint8_t *data, size_t length,
                    struct transfer *transfer) {
  uint32_t count = read_count(request, data, length);
  transfer->used = bytes_needed(request, length, count);
  if (transfer->used > length) {
    throw_range(env, "data must be as long as the request and its count field say");
    return false;
  }
  transfer->copy = calloc(1, request->unbounded ? KVM_UNBOUNDED_LENGTH : transfer->used);
  if (transfer->copy == NULL) {
    throw_errno(env, ENOMEM, request->name);
    return false;
  }
  memcpy(transfer->copy, data, transfer->used);
  if (request->entry_length != 0) memcpy(transfer->copy + request->count_offset, &count, sizeof count);
  return true;
}

static bool is_permitted(const struct kvm_request *request, const struct transfer *transfer) {
  struct kvm_enable_cap enable;
  if (request->number != KVM_ENABLE_CAP) return true;
  memcpy(&enable, transfer->copy, sizeof enable);
  return kvm_capability_is_safe(enable.cap);
}

/* The structure is copied back after a failure too: with E2BIG it holds the count the kernel wants. */
static napi_value issue(napi_env env, int fd, const struct kvm_request *request, struct transfer *transfer,
                        uint8_t *data) {
  if (!is_permitted(request, transfer)) return throw_range(env, "this capability cannot be enabled from JavaScript");
  int result = ioctl(fd, request->number, transfer->copy);
  int error = errno;
  memcpy(data, transfer->copy, transfer->used);
  return result < 0 ? throw_errno(env, error, request->name) : to_i32(env, result);
}

static napi_value ioctl_data(napi_env env, napi_callback_info info) {
  struct args args;
  struct transfer transfer;
  int fd;
  uint32_t number;
  uint8_t *data;
  size_t length;
  if (!get_args(env, info, 3, &args) || !arg_fd(&args, 0, "fd", &fd) || !arg_u32(&args, 1, "request", &number) ||
      !arg_bytes(&args, 2, "data", &data, &length))
    return NULL;
  const struct kvm_request *request = kvm_data_request(number);
  if (request == NULL) return throw_unlisted(env);
  if (!copy_in(env, request, data, length, &transfer)) return NULL;
  napi_value result = issue(env, fd, request, &transfer, data);
  free(transfer.copy);
  return result;
}

bool register_ioctl(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"ioctlInt", ioctl_int},
      {"ioctlData", ioctl_data},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
