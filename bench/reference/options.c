#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "die.h"

#define DEFAULT_WARMUP 1000

static const struct option long_options[] = {
  { "path", required_argument, NULL, 'p' },     { "op", required_argument, NULL, 'o' },
  { "size", required_argument, NULL, 'b' },     { "seconds", required_argument, NULL, 's' },
  { "count", required_argument, NULL, 'n' },    { "warmup", required_argument, NULL, 'w' },
  { "cpu", required_argument, NULL, 'c' },      { "device-cpu", required_argument, NULL, 'd' },
  { "guest", required_argument, NULL, 'g' },    { "samples", required_argument, NULL, 'f' },
  { "self-check", no_argument, NULL, 'k' },     { NULL, 0, NULL, 0 },
};

static uint64_t parse_number(const char *name, const char *text, uint64_t min, uint64_t max)
{
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < min || value > max)
    die("--%s takes a number from %lu to %lu, not \"%s\"", name, min, max, text);
  return value;
}

static double parse_seconds(const char *text)
{
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end != '\0' || !(value > 0) || value > 3600)
    die("--seconds takes a number above 0, up to 3600, not \"%s\"", text);
  return value;
}

static void set_operation(struct options *options, const char *text)
{
  if (strcmp(text, "read") != 0 && strcmp(text, "write") != 0)
    die("--op is read or write, not \"%s\"", text);
  options->operation = text;
  options->write = strcmp(text, "write") == 0;
}

static uint32_t parse_size(const char *text)
{
  uint64_t size = parse_number("size", text, 1, 8);
  if ((size & (size - 1)) != 0)
    die("--size is 1, 2, 4 or 8, not \"%s\"", text);
  return size;
}

static void set_option(struct options *options, int letter, const char *value)
{
  switch (letter) {
  case 'p': options->path = value; break;
  case 'o': set_operation(options, value); break;
  case 'b': options->size = parse_size(value); break;
  case 's': options->seconds = parse_seconds(value); break;
  case 'n': options->count = parse_number("count", value, 1, UINT32_MAX); break;
  case 'w': options->warmup = parse_number("warmup", value, 0, UINT32_MAX); break;
  case 'c': options->cpu = parse_number("cpu", value, 0, CPU_SETSIZE - 1); break;
  case 'd': options->device_cpu = parse_number("device-cpu", value, 0, CPU_SETSIZE - 1); break;
  case 'g': options->guest = value; break;
  case 'f': options->samples = value; break;
  case 'k': options->self_check = true; break;
  default: exit(EXIT_FAILURE);
  }
}

void options_parse(struct options *options, int count, char **arguments)
{
  *options = (struct options){ .size = 4, .warmup = DEFAULT_WARMUP, .device_cpu = -1 };
  int letter;
  while ((letter = getopt_long(count, arguments, "", long_options, NULL)) != -1)
    set_option(options, letter, optarg);
  if (optind != count)
    die("what is \"%s\"?", arguments[optind]);
  if (options->path == NULL)
    die("--path is missing");
  if (options->operation == NULL)
    die("--op is missing");
  if ((options->count == 0) == (options->seconds == 0))
    die("either --seconds or --count");
  if (options->device_cpu == -1)
    options->device_cpu = options->cpu;
}
