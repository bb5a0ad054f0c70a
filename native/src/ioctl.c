#include "common.h"

bool register_ioctl(napi_env env, napi_value exports) {
  return true;
}
