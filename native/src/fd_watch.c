#include "common.h"

bool register_fd_watch(napi_env env, napi_value exports) {
  return true;
}
