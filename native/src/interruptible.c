#include "interruptible.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef __x86_64__
#error "interruptible_syscall is written for x86-64"
#endif

extern const char ioregion_syscall_begin[], ioregion_syscall_end[], ioregion_syscall_stop[];

__asm__(
    ".pushsection .text\n"
    ".hidden ioregion_syscall_begin\n.hidden ioregion_syscall_end\n.hidden ioregion_syscall_stop\n"
    ".globl ioregion_syscall_begin\n.globl ioregion_syscall_end\n.globl ioregion_syscall_stop\n"
    ".globl interruptible_syscall\n.hidden interruptible_syscall\n.type interruptible_syscall, @function\n"
    "interruptible_syscall:\n"
    "  .cfi_startproc\n"
    "  mov %rdi, %r11\n"
    "  mov %rsi, %rax\n"
    "  mov %rdx, %rdi\n"
    "  mov %rcx, %rsi\n"
    "  mov %r8, %rdx\n"
    "  mov %r9, %r10\n"
    "  mov 8(%rsp), %r8\n"
    "  mov 16(%rsp), %r9\n"
    "ioregion_syscall_begin:\n"
    "  cmpl $0, (%r11)\n"
    "  jne ioregion_syscall_stop\n"
    "  syscall\n"
    "ioregion_syscall_end:\n"
    "  ret\n"
    "ioregion_syscall_stop:\n"
    "  mov $-4, %rax\n" /* -EINTR */
    "  ret\n"
    "  .cfi_endproc\n"
    "  .size interruptible_syscall, . - interruptible_syscall\n"
    ".popsection\n");

/* A real-time signal that neither libc nor Node nor V8 uses. */
static int stop_signal(void) { return SIGRTMIN + 5; }

static void on_stop_signal(int number, siginfo_t *info, void *opaque) {
  (void)number;
  (void)info;
  greg_t *rip = &((ucontext_t *)opaque)->uc_mcontext.gregs[REG_RIP];
  if (*rip >= (greg_t)ioregion_syscall_begin && *rip < (greg_t)ioregion_syscall_end) *rip = (greg_t)ioregion_syscall_stop;
}

static int init_error;

static void install_handler(void) {
  struct sigaction action = {.sa_sigaction = on_stop_signal, .sa_flags = SA_SIGINFO}; /* no SA_RESTART: EINTR wanted */
  sigfillset(&action.sa_mask);
  if (sigaction(stop_signal(), &action, NULL) != 0) init_error = errno;
}

int interruptible_init(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install_handler);
  return init_error;
}

static int32_t current_tid(void) {
  static __thread int32_t tid; /* gettid is a system call each time */
  if (tid == 0) {
    sigset_t set;
    tid = (int32_t)syscall(SYS_gettid);
    sigemptyset(&set);
    sigaddset(&set, stop_signal());
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  }
  return tid;
}

void stop_bind(struct stop_target *target) {
  int32_t tid = current_tid();
  if (atomic_load_explicit(&target->tid, memory_order_relaxed) != tid) atomic_store(&target->tid, tid);
}

void stop_raise(struct stop_target *target, uint32_t bits) {
  atomic_fetch_or(&target->word, bits);
  int32_t tid = atomic_load(&target->tid);
  if (tid != 0) syscall(SYS_tgkill, getpid(), tid, stop_signal());
}
