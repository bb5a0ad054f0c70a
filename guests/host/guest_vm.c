#include "guest_vm.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_PRESENT 0x1
#define PAGE_WRITABLE 0x2
#define PAGE_USER 0x4
#define PAGE_LARGE 0x80
#define PAGE_TABLE_BYTES 0x1000
#define LARGE_PAGE_BYTES 0x200000ull
#define MAPPED_GIB 4
#define ENTRIES 512

#define CR0_PE 0x1u
#define CR0_PG 0x80000000u
#define CR4_PAE 0x20u
#define CR4_OSFXSR 0x200u
#define EFER_LME 0x100u
#define EFER_LMA 0x400u
#define RFLAGS_FIXED 0x2u
#define RFLAGS_IOPL3 0x3000u
#define SEGMENT_DATA_WRITABLE_ACCESSED 3
#define SEGMENT_CODE_READABLE_ACCESSED 11

enum guest_mode guest_mode_by_name(const char *name)
{
  static const char *const names[] = { "real", "protected", "long", "long-user" };
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (strcmp(name, names[i]) == 0)
      return (enum guest_mode)i;
  die("no such mode: %s (real, protected, long, long-user)", name);
}

/* The first 4 GiB mapped to themselves, accessible to user and kernel code. */
static void write_page_tables(uint8_t *tables)
{
  uint64_t *pml4 = (uint64_t *)tables;
  uint64_t *pdpt = pml4 + ENTRIES;
  uint64_t *directories = pdpt + ENTRIES;
  const uint64_t access = PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER;
  pml4[0] = (GUEST_PAGE_TABLES + PAGE_TABLE_BYTES) | access;
  for (uint64_t gib = 0; gib < MAPPED_GIB; gib++)
    pdpt[gib] = (GUEST_PAGE_TABLES + (2 + gib) * PAGE_TABLE_BYTES) | access;
  for (uint64_t page = 0; page < MAPPED_GIB * ENTRIES; page++)
    directories[page] = page * LARGE_PAGE_BYTES | access | PAGE_LARGE;
}

void guest_vm_open(struct guest_vm *vm, size_t size)
{
  vm->size = size;
  vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (vm->kvm < 0)
    die_errno("/dev/kvm");
  vm->vm = ioctl(vm->kvm, KVM_CREATE_VM, 0);
  if (vm->vm < 0)
    die_errno("KVM_CREATE_VM");
  vm->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (vm->memory == MAP_FAILED)
    die_errno("mmap of %zu bytes of guest memory", size);
  struct kvm_userspace_memory_region slot = { .memory_size = size, .userspace_addr = (uintptr_t)vm->memory };
  if (ioctl(vm->vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
    die_errno("KVM_SET_USER_MEMORY_REGION");
  write_page_tables(vm->memory + GUEST_PAGE_TABLES);
}

void guest_vm_load(struct guest_vm *vm, const char *image)
{
  int fd = open(image, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    die_errno("%s", image);
  ssize_t bytes = read(fd, vm->memory + GUEST_LOAD, GUEST_IMAGE_LIMIT - GUEST_LOAD);
  if (bytes < 0)
    die_errno("%s", image);
  if (bytes == 0)
    die("%s is empty", image);
  close(fd);
}

void guest_vm_close(struct guest_vm *vm)
{
  close(vm->vm);
  close(vm->kvm);
  munmap(vm->memory, vm->size);
}

static void set_cpuid(int kvm, int vcpu)
{
  struct {
    struct kvm_cpuid2 header;
    struct kvm_cpuid_entry2 entries[256];
  } cpuid = { .header.nent = 256 };
  if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid) < 0)
    die_errno("KVM_GET_SUPPORTED_CPUID");
  if (ioctl(vcpu, KVM_SET_CPUID2, &cpuid) < 0)
    die_errno("KVM_SET_CPUID2");
}

/* Flat segments, without descriptor tables: guests load no segment and take no interrupt; a fault shuts them down. */
static void set_segments(struct kvm_sregs *sregs, enum guest_mode mode)
{
  const int user = mode == GUEST_MODE_LONG_USER;
  struct kvm_segment segment = { .limit = 0xffffffff, .g = 1, .present = 1, .s = 1, .dpl = user ? 3 : 0 };
  segment.db = mode != GUEST_MODE_REAL;
  segment.type = SEGMENT_DATA_WRITABLE_ACCESSED;
  segment.selector = mode == GUEST_MODE_REAL ? 0 : user ? 0x1b : 0x10;
  sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = segment;
  segment.type = SEGMENT_CODE_READABLE_ACCESSED;
  segment.selector = mode == GUEST_MODE_REAL ? 0 : user ? 0x23 : 0x8;
  segment.l = mode >= GUEST_MODE_LONG;
  segment.db = mode == GUEST_MODE_PROTECTED;
  sregs->cs = segment;
}

static void set_special_registers(int vcpu, enum guest_mode mode)
{
  struct kvm_sregs sregs;
  if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
    die_errno("KVM_GET_SREGS");
  set_segments(&sregs, mode);
  sregs.idt.limit = 0;
  sregs.cr4 |= CR4_OSFXSR;
  if (mode != GUEST_MODE_REAL)
    sregs.cr0 |= CR0_PE;
  if (mode >= GUEST_MODE_LONG) {
    sregs.cr0 |= CR0_PG;
    sregs.cr3 = GUEST_PAGE_TABLES;
    sregs.cr4 |= CR4_PAE;
    sregs.efer |= EFER_LME | EFER_LMA;
  }
  if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0)
    die_errno("KVM_SET_SREGS");
}

void guest_vcpu_open(struct guest_vcpu *vcpu, const struct guest_vm *vm, unsigned index, enum guest_mode mode,
                     uint64_t parameter)
{
  vcpu->fd = ioctl(vm->vm, KVM_CREATE_VCPU, index);
  if (vcpu->fd < 0)
    die_errno("KVM_CREATE_VCPU");
  int run_size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (run_size < 0)
    die_errno("KVM_GET_VCPU_MMAP_SIZE");
  vcpu->run_size = run_size;
  vcpu->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
  if (vcpu->run == MAP_FAILED)
    die_errno("mmap of kvm_run");
  set_cpuid(vm->kvm, vcpu->fd);
  set_special_registers(vcpu->fd, mode);
  struct kvm_regs regs = {
    .rip = GUEST_LOAD,
    .rsp = GUEST_STACK_TOP - index * GUEST_STACK_SIZE,
    .rdi = parameter,
    .rflags = RFLAGS_FIXED | (mode == GUEST_MODE_LONG_USER ? RFLAGS_IOPL3 : 0),
  };
  if (ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0)
    die_errno("KVM_SET_REGS");
}

void guest_vcpu_close(struct guest_vcpu *vcpu)
{
  munmap(vcpu->run, vcpu->run_size);
  close(vcpu->fd);
}
