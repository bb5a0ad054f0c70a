/* ioregionfd and loopback paths: commands over a SEQPACKET socket pair to a device in a thread or a process. */
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "affinity.h"
#include "device_server.h"
#include "die.h"
#include "target.h"

struct channel_target {
  struct target target;
  int socket;
  int device_socket;
  int device_cpu;
  bool posted;
  enum device_host host;
  pthread_t thread;
  pid_t process;
};

static void send_command(int socket, const struct command *command)
{
  if (write(socket, command, sizeof(*command)) != sizeof(*command))
    die_errno("cannot send a command");
}

static void receive_response(int socket, struct response *response)
{
  ssize_t bytes = read(socket, response, sizeof(*response));
  if (bytes < 0)
    die_errno("cannot receive a response");
  if (bytes != sizeof(*response))
    die("the device is gone or sent a response of %zd bytes", bytes);
}

static void channel_access(struct target *target, const struct access *access)
{
  const struct channel_target *channel = (struct channel_target *)target;
  const bool wait = !(access->write && channel->posted);
  struct command command = {
    .cmd = access->write ? COMMAND_WRITE : COMMAND_READ,
    .size_and_response = __builtin_ctz(access->size) | (wait ? RESPONSE_WANTED : 0),
    .offset = access->offset,
  };
  if (access->write)
    memcpy(&command.data, access->data, access->size);
  send_command(channel->socket, &command);
  if (!wait)
    return;
  struct response response;
  receive_response(channel->socket, &response);
  if (!access->write)
    memcpy(access->data, &response.data, access->size);
}

static uint64_t read_counter(struct target *target, uint64_t offset)
{
  uint64_t value;
  const struct access access = { .size = sizeof(value), .offset = offset, .data = (uint8_t *)&value };
  channel_access(target, &access);
  return value;
}

/* The channel is in order: the answer to a read follows everything posted before it. */
static void channel_settle(struct target *target)
{
  if (((struct channel_target *)target)->posted)
    read_counter(target, REGISTER_WRITES);
}

static void channel_counters(struct target *target, struct device *counters)
{
  counters->reads = read_counter(target, REGISTER_READS);
  counters->writes = read_counter(target, REGISTER_WRITES);
  counters->sum = read_counter(target, REGISTER_SUM);
  counters->refused = read_counter(target, REGISTER_REFUSED);
}

static void *device_thread(void *argument)
{
  const struct channel_target *channel = argument;
  pin_to_cpu(channel->device_cpu);
  serve_device(channel->device_socket, channel->posted);
  return NULL;
}

static void start_process(struct channel_target *channel)
{
  channel->process = fork();
  if (channel->process < 0)
    die_errno("fork");
  if (channel->process == 0) {
    close(channel->socket);
    device_thread(channel);
    _exit(0);
  }
  close(channel->device_socket);
}

static void start_thread(struct channel_target *channel)
{
  if (pthread_create(&channel->thread, NULL, device_thread, channel) != 0)
    die("pthread_create");
}

static void join_process(const struct channel_target *channel)
{
  int status;
  if (waitpid(channel->process, &status, 0) < 0)
    die_errno("waitpid");
  if (status != 0)
    die("the device process ended with status %#x", status);
}

static void channel_close(struct target *target)
{
  const struct channel_target *channel = (struct channel_target *)target;
  close(channel->socket);
  if (channel->host == DEVICE_IN_PROCESS) {
    join_process(channel);
    return;
  }
  pthread_join(channel->thread, NULL);
  close(channel->device_socket);
}

struct target *channel_target_open(enum device_host host, bool posted, int device_cpu)
{
  static struct channel_target channel;
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
    die_errno("socketpair");
  channel = (struct channel_target){
    .target = { channel_access, channel_settle, channel_counters, channel_close, true },
    .socket = sockets[0],
    .device_socket = sockets[1],
    .device_cpu = device_cpu,
    .posted = posted,
    .host = host,
  };
  if (host == DEVICE_IN_PROCESS)
    start_process(&channel);
  else
    start_thread(&channel);
  return &channel.target;
}
