/* The calling thread: identity, CPU affinity, and the clock the other measurements use. */
#include "int_list.h"

#include <sched.h>
#include <time.h>
#include <unistd.h>

#define MAX_CPUS 8192
#define NS_PER_S 1e9

struct cpu_mask {
  cpu_set_t sets[MAX_CPUS / CPU_SETSIZE];
};

static napi_value thread_gettid(napi_env env, napi_callback_info info) {
  return to_i32(env, gettid());
}

static napi_value set_affinity(napi_env env, napi_callback_info info) {
  struct args args;
  struct cpu_mask mask;
  int32_t cpus[MAX_CPUS];
  size_t count;
  if (!get_args(env, info, 1, &args) || !arg_int_list(&args, 0, "cpus", MAX_CPUS - 1, cpus, MAX_CPUS, &count))
    return NULL;
  CPU_ZERO_S(sizeof mask, mask.sets);
  for (size_t i = 0; i < count; i++) CPU_SET_S(cpus[i], sizeof mask, mask.sets);
  if (sched_setaffinity(0, sizeof mask, mask.sets) != 0) return throw_errno(env, errno, "sched_setaffinity");
  return undefined_value(env);
}

static napi_value get_affinity(napi_env env, napi_callback_info info) {
  struct cpu_mask mask;
  int32_t cpus[MAX_CPUS];
  size_t count = 0;
  CPU_ZERO_S(sizeof mask, mask.sets);
  if (sched_getaffinity(0, sizeof mask, mask.sets) != 0) return throw_errno(env, errno, "sched_getaffinity");
  for (int cpu = 0; cpu < MAX_CPUS; cpu++)
    if (CPU_ISSET_S(cpu, sizeof mask, mask.sets)) cpus[count++] = cpu;
  return to_int_list(env, cpus, count);
}

static napi_value monotonic_ns(napi_env env, napi_callback_info info) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return to_double(env, (double)now.tv_sec * NS_PER_S + (double)now.tv_nsec);
}

bool register_thread(napi_env env, napi_value exports) {
  static const struct native_function table[] = {
      {"gettid", thread_gettid},
      {"setAffinity", set_affinity},
      {"getAffinity", get_affinity},
      {"monotonicNs", monotonic_ns},
  };
  return register_functions(env, exports, table, LENGTH_OF(table));
}
