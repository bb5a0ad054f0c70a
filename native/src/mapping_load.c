/*
 * Fills parts of a mapping from native code, so that whoever loads a guest needs no ArrayBuffer over all of its memory: V8
 * counts the bytes of one as garbage that may be, and collects, for more than 64 MiB at once.
 */
#include "common.h"
#include "mapping.h"

#include <string.h>
#include <unistd.h>

/* The part of the mapping is written to: it must be there, and writable. */
static bool arg_target(const struct args *args, uint64_t length, const char *call, void **out) {
  struct mapping *mapping;
  uint64_t offset;
  if (!arg_mapping(args, 0, "mapping", &mapping) || !arg_size(args, 1, "offset", &offset)) return false;
  if (!mapping_is_accessible(mapping)) {
    throw_errno(args->env, EACCES, call);
    return false;
  }
  *out = mapping_range(mapping, offset, length);
  if (*out != NULL) return true;
  throw_range(args->env, "offset and length must lie inside a mapping that is still there");
  return false;
}

static napi_value load_bytes(napi_env env, napi_callback_info info) {
  struct args args;
  uint8_t *bytes;
  size_t length;
  void *target;
  if (!get_args(env, info, 3, &args) || !arg_bytes(&args, 2, "bytes", &bytes, &length) ||
      !arg_target(&args, length, "mappingLoad", &target))
    return NULL;
  /* They may be bytes of the mapping itself. */
  if (length > 0) memmove(target, bytes, length);
  return undefined_value(env);
}

static napi_value load_file(napi_env env, napi_callback_info info) {
  struct args args;
  uint64_t length, at;
  int fd;
  void *target;
  if (!get_args(env, info, 5, &args) || !arg_size(&args, 2, "length", &length) || !arg_fd(&args, 3, "fd", &fd) ||
      !arg_size(&args, 4, "at", &at) || !arg_target(&args, length, "mappingLoadFile", &target))
    return NULL;
  ssize_t count;
  do count = pread(fd, target, length, (off_t)at);
  while (count < 0 && errno == EINTR);
  return count < 0 ? throw_errno(env, errno, "pread") : to_double(env, (double)count);
}

bool register_mapping_load(napi_env env, napi_value exports) {
  static const struct native_function table[] = {{"mappingLoad", load_bytes}, {"mappingLoadFile", load_file}};
  return register_functions(env, exports, table, LENGTH_OF(table));
}
