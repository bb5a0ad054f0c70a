/* Pseudoterminals and terminal modes. */
#include "common.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* An unlocked master in raw mode, or -1. Without raw mode the line discipline would echo output back as input. */
static int open_master(char *path, size_t capacity, const char **failed) {
  struct termios mode;
  int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  *failed = "posix_openpt";
  if (fd < 0) return -1;
  *failed = "ptsname_r";
  if (grantpt(fd) == 0 && unlockpt(fd) == 0 && ptsname_r(fd, path, capacity) == 0 && tcgetattr(fd, &mode) == 0) {
    cfmakeraw(&mode);
    if (tcsetattr(fd, TCSANOW, &mode) == 0) return fd;
  }
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static napi_value open_pty(napi_env env, napi_callback_info info) {
  char path[PATH_MAX];
  const char *failed;
  napi_value result, name;
  int fd = open_master(path, sizeof path, &failed);
  if (fd < 0) return throw_errno(env, errno, failed);
  if (napi_create_object(env, &result) == napi_ok &&
      napi_create_string_utf8(env, path, NAPI_AUTO_LENGTH, &name) == napi_ok &&
      set_property(env, result, "fd", to_i32(env, fd)) && set_property(env, result, "path", name))
    return result;
  close(fd);
  return NULL;
}

static napi_value to_bytes(napi_env env, const void *data, size_t length) {
  napi_value buffer, bytes;
  void *copy;
  if (napi_create_arraybuffer(env, length, &copy, &buffer) != napi_ok) return NULL;
  memcpy(copy, data, length);
  return napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, &bytes) == napi_ok ? bytes : NULL;
}

/* Returns the mode the terminal was in. */
static napi_value set_raw(napi_env env, napi_callback_info info) {
  struct args args;
  struct termios previous, mode;
  int fd;
  if (!get_args(env, info, 1, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  if (tcgetattr(fd, &previous) != 0) return throw_errno(env, errno, "tcgetattr");
  mode = previous;
  cfmakeraw(&mode);
  if (tcsetattr(fd, TCSANOW, &mode) != 0) return throw_errno(env, errno, "tcsetattr");
  return to_bytes(env, &previous, sizeof previous);
}

static napi_value restore_mode(napi_env env, napi_callback_info info) {
  struct args args;
  struct termios mode;
  uint8_t *saved;
  size_t length;
  int fd;
  if (!get_args(env, info, 2, &args) || !arg_fd(&args, 0, "fd", &fd) || !arg_bytes(&args, 1, "mode", &saved, &length))
    return NULL;
  if (length != sizeof mode) return throw_range(env, "mode must be what terminalSetRaw returned");
  memcpy(&mode, saved, sizeof mode);
  return tcsetattr(fd, TCSANOW, &mode) != 0 ? throw_errno(env, errno, "tcsetattr") : undefined_value(env);
}

static napi_value get_size(napi_env env, napi_callback_info info) {
  struct args args;
  struct winsize size;
  int fd;
  if (!get_args(env, info, 1, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  if (ioctl(fd, TIOCGWINSZ, &size) != 0) return throw_errno(env, errno, "ioctl(TIOCGWINSZ)");
  return to_pair(env, size.ws_col, size.ws_row);
}

static napi_value set_size(napi_env env, napi_callback_info info) {
  struct args args;
  int fd, columns, rows;
  if (!get_args(env, info, 3, &args) || !arg_fd(&args, 0, "fd", &fd) ||
      !arg_i32(&args, 1, "columns", 0, UINT16_MAX, &columns) || !arg_i32(&args, 2, "rows", 0, UINT16_MAX, &rows))
    return NULL;
  const struct winsize size = {.ws_col = (uint16_t)columns, .ws_row = (uint16_t)rows};
  return ioctl(fd, TIOCSWINSZ, &size) != 0 ? throw_errno(env, errno, "ioctl(TIOCSWINSZ)") : undefined_value(env);
}

bool register_pty(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"ptyOpen", open_pty},
      {"terminalSetRaw", set_raw},
      {"terminalRestore", restore_mode},
      {"terminalSize", get_size},
      {"terminalSetSize", set_size},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
