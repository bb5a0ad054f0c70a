#include "device_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include "device.h"
#include "die.h"

#define BATCH 64

static void check_length(ssize_t bytes)
{
  if (bytes < 0)
    die_errno("the device cannot receive");
  if (bytes != sizeof(struct command))
    die("the device received a message of %zd bytes", bytes);
}

static void respond(int socket, const struct response *response)
{
  if (write(socket, response, sizeof(*response)) != sizeof(*response))
    die_errno("the device cannot respond");
}

static void serve_one_by_one(int socket)
{
  struct device device = { 0 };
  struct command command;
  struct response response = { 0 };
  for (;;) {
    ssize_t bytes = read(socket, &command, sizeof(command));
    if (bytes == 0)
      return;
    check_length(bytes);
    if (device_handle(&device, &command, &response))
      respond(socket, &response);
  }
}

static void serve_batches(int socket)
{
  struct device device = { 0 };
  struct response response = { 0 };
  static struct command commands[BATCH];
  static struct iovec vectors[BATCH];
  static struct mmsghdr messages[BATCH];
  for (int i = 0; i < BATCH; i++) {
    vectors[i] = (struct iovec){ &commands[i], sizeof(commands[i]) };
    messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
  }
  for (;;) {
    int count = recvmmsg(socket, messages, BATCH, MSG_WAITFORONE, NULL);
    if (count < 0)
      die_errno("the device cannot receive");
    for (int i = 0; i < count; i++) {
      if (messages[i].msg_len == 0)
        return;
      check_length(messages[i].msg_len);
      if (device_handle(&device, &commands[i], &response))
        respond(socket, &response);
    }
  }
}

void serve_device(int socket, bool posted)
{
  if (posted)
    serve_batches(socket);
  else
    serve_one_by_one(socket);
}
