/*
 * A plain vhost-user disk: one thread, one ring, synchronous preadv and pwritev, all requests of a kick in one batch with one
 * call. The ring is that of ../queue, with all its checks. One frontend after the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "affinity.h"
#include "die.h"
#include "protocol.h"
#include "queue.h"

enum { SECTOR_BYTES = 512, BLK_HEADER_BYTES = 16 };
enum { TYPE_IN = 0, TYPE_OUT = 1, STATUS_OK = 0, STATUS_IO_ERROR = 1, STATUS_UNSUPPORTED = 2 };

struct blk_header {
  uint32_t type, reserved;
  uint64_t sector;
};

struct server {
  int image, socket, kick, call;
  bool running;
  uint64_t bytes, features, user_base;
  struct memory_map memory;
  struct queue_setup setup;
  struct queue queue;
};

/* ---- requests */

static bool on_disk(const struct server *server, uint64_t sector, uint64_t bytes)
{
  uint64_t capacity = server->bytes / SECTOR_BYTES;
  return bytes % SECTOR_BYTES == 0 && sector <= capacity && bytes / SECTOR_BYTES <= capacity - sector;
}

/* Header, data and status are in segments of their own, as every driver here has them; others are refused. */
static uint8_t perform(const struct server *server, const struct chain *chain, uint64_t *moved)
{
  struct blk_header header;
  unsigned last = chain->count - 1;
  *moved = 0;
  if (chain->readable_count == 0 || chain->segments[0].iov_len != BLK_HEADER_BYTES) return STATUS_IO_ERROR;
  memcpy(&header, chain->segments[0].iov_base, sizeof(header));
  if (header.type > TYPE_OUT) return STATUS_UNSUPPORTED;
  bool reads = header.type == TYPE_IN;
  uint64_t length = reads ? chain->writable_bytes - 1 : chain->readable_bytes - BLK_HEADER_BYTES;
  if (!on_disk(server, header.sector, length)) return STATUS_IO_ERROR;
  const struct iovec *parts = &chain->segments[1];
  off_t position = (off_t)(header.sector * SECTOR_BYTES);
  ssize_t done = reads ? preadv(server->image, parts, (int)last - 1, position)
                       : pwritev(server->image, parts, (int)last - 1, position);
  if (done != (ssize_t)length) return STATUS_IO_ERROR;
  *moved = reads ? length : 0;
  return STATUS_OK;
}

static void serve_chain(struct server *server, struct chain *chain)
{
  uint64_t moved = 0;
  const struct iovec *status = &chain->segments[chain->count - 1];
  if (chain->count < 2 || chain->writable_bytes == 0 || status->iov_len != 1) {
    queue_complete(&server->queue, chain, 0);
    return;
  }
  *(uint8_t *)status->iov_base = perform(server, chain, &moved);
  queue_complete(&server->queue, chain, (uint32_t)moved + 1);
}

/* `pop` asks for the next kick where it finds nothing: what comes later comes with one. */
static void serve_ring(struct server *server)
{
  eventfd_t value;
  struct chain *chain;
  if (eventfd_read(server->kick, &value) < 0 && errno != EAGAIN) die_errno("kick");
  while ((chain = queue_pop(&server->queue)) != NULL) {
    do serve_chain(server, chain);
    while ((chain = queue_pop(&server->queue)) != NULL);
    queue_flush(&server->queue);
  }
  if (server->queue.failure != NULL) die("the queue has failed: %s", server->queue.failure);
}

static void call(void *context)
{
  if (eventfd_write(((struct server *)context)->call, 1) < 0) die_errno("call");
}

/* ---- messages */

static void map_memory(struct server *server, struct region_table table, int fd)
{
  if (table.count != 1 || fd < 0) die("one region of memory is supported");
  uint64_t size = table.regions[0].size;
  uint8_t *host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)table.regions[0].offset);
  if (host == MAP_FAILED) die_errno("mmap");
  close(fd);
  server->memory = (struct memory_map){.count = 1, .regions = {{table.regions[0].gpa, size, host, false}}};
  server->user_base = table.regions[0].user_address - table.regions[0].gpa;
}

static void set_addresses(struct server *server, struct vring_address address)
{
  server->setup.descriptors = address.descriptors - server->user_base;
  server->setup.driver_area = address.available - server->user_base;
  server->setup.device_area = address.used - server->user_base;
}

static void start(struct server *server)
{
  server->setup.event_idx = (server->features & FEATURE_EVENT_IDX) != 0;
  queue_open(&server->queue, &server->setup, &server->memory);
  server->queue.call = call;
  server->queue.context = server;
  server->running = true;
  serve_ring(server);
}

static void reply(const struct server *server, struct message *message, uint64_t number)
{
  message->flags = FLAGS_VERSION | FLAGS_REPLY;
  message->size = sizeof(number);
  message->payload.number = number;
  message_send(server->socket, message, -1);
}

static void handle(struct server *server, struct message *message, int fd)
{
  switch (message->request) {
  case GET_FEATURES:
    return reply(server, message,
                 FEATURE_VERSION_1 | FEATURE_BLK_FLUSH | FEATURE_EVENT_IDX | FEATURE_PROTOCOL_FEATURES);
  case GET_PROTOCOL_FEATURES: return reply(server, message, 0);
  case SET_FEATURES: server->features = message->payload.number; return;
  case SET_MEM_TABLE: return map_memory(server, message->payload.table, fd);
  case SET_VRING_NUM: server->setup.size = (uint16_t)message->payload.state.value; return;
  case SET_VRING_ADDR: return set_addresses(server, message->payload.address);
  case SET_VRING_KICK:
    server->kick = fd;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) die_errno("kick");
    return;
  case SET_VRING_CALL: server->call = fd; return;
  case SET_VRING_ENABLE: return start(server);
  default: return;
  }
}

static bool serve_socket(struct server *server)
{
  struct message message;
  int fd;
  if (!message_receive(server->socket, &message, &fd)) return false;
  handle(server, &message, fd);
  return true;
}

static void serve_frontend(struct server *server)
{
  for (;;) {
    struct pollfd fds[] = {{server->running ? server->kick : -1, POLLIN, 0}, {server->socket, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) die_errno("poll");
    if (fds[0].revents != 0) serve_ring(server);
    if (fds[1].revents != 0 && !serve_socket(server)) return;
  }
}

static void forget_frontend(struct server *server)
{
  close(server->socket);
  close(server->kick);
  close(server->call);
  munmap(server->memory.regions[0].host, server->memory.regions[0].size);
  queue_close(&server->queue);
  *server = (struct server){.image = server->image, .bytes = server->bytes};
}

static int listen_at(const char *path)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof(address.sun_path)) die("%s is too long", path);
  strcpy(address.sun_path, path);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 1) < 0)
    die_errno("%s", path);
  return listener;
}

int main(int count, char **arguments)
{
  if (count != 4) die("usage: vhost-user-server SOCKET IMAGE CPU");
  pin_to_cpu((int)strtoul(arguments[3], NULL, 10));
  struct server server = {.image = open(arguments[2], O_RDWR | O_CLOEXEC)};
  if (server.image < 0) die_errno("%s", arguments[2]);
  server.bytes = (uint64_t)lseek(server.image, 0, SEEK_END);
  for (int listener = listen_at(arguments[1]);;) {
    server.socket = accept(listener, NULL, NULL);
    if (server.socket < 0) die_errno("accept");
    serve_frontend(&server);
    forget_frontend(&server);
  }
}
