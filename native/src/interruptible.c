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

static __thread int32_t own_tid;
/* Signals that this thread blocks while it runs no handler: the first word of a sigset_t, all that Linux has. */
static __thread unsigned long own_mask;
/* The stop signal is blocked until the handler of another signal has returned, or until stop_bind. */
static __thread bool deferred;

/*
 * The handler of another signal is running (a profiler's, say), and may return to the start of the call because of its
 * SA_RESTART. The stop signal comes again when it has returned, which also ends the blocking.
 */
static void defer(ucontext_t *context, int number) {
  sigaddset(&context->uc_sigmask, number);
  deferred = true;
  syscall(SYS_tgkill, getpid(), own_tid, number);
}

static void on_stop_signal(int number, siginfo_t *info, void *opaque) {
  (void)info;
  ucontext_t *context = opaque;
  greg_t *rip = &context->uc_mcontext.gregs[REG_RIP];
  deferred = false;
  if (*rip >= (greg_t)ioregion_syscall_begin && *rip < (greg_t)ioregion_syscall_end) *rip = (greg_t)ioregion_syscall_stop;
  else if (context->uc_sigmask.__val[0] & ~own_mask) defer(context, number);
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

static void unblock(unsigned long *before) {
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, stop_signal());
  pthread_sigmask(SIG_UNBLOCK, &set, &old);
  if (before != NULL) *before = old.__val[0] & ~set.__val[0];
}

static void know_thread(void) {
  unblock(&own_mask);
  own_tid = (int32_t)syscall(SYS_gettid); /* a system call each time, so once only */
}

void stop_bind(struct stop_target *target) {
  if (own_tid == 0) know_thread();
  if (deferred) unblock(NULL);
  if (atomic_load_explicit(&target->tid, memory_order_relaxed) != own_tid) atomic_store(&target->tid, own_tid);
}

void stop_raise(struct stop_target *target, uint32_t bits) {
  atomic_fetch_or(&target->word, bits);
  int32_t tid = atomic_load(&target->tid);
  if (tid != 0) syscall(SYS_tgkill, getpid(), tid, stop_signal());
}
