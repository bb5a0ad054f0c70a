/* The face of dispatchers and regions towards JavaScript: DispatcherBinding in src/native/bindings/dispatch.ts. */
#include "dispatcher.h"

#include "common.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static const napi_type_tag dispatcher_tag = {0x6a1f0c5e2b934d71, 0x9b0de1a4c07f5512};

struct dispatcher *arg_dispatcher(const struct args *args, size_t index) {
  void **slot;
  if (!arg_external(args, index, "dispatcher", &dispatcher_tag, (void **)&slot)) return NULL;
  if (*slot == NULL) throw_type(args->env, "dispatcher has been released");
  return *slot;
}

/* ---- one JavaScript reference: a slot that `release` empties, so that releasing twice is harmless */

static void finalize_dispatcher(napi_env env, void *data, void *hint) {
  struct dispatcher **slot = data;
  if (*slot != NULL) shared_release(&(*slot)->shared);
  free(slot);
}

static napi_value wrap_dispatcher(napi_env env, struct dispatcher *dispatcher) {
  struct dispatcher **slot = malloc(sizeof *slot);
  napi_value external = NULL;
  if (slot != NULL) {
    *slot = dispatcher;
    external = make_external(env, slot, &dispatcher_tag, finalize_dispatcher);
  }
  if (external != NULL) return external;
  free(slot);
  shared_release(&dispatcher->shared);
  return throw_errno(env, ENOMEM, "dispatcher");
}

static void destroy_dispatcher(struct shared *object) {
  struct dispatcher *dispatcher = (struct dispatcher *)object;
  watchdog_stop(dispatcher);
  region_table_destroy(&dispatcher->regions);
  channel_list_destroy(dispatcher->channels);
  pthread_mutex_destroy(&dispatcher->lock);
  free(dispatcher);
}

static napi_value dispatcher_create(napi_env env, napi_callback_info info) {
  int error = interruptible_init();
  if (error != 0) return throw_errno(env, error, "sigaction");
  struct dispatcher *dispatcher = calloc(1, sizeof *dispatcher);
  if (dispatcher == NULL || (dispatcher->channels = channel_list_create()) == NULL) {
    free(dispatcher);
    return throw_errno(env, ENOMEM, "calloc");
  }
  region_table_init(&dispatcher->regions);
  pthread_mutex_init(&dispatcher->lock, NULL);
  watchdog_init(&dispatcher->watchdog);
  shared_publish(&dispatcher->shared, SHARED_DISPATCHER, NULL, destroy_dispatcher);
  return wrap_dispatcher(env, dispatcher);
}

static napi_value dispatcher_id(napi_env env, napi_callback_info info) {
  struct args args;
  struct dispatcher *dispatcher;
  if (!get_args(env, info, 1, &args) || (dispatcher = arg_dispatcher(&args, 0)) == NULL) return NULL;
  return to_u32(env, dispatcher->shared.id);
}

static napi_value dispatcher_open(napi_env env, napi_callback_info info) {
  struct args args;
  uint32_t id;
  if (!get_args(env, info, 1, &args) || !arg_u32(&args, 0, "id", &id)) return NULL;
  struct shared *object = shared_find(id, SHARED_DISPATCHER);
  if (object == NULL) return throw_errno(env, ENOENT, "dispatcherOpen");
  return wrap_dispatcher(env, (struct dispatcher *)object);
}

static napi_value dispatcher_release(napi_env env, napi_callback_info info) {
  struct args args;
  struct dispatcher **slot;
  if (!get_args(env, info, 1, &args) || !arg_external(&args, 0, "dispatcher", &dispatcher_tag, (void **)&slot)) return NULL;
  struct dispatcher *dispatcher = *slot;
  *slot = NULL;
  if (dispatcher != NULL) shared_release(&dispatcher->shared);
  return undefined_value(env);
}

/* ---- regions */

struct region_request {
  uint64_t gpa, size, user_data;
  int read_fd, write_fd;
  uint32_t flags, policy, deadline_ms;
  bool trusted;
};

static bool read_region_request(const struct args *args, struct region_request *request) {
  return arg_u64(args, 1, "gpa", &request->gpa) && arg_u64(args, 2, "size", &request->size) &&
         arg_u64(args, 3, "userData", &request->user_data) && arg_fd_or_none(args, 4, "readFd", &request->read_fd) &&
         arg_fd_or_none(args, 5, "writeFd", &request->write_fd) && arg_u32(args, 6, "flags", &request->flags) &&
         arg_u32(args, 7, "policy", &request->policy) && arg_u32(args, 8, "deadlineMs", &request->deadline_ms) &&
         arg_bool(args, 9, "trusted", &request->trusted);
}

static bool is_open(int fd) { return fd >= 0 && fcntl(fd, F_GETFD) != -1; }

/* The order of the checks is that of RFC v3. */
static int check_request(const struct region_request *request) {
  int error = region_check(request->gpa, request->size, request->flags);
  if (error != 0) return error;
  if (request->policy >= POLICIES) return EINVAL;
  if (!is_open(request->write_fd)) return EBADF;
  if (request->size != 0 && !is_open(request->read_fd)) return EBADF;
  return 0;
}

static struct region *make_region(const struct region_request *request, struct channel *channel) {
  struct region *region = calloc(1, sizeof *region);
  if (region == NULL) return NULL;
  atomic_store(&region->references, 1);
  region->flags = request->flags;
  region->deadline_ms = request->deadline_ms;
  region->policy = (enum policy)request->policy;
  region->trusted = request->trusted;
  region->gpa = request->gpa;
  region->size = request->size;
  region->user_data = request->user_data;
  region->channel = channel;
  return region;
}

static int add_region(struct dispatcher *dispatcher, const struct region_request *request, uint32_t *id) {
  struct channel *channel;
  int error = channel_get(dispatcher->channels, request->size == 0 ? -1 : request->read_fd, request->write_fd, &channel);
  if (error != 0) return error;
  struct region *region = make_region(request, channel);
  if (region == NULL) {
    channel_put(channel);
    return ENOMEM;
  }
  pthread_mutex_lock(&dispatcher->lock);
  error = watchdog_watch(dispatcher, request->deadline_ms);
  pthread_mutex_unlock(&dispatcher->lock);
  if (error == 0) error = region_table_add(&dispatcher->regions, region);
  if (error == 0) *id = region->id;
  else region_put(region);
  return error;
}

static napi_value region_add(napi_env env, napi_callback_info info) {
  struct args args;
  struct dispatcher *dispatcher;
  struct region_request request;
  uint32_t id = 0;
  if (!get_args(env, info, 10, &args) || (dispatcher = arg_dispatcher(&args, 0)) == NULL || !read_region_request(&args, &request))
    return NULL;
  int error = check_request(&request);
  if (error == 0) error = add_region(dispatcher, &request, &id);
  return error == 0 ? to_u32(env, id) : throw_errno(env, error, "KVM_SET_IOREGION");
}

static void tell_callers(struct dispatcher *dispatcher, struct region *region) {
  atomic_fetch_add(&dispatcher->removals, 1); /* before the callers are looked at: one that ends an access sees this, or we see its claim */
  pthread_mutex_lock(&dispatcher->lock);
  for (struct caller *caller = dispatcher->callers; caller != NULL; caller = caller->next)
    caller_region_removed(caller, region);
  pthread_mutex_unlock(&dispatcher->lock);
}

static napi_value region_remove(napi_env env, napi_callback_info info) {
  struct args args;
  struct dispatcher *dispatcher;
  uint64_t gpa, size;
  uint32_t flags;
  if (!get_args(env, info, 4, &args) || (dispatcher = arg_dispatcher(&args, 0)) == NULL || !arg_u64(&args, 1, "gpa", &gpa) ||
      !arg_u64(&args, 2, "size", &size) || !arg_u32(&args, 3, "flags", &flags))
    return NULL;
  if (flags & ~(uint32_t)REGION_FLAGS) return throw_errno(env, EINVAL, "KVM_SET_IOREGION");
  struct region *region = region_table_remove(&dispatcher->regions, gpa, size, flags);
  if (region == NULL) return throw_errno(env, ENOENT, "KVM_SET_IOREGION");
  tell_callers(dispatcher, region);
  region_put(region);
  return undefined_value(env);
}

static struct region *arg_region(const struct args *args, struct dispatcher **dispatcher) {
  uint32_t id;
  if ((*dispatcher = arg_dispatcher(args, 0)) == NULL || !arg_u32(args, 1, "regionId", &id)) return NULL;
  struct region *region = region_table_find(&(*dispatcher)->regions, id);
  if (region == NULL) throw_errno(args->env, ENOENT, "region");
  return region;
}

static napi_value region_reconnect(napi_env env, napi_callback_info info) {
  struct args args;
  struct dispatcher *dispatcher;
  struct region *region;
  int read_fd, write_fd;
  if (!get_args(env, info, 4, &args) || !arg_fd_or_none(&args, 2, "readFd", &read_fd) ||
      !arg_fd(&args, 3, "writeFd", &write_fd) || (region = arg_region(&args, &dispatcher)) == NULL)
    return NULL;
  bool usable = is_open(write_fd) && (region->size == 0 || is_open(read_fd));
  int error = usable ? channel_reconnect(region->channel, read_fd, write_fd) : EBADF;
  region_put(region);
  return error == 0 ? undefined_value(env) : throw_errno(env, error, "regionReconnect");
}

static napi_value region_failed(napi_env env, napi_callback_info info) {
  struct args args;
  struct dispatcher *dispatcher;
  struct region *region;
  if (!get_args(env, info, 2, &args) || (region = arg_region(&args, &dispatcher)) == NULL) return NULL;
  bool failed = atomic_load(&region->channel->failure) != FAILURE_NONE;
  region_put(region);
  return to_bool(env, failed);
}

static napi_value region_stats(napi_env env, napi_callback_info info) {
  struct args args;
  struct dispatcher *dispatcher;
  struct region *region;
  napi_value array;
  if (!get_args(env, info, 2, &args) || (region = arg_region(&args, &dispatcher)) == NULL) return NULL;
  const _Atomic uint64_t *counters[] = {&region->stats.reads, &region->stats.writes, &region->stats.posted,
                                        &region->stats.failures, &region->stats.ended};
  if (napi_create_array_with_length(env, LENGTH_OF(counters), &array) != napi_ok) array = NULL;
  for (uint32_t i = 0; array != NULL && i < LENGTH_OF(counters); i++)
    if (napi_set_element(env, array, i, to_double(env, (double)atomic_load(counters[i]))) != napi_ok) array = NULL;
  region_put(region);
  return array;
}

static napi_value stop_all(napi_env env, napi_callback_info info) {
  shared_stop_all();
  return undefined_value(env);
}

bool register_dispatcher(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"dispatcherCreate", dispatcher_create},
      {"dispatcherId", dispatcher_id},
      {"dispatcherOpen", dispatcher_open},
      {"dispatcherRelease", dispatcher_release},
      {"regionAdd", region_add},
      {"regionRemove", region_remove},
      {"regionFailed", region_failed},
      {"regionReconnect", region_reconnect},
      {"regionStats", region_stats},
      {"stopAll", stop_all},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
