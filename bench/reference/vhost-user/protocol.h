/* vhost-user, as far as a disk with one split ring needs it: messages of up to a memory region, one descriptor at most. */
#ifndef VHOST_USER_PROTOCOL_H
#define VHOST_USER_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

enum request {
  GET_FEATURES = 1,
  SET_FEATURES = 2,
  SET_OWNER = 3,
  SET_MEM_TABLE = 5,
  SET_VRING_NUM = 8,
  SET_VRING_ADDR = 9,
  SET_VRING_BASE = 10,
  SET_VRING_KICK = 12,
  SET_VRING_CALL = 13,
  GET_PROTOCOL_FEATURES = 15,
  SET_PROTOCOL_FEATURES = 16,
  SET_VRING_ENABLE = 18,
};

#define FLAGS_VERSION 1u
#define FLAGS_REPLY 4u

#define FEATURE_BLK_FLUSH (1ull << 9)
#define FEATURE_EVENT_IDX (1ull << 29)
#define FEATURE_PROTOCOL_FEATURES (1ull << 30)
#define FEATURE_VERSION_1 (1ull << 32)

struct vring_state {
  uint32_t index, value;
};

struct vring_address {
  uint32_t index, flags;
  uint64_t descriptors, used, available, log;
};

struct region_table {
  uint32_t count, padding;
  struct {
    uint64_t gpa, size, user_address, offset;
  } regions[1];
};

struct message {
  uint32_t request, flags, size;
  union {
    uint64_t number;
    struct vring_state state;
    struct vring_address address;
    struct region_table table;
  } payload;
} __attribute__((packed));

#define HEADER_BYTES 12

/* `fd` is -1 for none. */
void message_send(int socket, const struct message *message, int fd);
/* False at the end of the connection. `fd` becomes -1 where none came. */
bool message_receive(int socket, struct message *message, int *fd);

#endif
