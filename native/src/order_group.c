#include "common.h"

bool register_order_group(napi_env env, napi_value exports) {
  return true;
}
