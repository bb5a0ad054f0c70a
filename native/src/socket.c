#include "common.h"

bool register_socket(napi_env env, napi_value exports) {
  return true;
}
