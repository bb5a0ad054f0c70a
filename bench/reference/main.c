/*
 * mmio-reference: the C programs that the JavaScript rows of the MMIO benchmark are compared with. Runs one path once
 * and prints a line of JSON; with --samples, writes every latency as a 32-bit number of ns. See README.md.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "affinity.h"
#include "die.h"
#include "measure.h"

struct path {
  const char *name;
  bool kvm;
  bool write_only;
  enum { TARGET_INLINE, TARGET_CHANNEL, TARGET_EVENTFD } target;
  enum device_host host;
  bool posted;
};

static const struct path paths[] = {
  { "exit-inline", .kvm = true, .target = TARGET_INLINE },
  { "ioregionfd-thread", .kvm = true, .target = TARGET_CHANNEL, .host = DEVICE_IN_THREAD },
  { "ioregionfd-process", .kvm = true, .target = TARGET_CHANNEL, .host = DEVICE_IN_PROCESS },
  { "ioregionfd-posted", .kvm = true, .target = TARGET_CHANNEL, .host = DEVICE_IN_THREAD, .posted = true },
  { "ioeventfd", .kvm = true, .target = TARGET_EVENTFD, .write_only = true },
  { "loopback-thread", .target = TARGET_CHANNEL, .host = DEVICE_IN_THREAD },
  { "loopback-posted", .target = TARGET_CHANNEL, .host = DEVICE_IN_THREAD, .posted = true },
};

static const struct path *find_path(const struct options *options)
{
  for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
    const struct path *path = &paths[i];
    if (strcmp(path->name, options->path) != 0)
      continue;
    if (path->write_only && !options->write)
      die("%s has only writes", path->name);
    if (path->kvm && options->guest == NULL)
      die("%s needs --guest", path->name);
    return path;
  }
  die("no such path: %s", options->path);
}

static struct target *open_target(const struct path *path, const struct options *options)
{
  switch (path->target) {
  case TARGET_CHANNEL: return channel_target_open(path->host, path->posted, options->device_cpu);
  case TARGET_EVENTFD: return eventfd_target_open(options->device_cpu);
  default: return inline_target_open();
  }
}

/* After the target: a device process must not inherit the virtual machine. */
static struct driver *open_driver(const struct path *path, const struct options *options, const struct target *target)
{
  if (!path->kvm)
    return loopback_driver_open(options->write, options->size);
  struct driver *driver = kvm_driver_open(options->write, options->size, options->guest);
  if (path->target == TARGET_EVENTFD)
    kvm_driver_use_eventfd(driver, eventfd_target_fd(target));
  return driver;
}

static void print_result(const struct options *options, struct measurement *result)
{
  samples_sort(&result->samples);
  printf("{\"path\":\"%s\",\"op\":\"%s\",\"size\":%u,\"n\":%zu,\"elapsed_ns\":%lu,\"floor_ns\":%u,"
         "\"p50_ns\":%u,\"p90_ns\":%u,\"p99_ns\":%u}\n",
         options->path, options->operation, options->size, result->samples.count, result->elapsed_ns,
         result->floor_ns, samples_quantile(&result->samples, 0.5), samples_quantile(&result->samples, 0.9),
         samples_quantile(&result->samples, 0.99));
}

static void print_self_check(const struct device *counters)
{
  fprintf(stderr, "self-check: the device counted %lu reads and %lu writes with the sum %lu, as expected\n",
          counters->reads, counters->writes, counters->sum);
}

int main(int count, char **arguments)
{
  struct options options;
  struct measurement result;
  signal(SIGPIPE, SIG_IGN);
  options_parse(&options, count, arguments);
  const struct path *path = find_path(&options);
  struct target *target = open_target(path, &options);
  pin_to_cpu(options.cpu);
  struct driver *driver = open_driver(path, &options, target);
  measure(&options, driver, target, &result);
  target->close(target);
  driver->close(driver);
  if (options.samples != NULL)
    samples_write(&result.samples, options.samples);
  if (options.self_check)
    print_self_check(&result.counters);
  print_result(&options, &result);
  samples_free(&result.samples);
  return EXIT_SUCCESS;
}
