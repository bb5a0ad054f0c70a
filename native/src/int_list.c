#include "int_list.h"

#include <stdio.h>

static bool fail_list(napi_env env, napi_value (*throw_it)(napi_env, const char *), const char *name,
                      const char *expected) {
  char message[96];
  snprintf(message, sizeof message, "%s must be %s", name, expected);
  throw_it(env, message);
  return false;
}

static bool copy_element(const struct args *args, napi_value array, uint32_t i, const char *name, int32_t max,
                         int32_t *out) {
  struct args element = {.env = args->env, .count = 1};
  if (napi_get_element(args->env, array, i, &element.values[0]) != napi_ok) return false;
  return arg_i32(&element, 0, name, 0, max, out);
}

bool arg_int_list(const struct args *args, size_t index, const char *name, int32_t max, int32_t *out, size_t capacity,
                  size_t *count) {
  bool is_array = false;
  uint32_t length;
  if (index >= args->count || napi_is_array(args->env, args->values[index], &is_array) != napi_ok || !is_array ||
      napi_get_array_length(args->env, args->values[index], &length) != napi_ok)
    return fail_list(args->env, throw_type, name, "an array of integers");
  if (length > capacity) return fail_list(args->env, throw_range, name, "a shorter array");
  for (uint32_t i = 0; i < length; i++)
    if (!copy_element(args, args->values[index], i, name, max, &out[i])) return false;
  *count = length;
  return true;
}

napi_value to_int_list(napi_env env, const int32_t *values, size_t count) {
  napi_value array;
  if (napi_create_array_with_length(env, count, &array) != napi_ok) return NULL;
  for (size_t i = 0; i < count; i++)
    if (napi_set_element(env, array, (uint32_t)i, to_i32(env, values[i])) != napi_ok) return NULL;
  return array;
}
