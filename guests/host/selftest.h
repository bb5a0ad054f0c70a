#ifndef GUEST_SELFTEST_H
#define GUEST_SELFTEST_H

#include "guest_vm.h"

#define SELFTEST_SECONDS 60
#define SELFTEST_MEMORY 0x200000
/* Nothing is mapped here: every access exits. */
#define SELFTEST_MMIO 0x10000000

void test_oplist(enum guest_mode mode, const char *image);
void test_pair(enum guest_mode mode, const char *image);
void test_bench(const char *image);
void test_stress(enum guest_mode mode, const char *image);

#endif
