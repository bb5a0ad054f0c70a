#include "channel.h"

#include "channel_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct channel_list {
  pthread_mutex_t lock;
  struct channel *first;
};

struct channel_list *channel_list_create(void) {
  struct channel_list *list = calloc(1, sizeof *list);
  if (list != NULL) pthread_mutex_init(&list->lock, NULL);
  return list;
}

void channel_list_destroy(struct channel_list *list) {
  pthread_mutex_destroy(&list->lock);
  free(list);
}

static enum file_kind kind_of(int fd, mode_t mode) {
  int type = 0;
  socklen_t length = sizeof type;
  if (!S_ISSOCK(mode) || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0) return FILE_OTHER;
  return type == SOCK_STREAM ? FILE_STREAM_SOCKET : FILE_PACKET_SOCKET;
}

static int endpoint_open(struct endpoint *end, int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return errno;
  end->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (end->fd < 0) return errno;
  end->kind = kind_of(fd, status.st_mode);
  end->device = status.st_dev;
  end->inode = status.st_ino;
  return 0;
}

static void endpoint_close(struct endpoint *end) {
  if (end->fd >= 0) close(end->fd);
  end->fd = -1;
}

/* Device and inode: a socket or pipe has one inode however often it is duplicated, and a FIFO however often opened. */
static bool same_file(const struct endpoint *a, const struct endpoint *b) {
  return a->fd >= 0 && b->fd >= 0 && a->device == b->device && a->inode == b->inode;
}

static int open_pair(int read_fd, int write_fd, struct endpoint *responses, struct endpoint *commands) {
  responses->fd = -1;
  int error = endpoint_open(commands, write_fd);
  if (error == 0 && read_fd >= 0 && (error = endpoint_open(responses, read_fd)) != 0) endpoint_close(commands);
  return error;
}

/* Finds the channel, other than `except`, that any of the two files belongs to; EINVAL where a file would belong to two. */
static int find_locked(struct channel_list *list, const struct channel *except, const struct endpoint *responses,
                       const struct endpoint *commands, struct channel **out) {
  *out = NULL;
  for (struct channel *c = list->first; c != NULL; c = c->next) {
    if (c == except) continue;
    bool write_matches = same_file(&c->commands, commands), read_matches = same_file(&c->responses, responses);
    if (!write_matches && !read_matches) continue;
    if (*out != NULL || !write_matches || (responses->fd >= 0 && c->responses.fd >= 0 && !read_matches)) return EINVAL;
    *out = c;
  }
  return 0;
}

static struct channel *create_locked(struct channel_list *list, struct endpoint *responses, struct endpoint *commands) {
  struct channel *channel = calloc(1, sizeof *channel);
  if (channel == NULL) return NULL;
  channel->list = list;
  channel->responses = *responses;
  channel->commands = *commands;
  responses->fd = commands->fd = -1;
  channel->next = list->first;
  list->first = channel;
  return channel;
}

/*
 * A channel that so far carried sizeless regions only learns where its responses come from. Nobody reads them yet, so
 * the list's lock is enough: a caller that waits for its peer must not hold up who adds a region.
 */
static void adopt_responses_locked(struct channel *channel, struct endpoint *responses) {
  if (channel->responses.fd >= 0 || responses->fd < 0) return;
  channel->responses = *responses;
  responses->fd = -1;
}

int channel_get(struct channel_list *list, int read_fd, int write_fd, struct channel **out) {
  struct endpoint responses, commands;
  int error = open_pair(read_fd, write_fd, &responses, &commands);
  if (error != 0) return error;
  pthread_mutex_lock(&list->lock);
  error = find_locked(list, NULL, &responses, &commands, out);
  if (error == 0 && *out == NULL && (*out = create_locked(list, &responses, &commands)) == NULL) error = ENOMEM;
  if (error == 0) {
    atomic_fetch_add(&(*out)->references, 1);
    adopt_responses_locked(*out, &responses);
  }
  pthread_mutex_unlock(&list->lock);
  endpoint_close(&responses);
  endpoint_close(&commands);
  return error;
}

static void unlink_locked(struct channel *channel) {
  struct channel **link = &channel->list->first;
  while (*link != channel) link = &(*link)->next;
  *link = channel->next;
}

void channel_put(struct channel *channel) {
  struct channel_list *list = channel->list;
  pthread_mutex_lock(&list->lock); /* channel_get must not find it between the last put and the unlinking */
  bool last = atomic_fetch_sub(&channel->references, 1) == 1;
  if (last) unlink_locked(channel);
  pthread_mutex_unlock(&list->lock);
  if (!last) return;
  endpoint_close(&channel->responses);
  endpoint_close(&channel->commands);
  free(channel);
}

static void lock_uninterrupted(struct channel *channel) {
  static const _Atomic uint32_t never;
  while (channel_lock(channel, &never) != 0) {
  }
}

/* Leaves the old files in `responses` and `commands`. The lock of a failed channel is held for moments only. */
static void replace_files(struct channel *channel, struct endpoint *responses, struct endpoint *commands) {
  lock_uninterrupted(channel);
  struct endpoint old_responses = channel->responses, old_commands = channel->commands;
  channel->responses = *responses;
  channel->commands = *commands;
  channel->owed = 0;
  atomic_store(&channel->reported, 0);
  atomic_store(&channel->failure, FAILURE_NONE);
  channel_unlock(channel);
  *responses = old_responses;
  *commands = old_commands;
}

int channel_reconnect(struct channel *channel, int read_fd, int write_fd) {
  struct endpoint responses, commands;
  struct channel *other;
  int error = open_pair(read_fd, write_fd, &responses, &commands);
  if (error != 0) return error;
  pthread_mutex_lock(&channel->list->lock);
  error = find_locked(channel->list, channel, &responses, &commands, &other);
  /* A caller that waits on a working channel may hold its lock for ever: look before taking it. */
  if (error != 0 || other != NULL || atomic_load(&channel->failure) == FAILURE_NONE) error = EINVAL;
  else replace_files(channel, &responses, &commands);
  pthread_mutex_unlock(&channel->list->lock);
  endpoint_close(&responses);
  endpoint_close(&commands);
  return error;
}

int channel_wait_for_lock(struct channel *channel, const _Atomic uint32_t *word) {
  while (atomic_exchange(&channel->lock, 2) != 0) {
    long rc = interruptible_syscall(word, SYS_futex, (long)&channel->lock, FUTEX_WAIT_PRIVATE, 2, 0, 0, 0);
    if (rc == -EINTR) return -EINTR;
  }
  return 0;
}

void channel_wake_waiter(struct channel *channel) { syscall(SYS_futex, &channel->lock, FUTEX_WAKE_PRIVATE, 1); }

bool channel_has_unread(const struct channel *channel) {
  int bytes = 0;
  unsigned long request = channel->commands.kind == FILE_OTHER ? FIONREAD : SIOCOUTQ;
  return ioctl(channel->commands.fd, request, &bytes) == 0 && bytes > 0;
}

bool channel_has_surplus(const struct channel *channel) {
  int bytes = 0;
  return ioctl(channel->responses.fd, FIONREAD, &bytes) == 0 && bytes > 0;
}
