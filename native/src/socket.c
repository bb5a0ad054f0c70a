/* AF_UNIX sockets: pairs, listening, connecting, and who is on the other side. */
#include "common.h"
#include "socket_path.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TYPE_NAME_CAPACITY 16
#define MAX_MODE 0777

static bool arg_socket_type(const struct args *args, size_t index, int *out) {
  char name[TYPE_NAME_CAPACITY];
  if (!arg_string(args, index, "type", name, sizeof name)) return false;
  *out = strcmp(name, "stream") == 0 ? SOCK_STREAM : strcmp(name, "seqpacket") == 0 ? SOCK_SEQPACKET : 0;
  if (*out != 0) return true;
  throw_range(args->env, "type must be 'stream' or 'seqpacket'");
  return false;
}

static napi_value make_pair(napi_env env, napi_callback_info info) {
  struct args args;
  int type, ends[2];
  if (!get_args(env, info, 1, &args) || !arg_socket_type(&args, 0, &type)) return NULL;
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) return throw_errno(env, errno, "socketpair");
  napi_value pair = to_pair(env, ends[0], ends[1]);
  if (pair != NULL) return pair;
  close(ends[0]);
  close(ends[1]);
  return NULL;
}

/* 0 leaves the size as it is. */
static bool resize_buffer(int fd, int option, int size, int *granted) {
  socklen_t length = sizeof *granted;
  if (size != 0 && setsockopt(fd, SOL_SOCKET, option, &size, sizeof size) != 0) return false;
  return getsockopt(fd, SOL_SOCKET, option, granted, &length) == 0;
}

static napi_value set_buffers(napi_env env, napi_callback_info info) {
  struct args args;
  int fd, send, receive;
  if (!get_args(env, info, 3, &args) || !arg_fd(&args, 0, "fd", &fd) ||
      !arg_i32(&args, 1, "send", 0, INT32_MAX, &send) || !arg_i32(&args, 2, "receive", 0, INT32_MAX, &receive))
    return NULL;
  if (!resize_buffer(fd, SO_SNDBUF, send, &send) || !resize_buffer(fd, SO_RCVBUF, receive, &receive))
    return throw_errno(env, errno, "setsockopt");
  return to_pair(env, send, receive);
}

static napi_value listen_at(napi_env env, napi_callback_info info) {
  struct args args;
  char path[SOCKET_PATH_CAPACITY];
  int32_t mode, backlog;
  const char *failed;
  if (!get_args(env, info, 3, &args) || !arg_string(&args, 0, "path", path, sizeof path) ||
      !arg_i32(&args, 1, "mode", 0, MAX_MODE, &mode) || !arg_i32(&args, 2, "backlog", 0, INT32_MAX, &backlog))
    return NULL;
  int fd = socket_path_listen(path, (mode_t)mode, backlog, &failed);
  return fd < 0 ? throw_errno(env, errno, failed) : to_i32(env, fd);
}

static napi_value connect_to(napi_env env, napi_callback_info info) {
  struct args args;
  char path[SOCKET_PATH_CAPACITY];
  if (!get_args(env, info, 1, &args) || !arg_string(&args, 0, "path", path, sizeof path)) return NULL;
  int fd = socket_path_connect(path, 0);
  return fd < 0 ? throw_errno(env, errno, "connect") : to_i32(env, fd);
}

/* A client that gave up before it was accepted counts as nobody. */
static napi_value accept_from(napi_env env, napi_callback_info info) {
  struct args args;
  int fd;
  napi_value none;
  if (!get_args(env, info, 1, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  int client = TEMP_FAILURE_RETRY(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
  if (client >= 0) return to_i32(env, client);
  if (errno != EAGAIN && errno != ECONNABORTED) return throw_errno(env, errno, "accept4");
  return napi_get_null(env, &none) == napi_ok ? none : NULL;
}

static napi_value peer_credentials(napi_env env, napi_callback_info info) {
  struct args args;
  struct ucred peer;
  socklen_t length = sizeof peer;
  int fd;
  napi_value result;
  if (!get_args(env, info, 1, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return throw_errno(env, errno, "getsockopt(SO_PEERCRED)");
  if (napi_create_object(env, &result) != napi_ok || !set_property(env, result, "pid", to_i32(env, peer.pid)) ||
      !set_property(env, result, "uid", to_u32(env, peer.uid)) ||
      !set_property(env, result, "gid", to_u32(env, peer.gid)))
    return NULL;
  return result;
}

static napi_value shut_down(napi_env env, napi_callback_info info) {
  struct args args;
  int fd;
  if (!get_args(env, info, 1, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  return shutdown(fd, SHUT_RDWR) != 0 ? throw_errno(env, errno, "shutdown") : undefined_value(env);
}

bool register_socket(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"socketpair", make_pair},
      {"setBuffers", set_buffers},
      {"unixListen", listen_at},
      {"unixConnect", connect_to},
      {"unixAccept", accept_from},
      {"peerCredentials", peer_credentials},
      {"shutdown", shut_down},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
