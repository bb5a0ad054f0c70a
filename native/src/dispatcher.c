#include "common.h"

bool register_dispatcher(napi_env env, napi_value exports) {
  return true;
}
