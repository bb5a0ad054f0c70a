/* TAP devices: virtual Ethernet interfaces whose other end is a descriptor. One descriptor is one queue. */
#include "common.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TUN_DEVICE "/dev/net/tun"
/* TUN_F_CSUM to TUN_F_USO6. */
#define ALL_OFFLOADS 0x7f
/* struct virtio_net_hdr, with room for the fields that later revisions append. */
#define MIN_HEADER 10
#define MAX_HEADER 64

/* {fd, name, flags} */
static napi_value to_queue(napi_env env, int fd, const struct ifreq *request) {
  napi_value result, name;
  if (napi_create_object(env, &result) != napi_ok ||
      napi_create_string_utf8(env, request->ifr_name, strnlen(request->ifr_name, IFNAMSIZ), &name) != napi_ok ||
      !set_property(env, result, "fd", to_i32(env, fd)) || !set_property(env, result, "name", name) ||
      !set_property(env, result, "flags", to_u32(env, (uint16_t)request->ifr_flags)))
    return NULL;
  return result;
}

static napi_value open_queue(napi_env env, napi_callback_info info) {
  struct args args;
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  bool multi_queue;
  if (!get_args(env, info, 2, &args) || !arg_string(&args, 0, "name", request.ifr_name, IFNAMSIZ) ||
      !arg_bool(&args, 1, "multiQueue", &multi_queue))
    return NULL;
  if (multi_queue) request.ifr_flags |= IFF_MULTI_QUEUE;
  int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return throw_errno(env, errno, "open(" TUN_DEVICE ")");
  if (ioctl(fd, TUNSETIFF, &request) != 0) {
    int error = errno;
    close(fd);
    return throw_errno(env, error, "ioctl(TUNSETIFF)");
  }
  napi_value queue = to_queue(env, fd, &request);
  if (queue == NULL) close(fd);
  return queue;
}

static napi_value describe_queue(napi_env env, napi_callback_info info) {
  struct args args;
  struct ifreq request = {0};
  int fd;
  if (!get_args(env, info, 1, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  if (ioctl(fd, TUNGETIFF, &request) != 0) return throw_errno(env, errno, "ioctl(TUNGETIFF)");
  return to_queue(env, fd, &request);
}

/* These request numbers mean something else to other drivers, so each call asks first whether it is one of ours. */
static bool is_tap(int fd) {
  struct ifreq request = {0};
  return ioctl(fd, TUNGETIFF, &request) == 0;
}

static napi_value configured(napi_env env, int result, const char *name) {
  return result != 0 ? throw_errno(env, errno, name) : undefined_value(env);
}

static napi_value set_offload(napi_env env, napi_callback_info info) {
  struct args args;
  int fd, offloads;
  if (!get_args(env, info, 2, &args) || !arg_fd(&args, 0, "fd", &fd) ||
      !arg_i32(&args, 1, "offloads", 0, ALL_OFFLOADS, &offloads))
    return NULL;
  int result = is_tap(fd) ? ioctl(fd, TUNSETOFFLOAD, (unsigned long)offloads) : -1;
  return configured(env, result, "ioctl(TUNSETOFFLOAD)");
}

static napi_value set_header_size(napi_env env, napi_callback_info info) {
  struct args args;
  int fd, size;
  if (!get_args(env, info, 2, &args) || !arg_fd(&args, 0, "fd", &fd) ||
      !arg_i32(&args, 1, "size", MIN_HEADER, MAX_HEADER, &size))
    return NULL;
  return configured(env, is_tap(fd) ? ioctl(fd, TUNSETVNETHDRSZ, &size) : -1, "ioctl(TUNSETVNETHDRSZ)");
}

static napi_value enable_queue(napi_env env, napi_callback_info info) {
  struct args args;
  struct ifreq request = {0};
  int fd;
  bool enabled;
  if (!get_args(env, info, 2, &args) || !arg_fd(&args, 0, "fd", &fd) || !arg_bool(&args, 1, "enabled", &enabled))
    return NULL;
  request.ifr_flags = enabled ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
  return configured(env, ioctl(fd, TUNSETQUEUE, &request), "ioctl(TUNSETQUEUE)");
}

bool register_tap(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"tapOpen", open_queue},
      {"tapDescribe", describe_queue},
      {"tapSetOffload", set_offload},
      {"tapSetHeaderSize", set_header_size},
      {"tapEnableQueue", enable_queue},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
