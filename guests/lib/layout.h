/*
 * Where a guest and its host meet in guest memory. Guests (C and assembly) and the host programs in C include this
 * file; layout.ts mirrors it for TypeScript, and a test compares the two. Sizes are bytes, addresses guest-physical.
 */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

/* The image is loaded and entered here; image and stacks stay below 64 KiB for real mode. */
#define GUEST_LOAD 0x1000
#define GUEST_IMAGE_LIMIT 0xa000
/* The stack of vCPU n ends at GUEST_STACK_TOP - n * GUEST_STACK_SIZE, for real mode within 16 bits. */
#define GUEST_STACK_TOP 0xfff0
#define GUEST_STACK_SIZE 0x1000
#define GUEST_MAX_VCPUS 6
/* Long mode's page tables: PML4, PDPT and four page directories that map the first 4 GiB to themselves. */
#define GUEST_PAGE_TABLES 0x10000
#define GUEST_PAGE_TABLES_SIZE 0x6000
/* From here on memory is the host's: parameter blocks, operation lists, samples. */
#define GUEST_FREE 0x16000

/* Of a guest as a kernel: the entry, and the image of low memory from GUEST_LOAD to the limit, which it copies there. */
#define GUEST_KERNEL_LOAD 0x100000
#define GUEST_KERNEL_IMAGE 0x101000
#define GUEST_KERNEL_IMAGE_LIMIT 0x20000

/* A guest ends with a 4-byte OUT of its status to this port; run again, it starts over with the same parameters. */
#define GUEST_EXIT_PORT 0xf4
#define GUEST_STATUS_OK 0
#define GUEST_STATUS_BAD_PARAMETER 1

/* oplist: RDI holds the address of an array of operations (struct op), ended by OP_END. */
#define OP_SIZE 64
#define OP_CODE 0
#define OP_WIDTH 2
#define OP_COUNT 4
#define OP_ADDRESS_STEP 8
#define OP_VALUE_STEP 12
#define OP_ADDRESS 16
#define OP_VALUE 24
#define OP_VALUE_HIGH 32
#define OP_RESULT 40
#define OP_RESULT_HIGH 48
#define OP_SUM 56

#define OP_END 0
#define OP_MMIO_READ 1
#define OP_MMIO_WRITE 2
#define OP_PIO_READ 3
#define OP_PIO_WRITE 4
#define OP_STRING_IN 5
#define OP_STRING_OUT 6
#define OP_STRING_COPY 7
#define OP_FENCE 8
#define OP_WAIT_EQUAL 9
#define OP_BARRIER 10
#define OP_LOOP 11
#define OP_READ_TSC 12
#define OP_LOCKED_ADD 13

/* bench: RDI holds the address of this parameter block of 32-bit fields. */
#define BENCH_SIZE 32
#define BENCH_KIND 0
#define BENCH_WIDTH 4
#define BENCH_ADDRESS 8
#define BENCH_COUNT 12
#define BENCH_SAMPLES 16
#define BENCH_CHECK 20

#define BENCH_KIND_READ 0
#define BENCH_KIND_WRITE 1
#define BENCH_KIND_PIO_READ 2
#define BENCH_KIND_PIO_WRITE 3
/* No access between the two readings of the TSC: what a sample of the others contains besides the access. */
#define BENCH_KIND_NONE 4
/* RDTSC clobbers DX, so timed port accesses name their port in the instruction. */
#define BENCH_PORT 0xe0

/* stress: RDI holds the address of this parameter block of 32-bit fields, one block for each vCPU. */
#define STRESS_SIZE 128
#define STRESS_SEED 0
#define STRESS_COUNT 4
#define STRESS_VCPU 8
#define STRESS_VCPUS 12
#define STRESS_REGIONS 16
#define STRESS_REGISTERS 20
#define STRESS_BARRIER 24
#define STRESS_READS 28
#define STRESS_WRITES 32
#define STRESS_READ_HASH 36
#define STRESS_WRITE_HASH 40
#define STRESS_BASES 64
#define STRESS_MAX_REGIONS 16

/* virtio: RDI holds the address of this parameter block of 32-bit fields; what follows VIRTIO_STEP is the guest's answer. */
#define VIRTIO_SIZE 128
#define VIRTIO_FLAGS 0
#define VIRTIO_MEMORY_WINDOW 4
#define VIRTIO_PORT_WINDOW 8
#define VIRTIO_QUEUES 12
#define VIRTIO_REQUESTS 16
#define VIRTIO_SEED 20
#define VIRTIO_PIN 24
#define VIRTIO_STEP 28
#define VIRTIO_FUNCTION 32
#define VIRTIO_ID 36
#define VIRTIO_FEATURES 40
#define VIRTIO_CAPACITY 48
#define VIRTIO_WRITTEN 52
#define VIRTIO_READ 56
#define VIRTIO_MISMATCHES 60
#define VIRTIO_INTERRUPT_COUNTS 64
#define VIRTIO_BARS 80
#define VIRTIO_BAR_SIZES 104

#define VIRTIO_FLAG_PACKED 1
#define VIRTIO_FLAG_LEGACY 2
/* Interrupts by INTA# and the I/O APIC; otherwise by MSI-X. */
#define VIRTIO_FLAG_PIN 4
/* Instead of sleeping, asks the device again and again: an access to its ISR status each time. */
#define VIRTIO_FLAG_POLL 8

#define VIRTIO_STEP_FIND 1
#define VIRTIO_STEP_PLACE 2
#define VIRTIO_STEP_WALK 3
#define VIRTIO_STEP_NEGOTIATE 4
#define VIRTIO_STEP_QUEUES 5
#define VIRTIO_STEP_WRITE 6
#define VIRTIO_STEP_FLUSH 7
#define VIRTIO_STEP_READ 8
#define VIRTIO_STEP_RESET 9
#define VIRTIO_STEP_END 10

/* The guest has placed the BARs and waits at this port for the host to decode them. */
#define VIRTIO_PLACED_PORT 0xf5
/* What the guest says where a step failed. */
#define VIRTIO_STATUS_FAILED 2

/* Interrupts are counted by kind: configuration, queue 0, queue 1, INTA#. */
#define VIRTIO_INTERRUPTS 4
#define VIRTIO_MAX_QUEUES 2
/* Requests under way in a queue. */
#define VIRTIO_SLOTS 3
#define VIRTIO_REQUEST_BYTES 1024

/* What the guest keeps where: notes, interrupt descriptor table, rings, buffers. The host puts its tables before them. */
#define VIRTIO_DESCRIPTOR_TABLES 0x18000
#define VIRTIO_STATE 0x20000
#define VIRTIO_IDT 0x21000
#define VIRTIO_RINGS 0x40000
#define VIRTIO_RING_SIZE 0x4000
#define VIRTIO_BUFFERS 0x50000
#define VIRTIO_BUFFER_SIZE 0x1000

#endif
