/* Operations every file descriptor has. */
#include "common.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOWEST_DUPLICATE 3
#define NS_PER_MS 1000000
#define MS_PER_S 1000

/* Linux releases the number even where close(2) reports EINTR, so it is never repeated. */
static napi_value fd_close(napi_env env, napi_callback_info info) {
  struct args args;
  int fd;
  if (!get_args(env, info, 1, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  if (close(fd) != 0 && errno != EINTR) return throw_errno(env, errno, "close");
  return undefined_value(env);
}

static napi_value fd_dup(napi_env env, napi_callback_info info) {
  struct args args;
  int fd;
  if (!get_args(env, info, 1, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_DUPLICATE);
  return copy < 0 ? throw_errno(env, errno, "fcntl(F_DUPFD_CLOEXEC)") : to_i32(env, copy);
}

struct flag_kind {
  int get, set, bit;
  const char *name;
};

static napi_value change_flag(napi_env env, napi_callback_info info, const struct flag_kind *kind) {
  struct args args;
  int fd;
  bool on;
  if (!get_args(env, info, 2, &args) || !arg_fd(&args, 0, "fd", &fd) || !arg_bool(&args, 1, "on", &on)) return NULL;
  int flags = fcntl(fd, kind->get);
  if (flags < 0 || fcntl(fd, kind->set, on ? flags | kind->bit : flags & ~kind->bit) != 0)
    return throw_errno(env, errno, kind->name);
  return undefined_value(env);
}

static napi_value fd_set_nonblock(napi_env env, napi_callback_info info) {
  static const struct flag_kind kind = {F_GETFL, F_SETFL, O_NONBLOCK, "fcntl(F_SETFL)"};
  return change_flag(env, info, &kind);
}

static napi_value fd_set_cloexec(napi_env env, napi_callback_info info) {
  static const struct flag_kind kind = {F_GETFD, F_SETFD, FD_CLOEXEC, "fcntl(F_SETFD)"};
  return change_flag(env, info, &kind);
}

static napi_value fd_pipe(napi_env env, napi_callback_info info) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return throw_errno(env, errno, "pipe2");
  napi_value pair = to_pair(env, ends[0], ends[1]);
  if (pair != NULL) return pair;
  close(ends[0]);
  close(ends[1]);
  return NULL;
}

static napi_value fd_identity(napi_env env, napi_callback_info info) {
  struct args args;
  struct stat status;
  int fd;
  napi_value result;
  if (!get_args(env, info, 1, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  if (fstat(fd, &status) != 0) return throw_errno(env, errno, "fstat");
  const uint64_t fields[] = {status.st_dev, status.st_ino, (uint64_t)status.st_size};
  if (napi_create_array_with_length(env, LENGTH_OF(fields), &result) != napi_ok) return NULL;
  for (uint32_t i = 0; i < LENGTH_OF(fields); i++)
    if (napi_set_element(env, result, i, to_bigint(env, fields[i])) != napi_ok) return NULL;
  return result;
}

static napi_value fd_pending_bytes(napi_env env, napi_callback_info info) {
  struct args args;
  int fd, pending = 0;
  if (!get_args(env, info, 1, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  if (ioctl(fd, FIONREAD, &pending) != 0) return throw_errno(env, errno, "ioctl(FIONREAD)");
  return to_i32(env, pending);
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

/* poll(2) that goes on after a signal, for what is left of the time. */
static int poll_until(struct pollfd *entries, size_t count, int timeout_ms) {
  int64_t deadline = now_ms() + timeout_ms;
  int ready;
  while ((ready = poll(entries, count, timeout_ms)) < 0 && errno == EINTR) {
    if (timeout_ms < 0) continue;
    int64_t left = deadline - now_ms();
    timeout_ms = left > 0 ? (int)left : 0;
  }
  return ready;
}

static bool arg_pairs(const struct args *args, int32_t **pairs, size_t *count) {
  napi_typedarray_type type;
  bool is_array = false;
  size_t length;
  void *data;
  if (napi_is_typedarray(args->env, args->values[0], &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(args->env, args->values[0], &type, &length, &data, NULL, NULL) != napi_ok ||
      type != napi_int32_array || length % 2 != 0) {
    throw_type(args->env, "fds must be an Int32Array of [fd, events] pairs");
    return false;
  }
  *pairs = data;
  *count = length / 2;
  return true;
}

static napi_value fd_poll(napi_env env, napi_callback_info info) {
  struct args args;
  int32_t *pairs, timeout_ms;
  size_t count;
  if (!get_args(env, info, 2, &args) || !arg_i32(&args, 1, "timeoutMs", -1, INT32_MAX, &timeout_ms) ||
      !arg_pairs(&args, &pairs, &count))
    return NULL;
  struct pollfd *entries = calloc(count + 1, sizeof *entries);
  if (entries == NULL) return throw_errno(env, ENOMEM, "poll");
  for (size_t i = 0; i < count; i++) entries[i] = (struct pollfd){pairs[2 * i], (short)pairs[2 * i + 1], 0};
  int ready = poll_until(entries, count, timeout_ms);
  int error = errno;
  for (size_t i = 0; ready >= 0 && i < count; i++) pairs[2 * i + 1] = entries[i].revents;
  free(entries);
  return ready < 0 ? throw_errno(env, error, "poll") : to_i32(env, ready);
}

static napi_value transfer_result(napi_env env, ssize_t moved, const char *name) {
  if (moved >= 0) return to_double(env, (double)moved);
  return errno == EAGAIN ? to_i32(env, -1) : throw_errno(env, errno, name);
}

static bool transfer_args(napi_env env, napi_callback_info info, int *fd, uint8_t **data, size_t *length) {
  struct args args;
  return get_args(env, info, 2, &args) && arg_fd(&args, 0, "fd", fd) && arg_bytes(&args, 1, "bytes", data, length);
}

static napi_value fd_read(napi_env env, napi_callback_info info) {
  uint8_t *data;
  size_t length;
  int fd;
  if (!transfer_args(env, info, &fd, &data, &length)) return NULL;
  return transfer_result(env, TEMP_FAILURE_RETRY(read(fd, data, length)), "read");
}

static napi_value fd_write(napi_env env, napi_callback_info info) {
  uint8_t *data;
  size_t length;
  int fd;
  if (!transfer_args(env, info, &fd, &data, &length)) return NULL;
  return transfer_result(env, TEMP_FAILURE_RETRY(write(fd, data, length)), "write");
}

bool register_fd(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"close", fd_close},
      {"dup", fd_dup},
      {"setNonblock", fd_set_nonblock},
      {"setCloexec", fd_set_cloexec},
      {"pipe", fd_pipe},
      {"fileIdentity", fd_identity},
      {"pendingBytes", fd_pending_bytes},
      {"poll", fd_poll},
      {"read", fd_read},
      {"write", fd_write},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
