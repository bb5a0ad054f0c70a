#include "mapping.h"
#include "guard.h"
#include "memory_slots.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The most that every supported Node version accepts as one ArrayBuffer. */
#define MAX_LENGTH (UINT64_C(1) << 32)
#define NO_GUARD -1

/*
 * Holders are the JavaScript object, its ArrayBuffer (released by V8 when nothing can reach the bytes any more) and whoever
 * holds or pins it in C; the last one to go unmaps.
 */
struct mapping {
  napi_env env;
  uint8_t *data;
  size_t length;
  bool accessible;
  unsigned holders;
  unsigned pins;
  /* KVM has been given the address: see unmap_range. */
  bool exposed;
  /* Its number, or NO_GUARD. */
  int guard;
  /* Strong: a second ArrayBuffer over the same bytes is never made. */
  napi_ref buffer;
};

static const napi_type_tag mapping_tag = {0x6d617070696e6700, 0x696f726567696f6e};

/* Pins come and go on other threads than the one that owns the object. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * KVM remembers the addresses of guest memory for longer than a script can tell (a vCPU fd keeps a VM alive). So the
 * pages are given back, but the addresses stay reserved and inaccessible: no later mmap can land under a guest.
 */
static void unmap_range(struct mapping *mapping) {
  if (mapping->guard != NO_GUARD) guard_remove(mapping->guard);
  mapping->guard = NO_GUARD;
  if (mapping->exposed)
    mmap(mapping->data, mapping->length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  else
    munmap(mapping->data, mapping->length);
  mapping->data = NULL;
}

void mapping_hold(struct mapping *mapping) {
  pthread_mutex_lock(&lock);
  mapping->holders++;
  pthread_mutex_unlock(&lock);
}

void mapping_drop(struct mapping *mapping) {
  pthread_mutex_lock(&lock);
  bool last = --mapping->holders == 0;
  pthread_mutex_unlock(&lock);
  if (!last) return;
  if (mapping->data != NULL) unmap_range(mapping);
  free(mapping);
}

void mapping_pin(struct mapping *mapping, bool remembered) {
  pthread_mutex_lock(&lock);
  mapping->holders++;
  mapping->pins++;
  mapping->exposed |= remembered;
  pthread_mutex_unlock(&lock);
}

void mapping_unpin(struct mapping *mapping) {
  pthread_mutex_lock(&lock);
  mapping->pins--;
  pthread_mutex_unlock(&lock);
  mapping_drop(mapping);
}

static bool is_pinned(struct mapping *mapping) {
  pthread_mutex_lock(&lock);
  bool pinned = mapping->pins != 0;
  pthread_mutex_unlock(&lock);
  return pinned;
}

bool arg_mapping(const struct args *args, size_t index, const char *name, struct mapping **out) {
  void *data;
  if (!arg_external(args, index, name, &mapping_tag, &data)) return false;
  *out = data;
  return true;
}

void *mapping_range(const struct mapping *mapping, uint64_t offset, uint64_t length) {
  if (mapping->data == NULL || offset > mapping->length || length > mapping->length - offset) return NULL;
  return mapping->data + offset;
}

bool arg_mapping_range(const struct args *args, const struct mapping *mapping, uint64_t length, void **out) {
  uint64_t offset;
  if (!arg_size(args, 1, "offset", &offset)) return false;
  *out = mapping_range(mapping, offset, length);
  if (*out != NULL) return true;
  throw_range(args->env, "offset and length must lie inside a mapping that is still there");
  return false;
}

bool mapping_is_accessible(const struct mapping *mapping) { return mapping->accessible; }

/* True where a script has detached the buffer: the bytes may live on in another ArrayBuffer. */
static bool buffer_taken(const struct mapping *mapping) {
  napi_value buffer = NULL;
  bool detached = false;
  if (mapping->buffer == NULL) return false;
  if (napi_get_reference_value(mapping->env, mapping->buffer, &buffer) != napi_ok || buffer == NULL) return true;
  return napi_is_detached_arraybuffer(mapping->env, buffer, &detached) != napi_ok || detached;
}

static void forget_buffer(struct mapping *mapping) {
  if (mapping->buffer != NULL) napi_delete_reference(mapping->env, mapping->buffer);
  mapping->buffer = NULL;
}

/* The ArrayBuffer may live on without the object, as long as a view of it does. */
static void finalize_mapping(napi_env env, void *data, void *hint) {
  forget_buffer(data);
  mapping_drop(data);
}

static void release_buffer(void *hint) {
  forget_buffer(hint);
  mapping_drop(hint);
}

/* Pages past the end of a file would raise SIGBUS at the first access. */
static bool covers_file(int fd, uint64_t offset, uint64_t length) {
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return true;
  uint64_t size = (uint64_t)status.st_size;
  return offset <= size && length <= size - offset;
}

struct request {
  int fd;
  uint64_t length, offset;
  int protection;
  bool shared;
};

static bool get_request(napi_env env, napi_callback_info info, struct request *request) {
  struct args args;
  if (!get_args(env, info, 5, &args) || !arg_fd_or_none(&args, 0, "fd", &request->fd) ||
      !arg_size(&args, 1, "length", &request->length) || !arg_size(&args, 2, "offset", &request->offset) ||
      !arg_i32(&args, 3, "prot", 0, PROT_READ | PROT_WRITE, &request->protection) ||
      !arg_bool(&args, 4, "shared", &request->shared))
    return false;
  if (request->length <= MAX_LENGTH) return true;
  throw_range(env, "length must be at most 2^32 bytes: map more in several pieces");
  return false;
}

static void *map_request(const struct request *request) {
  int flags = MAP_NORESERVE | (request->shared ? MAP_SHARED : MAP_PRIVATE) | (request->fd < 0 ? MAP_ANONYMOUS : 0);
  if (request->fd >= 0 && !covers_file(request->fd, request->offset, request->length)) {
    errno = EINVAL;
    return MAP_FAILED;
  }
  return mmap(NULL, request->length, request->protection, flags, request->fd, (off_t)request->offset);
}

static napi_value make_mapping(napi_env env, napi_callback_info info) {
  struct request request;
  if (!get_request(env, info, &request)) return NULL;
  struct mapping *mapping = calloc(1, sizeof *mapping);
  if (mapping == NULL) return throw_errno(env, ENOMEM, "mmap");
  void *data = map_request(&request);
  if (data == MAP_FAILED) {
    int error = errno;
    free(mapping);
    return throw_errno(env, error, "mmap");
  }
  *mapping = (struct mapping){.env = env, .data = data, .length = request.length, .holders = 1, .guard = NO_GUARD};
  mapping->accessible = request.protection == (PROT_READ | PROT_WRITE);
  napi_value external = make_external(env, mapping, &mapping_tag, finalize_mapping);
  if (external == NULL) mapping_drop(mapping);
  return external;
}

static napi_value create_buffer(napi_env env, struct mapping *mapping) {
  mapping->holders++;
  napi_value buffer = make_array_buffer(env, mapping->data, mapping->length, release_buffer, mapping);
  if (buffer == NULL) {
    mapping->holders--;
    return NULL;
  }
  if (napi_create_reference(env, buffer, 1, &mapping->buffer) != napi_ok)
    return throw_errno(env, ENOMEM, "napi_create_reference");
  return buffer;
}

/* JavaScript has no read-only ArrayBuffer: a write to one over read-only pages would end the process. */
static napi_value get_buffer(napi_env env, napi_callback_info info) {
  struct args args;
  struct mapping *mapping;
  napi_value buffer;
  if (!get_args(env, info, 1, &args) || !arg_mapping(&args, 0, "mapping", &mapping)) return NULL;
  if (mapping->data == NULL) return throw_errno(env, EBADF, "mappingBuffer");
  if (!mapping->accessible) return throw_errno(env, EACCES, "mappingBuffer");
  if (mapping->buffer == NULL) return create_buffer(env, mapping);
  return napi_get_reference_value(env, mapping->buffer, &buffer) == napi_ok ? buffer : NULL;
}

static bool detach_buffer(struct mapping *mapping) {
  napi_value buffer;
  if (mapping->buffer == NULL) return true;
  return napi_get_reference_value(mapping->env, mapping->buffer, &buffer) == napi_ok &&
         napi_detach_arraybuffer(mapping->env, buffer) == napi_ok;
}

static napi_value unmap(napi_env env, napi_callback_info info) {
  struct args args;
  struct mapping *mapping;
  if (!get_args(env, info, 1, &args) || !arg_mapping(&args, 0, "mapping", &mapping)) return NULL;
  if (mapping->data == NULL) return undefined_value(env);
  if (is_pinned(mapping) || buffer_taken(mapping) || !detach_buffer(mapping))
    return throw_errno(env, EBUSY, "munmap");
  unmap_range(mapping);
  return undefined_value(env);
}

static napi_value guard_mapping(napi_env env, napi_callback_info info) {
  struct args args;
  struct mapping *mapping;
  int fd;
  if (!get_args(env, info, 2, &args) || !arg_mapping(&args, 0, "mapping", &mapping) || !arg_fd(&args, 1, "fd", &fd))
    return NULL;
  if (mapping->data == NULL || mapping->guard != NO_GUARD) return throw_errno(env, EBUSY, "guardMapping");
  int guard = guard_add(mapping->data, mapping->length, fd);
  if (guard < 0) return throw_errno(env, -guard, "guardMapping");
  mapping->guard = guard;
  return undefined_value(env);
}

static napi_value unpin(napi_env env, napi_callback_info info) {
  struct args args;
  struct mapping *mapping;
  if (!get_args(env, info, 1, &args) || !arg_mapping(&args, 0, "mapping", &mapping)) return NULL;
  memory_slots_forget_mapping(mapping);
  return undefined_value(env);
}

static bool get_range(const struct args *args, void **address, uint64_t *length) {
  struct mapping *mapping;
  return arg_mapping(args, 0, "mapping", &mapping) && arg_size(args, 2, "length", length) &&
         arg_mapping_range(args, mapping, *length, address);
}

static napi_value sync_range(napi_env env, napi_callback_info info) {
  struct args args;
  void *address;
  uint64_t length;
  if (!get_args(env, info, 3, &args) || !get_range(&args, &address, &length)) return NULL;
  return msync(address, length, MS_SYNC) != 0 ? throw_errno(env, errno, "msync") : undefined_value(env);
}

/* Advice that never makes a later access fatal (as MADV_HWPOISON or guard pages would). */
static bool is_harmless(int advice) {
  static const int allowed[] = {MADV_NORMAL,   MADV_RANDOM,     MADV_SEQUENTIAL, MADV_WILLNEED,   MADV_DONTNEED,
                                MADV_FREE,     MADV_REMOVE,     MADV_MERGEABLE,  MADV_UNMERGEABLE, MADV_HUGEPAGE,
                                MADV_DONTDUMP, MADV_NOHUGEPAGE, MADV_DODUMP,     MADV_COLD,       MADV_PAGEOUT};
  for (size_t i = 0; i < LENGTH_OF(allowed); i++)
    if (allowed[i] == advice) return true;
  return false;
}

static napi_value advise_range(napi_env env, napi_callback_info info) {
  struct args args;
  void *address;
  uint64_t length;
  int32_t advice;
  if (!get_args(env, info, 4, &args) || !arg_i32(&args, 3, "advice", 0, INT32_MAX, &advice) ||
      !get_range(&args, &address, &length))
    return NULL;
  if (!is_harmless(advice)) return throw_range(env, "advice must be one that leaves the memory accessible");
  return madvise(address, length, advice) != 0 ? throw_errno(env, errno, "madvise") : undefined_value(env);
}

bool register_mapping(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"mmap", make_mapping}, {"mappingBuffer", get_buffer}, {"munmap", unmap},
      {"unpinMapping", unpin}, {"msync", sync_range},        {"madvise", advise_range},
      {"guardMapping", guard_mapping},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
