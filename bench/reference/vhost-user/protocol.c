#include "protocol.h"

#include <string.h>
#include <sys/socket.h>

#include "die.h"

union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

void message_send(int socket, const struct message *message, int fd)
{
  union control control = {0};
  struct iovec part = {(void *)(uintptr_t)message, HEADER_BYTES + message->size};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
  if (fd >= 0) {
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof(control.bytes);
    struct cmsghdr *first = CMSG_FIRSTHDR(&header);
    *first = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(first), &fd, sizeof(fd));
  }
  if (sendmsg(socket, &header, MSG_NOSIGNAL) != (ssize_t)part.iov_len) die_errno("message %u", message->request);
}

static void receive_exactly(int socket, void *bytes, size_t length)
{
  if (length > 0 && recv(socket, bytes, length, MSG_WAITALL) != (ssize_t)length) die_errno("recv");
}

bool message_receive(int socket, struct message *message, int *fd)
{
  union control control;
  struct iovec part = {message, HEADER_BYTES};
  struct msghdr header = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
  ssize_t received = recvmsg(socket, &header, MSG_WAITALL | MSG_CMSG_CLOEXEC);
  if (received == 0) return false;
  if (received != HEADER_BYTES) die_errno("recvmsg");
  const struct cmsghdr *first = CMSG_FIRSTHDR(&header);
  *fd = -1;
  if (first != NULL && first->cmsg_type == SCM_RIGHTS) memcpy(fd, CMSG_DATA(first), sizeof(*fd));
  if (message->size > sizeof(message->payload)) die("message %u has %u bytes", message->request, message->size);
  receive_exactly(socket, &message->payload, message->size);
  return true;
}
