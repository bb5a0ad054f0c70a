/* File descriptors that stand for a kernel object: eventfd, memfd, timerfd. */
#include "common.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define NS_PER_S 1000000000
/* The kernel's limit on a memfd's name, with the terminating NUL. */
#define MEMFD_NAME_CAPACITY 250

static napi_value make_eventfd(napi_env env, napi_callback_info info) {
  struct args args;
  uint32_t initial;
  bool nonblock, semaphore;
  if (!get_args(env, info, 3, &args) || !arg_u32(&args, 0, "initial", &initial) ||
      !arg_bool(&args, 1, "nonblock", &nonblock) || !arg_bool(&args, 2, "semaphore", &semaphore))
    return NULL;
  int fd = eventfd(initial, EFD_CLOEXEC | (nonblock ? EFD_NONBLOCK : 0) | (semaphore ? EFD_SEMAPHORE : 0));
  return fd < 0 ? throw_errno(env, errno, "eventfd2") : to_i32(env, fd);
}

static napi_value write_eventfd(napi_env env, napi_callback_info info) {
  struct args args;
  uint64_t value;
  int fd;
  if (!get_args(env, info, 2, &args) || !arg_fd(&args, 0, "fd", &fd) || !arg_u64(&args, 1, "value", &value))
    return NULL;
  if (TEMP_FAILURE_RETRY(write(fd, &value, sizeof value)) < 0) return throw_errno(env, errno, "write");
  return undefined_value(env);
}

static napi_value read_eventfd(napi_env env, napi_callback_info info) {
  struct args args;
  uint64_t value = 0;
  int fd;
  napi_value none;
  if (!get_args(env, info, 1, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  ssize_t got = TEMP_FAILURE_RETRY(read(fd, &value, sizeof value));
  if (got == sizeof value) return to_bigint(env, value);
  if (got >= 0) return throw_errno(env, EINVAL, "read");
  if (errno != EAGAIN) return throw_errno(env, errno, "read");
  return napi_get_null(env, &none) == napi_ok ? none : NULL;
}

static napi_value close_and_throw(napi_env env, int fd, const char *name) {
  int error = errno;
  close(fd);
  return throw_errno(env, error, name);
}

static napi_value make_memfd(napi_env env, napi_callback_info info) {
  struct args args;
  char name[MEMFD_NAME_CAPACITY];
  uint64_t size;
  bool fixed;
  if (!get_args(env, info, 3, &args) || !arg_string(&args, 0, "name", name, sizeof name) ||
      !arg_size(&args, 1, "size", &size) || !arg_bool(&args, 2, "fixed", &fixed))
    return NULL;
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return throw_errno(env, errno, "memfd_create");
  if (ftruncate(fd, (off_t)size) != 0) return close_and_throw(env, fd, "ftruncate");
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL | (fixed ? F_SEAL_GROW : 0)) != 0)
    return close_and_throw(env, fd, "fcntl(F_ADD_SEALS)");
  return to_i32(env, fd);
}

static napi_value get_seals(napi_env env, napi_callback_info info) {
  struct args args;
  int fd;
  if (!get_args(env, info, 1, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  int seals = fcntl(fd, F_GET_SEALS);
  return seals < 0 ? throw_errno(env, errno, "fcntl(F_GET_SEALS)") : to_i32(env, seals);
}

static napi_value make_timerfd(napi_env env, napi_callback_info info) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  return fd < 0 ? throw_errno(env, errno, "timerfd_create") : to_i32(env, fd);
}

static struct timespec to_timespec(uint64_t ns) {
  return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

static napi_value set_timerfd(napi_env env, napi_callback_info info) {
  struct args args;
  uint64_t value_ns, interval_ns;
  int fd;
  if (!get_args(env, info, 3, &args) || !arg_fd(&args, 0, "fd", &fd) || !arg_size(&args, 1, "valueNs", &value_ns) ||
      !arg_size(&args, 2, "intervalNs", &interval_ns))
    return NULL;
  const struct itimerspec when = {.it_value = to_timespec(value_ns), .it_interval = to_timespec(interval_ns)};
  if (timerfd_settime(fd, 0, &when, NULL) != 0) return throw_errno(env, errno, "timerfd_settime");
  return undefined_value(env);
}

bool register_special_fd(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"eventfd", make_eventfd},
      {"eventfdWrite", write_eventfd},
      {"eventfdRead", read_eventfd},
      {"memfd", make_memfd},
      {"seals", get_seals},
      {"timerfd", make_timerfd},
      {"timerfdSet", set_timerfd},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
