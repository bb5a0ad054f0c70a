/* What disk images need of a file besides reading and writing. */
#include "common.h"

#include <fcntl.h>
#include <unistd.h>

/* A lock of the open file, not of the process: duplicates share it, a second open of the image does not. */
static napi_value lock_file(napi_env env, napi_callback_info info) {
  struct args args;
  int fd;
  bool exclusive;
  if (!get_args(env, info, 2, &args) || !arg_fd(&args, 0, "fd", &fd) || !arg_bool(&args, 1, "exclusive", &exclusive))
    return NULL;
  struct flock lock = {.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
  if (fcntl(fd, F_OFD_SETLK, &lock) == 0) return to_bool(env, true);
  return errno == EAGAIN || errno == EACCES ? to_bool(env, false) : throw_errno(env, errno, "fcntl(F_OFD_SETLK)");
}

static napi_value file_end(napi_env env, napi_callback_info info) {
  struct args args;
  int fd;
  if (!get_args(env, info, 1, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  off_t end = lseek(fd, 0, SEEK_END);
  return end < 0 ? throw_errno(env, errno, "lseek") : to_double(env, (double)end);
}

bool register_image_file(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"lockFile", lock_file},
      {"fileEnd", file_end},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
