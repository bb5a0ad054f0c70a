/*
 * A channel: one pair of files (commands out, responses in) and the order on it. Regions that share a file share its
 * channel, whatever their address space, so that one command at most waits for its response.
 */
#ifndef IOREGION_CHANNEL_H
#define IOREGION_CHANNEL_H

#include "interruptible.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MESSAGE_BYTES 32

enum file_kind { FILE_STREAM_SOCKET, FILE_PACKET_SOCKET, FILE_OTHER };

/* One end: a duplicate of the caller's descriptor, and what identifies the open file behind it. */
struct endpoint {
  int fd; /* -1: none */
  enum file_kind kind;
  dev_t device;
  ino_t inode;
};

/* Why a channel failed; the numbers are part of the JavaScript contract (src/ioregion/failure.ts). */
enum failure {
  FAILURE_NONE = 0,
  FAILURE_PEER_CLOSED = 1,    /* end of file, EPIPE or ECONNRESET */
  FAILURE_SHORT_RESPONSE = 2, /* a message of fewer than 32 bytes, or end of file inside one */
  FAILURE_LONG_RESPONSE = 3,  /* a message of more than 32 bytes */
  FAILURE_UNSOLICITED = 4,    /* a response that cannot belong to the command: that was still unread */
  FAILURE_DEADLINE = 5,       /* no response in time */
  FAILURE_IO = 6,             /* another errno */
  FAILURE_TORN = 7,           /* a caller ended in the middle of a command */
  FAILURE_REMOVED = 8,        /* the region was removed under a waiting access */
};

struct channel {
  struct channel *next;
  struct channel_list *list;
  _Atomic uint32_t references;
  _Atomic uint32_t lock;    /* 0 free, 1 held, 2 held and waited for */
  _Atomic uint32_t failure; /* enum failure; no access is sent while it is set */
  _Atomic uint32_t reported;
  /* Below: only with the lock held (files: and that of the list). */
  struct endpoint commands, responses;
  uint32_t owed;     /* response bytes of an abandoned command that must be read and dropped */
  int failure_errno;
};

struct channel_list;
struct channel_list *channel_list_create(void);
void channel_list_destroy(struct channel_list *list);

/*
 * The channel of these files, new or shared, with a reference for the caller. `read_fd` -1 for a region that never
 * reads a response. Returns an errno: EBADF, EMFILE, ENOMEM, or EINVAL where the files belong to different channels.
 */
int channel_get(struct channel_list *list, int read_fd, int write_fd, struct channel **out);
void channel_put(struct channel *channel);
/* Puts new files in place of a failed channel's. EINVAL where it has not failed, or the files are another channel's. */
int channel_reconnect(struct channel *channel, int read_fd, int write_fd);

/* What channel_lock and channel_unlock do where others want the channel too. */
UNUSUAL int channel_wait_for_lock(struct channel *channel, const _Atomic uint32_t *word);
UNUSUAL void channel_wake_waiter(struct channel *channel);

/* True where the peer has not yet read all that was sent: an answer seen now cannot be an answer to it. */
bool channel_has_unread(const struct channel *channel);
/* True where a response waits before the command is sent: it would be taken for the answer. */
bool channel_has_surplus(const struct channel *channel);

#endif
