/*
 * Entry of the C guests: calls guest_main(parameter block), reports what it returns, and starts over when the host
 * runs the vCPU again. The host sets the stack pointer and RDI.
 */
#include "layout.h"

#ifdef GUEST_REAL
	.code16gcc
#endif
	.section .text.start, "ax"
	.globl _start
_start:
#ifdef __x86_64__
	push	%rdi
	call	guest_main
	out	%eax, $GUEST_EXIT_PORT
	pop	%rdi
#else
	pushl	%edi
	movl	%edi, %eax
	calll	guest_main
	outl	%eax, $GUEST_EXIT_PORT
	popl	%edi
#endif
	jmp	_start
