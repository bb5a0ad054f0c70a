#include "socket_path.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_ATTEMPTS 200
#define LOCK_PAUSE_NS 5000000

static bool make_address(const char *path, struct sockaddr_un *address) {
  size_t length = strlen(path);
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  if (length == 0 || length >= sizeof address->sun_path) {
    errno = EINVAL;
    return false;
  }
  memcpy(address->sun_path, path, length);
  return true;
}

static int close_keeping_errno(int fd) {
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

int socket_path_connect(const char *path, int flags) {
  struct sockaddr_un address;
  if (!make_address(path, &address)) return -1;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) return -1;
  if (TEMP_FAILURE_RETRY(connect(fd, (struct sockaddr *)&address, sizeof address)) == 0) return fd;
  return close_keeping_errno(fd);
}

/* Only a refused connection proves that nobody listens: a full backlog (EAGAIN) or another type is a live server. */
static bool is_stale(const char *path) {
  struct stat status;
  if (lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  int fd = socket_path_connect(path, SOCK_NONBLOCK);
  if (fd < 0) return errno == ECONNREFUSED;
  close(fd);
  return false;
}

/*
 * Serialises the servers that start in one directory: without it one could take the other for stale between its bind
 * and its listen. The wait is bounded, since anyone who can read the directory can hold the lock.
 */
static int lock_directory(const char *path) {
  char copy[SOCKET_PATH_CAPACITY];
  const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
  int fd = open(dirname(strcpy(copy, path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  for (int attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    if (errno != EWOULDBLOCK) break;
    nanosleep(&pause, NULL);
  }
  return close_keeping_errno(fd);
}

static bool bind_replacing_stale(int fd, const struct sockaddr_un *address) {
  if (bind(fd, (const struct sockaddr *)address, sizeof *address) == 0) return true;
  if (errno != EADDRINUSE) return false;
  if (!is_stale(address->sun_path)) {
    errno = EADDRINUSE;
    return false;
  }
  return unlink(address->sun_path) == 0 && bind(fd, (const struct sockaddr *)address, sizeof *address) == 0;
}

/* The inode takes the mode of the socket less the umask; what the umask took away is added once the name exists. */
static bool widen_mode(const char *path, mode_t mode) {
  struct stat status;
  if (lstat(path, &status) != 0) return false;
  if ((status.st_mode & ALLPERMS) == mode) return true;
  return fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) == 0;
}

static const char *bind_and_listen(int fd, const struct sockaddr_un *address, mode_t mode, int backlog) {
  if (fchmod(fd, mode) != 0) return "fchmod";
  if (!bind_replacing_stale(fd, address)) return "bind";
  if (widen_mode(address->sun_path, mode) && listen(fd, backlog) == 0) return NULL;
  int error = errno;
  unlink(address->sun_path);
  errno = error;
  return "listen";
}

static int listen_locked(const struct sockaddr_un *address, mode_t mode, int backlog, const char **failed) {
  *failed = "socket";
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  *failed = bind_and_listen(fd, address, mode, backlog);
  return *failed == NULL ? fd : close_keeping_errno(fd);
}

int socket_path_listen(const char *path, mode_t mode, int backlog, const char **failed) {
  struct sockaddr_un address;
  *failed = "bind";
  if (!make_address(path, &address)) return -1;
  *failed = "flock";
  int lock = lock_directory(path);
  if (lock < 0) return -1;
  int fd = listen_locked(&address, mode, backlog, failed);
  int error = errno;
  close(lock);
  errno = error;
  return fd;
}
