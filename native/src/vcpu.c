#include "vcpu.h"

#include "common.h"
#include "dispatcher.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const napi_type_tag vcpu_tag = {0x6a1f0c5e2b934d73, 0x9b0de1a4c07f5514};

/* The one exit that comes with an errno (KVM_EXIT_MEMORY_FAULT; newer than some headers). */
#define EXIT_MEMORY_FAULT 39

/* ---- the loop */

static bool take_mmio(struct vcpu *vcpu) {
  struct kvm_run *run = vcpu->run;
  uint32_t length = run->mmio.len;
  if (length < 1 || length > 8) return false;
  vcpu->access = (struct access){.space = SPACE_MMIO, .write = run->mmio.is_write, .size = length, .address = run->mmio.phys_addr};
  vcpu->data = run->mmio.data;
  vcpu->count = 1;
  return true;
}

/* The page is JavaScript's as well as the kernel's: offset and count are checked on a copy. */
static bool take_io(struct vcpu *vcpu) {
  const volatile struct kvm_run *run = vcpu->run;
  uint64_t offset = run->io.data_offset, size = run->io.size, count = run->io.count;
  if (size < 1 || size > 4 || count < 1 || offset > vcpu->run_size || size * count > vcpu->run_size - offset) return false;
  vcpu->access = (struct access){.space = SPACE_PIO, .write = run->io.direction == KVM_EXIT_IO_OUT, .size = (uint32_t)size,
                                 .address = run->io.port};
  vcpu->data = (uint8_t *)vcpu->run + offset;
  vcpu->count = (uint32_t)count;
  return true;
}

static void start_element(struct vcpu *vcpu) {
  vcpu->access.value = 0;
  if (vcpu->access.write) memcpy(&vcpu->access.value, vcpu->data, vcpu->access.size);
  vcpu->outcome = caller_access(&vcpu->caller, &vcpu->access);
}

static void finish_element(struct vcpu *vcpu, uint64_t value) {
  if (!vcpu->access.write) memcpy(vcpu->data, &value, vcpu->access.size);
  vcpu->data += vcpu->access.size;
  vcpu->index++;
}

/* One step of the exit under way. True: `*result` is what JavaScript gets. */
static bool step_exit(struct vcpu *vcpu, int32_t *result) {
  switch (vcpu->outcome) {
    case OUTCOME_INTERRUPTED: *result = RUN_INTERRUPTED; return true;
    case OUTCOME_FAILED: *result = RUN_FAILED; return true;
    case OUTCOME_UNHANDLED:
      if (vcpu->index == 0) {
        *result = vcpu->exit;
        vcpu->exit = -1;
        return true;
      }
      finish_element(vcpu, UINT64_MAX); /* the region vanished in the middle of a string access */
      break;
    case OUTCOME_DONE: finish_element(vcpu, vcpu->caller.access.value); break;
  }
  if (vcpu->index < vcpu->count) start_element(vcpu);
  else vcpu->exit = -1;
  return false;
}

/* True: the exit may be a region's and is now under way. */
static bool take_exit(struct vcpu *vcpu, uint32_t reason) {
  bool taken = reason == KVM_EXIT_MMIO ? take_mmio(vcpu) : reason == KVM_EXIT_IO && take_io(vcpu);
  if (!taken) return false;
  vcpu->exit = (int32_t)reason;
  vcpu->index = 0;
  start_element(vcpu);
  return true;
}

/* KVM_RUN came back with EINTR. True: it was a kick. */
static bool consume_kick(struct vcpu *vcpu) {
  const uint32_t kicks = STOP_KICK | STOP_FOREVER;
  uint32_t bits = atomic_fetch_and(&vcpu->caller.stop.word, STOP_FOREVER);
  __atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
  return bits & kicks;
}

/*
 * Without `enter` no instruction of the guest runs: KVM takes in the results of the last exit, which are in no state that
 * userspace can read until then (KVM_RUN, immediate_exit, in the API document).
 */
static int32_t run_loop(struct vcpu *vcpu, bool enter, int *error) {
  int32_t result;
  for (;;) {
    while (vcpu->exit >= 0)
      if (step_exit(vcpu, &result)) return result;
    if (!enter) __atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    long rc = interruptible_syscall(&vcpu->caller.stop.word, SYS_ioctl, vcpu->fd, KVM_RUN, 0, 0, 0, 0);
    if (rc == -EINTR) {
      if (consume_kick(vcpu)) return RUN_INTERRUPTED;
      if (!enter) return RUN_SETTLED;
      continue;
    }
    if (!enter) __atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
    if (rc < 0 && !(rc == -EFAULT && vcpu->run->exit_reason == EXIT_MEMORY_FAULT)) {
      *error = (int)-rc;
      return 0;
    }
    uint32_t reason = vcpu->run->exit_reason;
    if (!take_exit(vcpu, reason)) return (int32_t)(reason & INT32_MAX);
  }
}

/* ---- JavaScript */

static void destroy_vcpu(struct shared *object) {
  struct vcpu *vcpu = (struct vcpu *)object;
  caller_free(&vcpu->caller);
  munmap(vcpu->run, vcpu->run_size);
  if (vcpu->fd >= 0) close(vcpu->fd);
  free(vcpu);
}

static void finalize_vcpu(napi_env env, void *data, void *hint) {
  struct vcpu **slot = data;
  if (*slot != NULL) shared_release(&(*slot)->shared);
  free(slot);
}

static struct vcpu *arg_vcpu(const struct args *args, size_t index) {
  struct vcpu **slot;
  if (!arg_external(args, index, "vcpu", &vcpu_tag, (void **)&slot)) return NULL;
  if (*slot == NULL) throw_type(args->env, "vcpu has been released");
  return *slot;
}

/* Opens what needs closing; on failure nothing is left. */
static int open_vcpu(struct vcpu *vcpu, int fd, size_t size, struct dispatcher *dispatcher) {
  vcpu->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (vcpu->fd < 0) return errno;
  vcpu->run_size = size;
  vcpu->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
  int error = vcpu->run == MAP_FAILED ? errno : caller_init(&vcpu->caller, dispatcher);
  if (error == 0) return 0;
  if (vcpu->run != MAP_FAILED) munmap(vcpu->run, size);
  close(vcpu->fd);
  return error;
}

static napi_value wrap_vcpu(napi_env env, struct vcpu *vcpu) {
  struct vcpu **slot = malloc(sizeof *slot);
  napi_value external = NULL;
  if (slot != NULL) {
    *slot = vcpu;
    external = make_external(env, slot, &vcpu_tag, finalize_vcpu);
  }
  if (external != NULL) return external;
  free(slot);
  shared_release(&vcpu->shared);
  return throw_errno(env, ENOMEM, "vcpu");
}

static napi_value vcpu_create(napi_env env, napi_callback_info info) {
  struct args args;
  struct dispatcher *dispatcher;
  uint64_t size;
  int fd;
  if (!get_args(env, info, 3, &args) || !arg_fd(&args, 0, "vcpuFd", &fd) || !arg_size(&args, 1, "mmapSize", &size) ||
      (dispatcher = arg_dispatcher(&args, 2)) == NULL)
    return NULL;
  if (size < sizeof(struct kvm_run) || size > 1 << 24) return throw_range(env, "mmapSize must be KVM_GET_VCPU_MMAP_SIZE");
  struct vcpu *vcpu = calloc(1, sizeof *vcpu);
  int error = vcpu == NULL ? ENOMEM : open_vcpu(vcpu, fd, size, dispatcher);
  if (error != 0) {
    free(vcpu);
    return throw_errno(env, error, "vcpuCreate");
  }
  vcpu->exit = -1;
  shared_publish(&vcpu->shared, SHARED_VCPU, &vcpu->caller.stop, destroy_vcpu);
  return wrap_vcpu(env, vcpu);
}

static napi_value vcpu_id(napi_env env, napi_callback_info info) {
  struct args args;
  struct vcpu *vcpu;
  if (!get_args(env, info, 1, &args) || (vcpu = arg_vcpu(&args, 0)) == NULL) return NULL;
  return to_u32(env, vcpu->shared.id);
}

static void release_shared(void *hint) { shared_release(hint); }

static napi_value vcpu_run_area(napi_env env, napi_callback_info info) {
  struct args args;
  struct vcpu *vcpu;
  if (!get_args(env, info, 1, &args) || (vcpu = arg_vcpu(&args, 0)) == NULL) return NULL;
  shared_acquire(&vcpu->shared);
  return make_array_buffer(env, vcpu->run, vcpu->run_size, release_shared, &vcpu->shared);
}

static napi_value vcpu_area(napi_env env, napi_callback_info info) {
  struct args args;
  struct vcpu *vcpu;
  if (!get_args(env, info, 1, &args) || (vcpu = arg_vcpu(&args, 0)) == NULL) return NULL;
  shared_acquire(&vcpu->shared);
  return make_array_buffer(env, vcpu->caller.area, sizeof *vcpu->caller.area, release_shared, &vcpu->shared);
}

/* An access that waits in JavaScript's hands is taken up first. */
static void resume_exit(struct vcpu *vcpu) {
  if (vcpu->exit >= 0 && vcpu->outcome == OUTCOME_INTERRUPTED) vcpu->outcome = caller_resume(&vcpu->caller);
}

static napi_value run_vcpu(napi_env env, struct vcpu *vcpu, bool enter) {
  int error = 0;
  if (caller_ended(&vcpu->caller)) return throw_type(env, "vcpu has been released");
  stop_bind(&vcpu->caller.stop);
  resume_exit(vcpu);
  int32_t result = run_loop(vcpu, enter, &error);
  return error == 0 ? to_i32(env, result) : throw_errno(env, error, "ioctl(KVM_RUN)");
}

/* Hot path: bound to its vCPU. */
static napi_value do_run(napi_env env, napi_callback_info info) {
  struct vcpu *vcpu;
  if (napi_get_cb_info(env, info, NULL, NULL, NULL, (void **)&vcpu) != napi_ok) return NULL;
  return run_vcpu(env, vcpu, true);
}

static napi_value vcpu_settle(napi_env env, napi_callback_info info) {
  struct args args;
  struct vcpu *vcpu;
  if (!get_args(env, info, 1, &args) || (vcpu = arg_vcpu(&args, 0)) == NULL) return NULL;
  return run_vcpu(env, vcpu, false);
}

static void finalize_bound(napi_env env, void *data, void *hint) { shared_release(data); }

static napi_value vcpu_run_function(napi_env env, napi_callback_info info) {
  struct args args;
  struct vcpu *vcpu;
  napi_value function;
  if (!get_args(env, info, 1, &args) || (vcpu = arg_vcpu(&args, 0)) == NULL) return NULL;
  if (napi_create_function(env, "run", NAPI_AUTO_LENGTH, do_run, vcpu, &function) != napi_ok) return NULL;
  shared_acquire(&vcpu->shared);
  if (napi_add_finalizer(env, function, &vcpu->shared, finalize_bound, NULL, NULL) == napi_ok) return function;
  shared_release(&vcpu->shared);
  return NULL;
}

static napi_value vcpu_resolve(napi_env env, napi_callback_info info) {
  struct args args;
  struct vcpu *vcpu;
  int32_t action;
  if (!get_args(env, info, 2, &args) || (vcpu = arg_vcpu(&args, 0)) == NULL || !arg_i32(&args, 1, "action", 0, 1, &action))
    return NULL;
  if (vcpu->exit < 0 || vcpu->outcome != OUTCOME_FAILED) return throw_errno(env, EINVAL, "vcpuResolve");
  stop_bind(&vcpu->caller.stop);
  vcpu->outcome = caller_resolve(&vcpu->caller, action == 1);
  return undefined_value(env);
}

static napi_value kick_vcpu(napi_env env, napi_callback_info info) {
  struct args args;
  uint32_t id;
  if (!get_args(env, info, 1, &args) || !arg_u32(&args, 0, "id", &id)) return NULL;
  struct shared *object = shared_find(id, SHARED_VCPU);
  if (object == NULL) return to_bool(env, false);
  struct vcpu *vcpu = (struct vcpu *)object;
  __atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST); /* for a KVM_RUN that enters the guest meanwhile */
  stop_raise(&vcpu->caller.stop, STOP_KICK);
  shared_release(object);
  return to_bool(env, true);
}

static napi_value vcpu_release(napi_env env, napi_callback_info info) {
  struct args args;
  struct vcpu **slot;
  if (!get_args(env, info, 1, &args) || !arg_external(&args, 0, "vcpu", &vcpu_tag, (void **)&slot)) return NULL;
  struct vcpu *vcpu = *slot;
  *slot = NULL;
  if (vcpu == NULL) return undefined_value(env);
  caller_end(&vcpu->caller); /* at once: kvm_run stays mapped until JavaScript has forgotten it */
  close(vcpu->fd);
  vcpu->fd = -1;
  shared_retire(&vcpu->shared);
  shared_release(&vcpu->shared);
  return undefined_value(env);
}

bool register_vcpu(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"vcpuCreate", vcpu_create}, {"vcpuId", vcpu_id},
      {"vcpuRunArea", vcpu_run_area}, {"vcpuArea", vcpu_area},
      {"vcpuRunFunction", vcpu_run_function}, {"vcpuSettle", vcpu_settle},
      {"vcpuResolve", vcpu_resolve}, {"kickVcpu", kick_vcpu},
      {"vcpuRelease", vcpu_release},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
