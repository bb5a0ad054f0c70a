/*
 * For hosts without /dev/kvm, preloaded into a VMM whose start is measured: takes every request to KVM, and is a guest whose first
 * instruction writes a letter to the serial port, and which waits for ever then. All else of the VMM is what it always is.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define DEVICE "/dev/kvm"
#define RUN_BYTES 8192
#define DATA_OFFSET 4096
#define SERIAL_PORT 0x3f8
#define LETTER 'a'

/* Of the first vCPU, until its guest has begun. */
static _Atomic(struct kvm_run *) first_run;

/* A descriptor that requests can be made to, and that can be mapped. */
static int object(void) {
  int fd = (int)syscall(SYS_memfd_create, "kvm", MFD_CLOEXEC);
  if (fd >= 0 && ftruncate(fd, RUN_BYTES) == 0) return fd;
  return -1;
}

static int create_vcpu(void) {
  int fd = object();
  if (fd < 0) return -1;
  struct kvm_run *run = mmap(NULL, RUN_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (run == MAP_FAILED) return -1;
  struct kvm_run *none = NULL;
  atomic_compare_exchange_strong(&first_run, &none, run);
  return fd;
}

static int refuse(int error) {
  errno = error;
  return -1;
}

static int answer(unsigned long request, void *data) {
  switch (request) {
    case KVM_GET_API_VERSION:
      return KVM_API_VERSION;
    case KVM_GET_VCPU_MMAP_SIZE:
      return RUN_BYTES;
    case KVM_CREATE_VM:
      return object();
    case KVM_CREATE_VCPU:
      return create_vcpu();
    case KVM_CHECK_EXTENSION:
      return 1;
    case KVM_GET_SUPPORTED_CPUID:
      ((struct kvm_cpuid2 *)data)->nent = 0;
      return 0;
    case KVM_GET_MSRS:
    case KVM_SET_MSRS:
      return (int)((struct kvm_msrs *)data)->nmsrs;
    case KVM_GET_STATS_FD:
      return refuse(ENOTTY);
    default:
      return 0;
  }
}

int ioctl(int fd, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void *data = va_arg(rest, void *);
  va_end(rest);
  if (_IOC_TYPE(request) == KVMIO) return answer(request, data);
  return (int)syscall(SYS_ioctl, fd, request, data);
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  unsigned mode = va_arg(rest, unsigned);
  va_end(rest);
  return strcmp(path, DEVICE) == 0 ? object() : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* The same on x86-64. */
int open64(const char *path, int flags, ...) __attribute__((alias("open")));

static void write_letter(struct kvm_run *run) {
  run->exit_reason = KVM_EXIT_IO;
  run->io.direction = KVM_EXIT_IO_OUT;
  run->io.size = 1;
  run->io.port = SERIAL_PORT;
  run->io.count = 1;
  run->io.data_offset = DATA_OFFSET;
  ((char *)run)[DATA_OFFSET] = LETTER;
}

/* KVM_RUN does not come through the C library: it is trapped. */
static void on_run(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)info;
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  struct kvm_run *run = atomic_exchange(&first_run, NULL);
  if (run != NULL) {
    write_letter(run);
    registers[REG_RAX] = 0;
    return;
  }
  /* A kick that came just before is a signal that is missed: the caller looks for it at each return. */
  const struct timespec moment = {0, 10 * 1000 * 1000};
  ppoll(NULL, 0, &moment, NULL);
  registers[REG_RAX] = -EINTR;
}

__attribute__((constructor)) static void trap_run(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KVM_RUN, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {sizeof code / sizeof code[0], code};
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_NODEFER};
  action.sa_sigaction = on_run;
  if (sigaction(SIGSYS, &action, NULL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
    abort();
}
