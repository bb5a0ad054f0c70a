import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeExit } from '#dist/src/kvm/describe-exit.js';
import { decodeExit } from '#dist/src/kvm/exit.js';
import { EXIT_REASONS, type ExitReasonName } from '#dist/src/kvm/uapi/exit-reasons.js';
import * as run from '#dist/src/kvm/uapi/run-structs.js';

const PAGE_BYTES = 3 * 4096;
const PIO_DATA = 4096;

function page(reason: number, exit: Uint8Array = new Uint8Array(), pioData: readonly number[] = []): ArrayBuffer {
  const bytes = new Uint8Array(PAGE_BYTES);
  bytes.set(exit);
  bytes.set(pioData, PIO_DATA);
  run.kvmRun.encodeInto(bytes, 0, { exitReason: reason });
  return bytes.buffer;
}

const SUBERROR_EMULATION = 1;
const instruction = {
  suberror: SUBERROR_EMULATION,
  flags: 1n,
  insnSize: 3,
  insnBytes: Uint8Array.of(0x0f, 0xc7, 0x27),
};

const cases: [ExitReasonName, Uint8Array, string][] = [
  [
    'KVM_EXIT_UNKNOWN',
    run.kvmRunHw.encode({ hardwareExitReason: 0x44n }),
    'hardware exit reason 0x44 that KVM does not know',
  ],
  ['KVM_EXIT_EXCEPTION', run.kvmRunException.encode({ exception: 14, errorCode: 2 }), 'exception 14, error code 0x2'],
  [
    'KVM_EXIT_HYPERCALL',
    run.kvmRunHypercall.encode({ nr: 12n, args: [1n, 0xabn, 3n, 0n, 0n, 0n] }),
    'hypercall 0xc (0x1, 0xab, 0x3, 0x0, 0x0, 0x0)',
  ],
  [
    'KVM_EXIT_DEBUG',
    run.kvmRunDebug.encode({ exception: 1, pc: 0x1000n, dr6: 0xffff4ff0n, dr7: 0x400n }),
    'exception 1 at 0x1000, dr6 0xffff4ff0, dr7 0x400',
  ],
  ['KVM_EXIT_HLT', new Uint8Array(), 'the guest waits for an interrupt'],
  ['KVM_EXIT_SHUTDOWN', new Uint8Array(), 'triple fault'],
  [
    'KVM_EXIT_FAIL_ENTRY',
    run.kvmRunFailEntry.encode({ hardwareEntryFailureReason: 0x8000_0021n, cpu: 3 }),
    'the CPU refused to enter the guest: 0x80000021 on CPU 3',
  ],
  ['KVM_EXIT_INTR', new Uint8Array(), 'interrupted by a signal'],
  [
    'KVM_EXIT_TPR_ACCESS',
    run.kvmRunTprAccess.encode({ rip: 0x123n, isWrite: 1 }),
    'write of the task priority at 0x123',
  ],
  ['KVM_EXIT_TPR_ACCESS', run.kvmRunTprAccess.encode({ rip: 0x123n }), 'read of the task priority at 0x123'],
  [
    'KVM_EXIT_INTERNAL_ERROR',
    run.kvmRunInternal.encode({ suberror: 3, ndata: 2, data: [0x80n, 0x7n] }),
    'KVM_INTERNAL_ERROR_DELIVERY_EV, 0x80 0x7',
  ],
  [
    'KVM_EXIT_INTERNAL_ERROR',
    run.kvmRunEmulationFailure.encode({ ...instruction, ndata: 3 }),
    'KVM_INTERNAL_ERROR_EMULATION, the emulator gave up on 0f c7 27',
  ],
  [
    'KVM_EXIT_INTERNAL_ERROR',
    run.kvmRunEmulationFailure.encode({ ...instruction, ndata: 0 }),
    'KVM_INTERNAL_ERROR_EMULATION, no data',
  ],
  ['KVM_EXIT_INTERNAL_ERROR', run.kvmRunInternal.encode({ suberror: 99 }), 'unknown(99), no data'],
  [
    'KVM_EXIT_SYSTEM_EVENT',
    run.kvmRunSystemEvent.encode({ type: 3, ndata: 1, data: [0xdeadn] }),
    'KVM_SYSTEM_EVENT_CRASH, 0xdead',
  ],
  ['KVM_EXIT_SYSTEM_EVENT', run.kvmRunSystemEvent.encode({ type: 50 }), 'unknown(50), no data'],
  ['KVM_EXIT_IOAPIC_EOI', run.kvmRunEoi.encode({ vector: 33 }), 'end of interrupt 33'],
  ['KVM_EXIT_X86_RDMSR', run.kvmRunMsr.encode({ reason: 2, index: 0x1a0 }), 'read of MSR 0x1a0: KVM does not know it'],
  [
    'KVM_EXIT_X86_WRMSR',
    run.kvmRunMsr.encode({ reason: 64, index: 0x10, data: 5n }),
    'write of 0x5 to MSR 0x10: cause 0x40',
  ],
  ['KVM_EXIT_NOTIFY', run.kvmRunNotify.encode({ flags: 1 }), 'no interrupt window for too long, flags 0x1'],
  [
    'KVM_EXIT_MEMORY_FAULT',
    run.kvmRunMemoryFault.encode({ flags: 8n, gpa: 0x1_0000_0000n, size: 4096n }),
    'no private memory behind 0x1000 bytes at 0x100000000',
  ],
];

describe('exits in words', () => {
  it.each(cases)('%s', (reason, union, text) => {
    expect(describeExit(page(EXIT_REASONS[reason], union))).toBe(`${reason}: ${text}`);
  });

  it.each([
    [1, 1, 'out of 1 byte to port 0xf4: 2a'],
    [1, 2, 'out of 1 byte 2 times to port 0xf4: 2a 2b'],
    [0, 1, 'in of 1 byte from port 0xf4'],
  ])('KVM_EXIT_IO in direction %i, count %i', (direction, count, text) => {
    const io = run.kvmRunIo.encode({ direction, count, size: 1, port: 0xf4, dataOffset: BigInt(PIO_DATA) });
    expect(describeExit(page(EXIT_REASONS.KVM_EXIT_IO, io, [0x2a, 0x2b, 0x2c]))).toBe(`KVM_EXIT_IO: ${text}`);
  });

  it.each([
    [1, 'write of 2 bytes to 0xd0000010: 01 02'],
    [0, 'read of 2 bytes from 0xd0000010'],
  ])('KVM_EXIT_MMIO with is_write %i', (isWrite, text) => {
    const data = Uint8Array.of(1, 2, 3);
    const mmio = run.kvmRunMmio.encode({ physAddr: 0xd000_0010n, data, len: 2, isWrite });
    expect(describeExit(page(EXIT_REASONS.KVM_EXIT_MMIO, mmio))).toBe(`KVM_EXIT_MMIO: ${text}`);
  });

  it('says no more than the name of an exit that has nothing to tell', () => {
    expect(describeExit(page(EXIT_REASONS.KVM_EXIT_X86_BUS_LOCK))).toBe('KVM_EXIT_X86_BUS_LOCK');
  });

  it('shows the raw bytes of an exit of a newer kernel', () => {
    const union = run.kvmRunHw.encode({ hardwareExitReason: 0x1122n });
    expect(describeExit(page(1000, union))).toMatch(/^unknown\(1000\): kvm_run holds 22 11 00 /);
  });
});

describe('decoded exits', () => {
  it('keeps the instruction that the emulator failed on', () => {
    const buffer = page(17, run.kvmRunEmulationFailure.encode({ ...instruction, ndata: 3 }));
    expect(decodeExit(buffer)).toMatchObject({
      reason: 'KVM_EXIT_INTERNAL_ERROR',
      suberror: SUBERROR_EMULATION,
      instruction: Uint8Array.of(0x0f, 0xc7, 0x27),
    });
  });

  it('copies: the next KVM_RUN does not change an exit decoded before', () => {
    const buffer = page(EXIT_REASONS.KVM_EXIT_MMIO, run.kvmRunMmio.encode({ len: 1, data: Uint8Array.of(7) }));
    const exit = decodeExit(buffer);
    new Uint8Array(buffer).fill(0);
    expect(exit).toMatchObject({ size: 1, data: Uint8Array.of(7) });
  });

  it('gives exits without a decoder whole, under their name', () => {
    const exit = decodeExit(page(EXIT_REASONS.KVM_EXIT_TDX, run.kvmRunHw.encode({ hardwareExitReason: 1n })));
    expect(exit).toMatchObject({ reason: 'KVM_EXIT_TDX', raw: expect.objectContaining({ length: 256 }) });
  });

  it('survives any bytes the page may hold', () => {
    const pages = fc.record({ reason: fc.nat(60), union: fc.uint8Array({ minLength: 256, maxLength: 256 }) });
    fc.assert(
      fc.property(pages, ({ reason, union }) => {
        const bytes = new Uint8Array(32 + 256);
        bytes.set(union, 32);
        expect(describeExit(page(reason, bytes))).toMatch(/^(KVM_EXIT_\w+|unknown\(\d+\))/);
      }),
      { numRuns: 2000 },
    );
  });
});
