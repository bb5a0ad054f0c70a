/*
 * readv(2) and writev(2) on pieces of mappings: what streams and packets need. JavaScript fills a list of segments in a
 * shared area and names the part of it that a call uses. Descriptors should not block; nothing is in flight after a call.
 */
#include "common.h"
#include "mapping_table.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* UIO_MAXIOV: what one call takes. */
#define MAX_PER_CALL 1024
#define MAX_CAPACITY 65536

struct io_vector {
  _Atomic uint32_t holders; /* the object, its functions and the area's buffer */
  uint32_t capacity;
  struct segment *segments; /* the area */
  struct mapping_table mappings;
  struct iovec vectors[MAX_PER_CALL];
};

static const napi_type_tag io_vector_tag = {0x696f2d766563746f, 0x696f726567696f6e};

static void drop(struct io_vector *vector) {
  if (atomic_fetch_sub(&vector->holders, 1) != 1) return;
  mapping_table_clear(&vector->mappings);
  mapping_table_free(&vector->mappings);
  free(vector->segments);
  free(vector);
}

static void release_area(void *hint) { drop(hint); }

static void finalize(napi_env env, void *data, void *hint) { drop(data); }

static struct io_vector *allocate(uint32_t capacity) {
  struct io_vector *vector = calloc(1, sizeof *vector);
  if (vector == NULL) return NULL;
  vector->holders = 1;
  vector->capacity = capacity;
  vector->segments = calloc(capacity, sizeof *vector->segments);
  if (vector->segments != NULL && mapping_table_init(&vector->mappings) == 0) return vector;
  drop(vector);
  return NULL;
}

static napi_value create(napi_env env, napi_callback_info info) {
  struct args args;
  int32_t capacity;
  if (!get_args(env, info, 1, &args) || !arg_i32(&args, 0, "capacity", 1, MAX_CAPACITY, &capacity)) return NULL;
  struct io_vector *vector = allocate((uint32_t)capacity);
  if (vector == NULL) return throw_errno(env, ENOMEM, "ioVectorCreate");
  napi_value external = make_external(env, vector, &io_vector_tag, finalize);
  if (external == NULL) drop(vector);
  return external;
}

static bool arg_vector(const struct args *args, struct io_vector **out) {
  return arg_external(args, 0, "vector", &io_vector_tag, (void **)out);
}

static napi_value get_area(napi_env env, napi_callback_info info) {
  struct args args;
  struct io_vector *vector;
  if (!get_args(env, info, 1, &args) || !arg_vector(&args, &vector)) return NULL;
  size_t length = vector->capacity * sizeof *vector->segments;
  atomic_fetch_add(&vector->holders, 1);
  napi_value buffer = make_array_buffer(env, vector->segments, length, release_area, vector);
  if (buffer == NULL) drop(vector);
  return buffer;
}

static napi_value attach(napi_env env, napi_callback_info info) {
  struct args args;
  struct io_vector *vector;
  struct mapping *mapping;
  if (!get_args(env, info, 2, &args) || !arg_vector(&args, &vector) || !arg_mapping(&args, 1, "mapping", &mapping))
    return NULL;
  int32_t index = mapping_table_add(&vector->mappings, mapping);
  return index < 0 ? throw_errno(env, -index, "ioVectorAttach") : to_i32(env, index);
}

static napi_value detach_all(napi_env env, napi_callback_info info) {
  struct args args;
  struct io_vector *vector;
  if (!get_args(env, info, 1, &args) || !arg_vector(&args, &vector)) return NULL;
  mapping_table_clear(&vector->mappings);
  return undefined_value(env);
}

/* The arguments of a transfer: descriptor, first segment, number of segments. */
struct transfer {
  struct io_vector *vector;
  int32_t fd;
  uint32_t first, count;
};

/* A vector is private to its thread, but the numbers come from a script. */
static int prepare(const struct transfer *transfer) {
  struct io_vector *vector = transfer->vector;
  uint32_t first = transfer->first, count = transfer->count;
  if (count > MAX_PER_CALL || first > vector->capacity || count > vector->capacity - first) return EINVAL;
  return mapping_table_translate(&vector->mappings, &vector->segments[first], count, vector->vectors);
}

static bool get_transfer(napi_env env, napi_callback_info info, struct transfer *transfer) {
  napi_value values[3];
  size_t count = LENGTH_OF(values);
  if (napi_get_cb_info(env, info, &count, values, NULL, (void **)&transfer->vector) != napi_ok) return false;
  if (count >= LENGTH_OF(values) && napi_get_value_int32(env, values[0], &transfer->fd) == napi_ok &&
      napi_get_value_uint32(env, values[1], &transfer->first) == napi_ok &&
      napi_get_value_uint32(env, values[2], &transfer->count) == napi_ok)
    return true;
  throw_type(env, "fd, first and count must be numbers");
  return false;
}

/* Bytes moved, or a negative errno: a refusal is an everyday event here, not worth an exception. */
static napi_value perform(napi_env env, napi_callback_info info, ssize_t (*call)(int, const struct iovec *, int)) {
  struct transfer transfer;
  if (!get_transfer(env, info, &transfer)) return NULL;
  int error = prepare(&transfer);
  if (error != 0) return to_i32(env, -error);
  ssize_t moved = TEMP_FAILURE_RETRY(call(transfer.fd, transfer.vector->vectors, (int)transfer.count));
  return moved < 0 ? to_i32(env, -errno) : to_double(env, (double)moved);
}

static napi_value read_vector(napi_env env, napi_callback_info info) { return perform(env, info, readv); }

static napi_value write_vector(napi_env env, napi_callback_info info) { return perform(env, info, writev); }

static napi_value bound_function(napi_env env, napi_callback_info info, const char *name, napi_callback callback) {
  struct args args;
  struct io_vector *vector;
  napi_value function;
  if (!get_args(env, info, 1, &args) || !arg_vector(&args, &vector)) return NULL;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, vector, &function) != napi_ok) return NULL;
  atomic_fetch_add(&vector->holders, 1);
  if (napi_add_finalizer(env, function, vector, finalize, NULL, NULL) == napi_ok) return function;
  drop(vector);
  return NULL;
}

static napi_value read_function(napi_env env, napi_callback_info info) {
  return bound_function(env, info, "readv", read_vector);
}

static napi_value write_function(napi_env env, napi_callback_info info) {
  return bound_function(env, info, "writev", write_vector);
}

bool register_io_vector(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"ioVectorCreate", create},
      {"ioVectorArea", get_area},
      {"ioVectorAttach", attach},
      {"ioVectorDetachAll", detach_all},
      {"ioVectorReadFunction", read_function},
      {"ioVectorWriteFunction", write_function},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
