/* Deliberate faults: scripts/test-asan.sh calls each and expects the sanitizers to end the process. */
#include "common.h"

#include <limits.h>
#include <stdlib.h>

/* Neither a constant nor, below, a visible pointer: the compiler must not see the fault coming. */
static volatile int one = 1;

static napi_value overflow_heap(napi_env env, napi_callback_info info) {
  volatile char *volatile hidden = malloc(8);
  hidden[7 + one] = 0;
  free((void *)hidden);
  return NULL;
}

static napi_value use_after_free(napi_env env, napi_callback_info info) {
  char *bytes = malloc(8);
  volatile char *volatile hidden = bytes;
  free(bytes);
  hidden[one] = 0;
  return NULL;
}

static napi_value overflow_integer(napi_env env, napi_callback_info info) {
  volatile int sum = INT_MAX;
  sum = sum + one;
  return NULL;
}

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
  static const struct native_function table[] = {
      {"overflowHeap", overflow_heap},
      {"useAfterFree", use_after_free},
      {"overflowInteger", overflow_integer},
  };
  for (size_t i = 0; i < LENGTH_OF(table); i++) {
    napi_value function;
    napi_create_function(env, table[i].name, NAPI_AUTO_LENGTH, table[i].callback, NULL, &function);
    napi_set_named_property(env, exports, table[i].name, function);
  }
  return exports;
}
