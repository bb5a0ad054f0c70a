/*
 * Makes a kernel of a guest: the PVH entry (32-bit, flat segments, no paging) copies what is behind it to low memory, where
 * the guest expects it, and enters the guest in its own mode. kernel.ts fills in the words of the header.
 */
#include "layout.h"

#define CR0_PAGING 0x80000000
#define CR4_PAE 0x20
#define CR4_SSE 0x600
#define EFER 0xc0000080
#define EFER_LONG_MODE 0x100
#define CODE 8
#define DATA 16

	.section .text.start, "ax"
	.code32
	.globl _start
_start:
	jmp	enter
	.balign 4
image_bytes:
	.long	0
parameters:
	.long	0
is_long:
	.long	0

enter:
	cld
	movl	$GUEST_KERNEL_IMAGE, %esi
	movl	$GUEST_LOAD, %edi
	movl	image_bytes, %ecx
	rep movsb
	movl	$GUEST_STACK_TOP, %esp
	movl	parameters, %edi
	movl	%cr4, %eax
	orl	$CR4_SSE, %eax
	movl	%eax, %cr4
	cmpl	$0, is_long
	jne	enter_long
	movl	$GUEST_LOAD, %eax
	jmp	*%eax

enter_long:
	lgdt	descriptor_table
	movl	$GUEST_PAGE_TABLES, %eax
	movl	%eax, %cr3
	movl	%cr4, %eax
	orl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$EFER, %ecx
	rdmsr
	orl	$EFER_LONG_MODE, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$CR0_PAGING, %eax
	movl	%eax, %cr0
	ljmp	$CODE, $in_long_mode

	.code64
in_long_mode:
	movl	$DATA, %eax
	movl	%eax, %ss
	movl	%eax, %ds
	movl	%eax, %es
	movl	$GUEST_LOAD, %eax
	jmp	*%rax

	.balign 8
descriptors:
	.quad	0
	.quad	0x00af9b000000ffff
	.quad	0x00cf93000000ffff
descriptor_table:
	.word	. - descriptors - 1
	.long	descriptors
