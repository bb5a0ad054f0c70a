#include "common.h"

bool register_fd(napi_env env, napi_value exports) {
  return true;
}
