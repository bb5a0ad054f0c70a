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
  if (!arg_mapping(args, 0, "mapping", &mapping)) return false;
  if (mapping_is_accessible(mapping)) return arg_mapping_range(args, mapping, length, out);
  throw_errno(args->env, EACCES, call);
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
  uint64_t done = 0;
  while (done < length) {
    ssize_t count = pread(fd, (uint8_t *)target + done, length - done, (off_t)(at + done));
    if (count == 0) break;
    if (count > 0) done += (uint64_t)count;
    else if (errno != EINTR) return throw_errno(env, errno, "pread");
  }
  return to_double(env, (double)done);
}

bool register_mapping_load(napi_env env, napi_value exports) {
  static const struct native_function table[] = {{"mappingLoad", load_bytes}, {"mappingLoadFile", load_file}};
  return register_functions(env, exports, table, LENGTH_OF(table));
}
