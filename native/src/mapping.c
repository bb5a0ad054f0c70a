#include "common.h"

bool register_mapping(napi_env env, napi_value exports) {
  return true;
}
