/*
 * Preloaded into User-Mode Linux: its place for a process's extended state has 2696 bytes, and where the host's CPU has more of it
 * (AMX), the kernel refuses to set the state (EFAULT) and UML kills its first process. Here the rest of the state, which no
 * guest of ours uses, stays what it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

#define NT_X86_XSTATE 0x202

typedef long ptrace_function(enum __ptrace_request request, ...);

static char state[1 << 16];

static long transfer(ptrace_function *real, enum __ptrace_request request, pid_t pid, void *what, struct iovec *part) {
  struct iovec whole = {state, sizeof(state)};
  if (real(PTRACE_GETREGSET, pid, what, &whole) != 0) return -1;
  if (part->iov_len > whole.iov_len) part->iov_len = whole.iov_len;
  if (request == PTRACE_GETREGSET) {
    memcpy(part->iov_base, state, part->iov_len);
    return 0;
  }
  memcpy(state, part->iov_base, part->iov_len);
  return real(PTRACE_SETREGSET, pid, what, &whole);
}

long ptrace(enum __ptrace_request request, ...) {
  va_list arguments;
  va_start(arguments, request);
  const pid_t pid = va_arg(arguments, pid_t);
  void *const address = va_arg(arguments, void *);
  void *const data = va_arg(arguments, void *);
  va_end(arguments);
  ptrace_function *const real = (ptrace_function *)dlsym(RTLD_NEXT, "ptrace");
  if (real == NULL) abort();
  const int is_regset = request == PTRACE_GETREGSET || request == PTRACE_SETREGSET;
  if (is_regset && (long)address == NT_X86_XSTATE) return transfer(real, request, pid, address, data);
  return real(request, pid, address, data);
}
