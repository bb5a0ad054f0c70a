/* The face of region servers towards JavaScript: ServerBinding in src/native/bindings/dispatch.ts. */
#include "common.h"
#include "server.h"

#include <errno.h>
#include <stdlib.h>

static const napi_type_tag server_tag = {0x6a1f0c5e2b934d75, 0x9b0de1a4c07f5516};

static void finalize_server(napi_env env, void *data, void *hint) {
  struct server **slot = data;
  if (*slot != NULL) shared_release(&(*slot)->shared);
  free(slot);
}

static struct server *arg_server(const struct args *args, size_t index) {
  struct server **slot;
  if (!arg_external(args, index, "server", &server_tag, (void **)&slot)) return NULL;
  if (*slot == NULL) throw_type(args->env, "server has been released");
  return *slot;
}

static napi_value wrap_server(napi_env env, struct server *server) {
  struct server **slot = malloc(sizeof *slot);
  napi_value external = NULL;
  if (slot != NULL) {
    *slot = server;
    external = make_external(env, slot, &server_tag, finalize_server);
  }
  if (external != NULL) return external;
  free(slot);
  shared_release(&server->shared);
  return throw_errno(env, ENOMEM, "server");
}

static napi_value server_open(napi_env env, napi_callback_info info) {
  struct args args;
  struct order_group *group = NULL;
  int read_fd, write_fd;
  uint32_t spin_ns;
  if (!get_args(env, info, 4, &args) || !arg_fd(&args, 0, "readFd", &read_fd) || !arg_fd(&args, 1, "writeFd", &write_fd) ||
      (!arg_missing(&args, 2) && (group = arg_order_group(&args, 2)) == NULL) || !arg_u32(&args, 3, "spinNs", &spin_ns))
    return NULL;
  int error = interruptible_init();
  if (error != 0) return throw_errno(env, error, "serverOpen");
  struct server *server = server_create(spin_ns);
  if (server == NULL) return throw_errno(env, ENOMEM, "serverOpen");
  error = server_open_files(server, read_fd, write_fd, group);
  if (error == 0) return wrap_server(env, server);
  shared_release(&server->shared);
  return throw_errno(env, error, "serverOpen");
}

static napi_value server_id(napi_env env, napi_callback_info info) {
  struct args args;
  struct server *server;
  if (!get_args(env, info, 1, &args) || (server = arg_server(&args, 0)) == NULL) return NULL;
  return to_u32(env, server->shared.id);
}

static void release_shared(void *hint) { shared_release(hint); }

static napi_value server_area(napi_env env, napi_callback_info info) {
  struct args args;
  struct server *server;
  if (!get_args(env, info, 1, &args) || (server = arg_server(&args, 0)) == NULL) return NULL;
  shared_acquire(&server->shared);
  return make_array_buffer(env, server->area, sizeof *server->area, release_shared, &server->shared);
}

/* Argument and result go through the area, which is shorter than values of Node-API. Each is looked at once. */
static inline napi_value do_exchange(napi_env env, napi_callback_info info, bool wait) {
  struct server *server;
  if (napi_get_cb_info(env, info, NULL, NULL, NULL, (void **)&server) != napi_ok) return NULL;
  uint32_t responses = *(const volatile uint32_t *)&server->area->response_count;
  if (responses > BATCH) return throw_range(env, "responses must be 0 to 64");
  stop_bind(&server->stop);
  server->area->result = server->read_fd < 0 ? EXCHANGE_STOPPED : server_exchange(server, responses, wait);
  return NULL;
}

static napi_value exchange_wait(napi_env env, napi_callback_info info) { return do_exchange(env, info, true); }
static napi_value exchange_now(napi_env env, napi_callback_info info) { return do_exchange(env, info, false); }

static void finalize_bound(napi_env env, void *data, void *hint) { shared_release(data); }

static napi_value exchange_function(napi_env env, napi_callback_info info) {
  struct args args;
  struct server *server;
  napi_value function;
  bool wait;
  if (!get_args(env, info, 2, &args) || (server = arg_server(&args, 0)) == NULL || !arg_bool(&args, 1, "wait", &wait)) return NULL;
  if (napi_create_function(env, "exchange", NAPI_AUTO_LENGTH, wait ? exchange_wait : exchange_now, server, &function) != napi_ok)
    return NULL;
  shared_acquire(&server->shared);
  if (napi_add_finalizer(env, function, &server->shared, finalize_bound, NULL, NULL) == napi_ok) return function;
  shared_release(&server->shared);
  return NULL;
}

static napi_value server_error(napi_env env, napi_callback_info info) {
  struct args args;
  struct server *server;
  if (!get_args(env, info, 1, &args) || (server = arg_server(&args, 0)) == NULL) return NULL;
  return to_i32(env, server->error);
}

static napi_value barrier_wait(napi_env env, napi_callback_info info) {
  struct args args;
  struct server *server;
  uint32_t handled;
  if (!get_args(env, info, 2, &args) || (server = arg_server(&args, 0)) == NULL || !arg_u32(&args, 1, "handled", &handled)) return NULL;
  stop_bind(&server->stop);
  if (!server_begin_barrier(server, handled)) return to_bool(env, true);
  bool passed = order_barrier_wait(server->group, &server->barrier, &server->stop.word);
  while (!passed && server_take_kick(server)) passed = order_barrier_wait(server->group, &server->barrier, &server->stop.word);
  return to_bool(env, passed);
}

static napi_value barrier_now(napi_env env, napi_callback_info info) {
  struct args args;
  struct server *server;
  uint32_t handled;
  if (!get_args(env, info, 2, &args) || (server = arg_server(&args, 0)) == NULL || !arg_u32(&args, 1, "handled", &handled)) return NULL;
  if (!server_begin_barrier(server, handled)) return to_bool(env, true);
  return to_bool(env, order_barrier_passed(server->group, &server->barrier));
}

static napi_value stop_server(napi_env env, napi_callback_info info) {
  struct args args;
  uint32_t id;
  if (!get_args(env, info, 1, &args) || !arg_u32(&args, 0, "id", &id)) return NULL;
  return to_bool(env, shared_stop(id, SHARED_SERVER, STOP_FOREVER));
}

static napi_value kick_server(napi_env env, napi_callback_info info) {
  struct args args;
  uint32_t id;
  if (!get_args(env, info, 1, &args) || !arg_u32(&args, 0, "id", &id)) return NULL;
  return to_bool(env, shared_stop(id, SHARED_SERVER, STOP_KICK));
}

static napi_value server_release(napi_env env, napi_callback_info info) {
  struct args args;
  struct server **slot;
  if (!get_args(env, info, 1, &args) || !arg_external(&args, 0, "server", &server_tag, (void **)&slot)) return NULL;
  struct server *server = *slot;
  *slot = NULL;
  if (server == NULL) return undefined_value(env);
  server_close_files(server);
  shared_retire(&server->shared);
  shared_release(&server->shared);
  return undefined_value(env);
}

bool register_server(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"serverOpen", server_open},
      {"serverId", server_id},
      {"serverArea", server_area},
      {"exchangeFunction", exchange_function},
      {"serverError", server_error},
      {"barrier", barrier_wait},
      {"barrierNow", barrier_now},
      {"stopServer", stop_server},
      {"kickServer", kick_server},
      {"serverRelease", server_release},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
