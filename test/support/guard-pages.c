/*
 * Preloaded: every writable mapping of a file (guest memory, rings) lies between inaccessible pages, so that an access outside
 * of it ends the process. GUARD_PAGES_STRAY makes mistakes that must be seen: `before` and `behind` touch a byte there
 * when something is mapped; `io` makes each read of a file one page longer than the caller said, as a wrong check would.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define PAGE 4096u
#define PIECES 1024

static void *libc_function(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (function == NULL) abort();
  return function;
}

static int strays(const char *how) {
  const char *wanted = getenv("GUARD_PAGES_STRAY");
  return wanted != NULL && strcmp(wanted, how) == 0;
}

static void *map_between_guards(size_t length, int protection, int flags, int fd, off_t offset) {
  void *(*map)(void *, size_t, int, int, int, off_t) = libc_function("mmap");
  size_t pages = (length + PAGE - 1) / PAGE * PAGE;
  uint8_t *all = map(NULL, pages + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED) return MAP_FAILED;
  uint8_t *data = map(all + PAGE, length, protection, flags | MAP_FIXED, fd, offset);
  if (data == MAP_FAILED) munmap(all, pages + 2 * PAGE);
  else if (strays("before")) *(volatile uint8_t *)(data - 1);
  else if (strays("behind")) *(volatile uint8_t *)(data + pages);
  return data;
}

/* The guards outlive the mapping: a late access ends the process too, until something else is mapped there. */
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  if (address == NULL && fd >= 0 && (protection & PROT_WRITE) != 0)
    return map_between_guards(length, protection, flags, fd, offset);
  void *(*map)(void *, size_t, int, int, int, off_t) = libc_function("mmap");
  return map(address, length, protection, flags, fd, offset);
}

ssize_t pread(int fd, void *data, size_t length, off_t offset) {
  ssize_t (*read_file)(int, void *, size_t, off_t) = libc_function("pread");
  return read_file(fd, data, strays("io") ? length + PAGE : length, offset);
}

ssize_t preadv(int fd, const struct iovec *pieces, int count, off_t offset) {
  ssize_t (*read_file)(int, const struct iovec *, int, off_t) = libc_function("preadv");
  if (!strays("io") || count < 1 || count > PIECES) return read_file(fd, pieces, count, offset);
  struct iovec longer[PIECES];
  memcpy(longer, pieces, (size_t)count * sizeof *pieces);
  longer[count - 1].iov_len += PAGE;
  return read_file(fd, longer, count, offset);
}

/* What programs call that are built for files of any size. */
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  return mmap(address, length, protection, flags, fd, offset);
}

ssize_t pread64(int fd, void *data, size_t length, off_t offset) { return pread(fd, data, length, offset); }

ssize_t preadv64(int fd, const struct iovec *pieces, int count, off_t offset) {
  return preadv(fd, pieces, count, offset);
}
