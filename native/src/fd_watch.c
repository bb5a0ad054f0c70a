/* Readiness of file descriptors on the event loop of the calling thread. */
#include "fd_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define LOWEST_DUPLICATE 3
#define MAX_WAIT_US 1000
#define NS_PER_US 1000
#define US_PER_S 1000000
/* About a microsecond. */
#define BREATH_PAUSES 32

/* Held by the JavaScript object and, until closed, by the libuv handle. */
struct watch {
  uv_poll_t poll;
  napi_env env;
  int fd;
  int holders;
  bool closing;
  napi_ref callback;
  napi_async_context context;
  napi_async_cleanup_hook_handle teardown;
};

static const napi_type_tag watch_tag = {0x7761746368206664, 0x696f726567696f6e};

static void drop_watch(struct watch *watch) {
  if (--watch->holders == 0) free(watch);
}

static void on_closed(uv_handle_t *handle) {
  struct watch *watch = handle->data;
  close(watch->fd);
  napi_async_destroy(watch->env, watch->context);
  napi_remove_async_cleanup_hook(watch->teardown);
  drop_watch(watch);
}

static void stop_watch(struct watch *watch) {
  if (watch->closing) return;
  watch->closing = true;
  uv_poll_stop(&watch->poll);
  napi_delete_reference(watch->env, watch->callback);
  uv_close((uv_handle_t *)&watch->poll, on_closed);
}

static void on_teardown(napi_async_cleanup_hook_handle handle, void *data) {
  stop_watch(data);
}

static void finalize_watch(napi_env env, void *data, void *hint) {
  drop_watch(data);
}

/* Called outside any JavaScript frame: an exception becomes an uncaughtException of this thread. */
static void report_exception(napi_env env) {
  napi_value error;
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok)
    napi_fatal_exception(env, error);
}

static void on_ready(uv_poll_t *handle, int status, int events) {
  struct watch *watch = handle->data;
  napi_env env = watch->env;
  napi_handle_scope scope;
  napi_value callback, receiver;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_reference_value(env, watch->callback, &callback) == napi_ok &&
      napi_get_global(env, &receiver) == napi_ok) {
    napi_value arguments[] = {to_i32(env, status), to_i32(env, events & (UV_READABLE | UV_WRITABLE))};
    if (napi_make_callback(env, watch->context, receiver, callback, LENGTH_OF(arguments), arguments, NULL) != napi_ok)
      report_exception(env);
  }
  napi_close_handle_scope(env, scope);
}

/* An own duplicate: libuv aborts the process where a descriptor is closed under it. */
static int start_poll(struct watch *watch, int fd) {
  uv_loop_t *loop;
  if (napi_get_uv_event_loop(watch->env, &loop) != napi_ok) return UV_EINVAL;
  watch->fd = fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_DUPLICATE);
  if (watch->fd < 0) return -errno;
  int status = uv_poll_init(loop, &watch->poll, watch->fd);
  if (status != 0) close(watch->fd);
  return status;
}

static bool prepare_callback(struct watch *watch, napi_value callback) {
  napi_value name;
  if (napi_create_string_utf8(watch->env, "ioregion:FdWatch", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(watch->env, NULL, name, &watch->context) != napi_ok)
    return false;
  if (napi_create_reference(watch->env, callback, 1, &watch->callback) == napi_ok) return true;
  napi_async_destroy(watch->env, watch->context);
  return false;
}

/* From here on the libuv handle exists, so that every failure must go through stop_watch. */
static napi_value activate(struct watch *watch) {
  napi_env env = watch->env;
  watch->poll.data = watch;
  if (napi_add_async_cleanup_hook(env, on_teardown, watch, &watch->teardown) != napi_ok) watch->teardown = NULL;
  napi_value external = make_external(env, watch, &watch_tag, finalize_watch);
  if (external != NULL) watch->holders++;
  int status = uv_poll_start(&watch->poll, UV_READABLE, on_ready);
  if (external != NULL && watch->teardown != NULL && status == 0) return external;
  stop_watch(watch);
  return throw_errno(env, status < 0 ? -status : ENOMEM, "uv_poll_start");
}

napi_value watch_descriptor(napi_env env, int fd, napi_value callback) {
  napi_valuetype type;
  if (napi_typeof(env, callback, &type) != napi_ok || type != napi_function)
    return throw_type(env, "onReady must be a function");
  struct watch *watch = calloc(1, sizeof *watch);
  if (watch == NULL) return throw_errno(env, ENOMEM, "calloc");
  *watch = (struct watch){.env = env, .holders = 1};
  if (!prepare_callback(watch, callback)) {
    free(watch);
    return throw_errno(env, ENOMEM, "napi_async_init");
  }
  int status = start_poll(watch, fd);
  if (status == 0) return activate(watch);
  napi_delete_reference(env, watch->callback);
  napi_async_destroy(env, watch->context);
  free(watch);
  return throw_errno(env, -status, "uv_poll_init");
}

static napi_value watch_fd(napi_env env, napi_callback_info info) {
  struct args args;
  int fd;
  if (!get_args(env, info, 2, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  return watch_descriptor(env, fd, args.values[1]);
}

static napi_value unwatch_fd(napi_env env, napi_callback_info info) {
  struct args args;
  void *watch;
  if (!get_args(env, info, 1, &args) || !arg_external(&args, 0, "watch", &watch_tag, &watch)) return NULL;
  stop_watch(watch);
  return undefined_value(env);
}

static napi_value ref_watch(napi_env env, napi_callback_info info) {
  struct args args;
  void *data;
  bool on;
  if (!get_args(env, info, 2, &args) || !arg_external(&args, 0, "watch", &watch_tag, &data) ||
      !arg_bool(&args, 1, "on", &on))
    return NULL;
  struct watch *watch = data;
  if (watch->closing) return undefined_value(env);
  if (on)
    uv_ref((uv_handle_t *)&watch->poll);
  else
    uv_unref((uv_handle_t *)&watch->poll);
  return undefined_value(env);
}

static napi_value select_events(napi_env env, napi_callback_info info) {
  struct args args;
  void *data;
  int events;
  if (!get_args(env, info, 2, &args) || !arg_external(&args, 0, "watch", &watch_tag, &data) ||
      !arg_i32(&args, 1, "events", 0, UV_READABLE | UV_WRITABLE, &events))
    return NULL;
  struct watch *watch = data;
  if (watch->closing) return undefined_value(env);
  int status = events == 0 ? uv_poll_stop(&watch->poll) : uv_poll_start(&watch->poll, events, on_ready);
  return status < 0 ? throw_errno(env, -status, "uv_poll_start") : undefined_value(env);
}

static bool clear_eventfd(int fd) {
  uint64_t value;
  return TEMP_FAILURE_RETRY(read(fd, &value, sizeof value)) == sizeof value;
}

/*
 * Waits on this thread for what would come through its event loop a little later. The loop's own descriptor is readable when
 * anything else that it watches is ready: then it is its turn.
 */
static napi_value wait_eventfd(napi_env env, napi_callback_info info) {
  struct args args;
  uv_loop_t *loop;
  int fd, micros;
  if (!get_args(env, info, 2, &args) || !arg_fd(&args, 0, "fd", &fd) ||
      !arg_i32(&args, 1, "micros", 0, MAX_WAIT_US, &micros))
    return NULL;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return throw_errno(env, EINVAL, "napi_get_uv_event_loop");
  struct pollfd fds[] = {{fd, POLLIN, 0}, {uv_backend_fd(loop), POLLIN, 0}};
  const struct timespec most = {.tv_nsec = (long)micros * NS_PER_US};
  bool ready = ppoll(fds, LENGTH_OF(fds), &most, NULL) > 0 && (fds[0].revents & POLLIN) != 0;
  return to_bool(env, ready && clear_eventfd(fd));
}

static int64_t monotonic_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US;
}

/*
 * One breath of a thread that polls memory: whoever shares its CPU may run, where it yields. The result is how long it took in
 * µs, 1 at least; negative where what the event loop waits for is there.
 */
static napi_value breathe(napi_env env, napi_callback_info info) {
  struct args args;
  uv_loop_t *loop;
  bool yields;
  if (!get_args(env, info, 1, &args) || !arg_bool(&args, 0, "yields", &yields)) return NULL;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return throw_errno(env, EINVAL, "napi_get_uv_event_loop");
  int64_t start = monotonic_us();
  for (int i = 0; i < BREATH_PAUSES; i++) __builtin_ia32_pause();
  if (yields) sched_yield();
  struct pollfd backend = {uv_backend_fd(loop), POLLIN, 0};
  bool wanted = poll(&backend, 1, 0) != 0;
  int64_t took = monotonic_us() - start;
  int32_t micros = took < 1 ? 1 : took > INT32_MAX / 2 ? INT32_MAX / 2 : (int32_t)took;
  return to_i32(env, wanted ? -micros : micros);
}

bool register_fd_watch(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"watchFd", watch_fd},
      {"unwatchFd", unwatch_fd},
      {"refWatch", ref_watch},
      {"watchEvents", select_events},
      {"eventfdWait", wait_eventfd},
      {"breathe", breathe},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
