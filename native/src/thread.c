#include "common.h"

bool register_thread(napi_env env, napi_value exports) {
  return true;
}
