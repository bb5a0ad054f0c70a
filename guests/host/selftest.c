/*
 * Boots the guests and checks that they cause the exits they promise. One test to a run; TAP on standard output.
 *
 *   selftest oplist MODE IMAGE   every kind of operation: exits, values read, memory written
 *   selftest pair MODE IMAGE     two vCPUs: barrier, spinlock, waiting for a word
 *   selftest bench IMAGE         every kind and width: exits and samples
 *   selftest stress MODE IMAGE   two vCPUs on plain registers; prints what guest and device saw as JSON
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "selftest.h"

static void run_named(const char *test, char **arguments)
{
  if (strcmp(test, "oplist") == 0)
    test_oplist(guest_mode_by_name(arguments[0]), arguments[1]);
  else if (strcmp(test, "pair") == 0)
    test_pair(guest_mode_by_name(arguments[0]), arguments[1]);
  else if (strcmp(test, "stress") == 0)
    test_stress(guest_mode_by_name(arguments[0]), arguments[1]);
  else
    die("no such test: %s", test);
}

int main(int count, char **arguments)
{
  alarm(SELFTEST_SECONDS);
  if (count == 3 && strcmp(arguments[1], "bench") == 0)
    test_bench(arguments[2]);
  else if (count == 4)
    run_named(arguments[1], arguments + 2);
  else
    die("usage: selftest oplist|pair|stress MODE IMAGE, or selftest bench IMAGE");
  return EXIT_SUCCESS;
}
