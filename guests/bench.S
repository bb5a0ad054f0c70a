/*
 * Times single accesses: COUNT samples of (TSC after) - (TSC before) at SAMPLES, 32 bits each. 32-bit protected mode,
 * without paging, is where one emulated instruction costs least; a sample holds a register move, the access and the
 * second RDTSC. Writes carry the number of accesses left, COUNT down to 1. CHECK is the sum of the values read from
 * memory, modulo 2^(8 * min(width, 4)).
 *
 * %edi samples  %esi address  %ecx accesses left  %ebp first TSC  %ebx sum; an access may use no other than %eax.
 */
#include "layout.h"

	.macro time_accesses name, access:vararg
	.balign 16
\name:
1:	rdtsc
	movl	%eax, %ebp
	\access
	rdtsc
	subl	%ebp, %eax
	stosl
	loop	1b
	jmp	finish
	.endm

	/* OUT takes its value from %eax, so the exchange both saves the TSC and fetches the value. */
	.macro time_port_writes name, access:vararg
	.balign 16
\name:
1:	movl	%ecx, %ebp
	rdtsc
	xchgl	%eax, %ebp
	\access
	rdtsc
	subl	%ebp, %eax
	stosl
	loop	1b
	jmp	finish
	.endm

	.section .text.start, "ax"
	.globl _start
_start:
	pushl	%edi
	movl	%edi, %ebp
	movl	BENCH_COUNT(%ebp), %ecx
	movl	BENCH_SAMPLES(%ebp), %edi
	movl	BENCH_ADDRESS(%ebp), %esi
	xorl	%ebx, %ebx
	jecxz	finish
	cmpl	$BENCH_KIND_NONE, BENCH_KIND(%ebp)
	ja	bad_parameter
	/* Row: the kind; column: log2 of the width. */
	bsfl	BENCH_WIDTH(%ebp), %eax
	cmpl	$3, %eax
	ja	bad_parameter
	movl	BENCH_KIND(%ebp), %edx
	leal	(%eax, %edx, 4), %eax
	movl	loops(, %eax, 4), %eax
	jmp	*%eax

finish:
	movl	$GUEST_STATUS_OK, %eax
report:
	popl	%edi
	movl	%ebx, BENCH_CHECK(%edi)
	outl	%eax, $GUEST_EXIT_PORT
	jmp	_start

bad_parameter:
	movl	$GUEST_STATUS_BAD_PARAMETER, %eax
	jmp	report

	.balign 4
loops:
	.long	read1, read2, read4, read8
	.long	write1, write2, write4, write8
	.long	pio_read1, pio_read2, pio_read4, bad_parameter
	.long	pio_write1, pio_write2, pio_write4, bad_parameter
	.long	none, none, none, none

	time_accesses read1, addb (%esi), %bl
	time_accesses read2, addw (%esi), %bx
	time_accesses read4, addl (%esi), %ebx
	time_accesses write1, movb %cl, (%esi)
	time_accesses write2, movw %cx, (%esi)
	time_accesses write4, movl %ecx, (%esi)
	time_accesses pio_read1, inb $BENCH_PORT, %al
	time_accesses pio_read2, inw $BENCH_PORT, %ax
	time_accesses pio_read4, inl $BENCH_PORT, %eax
	time_accesses none
	time_port_writes pio_write1, outb %al, $BENCH_PORT
	time_port_writes pio_write2, outw %ax, $BENCH_PORT
	time_port_writes pio_write4, outl %eax, $BENCH_PORT

	/* Eight bytes go through MMX, and through the stack outside the interval. */
	.balign 16
read8:
	subl	$8, %esp
1:	rdtsc
	movl	%eax, %ebp
	movq	(%esi), %mm0
	rdtsc
	subl	%ebp, %eax
	stosl
	movq	%mm0, (%esp)
	addl	(%esp), %ebx
	loop	1b
	addl	$8, %esp
	jmp	finish

	.balign 16
write8:
	subl	$8, %esp
	movl	$0, 4(%esp)
1:	movl	%ecx, (%esp)
	movq	(%esp), %mm0
	rdtsc
	movl	%eax, %ebp
	movq	%mm0, (%esi)
	rdtsc
	subl	%ebp, %eax
	stosl
	loop	1b
	addl	$8, %esp
	jmp	finish
