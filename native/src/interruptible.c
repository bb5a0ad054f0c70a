#include "interruptible.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* One for each place where interruptible_syscall was inlined; the linker knows where they begin and end. */
extern const struct interruptible_range __start_ioregion_ranges[], __stop_ioregion_ranges[];

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

/* The one that holds the instruction at `at`, or NULL. */
static const struct interruptible_range *find_range(uintptr_t at) {
  for (const struct interruptible_range *range = __start_ioregion_ranges; range < __stop_ioregion_ranges; range++)
    if (at >= range->test && at < range->after) return range;
  return NULL;
}

static void on_stop_signal(int number, siginfo_t *info, void *opaque) {
  (void)info;
  ucontext_t *context = opaque;
  greg_t *rip = &context->uc_mcontext.gregs[REG_RIP];
  const struct interruptible_range *range = find_range((uintptr_t)*rip);
  deferred = false;
  if (range != NULL) *rip = (greg_t)range->stop;
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

long interruptible_wait(const _Atomic uint32_t *word, int fd, short events) {
  struct pollfd entry = {.fd = fd, .events = events};
  long rc = interruptible_syscall(word, SYS_poll, (long)&entry, 1, -1, 0, 0, 0);
  return rc < 0 ? rc : 0;
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
