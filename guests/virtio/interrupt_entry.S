/*
 * Where interrupts enter. They leave by POPF and RET in place of IRET, which does the same where privilege and segments
 * stay as they are, and which the instruction emulator of some hosts lacks in long mode.
 */
	.text
	.globl interrupt_entries
	.balign 16
interrupt_entries:
	.irp kind, 0, 1, 2, 3
	push	%rdi
	mov	$\kind, %edi
	jmp	interrupt
	.balign 16
	.endr

/* On the stack: RDI, then the frame of the processor: RIP, CS, RFLAGS, RSP, SS. */
interrupt:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	call	count_interrupt
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rsi
	/* The interrupted stack takes RIP and RFLAGS, where SS and RSP of the frame were; the place of CS says where that is. */
	mov	32(%rsp), %rcx
	mov	48(%rsp), %rdx
	mov	56(%rsp), %rax
	sub	$16, %rax
	mov	%rcx, 8(%rax)
	mov	%rdx, (%rax)
	mov	%rax, 40(%rsp)
	pop	%rdx
	pop	%rcx
	pop	%rax
	pop	%rdi
	mov	8(%rsp), %rsp
	popfq
	ret
