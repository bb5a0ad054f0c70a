/* Callers without KVM, each in the place of a vCPU: of DispatcherBinding in src/native/bindings/dispatch.ts. */
#include "common.h"
#include "dispatcher.h"

#include <errno.h>
#include <stdlib.h>

static const napi_type_tag caller_tag = {0x6a1f0c5e2b934d72, 0x9b0de1a4c07f5513};

struct loopback_caller {
  struct shared shared;
  struct caller caller;
};

static void destroy_caller(struct shared *object) {
  struct loopback_caller *loopback = (struct loopback_caller *)object;
  caller_free(&loopback->caller);
  free(loopback);
}

static void release_shared(void *hint) { shared_release(hint); }

static void finalize_caller(napi_env env, void *data, void *hint) {
  struct loopback_caller **slot = data;
  if (*slot != NULL) shared_release(&(*slot)->shared);
  free(slot);
}

static struct loopback_caller *arg_caller(const struct args *args, size_t index) {
  struct loopback_caller **slot;
  if (!arg_external(args, index, "caller", &caller_tag, (void **)&slot)) return NULL;
  if (*slot == NULL) throw_type(args->env, "caller has been released");
  return *slot;
}

static napi_value caller_create(napi_env env, napi_callback_info info) {
  struct args args;
  struct dispatcher *dispatcher;
  if (!get_args(env, info, 1, &args) || (dispatcher = arg_dispatcher(&args, 0)) == NULL) return NULL;
  struct loopback_caller **slot = malloc(sizeof *slot), *loopback = calloc(1, sizeof *loopback);
  if (slot == NULL || loopback == NULL || caller_init(&loopback->caller, dispatcher) != 0) {
    free(slot);
    free(loopback);
    return throw_errno(env, ENOMEM, "caller");
  }
  shared_publish(&loopback->shared, SHARED_CALLER, &loopback->caller.stop, destroy_caller);
  *slot = loopback;
  napi_value external = make_external(env, slot, &caller_tag, finalize_caller);
  if (external != NULL) return external;
  free(slot);
  shared_release(&loopback->shared);
  return throw_errno(env, ENOMEM, "caller");
}

static napi_value caller_id(napi_env env, napi_callback_info info) {
  struct args args;
  struct loopback_caller *loopback;
  if (!get_args(env, info, 1, &args) || (loopback = arg_caller(&args, 0)) == NULL) return NULL;
  return to_u32(env, loopback->shared.id);
}

static napi_value caller_release(napi_env env, napi_callback_info info) {
  struct args args;
  struct loopback_caller **slot;
  if (!get_args(env, info, 1, &args) || !arg_external(&args, 0, "caller", &caller_tag, (void **)&slot)) return NULL;
  struct loopback_caller *loopback = *slot;
  *slot = NULL;
  if (loopback == NULL) return undefined_value(env);
  caller_end(&loopback->caller); /* at once: its function and area live on until JavaScript has forgotten them */
  shared_retire(&loopback->shared);
  shared_release(&loopback->shared);
  return undefined_value(env);
}

static napi_value caller_area(napi_env env, napi_callback_info info) {
  struct args args;
  struct loopback_caller *loopback;
  if (!get_args(env, info, 1, &args) || (loopback = arg_caller(&args, 0)) == NULL) return NULL;
  shared_acquire(&loopback->shared);
  return make_array_buffer(env, loopback->caller.area, sizeof *loopback->caller.area, release_shared, &loopback->shared);
}

static void store_value(struct caller *caller) {
  caller->area->value_low = (uint32_t)caller->access.value;
  caller->area->value_high = (uint32_t)(caller->access.value >> 32);
}

static void store_outcome(struct caller *caller, enum outcome outcome) {
  if (outcome == OUTCOME_DONE) store_value(caller);
  caller->area->outcome = (int32_t)outcome;
}

static napi_value access_outcome(napi_env env, struct caller *caller, enum outcome outcome) {
  store_outcome(caller, outcome);
  return to_i32(env, outcome);
}

/*
 * Hot path: bound to its caller, so that no argument has to be unwrapped; the outcome goes through the area, which is
 * shorter than a value of Node-API. The area is read once.
 */
static napi_value do_access(napi_env env, napi_callback_info info) {
  struct loopback_caller *loopback;
  if (napi_get_cb_info(env, info, NULL, NULL, NULL, (void **)&loopback) != napi_ok) return NULL;
  struct caller *caller = &loopback->caller;
  const volatile struct caller_area *area = caller->area;
  struct access access = {.address = area->address_low | (uint64_t)area->address_high << 32,
                          .value = area->value_low | (uint64_t)area->value_high << 32, .size = area->size};
  uint32_t flags = area->flags;
  access.write = flags & 1;
  access.space = flags & 2 ? SPACE_PIO : SPACE_MMIO;
  if (access.size < 1 || access.size > 8) return throw_range(env, "size must be 1 to 8 bytes");
  if (caller_ended(caller)) return throw_type(env, "caller has been released");
  if (caller->stage != STAGE_IDLE) return throw_errno(env, EBUSY, "access");
  stop_bind(&caller->stop);
  store_outcome(caller, caller_access(caller, &access));
  return NULL;
}

static void finalize_bound(napi_env env, void *data, void *hint) { shared_release(data); }

static napi_value access_function(napi_env env, napi_callback_info info) {
  struct args args;
  struct loopback_caller *loopback;
  napi_value function;
  if (!get_args(env, info, 1, &args) || (loopback = arg_caller(&args, 0)) == NULL) return NULL;
  if (napi_create_function(env, "access", NAPI_AUTO_LENGTH, do_access, loopback, &function) != napi_ok) return NULL;
  shared_acquire(&loopback->shared);
  if (napi_add_finalizer(env, function, &loopback->shared, finalize_bound, NULL, NULL) == napi_ok) return function;
  shared_release(&loopback->shared);
  return NULL;
}

static napi_value resume_access(napi_env env, napi_callback_info info) {
  struct args args;
  struct loopback_caller *loopback;
  if (!get_args(env, info, 1, &args) || (loopback = arg_caller(&args, 0)) == NULL) return NULL;
  if (loopback->caller.stage == STAGE_IDLE) return throw_errno(env, EINVAL, "resume");
  stop_bind(&loopback->caller.stop);
  return access_outcome(env, &loopback->caller, caller_resume(&loopback->caller));
}

static napi_value resolve_access(napi_env env, napi_callback_info info) {
  struct args args;
  struct loopback_caller *loopback;
  int32_t action;
  if (!get_args(env, info, 2, &args) || (loopback = arg_caller(&args, 0)) == NULL || !arg_i32(&args, 1, "action", 0, 1, &action))
    return NULL;
  if (loopback->caller.stage != STAGE_FAILED) return throw_errno(env, EINVAL, "resolve");
  stop_bind(&loopback->caller.stop);
  return access_outcome(env, &loopback->caller, caller_resolve(&loopback->caller, action == 1));
}

static napi_value kick_caller(napi_env env, napi_callback_info info) {
  struct args args;
  uint32_t id;
  if (!get_args(env, info, 1, &args) || !arg_u32(&args, 0, "id", &id)) return NULL;
  return to_bool(env, shared_stop(id, SHARED_CALLER, STOP_KICK));
}

bool register_loopback_caller(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"callerCreate", caller_create},
      {"callerId", caller_id},
      {"callerRelease", caller_release},
      {"callerArea", caller_area},
      {"accessFunction", access_function},
      {"resume", resume_access},
      {"resolve", resolve_access},
      {"kickCaller", kick_caller},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
