/* Two vCPUs that need each other: neither list ends unless barrier, spinlock and waiting work. */
#include <pthread.h>
#include <stdio.h>

#include "op.h"
#include "selftest.h"

#define LISTS 0x20000
#define LIST_BYTES 0x1000
#define FLAG 0x30000
#define BARRIER 0x31000
#define COUNTER 0x32000
#define READY 7
#define ADDITIONS 200
#define ROUNDS 5
#define AMOUNT 3

static const struct op set_flag = { .code = OP_MMIO_WRITE, .width = 4, .count = 1, .address = FLAG, .value = READY };
static const struct op wait_for_flag = { .code = OP_WAIT_EQUAL, .count = 1, .address = FLAG, .value = READY };
static const struct op barrier = { .code = OP_BARRIER, .count = 1, .address = BARRIER, .value = 2 };
static const struct op add = { .code = OP_LOCKED_ADD, .count = ADDITIONS, .address = COUNTER, .value = AMOUNT };
static const struct op tsc = { .code = OP_READ_TSC, .count = 1 };

static void write_list(struct op *list, const struct op *first)
{
  list[0] = *first;
  list[1] = barrier;
  list[2] = add;
  list[3] = (struct op){ .code = OP_LOOP, .count = ROUNDS - 1, .value = 2 };
  list[4] = (struct op){ .code = OP_FENCE, .count = 1 };
  list[5] = barrier;
  list[6] = tsc;
  list[7] = (struct op){ .code = OP_END };
}

static void *run_to_end(void *argument)
{
  struct guest_vcpu *vcpu = argument;
  uint32_t reason = guest_vcpu_run(vcpu);
  if (!guest_ended(vcpu))
    die("unexpected exit reason %u", reason);
  return NULL;
}

static void run_both(struct guest_vcpu vcpus[2])
{
  pthread_t thread;
  if (pthread_create(&thread, NULL, run_to_end, &vcpus[1]) != 0)
    die("pthread_create");
  run_to_end(&vcpus[0]);
  pthread_join(thread, NULL);
}

void test_pair(enum guest_mode mode, const char *image)
{
  struct guest_vm vm;
  struct guest_vcpu vcpus[2];
  guest_vm_open(&vm, SELFTEST_MEMORY);
  guest_vm_load(&vm, image);
  for (unsigned i = 0; i < 2; i++) {
    write_list((struct op *)(vm.memory + LISTS + i * LIST_BYTES), i == 0 ? &set_flag : &wait_for_flag);
    guest_vcpu_open(&vcpus[i], &vm, i, mode, LISTS + i * LIST_BYTES);
  }
  run_both(vcpus);
  uint32_t sum;
  memcpy(&sum, vm.memory + COUNTER, sizeof(sum));
  if (sum != 2 * ADDITIONS * ROUNDS * AMOUNT)
    die("the sum under the spinlock is %u", sum);
  if (((struct op *)(vm.memory + LISTS))[6].result == 0)
    die("no time-stamp counter");
  printf("TAP version 14\n1..1\nok 1 - barrier, spinlock, loop and waiting\n");
  for (unsigned i = 0; i < 2; i++)
    guest_vcpu_close(&vcpus[i]);
  guest_vm_close(&vm);
}
