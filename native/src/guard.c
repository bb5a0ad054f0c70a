#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* As many regions as guest memory has, for a few frontends at once. */
#define MAX_GUARDS 4096
#define PAGE 4096
#define LOWEST_DUPLICATE 3

/* Read by the signal handler, which can interrupt anything: `start` is written last, and first when a guard goes. */
struct guard {
  _Atomic uintptr_t start; /* 0: free */
  _Atomic uintptr_t end;
  _Atomic int fd;
};

static struct guard guards[MAX_GUARDS];
static _Atomic int used; /* guards ever used */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;
static bool installed;

static struct guard *find(uintptr_t address) {
  for (int i = 0; i < atomic_load(&used); i++) {
    struct guard *guard = &guards[i];
    uintptr_t start = atomic_load(&guard->start);
    if (start != 0 && address >= start && address < atomic_load(&guard->end)) return guard;
  }
  return NULL;
}

static bool replace(uintptr_t from, uintptr_t end) {
  return mmap((void *)from, end - from, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

/* What is before the end of the file stays; pages of a hugetlbfs cannot be replaced one by one. */
static bool patch(struct guard *guard, uintptr_t address) {
  uintptr_t start = atomic_load(&guard->start), end = atomic_load(&guard->end);
  if (start == 0 || !(replace(address & ~(uintptr_t)(PAGE - 1), end) || replace(start, end))) return false;
  const uint64_t one = 1;
  return write(atomic_load(&guard->fd), &one, sizeof one) >= 0 || errno == EAGAIN;
}

/* The access is made again when this returns: it finds memory, or raises what it would have raised without us. */
static void on_bus_error(int number, siginfo_t *info, void *context) {
  int error = errno;
  struct guard *guard = info->si_code > 0 ? find((uintptr_t)info->si_addr) : NULL;
  if (guard == NULL || !patch(guard, (uintptr_t)info->si_addr)) sigaction(number, &previous, NULL);
  errno = error;
}

static bool install(void) {
  if (installed) return true;
  struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigemptyset(&action.sa_mask);
  installed = sigaction(SIGBUS, &action, &previous) == 0;
  return installed;
}

static int take_free(void) {
  int index = 0;
  while (index < atomic_load(&used) && atomic_load(&guards[index].start) != 0) index++;
  if (index == MAX_GUARDS) return -ENOSPC;
  if (index == atomic_load(&used)) atomic_store(&used, index + 1);
  return index;
}

static int add_locked(void *start, size_t length, int fd) {
  if (!install()) return -errno;
  int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_DUPLICATE);
  if (duplicate < 0) return -errno;
  int index = take_free();
  if (index < 0) {
    close(duplicate);
    return index;
  }
  atomic_store(&guards[index].end, (uintptr_t)start + length);
  atomic_store(&guards[index].fd, duplicate);
  atomic_store(&guards[index].start, (uintptr_t)start);
  return index;
}

int guard_add(void *start, size_t length, int fd) {
  pthread_mutex_lock(&lock);
  int result = add_locked(start, length, fd);
  pthread_mutex_unlock(&lock);
  return result;
}

void guard_remove(int index) {
  pthread_mutex_lock(&lock);
  atomic_store(&guards[index].start, 0);
  close(atomic_load(&guards[index].fd));
  pthread_mutex_unlock(&lock);
}
