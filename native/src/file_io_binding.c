/* file_io for JavaScript. */
#include "common.h"
#include "fd_watch.h"
#include "file_io.h"
#include "vector_io.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SLOTS 4096
/* UIO_MAXIOV: what one preadv(2) takes. */
#define MAX_SEGMENTS 1024

static const napi_type_tag file_io_tag = {0x66696c652d696f00, 0x696f726567696f6e};

static void release_user(struct file_io *io) {
  if (--io->users == 0) file_io_close(io);
  file_io_drop(io);
}

static void finalize_user(napi_env env, void *data, void *hint) { release_user(data); }

static bool arg_file_io(const struct args *args, struct file_io **out) {
  return arg_external(args, 0, "io", &file_io_tag, (void **)out);
}

struct open_request {
  int fd;
  int32_t slots, segments_per_slot;
  bool uses_ring;
};

static bool get_open_request(napi_env env, napi_callback_info info, struct open_request *request) {
  struct args args;
  return get_args(env, info, 4, &args) && arg_fd(&args, 0, "fd", &request->fd) &&
         arg_i32(&args, 1, "slots", 1, MAX_SLOTS, &request->slots) &&
         arg_i32(&args, 2, "segmentsPerSlot", 1, MAX_SEGMENTS, &request->segments_per_slot) &&
         arg_bool(&args, 3, "ring", &request->uses_ring);
}

static napi_value io_open(napi_env env, napi_callback_info info) {
  struct open_request request;
  if (!get_open_request(env, info, &request)) return NULL;
  struct file_io *io = malloc(sizeof *io);
  if (io == NULL) return throw_errno(env, ENOMEM, "fileIoOpen");
  int error = file_io_init(io, request.fd, (uint32_t)request.slots, (uint32_t)request.segments_per_slot,
                           request.uses_ring);
  if (error != 0) {
    free(io);
    return throw_errno(env, error, request.uses_ring ? "io_uring_setup" : "fileIoOpen");
  }
  napi_value external = make_external(env, io, &file_io_tag, finalize_user);
  if (external == NULL) release_user(io);
  return external;
}

static void release_area(void *hint) { file_io_drop(hint); }

static napi_value io_area(napi_env env, napi_callback_info info) {
  struct args args;
  struct file_io *io;
  if (!get_args(env, info, 1, &args) || !arg_file_io(&args, &io)) return NULL;
  atomic_fetch_add(&io->holders, 1);
  napi_value buffer = make_array_buffer(env, io->memory, io->memory_length, release_area, io);
  if (buffer == NULL) file_io_drop(io);
  return buffer;
}

static napi_value submit(napi_env env, napi_callback_info info) {
  struct file_io *io;
  napi_value argument;
  size_t arguments = 1;
  uint32_t count;
  if (napi_get_cb_info(env, info, &arguments, &argument, NULL, (void **)&io) != napi_ok) return NULL;
  if (arguments < 1 || napi_get_value_uint32(env, argument, &count) != napi_ok)
    return throw_type(env, "count must be a number");
  int32_t completions = file_io_submit(io, count);
  if (completions >= 0) return to_i32(env, completions);
  if (completions == -EINVAL) return throw_range(env, "each slot submitted must exist, be listed once and be free");
  return throw_errno(env, -completions, "fileIoSubmit");
}

static napi_value submit_function(napi_env env, napi_callback_info info) {
  struct args args;
  struct file_io *io;
  napi_value function;
  if (!get_args(env, info, 1, &args) || !arg_file_io(&args, &io)) return NULL;
  if (napi_create_function(env, "submit", NAPI_AUTO_LENGTH, submit, io, &function) != napi_ok) return NULL;
  io->users++;
  atomic_fetch_add(&io->holders, 1);
  if (napi_add_finalizer(env, function, io, finalize_user, NULL, NULL) == napi_ok) return function;
  release_user(io);
  return NULL;
}

static napi_value io_attach(napi_env env, napi_callback_info info) {
  struct args args;
  struct file_io *io;
  struct mapping *mapping;
  if (!get_args(env, info, 2, &args) || !arg_file_io(&args, &io) || !arg_mapping(&args, 1, "mapping", &mapping))
    return NULL;
  int32_t index = io->fd < 0 ? -EBADF : file_io_attach(io, mapping);
  return index < 0 ? throw_errno(env, -index, "fileIoAttach") : to_i32(env, index);
}

static napi_value io_detach(napi_env env, napi_callback_info info) {
  struct args args;
  struct file_io *io;
  uint32_t index;
  if (!get_args(env, info, 2, &args) || !arg_file_io(&args, &io) || !arg_u32(&args, 1, "index", &index)) return NULL;
  int error = file_io_detach(io, index);
  return error != 0 ? throw_errno(env, error, "fileIoDetach") : undefined_value(env);
}

static napi_value io_watch(napi_env env, napi_callback_info info) {
  struct args args;
  struct file_io *io;
  if (!get_args(env, info, 2, &args) || !arg_file_io(&args, &io)) return NULL;
  if (io->ring.fd < 0) return throw_errno(env, EBADF, "fileIoWatch");
  return watch_descriptor(env, io->ring.fd, args.values[1]);
}

static napi_value io_close(napi_env env, napi_callback_info info) {
  struct args args;
  struct file_io *io;
  if (!get_args(env, info, 1, &args) || !arg_file_io(&args, &io)) return NULL;
  file_io_close(io);
  return undefined_value(env);
}

static napi_value can_try(napi_env env, napi_callback_info info) {
  struct args args;
  int fd;
  if (!get_args(env, info, 1, &args) || !arg_fd(&args, 0, "fd", &fd)) return NULL;
  return to_bool(env, vector_io_can_try(fd));
}

bool register_file_io(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"fileIoOpen", io_open},     {"fileIoArea", io_area},   {"fileIoSubmitFunction", submit_function},
      {"fileIoAttach", io_attach}, {"fileIoDetach", io_detach}, {"fileIoWatch", io_watch},
      {"fileIoClose", io_close},   {"canTryRead", can_try},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
