#include "order_group.h"

#include "common.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MESSAGE_BYTES 32

static const napi_type_tag group_tag = {0x6a1f0c5e2b934d74, 0x9b0de1a4c07f5515};

int order_group_join(struct order_group *group, int fd, uint64_t *base) {
  int slot = -1;
  pthread_mutex_lock(&group->lock);
  for (int i = 0; i < ORDER_GROUP_MEMBERS && slot < 0; i++)
    if (group->members[i].fd < 0) slot = i;
  if (slot >= 0) {
    *base = atomic_load(&group->members[slot].done);
    group->members[slot].fd = fd;
  }
  pthread_mutex_unlock(&group->lock);
  return slot;
}

static void wake(struct order_member *member) {
  atomic_fetch_add(&member->progress, 1);
  if (atomic_load(&member->waiters) > 0) syscall(SYS_futex, &member->progress, FUTEX_WAKE_PRIVATE, INT_MAX);
}

/* A member that is gone holds nobody up: both counts move past all that could still have been in its file. */
void order_group_leave(struct order_group *group, int slot) {
  struct order_member *member = &group->members[slot];
  pthread_mutex_lock(&group->lock);
  uint64_t past = (atomic_load(&member->taken) / MESSAGE_BYTES + 1) * MESSAGE_BYTES + ((uint64_t)1 << 40);
  member->fd = -1;
  atomic_store(&member->taken, past);
  atomic_store(&member->done, past);
  pthread_mutex_unlock(&group->lock);
  wake(member);
}

void order_take_begin(struct order_group *group, int slot) { atomic_fetch_add(&group->members[slot].taking, 1); }

void order_take_end(struct order_group *group, int slot, uint64_t bytes) {
  atomic_fetch_add(&group->members[slot].taken, bytes);
  atomic_fetch_add(&group->members[slot].taking, 1);
}

void order_done(struct order_group *group, int slot, uint64_t total) {
  struct order_member *member = &group->members[slot];
  if (atomic_load_explicit(&member->done, memory_order_relaxed) == total) return;
  atomic_store(&member->done, total);
  wake(member);
}

/* Bytes posted to the member up to now; false where it was just moving some (try again). */
static bool snapshot(struct order_member *member, uint64_t *target) {
  uint32_t before = atomic_load(&member->taking);
  int pending = 0;
  if (before & 1) return false;
  uint64_t taken = atomic_load(&member->taken);
  if (ioctl(member->fd, FIONREAD, &pending) != 0) pending = 0;
  *target = (taken + (uint64_t)pending) / MESSAGE_BYTES * MESSAGE_BYTES;
  return atomic_load(&member->taking) == before;
}

void order_barrier_begin(struct order_group *group, int slot, struct order_barrier *barrier) {
  memset(barrier->targets, 0, sizeof barrier->targets);
  pthread_mutex_lock(&group->lock); /* the fds stay open */
  for (int i = 0; i < ORDER_GROUP_MEMBERS; i++) {
    struct order_member *member = &group->members[i];
    if (i == slot || member->fd < 0) continue;
    while (!snapshot(member, &barrier->targets[i])) sched_yield(); /* it is between two system calls */
  }
  pthread_mutex_unlock(&group->lock);
  barrier->active = true;
}

static struct order_member *first_behind(struct order_group *group, struct order_barrier *barrier) {
  for (int i = 0; i < ORDER_GROUP_MEMBERS; i++)
    if (barrier->targets[i] > atomic_load(&group->members[i].done)) return &group->members[i];
  return NULL;
}

bool order_barrier_passed(struct order_group *group, struct order_barrier *barrier) {
  if (first_behind(group, barrier) != NULL) return false;
  barrier->active = false;
  return true;
}

bool order_barrier_wait(struct order_group *group, struct order_barrier *barrier, const _Atomic uint32_t *word) {
  struct order_member *member;
  while ((member = first_behind(group, barrier)) != NULL) {
    uint32_t progress = atomic_load(&member->progress);
    atomic_fetch_add(&member->waiters, 1);
    if (first_behind(group, barrier) == member)
      interruptible_syscall(word, SYS_futex, (long)&member->progress, FUTEX_WAIT_PRIVATE, progress, 0, 0, 0);
    atomic_fetch_sub(&member->waiters, 1);
    if (atomic_load(word) != 0) return false;
  }
  barrier->active = false;
  return true;
}

/* ---- JavaScript */

static void destroy_group(struct shared *object) {
  struct order_group *group = (struct order_group *)object;
  pthread_mutex_destroy(&group->lock);
  free(group);
}

static void finalize_group(napi_env env, void *data, void *hint) {
  struct order_group **slot = data;
  if (*slot != NULL) shared_release(&(*slot)->shared);
  free(slot);
}

static napi_value wrap_group(napi_env env, struct order_group *group) {
  struct order_group **slot = malloc(sizeof *slot);
  napi_value external = NULL;
  if (slot != NULL) {
    *slot = group;
    external = make_external(env, slot, &group_tag, finalize_group);
  }
  if (external != NULL) return external;
  free(slot);
  shared_release(&group->shared);
  return throw_errno(env, ENOMEM, "orderGroup");
}

struct order_group *arg_order_group(const struct args *args, size_t index) {
  struct order_group **slot;
  if (!arg_external(args, index, "group", &group_tag, (void **)&slot)) return NULL;
  if (*slot == NULL) throw_type(args->env, "group has been released");
  return *slot;
}

static napi_value group_create(napi_env env, napi_callback_info info) {
  int error = interruptible_init();
  if (error != 0) return throw_errno(env, error, "sigaction");
  struct order_group *group = calloc(1, sizeof *group);
  if (group == NULL) return throw_errno(env, ENOMEM, "calloc");
  pthread_mutex_init(&group->lock, NULL);
  for (int i = 0; i < ORDER_GROUP_MEMBERS; i++) group->members[i].fd = -1;
  shared_publish(&group->shared, SHARED_ORDER_GROUP, NULL, destroy_group);
  return wrap_group(env, group);
}

static napi_value group_id(napi_env env, napi_callback_info info) {
  struct args args;
  struct order_group *group;
  if (!get_args(env, info, 1, &args) || (group = arg_order_group(&args, 0)) == NULL) return NULL;
  return to_u32(env, group->shared.id);
}

static napi_value group_open(napi_env env, napi_callback_info info) {
  struct args args;
  uint32_t id;
  if (!get_args(env, info, 1, &args) || !arg_u32(&args, 0, "id", &id)) return NULL;
  struct shared *object = shared_find(id, SHARED_ORDER_GROUP);
  if (object == NULL) return throw_errno(env, ENOENT, "orderGroupOpen");
  return wrap_group(env, (struct order_group *)object);
}

static napi_value group_release(napi_env env, napi_callback_info info) {
  struct args args;
  struct order_group **slot;
  if (!get_args(env, info, 1, &args) || !arg_external(&args, 0, "group", &group_tag, (void **)&slot)) return NULL;
  struct order_group *group = *slot;
  *slot = NULL;
  if (group != NULL) shared_release(&group->shared);
  return undefined_value(env);
}

bool register_order_group(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"orderGroupCreate", group_create},
      {"orderGroupId", group_id},
      {"orderGroupOpen", group_open},
      {"orderGroupRelease", group_release},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
