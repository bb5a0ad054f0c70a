/*
 * KVM_SET_USER_MEMORY_REGION and KVM_GET_DIRTY_LOG: the requests that hand KVM an address of this process. Each slot in
 * use is recorded, newest first, because KVM forgets to tell: its mapping must stay, and its size decides how long the
 * bitmap is that KVM writes.
 */
#include "memory_slots.h"

#include <linux/kvm.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define GUEST_PAGE_SIZE 4096
#define PAGES_PER_WORD 64

struct slot {
  struct slot *next;
  int vm;
  uint32_t number;
  uint64_t size;
  struct mapping *mapping;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot *slots;

static struct slot **find_slot(int vm, uint32_t number) {
  struct slot **link = &slots;
  while (*link != NULL && ((*link)->vm != vm || (*link)->number != number)) link = &(*link)->next;
  return link;
}

static void remove_slot(struct slot **link) {
  struct slot *slot = *link;
  if (slot == NULL) return;
  *link = slot->next;
  mapping_unpin(slot->mapping);
  free(slot);
}

void memory_slots_forget_mapping(struct mapping *mapping) {
  pthread_mutex_lock(&lock);
  for (struct slot **link = &slots; *link != NULL;) {
    if ((*link)->mapping == mapping)
      remove_slot(link);
    else
      link = &(*link)->next;
  }
  pthread_mutex_unlock(&lock);
}

/* A VM fd number may have been used before: an older record with another mapping stays, as that VM may still run. */
static void record_slot(struct slot *slot) {
  struct slot **link = find_slot(slot->vm, slot->number);
  mapping_pin(slot->mapping, true);
  if (*link != NULL && (*link)->mapping == slot->mapping) remove_slot(link);
  slot->next = slots;
  slots = slot;
}

/* Takes over `record` where KVM accepts the slot; a slot of size 0 deletes. Returns 0 or an errno. */
static int set_region(int vm, const struct kvm_userspace_memory_region *region, struct slot *record) {
  int error = 0;
  pthread_mutex_lock(&lock);
  if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, region) < 0)
    error = errno;
  else if (record != NULL)
    record_slot(record);
  else
    remove_slot(find_slot(vm, region->slot));
  pthread_mutex_unlock(&lock);
  return error;
}

struct region_request {
  int vm;
  struct kvm_userspace_memory_region region;
  struct mapping *mapping;
};

static bool get_mapping_range(const struct args *args, struct region_request *request) {
  uint64_t offset;
  if (request->region.memory_size == 0) return true;
  if (!arg_mapping(args, 5, "mapping", &request->mapping) || !arg_size(args, 6, "offset", &offset)) return false;
  void *address = mapping_range(request->mapping, offset, request->region.memory_size);
  request->region.userspace_addr = (uintptr_t)address;
  if (address != NULL) return true;
  throw_range(args->env, "offset and size must lie inside a mapping that is still there");
  return false;
}

static bool get_region_request(napi_env env, napi_callback_info info, struct region_request *request) {
  struct args args;
  uint64_t gpa, size;
  *request = (struct region_request){0};
  if (!get_args(env, info, 7, &args) || !arg_fd(&args, 0, "vm", &request->vm) ||
      !arg_u32(&args, 1, "slot", &request->region.slot) || !arg_u32(&args, 2, "flags", &request->region.flags) ||
      !arg_u64(&args, 3, "gpa", &gpa) || !arg_size(&args, 4, "size", &size))
    return false;
  request->region.guest_phys_addr = gpa;
  request->region.memory_size = size;
  return get_mapping_range(&args, request);
}

static napi_value set_memory_region(napi_env env, napi_callback_info info) {
  struct region_request request;
  struct slot *record = NULL;
  if (!get_region_request(env, info, &request)) return NULL;
  if (request.mapping != NULL) {
    record = malloc(sizeof *record);
    if (record == NULL) return throw_errno(env, ENOMEM, "ioctl(KVM_SET_USER_MEMORY_REGION)");
    *record = (struct slot){NULL, request.vm, request.region.slot, request.region.memory_size, request.mapping};
  }
  int error = set_region(request.vm, &request.region, record);
  if (error == 0) return undefined_value(env);
  free(record);
  return throw_errno(env, error, "ioctl(KVM_SET_USER_MEMORY_REGION)");
}

/* Bytes of the bitmap KVM writes for a slot; 0 where there is no such slot. */
static size_t bitmap_length(int vm, uint32_t number) {
  const struct slot *slot = *find_slot(vm, number);
  if (slot == NULL) return 0;
  uint64_t pages = slot->size / GUEST_PAGE_SIZE;
  return (pages + PAGES_PER_WORD - 1) / PAGES_PER_WORD * sizeof(uint64_t);
}

/* Returns 0 or an errno; `bitmap` holds `capacity` bytes. */
static int get_dirty_log(int vm, uint32_t number, uint8_t *bitmap, size_t capacity) {
  struct kvm_dirty_log log = {.slot = number};
  int error = 0;
  pthread_mutex_lock(&lock);
  size_t length = bitmap_length(vm, number);
  log.dirty_bitmap = length == 0 || length > capacity ? NULL : malloc(length);
  if (length == 0)
    error = ENOENT;
  else if (log.dirty_bitmap == NULL)
    error = length > capacity ? ENOBUFS : ENOMEM;
  else if (ioctl(vm, KVM_GET_DIRTY_LOG, &log) < 0)
    error = errno;
  if (error == 0) memcpy(bitmap, log.dirty_bitmap, length);
  pthread_mutex_unlock(&lock);
  free(log.dirty_bitmap);
  return error;
}

static napi_value dirty_log(napi_env env, napi_callback_info info) {
  struct args args;
  int vm;
  uint32_t number;
  uint64_t pages;
  uint8_t *bitmap;
  size_t capacity;
  if (!get_args(env, info, 4, &args) || !arg_fd(&args, 0, "vm", &vm) || !arg_u32(&args, 1, "slot", &number) ||
      !arg_size(&args, 2, "pages", &pages) || !arg_bytes(&args, 3, "bitmap", &bitmap, &capacity))
    return NULL;
  if (pages > (uint64_t)capacity * 8) return throw_range(env, "bitmap must hold a bit for each page");
  int error = get_dirty_log(vm, number, bitmap, capacity);
  return error != 0 ? throw_errno(env, error, "ioctl(KVM_GET_DIRTY_LOG)") : undefined_value(env);
}

bool register_memory_slots(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"setMemoryRegion", set_memory_region},
      {"dirtyLog", dirty_log},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
