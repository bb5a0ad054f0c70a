#include "common.h"

bool register_server(napi_env env, napi_value exports) {
  return true;
}
