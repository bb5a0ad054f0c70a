/*
 * A vhost-user frontend without a VM: 4 KiB reads or writes of random blocks of a disk, a fixed number of them under way. It
 * sleeps on the call eventfd while nothing has been used. The image has its number in every word of a block: reads are
 * checked, and writes keep it so.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "chain.h"
#include "client_options.h"
#include "clock.h"
#include "die.h"
#include "protocol.h"

enum {
  RING_SIZE = 128,
  BLOCK_BYTES = 4096,
  BLOCK_WORDS = BLOCK_BYTES / 4,
  SECTORS = BLOCK_BYTES / 512,
  PER_REQUEST = 3,
};
enum { DESCRIPTORS = 0, AVAILABLE = 0x1000, USED = 0x2000, HEADERS = 0x4000, DATA = 0x10000, MEMORY_BYTES = 0x100000 };

struct header {
  uint32_t type, reserved;
  uint64_t sector;
  uint8_t status;
};

struct client {
  int socket, kick, call;
  bool writes, event_idx;
  uint32_t blocks, random;
  unsigned depth;
  uint8_t *memory;
  struct descriptor *descriptors;
  struct available_ring *available;
  struct used_ring *used;
  uint16_t next, kicked, taken;
  uint32_t wanted[MAX_DEPTH];
  uint64_t done, kicks, sleeps;
};

static void ask(const struct client *client, struct message *message)
{
  int fd;
  message_send(client->socket, message, -1);
  if (!message_receive(client->socket, message, &fd)) die("the backend has gone");
}

static void tell(const struct client *client, struct message message, int fd)
{
  message.flags = FLAGS_VERSION;
  message_send(client->socket, &message, fd);
}

static void tell_state(const struct client *client, enum request request, uint32_t value)
{
  struct message message = {.request = request, .size = sizeof(struct vring_state), .payload.state = {0, value}};
  tell(client, message, -1);
}

static void tell_number(const struct client *client, enum request request, uint64_t number, int fd)
{
  struct message message = {.request = request, .size = sizeof(number), .payload.number = number};
  tell(client, message, fd);
}

static uint64_t get(const struct client *client, enum request request)
{
  struct message message = {.request = request, .flags = FLAGS_VERSION};
  ask(client, &message);
  return message.payload.number;
}

static void negotiate(struct client *client)
{
  struct message owner = {.request = SET_OWNER};
  tell(client, owner, -1);
  uint64_t offered = get(client, GET_FEATURES);
  /* Without FLUSH a write has to be durable before it completes (5.2.6.2). */
  uint64_t accepted =
      offered & (FEATURE_VERSION_1 | FEATURE_BLK_FLUSH | FEATURE_EVENT_IDX | FEATURE_PROTOCOL_FEATURES);
  if ((accepted & FEATURE_PROTOCOL_FEATURES) != 0) {
    get(client, GET_PROTOCOL_FEATURES);
    tell_number(client, SET_PROTOCOL_FEATURES, 0, -1);
  }
  tell_number(client, SET_FEATURES, accepted, -1);
  client->event_idx = (accepted & FEATURE_EVENT_IDX) != 0;
}

static void share_memory(struct client *client)
{
  int fd = memfd_create("client", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0 || ftruncate(fd, MEMORY_BYTES) < 0) die_errno("memfd");
  client->memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (client->memory == MAP_FAILED) die_errno("mmap");
  struct region_table table = {.count = 1, .regions = {{0, MEMORY_BYTES, (uintptr_t)client->memory, 0}}};
  struct message message = {.request = SET_MEM_TABLE, .size = sizeof(table), .payload.table = table};
  tell(client, message, fd);
}

static void start_ring(struct client *client)
{
  client->descriptors = (void *)(client->memory + DESCRIPTORS);
  client->available = (void *)(client->memory + AVAILABLE);
  client->used = (void *)(client->memory + USED);
  client->kick = eventfd(0, EFD_CLOEXEC);
  client->call = eventfd(0, EFD_CLOEXEC);
  uint64_t base = (uintptr_t)client->memory;
  struct vring_address address = {0, 0, base + DESCRIPTORS, base + USED, base + AVAILABLE, 0};
  tell_state(client, SET_VRING_NUM, RING_SIZE);
  tell_state(client, SET_VRING_BASE, 0);
  struct message message = {.request = SET_VRING_ADDR, .size = sizeof(address), .payload.address = address};
  tell(client, message, -1);
  tell_number(client, SET_VRING_CALL, 0, client->call);
  tell_number(client, SET_VRING_KICK, 0, client->kick);
  tell_state(client, SET_VRING_ENABLE, 1);
}

static void set_descriptor(const struct client *client, unsigned index, uint64_t address, uint32_t length, int flags)
{
  struct descriptor *descriptor = &client->descriptors[index];
  store(descriptor->address, address);
  store(descriptor->length, length);
  store(descriptor->flags, (uint16_t)flags);
  store(descriptor->next, (uint16_t)(index + 1));
}

static struct header *header_of(const struct client *client, unsigned request)
{
  return (struct header *)(client->memory + HEADERS) + request;
}

static uint32_t *data_of(const struct client *client, unsigned request)
{
  return (uint32_t *)(client->memory + DATA) + request * BLOCK_WORDS;
}

static void prepare(const struct client *client)
{
  for (unsigned request = 0; request < client->depth; request++) {
    unsigned first = request * PER_REQUEST;
    uint64_t header = HEADERS + request * sizeof(struct header);
    header_of(client, request)->type = client->writes ? 1 : 0;
    set_descriptor(client, first, header, 16, DESC_NEXT);
    int direction = client->writes ? DESC_NEXT : DESC_NEXT | DESC_WRITE;
    set_descriptor(client, first + 1, DATA + request * BLOCK_BYTES, BLOCK_BYTES, direction);
    set_descriptor(client, first + 2, header + 16, 1, DESC_WRITE);
  }
}

static void submit(struct client *client, unsigned request)
{
  client->random = client->random * 1664525u + 1013904223u;
  uint32_t block = (uint32_t)(((uint64_t)client->random * client->blocks) >> 32);
  struct header *header = header_of(client, request);
  client->wanted[request] = block;
  header->sector = (uint64_t)block * SECTORS;
  header->status = 0xff;
  if (client->writes)
    for (unsigned i = 0; i < BLOCK_WORDS; i++) data_of(client, request)[i] = block;
  store(client->available->ring[client->next++ % RING_SIZE], (uint16_t)(request * PER_REQUEST));
}

static bool wants_kick(const struct client *client)
{
  if (!client->event_idx) return (load(client->used->flags) & 1) == 0;
  const _Atomic uint16_t *event = (const _Atomic uint16_t *)&client->used->ring[RING_SIZE];
  return passes_event(load(*event), client->kicked, client->next);
}

static void kick(struct client *client)
{
  atomic_store_explicit(&client->available->idx, client->next, memory_order_release);
  atomic_thread_fence(memory_order_seq_cst);
  if (wants_kick(client)) {
    client->kicks++;
    if (eventfd_write(client->kick, 1) < 0) die_errno("kick");
  }
  client->kicked = client->next;
}

static void check(const struct client *client, unsigned request)
{
  uint32_t wanted = client->wanted[request];
  const uint32_t *data = data_of(client, request);
  uint8_t status = header_of(client, request)->status;
  if (status != 0 || data[0] != wanted || data[BLOCK_WORDS - 1] != wanted)
    die("block %u: status %u, words %u and %u", wanted, status, data[0], data[BLOCK_WORDS - 1]);
}

/* Takes what has been used, and submits as many again where `more` is set. */
static bool collect(struct client *client, bool more)
{
  uint16_t idx = atomic_load_explicit(&client->used->idx, memory_order_acquire);
  if (idx == client->taken) return false;
  while (client->taken != idx) {
    unsigned request = load(client->used->ring[client->taken++ % RING_SIZE].id) / PER_REQUEST;
    check(client, request);
    client->done++;
    if (more) submit(client, request);
  }
  return true;
}

static void wait_for_used(struct client *client)
{
  eventfd_t value;
  struct pollfd call = {.fd = client->call, .events = POLLIN};
  store(client->available->ring[RING_SIZE], client->taken);
  atomic_thread_fence(memory_order_seq_cst);
  if (atomic_load_explicit(&client->used->idx, memory_order_acquire) != client->taken) return;
  client->sleeps++;
  /* Backends make the open file non-blocking, which is theirs too. */
  if (poll(&call, 1, -1) < 0 || eventfd_read(client->call, &value) < 0) die_errno("call");
}

static uint64_t run(struct client *client, uint64_t duration)
{
  uint64_t start = monotonic_ns(), end = start + duration;
  for (unsigned request = 0; request < client->depth; request++) submit(client, request);
  kick(client);
  for (bool more = true; more;) {
    if (!collect(client, true)) {
      wait_for_used(client);
      continue;
    }
    kick(client);
    more = monotonic_ns() < end;
  }
  uint64_t elapsed = monotonic_ns() - start, done = client->done;
  while (client->taken != client->next)
    if (!collect(client, false)) wait_for_used(client);
  client->done = done;
  return elapsed;
}

static void open_socket(struct client *client, const char *path)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof(address.sun_path)) die("%s is too long", path);
  strcpy(address.sun_path, path);
  client->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(client->socket, (struct sockaddr *)&address, sizeof(address)) < 0) die_errno("%s", path);
}

int main(int count, char **arguments)
{
  struct client_options options = client_options(count, arguments);
  struct client client = {
    .writes = options.writes, .depth = options.depth, .blocks = options.blocks, .random = options.seed};
  open_socket(&client, options.socket);
  negotiate(&client);
  share_memory(&client);
  start_ring(&client);
  prepare(&client);
  uint64_t elapsed = run(&client, options.duration_ns);
  printf("{\"requests\": %lu, \"elapsed_ns\": %lu, \"kicks\": %lu, \"sleeps\": %lu}\n", (unsigned long)client.done,
         (unsigned long)elapsed, (unsigned long)client.kicks, (unsigned long)client.sleeps);
  return 0;
}
