/* Shared by every file of the addon: argument checks, errors, and the registration of functions. */
#ifndef IOREGION_COMMON_H
#define IOREGION_COMMON_H

#include <errno.h>
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One row of a module's function table. */
struct native_function {
  const char *name;
  napi_callback callback;
};

/* Adds a module's functions to `exports`. Returns false with an exception pending. */
bool register_functions(napi_env env, napi_value exports, const struct native_function *table, size_t count);

/* Modules, in the order of binding.gyp. */
bool register_fd(napi_env env, napi_value exports);
bool register_special_fd(napi_env env, napi_value exports);
bool register_fd_watch(napi_env env, napi_value exports);
bool register_ioctl(napi_env env, napi_value exports);
bool register_memory_slots(napi_env env, napi_value exports);
bool register_mapping(napi_env env, napi_value exports);
bool register_mapping_load(napi_env env, napi_value exports);
bool register_socket(napi_env env, napi_value exports);
bool register_fd_passing(napi_env env, napi_value exports);
bool register_thread(napi_env env, napi_value exports);
bool register_dispatcher(napi_env env, napi_value exports);
bool register_loopback_caller(napi_env env, napi_value exports);
bool register_vcpu(napi_env env, napi_value exports);
bool register_order_group(napi_env env, napi_value exports);
bool register_server(napi_env env, napi_value exports);
bool register_file_io(napi_env env, napi_value exports);
bool register_image_file(napi_env env, napi_value exports);
bool register_io_vector(napi_env env, napi_value exports);
bool register_tap(napi_env env, napi_value exports);
bool register_pty(napi_env env, napi_value exports);

/*
 * Arguments. Every get_* checks the JavaScript type and range, throws a TypeError or RangeError with a stable code
 * (ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE) and returns false when the value does not fit: callers return NULL at once.
 */
#define MAX_ARGS 12
struct args {
  napi_env env;
  size_t count;
  napi_value values[MAX_ARGS];
};
bool get_args(napi_env env, napi_callback_info info, size_t required, struct args *args);
bool arg_i32(const struct args *args, size_t index, const char *name, int32_t min, int32_t max, int32_t *out);
bool arg_u32(const struct args *args, size_t index, const char *name, uint32_t *out);
/* A file descriptor: an integer from 0 to INT_MAX. */
bool arg_fd(const struct args *args, size_t index, const char *name, int *out);
/* The same, and -1 for "none". */
bool arg_fd_or_none(const struct args *args, size_t index, const char *name, int *out);
/* A non-negative safe integer (at most 2^53 - 1). */
bool arg_size(const struct args *args, size_t index, const char *name, uint64_t *out);
/* A bigint of at most 64 bits, or a non-negative safe integer. */
bool arg_u64(const struct args *args, size_t index, const char *name, uint64_t *out);
bool arg_bool(const struct args *args, size_t index, const char *name, bool *out);
/* The bytes of a Uint8Array (valid until control returns to JavaScript). */
bool arg_bytes(const struct args *args, size_t index, const char *name, uint8_t **data, size_t *length);
/* A string of fewer than `capacity` UTF-8 bytes, without NUL. */
bool arg_string(const struct args *args, size_t index, const char *name, char *out, size_t capacity);
/* True where the argument is absent, undefined or null. */
bool arg_missing(const struct args *args, size_t index);
/*
 * An external made with make_external under this tag; a foreign or released one is a TypeError. `tag` points to a
 * static napi_type_tag, one for each kind of object.
 */
bool arg_external(const struct args *args, size_t index, const char *name, const napi_type_tag *tag, void **out);
/* Returns NULL with an exception pending (the finalizer has not been and will not be called). */
napi_value make_external(napi_env env, void *data, const napi_type_tag *tag, napi_finalize finalize);

/* Throws an Error {code: 'EXXX', errno: n, syscall: name}; returns NULL for `return throw_errno(...)`. */
napi_value throw_errno(napi_env env, int error, const char *syscall_name);
napi_value throw_type(napi_env env, const char *message);
napi_value throw_range(napi_env env, const char *message);

/* Results. They return NULL with an exception pending on failure. */
napi_value to_i32(napi_env env, int32_t value);
napi_value to_u32(napi_env env, uint32_t value);
napi_value to_double(napi_env env, double value);
napi_value to_bool(napi_env env, bool value);
napi_value to_bigint(napi_env env, uint64_t value);
napi_value undefined_value(napi_env env);
/* [a, b] */
napi_value to_pair(napi_env env, int32_t a, int32_t b);
bool set_property(napi_env env, napi_value object, const char *name, napi_value value);

/*
 * A JavaScript ArrayBuffer over memory that C owns, so that no script can move or free it under a running call:
 * `release(hint)` runs once the buffer has been collected or detached.
 */
napi_value make_array_buffer(napi_env env, void *data, size_t length, void (*release)(void *hint), void *hint);

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
