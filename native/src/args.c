/* Checked conversion between JavaScript values and C: nothing a script passes may reach a system call unchecked. */
#include "common.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SAFE_INTEGER 9007199254740991.0

static napi_value throw_coded(napi_env env, napi_status (*create)(napi_env, napi_value, napi_value, napi_value *),
                              const char *code, const char *message) {
  napi_value code_value, text, error;
  if (napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &code_value) == napi_ok &&
      napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text) == napi_ok &&
      create(env, code_value, text, &error) == napi_ok)
    napi_throw(env, error);
  return NULL;
}

napi_value throw_type(napi_env env, const char *message) {
  return throw_coded(env, napi_create_type_error, "ERR_INVALID_ARG_TYPE", message);
}

napi_value throw_range(napi_env env, const char *message) {
  return throw_coded(env, napi_create_range_error, "ERR_OUT_OF_RANGE", message);
}

napi_value throw_errno(napi_env env, int error, const char *syscall_name) {
  char message[160];
  const char *code = strerrorname_np(error);
  napi_value code_value, text, object, number, name;
  snprintf(message, sizeof message, "%s: %s, %s", code ? code : "EUNKNOWN", strerror(error), syscall_name);
  if (napi_create_string_utf8(env, code ? code : "EUNKNOWN", NAPI_AUTO_LENGTH, &code_value) == napi_ok &&
      napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text) == napi_ok &&
      napi_create_error(env, code_value, text, &object) == napi_ok &&
      napi_create_int32(env, error, &number) == napi_ok &&
      napi_create_string_utf8(env, syscall_name, NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_set_named_property(env, object, "errno", number) == napi_ok &&
      napi_set_named_property(env, object, "syscall", name) == napi_ok)
    napi_throw(env, object);
  return NULL;
}

static bool fail_type(napi_env env, const char *name, const char *expected) {
  char message[160];
  snprintf(message, sizeof message, "%s must be %s", name, expected);
  throw_type(env, message);
  return false;
}

static bool fail_range(napi_env env, const char *name, const char *expected) {
  char message[160];
  snprintf(message, sizeof message, "%s must be %s", name, expected);
  throw_range(env, message);
  return false;
}

bool register_functions(napi_env env, napi_value exports, const struct native_function *table, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value function;
    if (napi_create_function(env, table[i].name, NAPI_AUTO_LENGTH, table[i].callback, NULL, &function) != napi_ok ||
        napi_set_named_property(env, exports, table[i].name, function) != napi_ok)
      return false;
  }
  return true;
}

bool get_args(napi_env env, napi_callback_info info, size_t required, struct args *args) {
  args->env = env;
  args->count = MAX_ARGS;
  if (napi_get_cb_info(env, info, &args->count, args->values, NULL, NULL) != napi_ok) return false;
  if (args->count > MAX_ARGS) args->count = MAX_ARGS;
  if (args->count >= required) return true;
  throw_type(env, "too few arguments");
  return false;
}

static bool get_number(const struct args *args, size_t index, const char *name, double *out) {
  napi_valuetype type;
  if (index >= args->count || napi_typeof(args->env, args->values[index], &type) != napi_ok || type != napi_number ||
      napi_get_value_double(args->env, args->values[index], out) != napi_ok)
    return fail_type(args->env, name, "a number");
  return true;
}

static bool get_integer(const struct args *args, size_t index, const char *name, double min, double max, double *out) {
  char expected[96];
  if (!get_number(args, index, name, out)) return false;
  if (*out >= min && *out <= max && floor(*out) == *out) return true;
  snprintf(expected, sizeof expected, "an integer from %.0f to %.0f", min, max);
  return fail_range(args->env, name, expected);
}

bool arg_i32(const struct args *args, size_t index, const char *name, int32_t min, int32_t max, int32_t *out) {
  double number;
  if (!get_integer(args, index, name, min, max, &number)) return false;
  *out = (int32_t)number;
  return true;
}

bool arg_u32(const struct args *args, size_t index, const char *name, uint32_t *out) {
  double number;
  if (!get_integer(args, index, name, 0, UINT32_MAX, &number)) return false;
  *out = (uint32_t)number;
  return true;
}

bool arg_fd(const struct args *args, size_t index, const char *name, int *out) {
  return arg_i32(args, index, name, 0, INT32_MAX, out);
}

bool arg_fd_or_none(const struct args *args, size_t index, const char *name, int *out) {
  return arg_i32(args, index, name, -1, INT32_MAX, out);
}

bool arg_size(const struct args *args, size_t index, const char *name, uint64_t *out) {
  double number;
  if (!get_integer(args, index, name, 0, MAX_SAFE_INTEGER, &number)) return false;
  *out = (uint64_t)number;
  return true;
}

bool arg_u64(const struct args *args, size_t index, const char *name, uint64_t *out) {
  napi_valuetype type;
  bool lossless = false;
  if (index < args->count && napi_typeof(args->env, args->values[index], &type) == napi_ok && type == napi_bigint) {
    if (napi_get_value_bigint_uint64(args->env, args->values[index], out, &lossless) == napi_ok && lossless) return true;
    return fail_range(args->env, name, "an unsigned 64-bit integer");
  }
  return arg_size(args, index, name, out);
}

bool arg_bool(const struct args *args, size_t index, const char *name, bool *out) {
  if (index >= args->count || napi_get_value_bool(args->env, args->values[index], out) != napi_ok)
    return fail_type(args->env, name, "a boolean");
  return true;
}

bool arg_bytes(const struct args *args, size_t index, const char *name, uint8_t **data, size_t *length) {
  napi_typedarray_type type;
  napi_value buffer;
  size_t offset;
  bool is_array = false;
  void *bytes = NULL;
  if (index >= args->count || napi_is_typedarray(args->env, args->values[index], &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(args->env, args->values[index], &type, length, &bytes, &buffer, &offset) != napi_ok ||
      type != napi_uint8_array)
    return fail_type(args->env, name, "a Uint8Array");
  if (*length != 0 && bytes == NULL) return fail_type(args->env, name, "a Uint8Array that is not detached");
  *data = bytes;
  return true;
}

bool arg_string(const struct args *args, size_t index, const char *name, char *out, size_t capacity) {
  size_t length = 0;
  if (index >= args->count ||
      napi_get_value_string_utf8(args->env, args->values[index], NULL, 0, &length) != napi_ok)
    return fail_type(args->env, name, "a string");
  if (length >= capacity) return fail_range(args->env, name, "a shorter string");
  if (napi_get_value_string_utf8(args->env, args->values[index], out, capacity, &length) != napi_ok) return false;
  if (strlen(out) != length) return fail_range(args->env, name, "a string without NUL");
  return true;
}

bool arg_missing(const struct args *args, size_t index) {
  napi_valuetype type;
  if (index >= args->count) return true;
  return napi_typeof(args->env, args->values[index], &type) == napi_ok && (type == napi_undefined || type == napi_null);
}

bool arg_external(const struct args *args, size_t index, const char *name, const napi_type_tag *tag, void **out) {
  napi_valuetype type;
  bool matches = false;
  if (index >= args->count || napi_typeof(args->env, args->values[index], &type) != napi_ok || type != napi_external ||
      napi_check_object_type_tag(args->env, args->values[index], tag, &matches) != napi_ok || !matches ||
      napi_get_value_external(args->env, args->values[index], out) != napi_ok || *out == NULL)
    return fail_type(args->env, name, "a native object of the right kind");
  return true;
}

napi_value make_external(napi_env env, void *data, const napi_type_tag *tag, napi_finalize finalize) {
  napi_value external;
  if (napi_create_external(env, data, NULL, NULL, &external) != napi_ok) return NULL;
  if (napi_type_tag_object(env, external, tag) != napi_ok) return NULL;
  if (napi_add_finalizer(env, external, data, finalize, NULL, NULL) != napi_ok) return NULL;
  return external;
}

napi_value to_i32(napi_env env, int32_t value) {
  napi_value result = NULL;
  napi_create_int32(env, value, &result);
  return result;
}

napi_value to_u32(napi_env env, uint32_t value) {
  napi_value result = NULL;
  napi_create_uint32(env, value, &result);
  return result;
}

napi_value to_double(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}

napi_value to_bool(napi_env env, bool value) {
  napi_value result = NULL;
  napi_get_boolean(env, value, &result);
  return result;
}

napi_value to_bigint(napi_env env, uint64_t value) {
  napi_value result = NULL;
  napi_create_bigint_uint64(env, value, &result);
  return result;
}

napi_value undefined_value(napi_env env) {
  napi_value result = NULL;
  napi_get_undefined(env, &result);
  return result;
}

napi_value to_pair(napi_env env, int32_t a, int32_t b) {
  napi_value array, first = to_i32(env, a), second = to_i32(env, b);
  if (napi_create_array_with_length(env, 2, &array) != napi_ok || napi_set_element(env, array, 0, first) != napi_ok ||
      napi_set_element(env, array, 1, second) != napi_ok)
    return NULL;
  return array;
}

bool set_property(napi_env env, napi_value object, const char *name, napi_value value) {
  return value != NULL && napi_set_named_property(env, object, name, value) == napi_ok;
}

struct buffer_owner {
  void (*release)(void *hint);
  void *hint;
};

static void release_buffer(napi_env env, void *data, void *hint) {
  struct buffer_owner *owner = hint;
  owner->release(owner->hint);
  free(owner);
}

napi_value make_array_buffer(napi_env env, void *data, size_t length, void (*release)(void *hint), void *hint) {
  napi_value buffer;
  struct buffer_owner *owner = malloc(sizeof *owner);
  if (owner == NULL) return throw_errno(env, ENOMEM, "malloc");
  *owner = (struct buffer_owner){release, hint};
  if (napi_create_external_arraybuffer(env, data, length, release_buffer, owner, &buffer) == napi_ok) return buffer;
  free(owner);
  return throw_errno(env, ENOMEM, "napi_create_external_arraybuffer");
}
