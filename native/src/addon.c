/* Entry point: hands the function tables of all modules to JavaScript. Context-aware, one instance per Worker. */
#include "common.h"

#include <signal.h>

/* A peer that hangs up must become EPIPE, not the end of the process. An embedder's own handler is left alone. */
static void ignore_sigpipe(void) {
  struct sigaction current;
  if (sigaction(SIGPIPE, NULL, &current) == 0 && current.sa_handler == SIG_DFL) {
    current.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &current, NULL);
  }
}

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
  ignore_sigpipe();
  bool ok = register_fd(env, exports) && register_special_fd(env, exports) && register_fd_watch(env, exports) &&
            register_ioctl(env, exports) && register_memory_slots(env, exports) && register_mapping(env, exports) &&
            register_mapping_load(env, exports) && register_socket(env, exports) && register_fd_passing(env, exports) &&
            register_thread(env, exports) && register_dispatcher(env, exports) &&
            register_loopback_caller(env, exports) && register_vcpu(env, exports) &&
            register_order_group(env, exports) && register_server(env, exports) &&
            register_file_io(env, exports) && register_image_file(env, exports) && register_io_vector(env, exports) &&
            register_tap(env, exports) && register_pty(env, exports);
  return ok ? exports : NULL;
}
