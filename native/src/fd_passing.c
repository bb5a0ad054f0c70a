/* File descriptors over Unix sockets (SCM_RIGHTS). */
#include "int_list.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* SCM_MAX_FD of the kernel. */
#define MAX_PASSED 253

union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(MAX_PASSED * sizeof(int))];
};

static void attach_fds(struct msghdr *message, union control *control, const int *fds, size_t count) {
  if (count == 0) return;
  message->msg_control = control->bytes;
  message->msg_controllen = CMSG_SPACE(count * sizeof *fds);
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(count * sizeof *fds);
  memcpy(CMSG_DATA(header), fds, count * sizeof *fds);
}

static napi_value send_fds(napi_env env, napi_callback_info info) {
  struct args args;
  struct iovec part;
  union control control;
  int fd, fds[MAX_PASSED];
  size_t count;
  uint8_t *data;
  memset(&control, 0, sizeof control);
  if (!get_args(env, info, 3, &args) || !arg_fd(&args, 0, "fd", &fd) ||
      !arg_int_list(&args, 2, "fds", INT32_MAX, fds, MAX_PASSED, &count) ||
      !arg_bytes(&args, 1, "data", &data, &part.iov_len))
    return NULL;
  if (part.iov_len == 0) return throw_range(env, "data must hold at least one byte: fds travel with data");
  part.iov_base = data;
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  attach_fds(&message, &control, fds, count);
  ssize_t sent = TEMP_FAILURE_RETRY(sendmsg(fd, &message, MSG_NOSIGNAL));
  if (sent >= 0) return to_double(env, (double)sent);
  return errno == EAGAIN ? to_i32(env, -1) : throw_errno(env, errno, "sendmsg");
}

struct received {
  int fds[MAX_PASSED];
  size_t count;
  bool truncated;
};

/* Keeps at most `limit` descriptors and closes the others, so that a peer cannot fill our table. */
static void keep_or_close(struct received *received, int fd, size_t limit) {
  if (received->count < limit) {
    received->fds[received->count++] = fd;
    return;
  }
  received->truncated = true;
  close(fd);
}

static void collect_fds(struct msghdr *message, size_t limit, struct received *received) {
  for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      keep_or_close(received, fd, limit);
    }
  }
}

static napi_value to_message(napi_env env, ssize_t bytes, const struct received *received) {
  napi_value result;
  if (napi_create_object(env, &result) == napi_ok &&
      set_property(env, result, "bytes", to_double(env, (double)bytes)) &&
      set_property(env, result, "fds", to_int_list(env, received->fds, received->count)) &&
      set_property(env, result, "truncated", to_bool(env, received->truncated)))
    return result;
  for (size_t i = 0; i < received->count; i++) close(received->fds[i]);
  return NULL;
}

static napi_value receive_fds(napi_env env, napi_callback_info info) {
  struct args args;
  struct iovec part;
  union control control;
  int fd, limit;
  uint8_t *data;
  napi_value none;
  if (!get_args(env, info, 3, &args) || !arg_fd(&args, 0, "fd", &fd) ||
      !arg_i32(&args, 2, "maxFds", 0, MAX_PASSED, &limit) || !arg_bytes(&args, 1, "data", &data, &part.iov_len))
    return NULL;
  part.iov_base = data;
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t bytes = TEMP_FAILURE_RETRY(recvmsg(fd, &message, MSG_CMSG_CLOEXEC));
  if (bytes < 0 && errno == EAGAIN) return napi_get_null(env, &none) == napi_ok ? none : NULL;
  if (bytes < 0) return throw_errno(env, errno, "recvmsg");
  struct received received = {.truncated = (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0};
  collect_fds(&message, (size_t)limit, &received);
  return to_message(env, bytes, &received);
}

bool register_fd_passing(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"sendFds", send_fds},
      {"recvFds", receive_fds},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
