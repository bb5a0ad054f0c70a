import { describe, expect, it } from 'vitest';
import { RunPage } from '#dist/src/kvm/run-page.js';
import { EXIT_REASONS } from '#dist/src/kvm/uapi/exit-reasons.js';
import { kvmRun, kvmRunIo, kvmRunMmio } from '#dist/src/kvm/uapi/run-structs.js';

const PAGE_BYTES = 3 * 4096;
const PIO_DATA = 4096;

/** A kvm_run page whose union is `exit`, as the kernel would leave it. */
function pageWith(reason: number, exit: Uint8Array): { bytes: Uint8Array; page: RunPage } {
  const bytes = new Uint8Array(PAGE_BYTES);
  bytes.set(exit);
  kvmRun.encodeInto(bytes, 0, { exitReason: reason });
  return { bytes, page: new RunPage(bytes.buffer) };
}

const ioPage = (direction: number, size: number, count = 1) =>
  pageWith(
    EXIT_REASONS.KVM_EXIT_IO,
    kvmRunIo.encode({ direction, size, port: 0xcfc, count, dataOffset: BigInt(PIO_DATA) }),
  );

const mmioPage = (size: number, isWrite: 0 | 1, data: number[], address = 0xd000_0000n) =>
  pageWith(
    EXIT_REASONS.KVM_EXIT_MMIO,
    kvmRunMmio.encode({ physAddr: address, len: size, isWrite, data: Uint8Array.from(data) }),
  );

describe('the kvm_run page', () => {
  it('names the exit, and gives the number of one that has no name', () => {
    expect(pageWith(8, new Uint8Array()).page.exitName).toBe('KVM_EXIT_SHUTDOWN');
    expect(pageWith(777, new Uint8Array()).page.exitName).toBe('unknown(777)');
  });

  it('reads its head again at each access, because KVM_RUN rewrites it', () => {
    const { bytes, page } = pageWith(5, new Uint8Array());
    expect([page.exitReason, page.readyForInterrupt, page.interruptsEnabled, page.flags]).toEqual([5, false, false, 0]);
    kvmRun.encodeInto(bytes, 0, { exitReason: 7, readyForInterruptInjection: 1, ifFlag: 1, flags: 2 });
    expect([page.exitReason, page.readyForInterrupt, page.interruptsEnabled, page.flags]).toEqual([7, true, true, 2]);
  });

  it('asks for an immediate exit and for an interrupt window, and takes both back', () => {
    const { bytes, page } = pageWith(0, new Uint8Array());
    page.immediateExit = true;
    page.requestInterruptWindow = true;
    expect(kvmRun.decode(bytes)).toMatchObject({ immediateExit: 1, requestInterruptWindow: 1 });
    page.immediateExit = false;
    page.requestInterruptWindow = false;
    expect(kvmRun.decode(bytes)).toMatchObject({ immediateExit: 0, requestInterruptWindow: 0 });
  });
});

describe('a port exit', () => {
  it('tells direction, port, size and count', () => {
    const { io } = ioPage(1, 2, 3).page;
    expect([io.isWrite, io.port, io.size, io.count, io.dataOffset]).toEqual([true, 0xcfc, 2, 3, PIO_DATA]);
    expect(ioPage(0, 4).page.io.isWrite).toBe(false);
  });

  it.each([
    [1, [0xf1, 0xf2, 0xf3]],
    [2, [0xf2f1, 0xf4f3, 0xf6f5]],
    [4, [0xf4f3f2f1, 0xf8f7f6f5, 0xfcfbfaf9]],
  ])('gives the elements of a string of %i-byte accesses as unsigned numbers', (size, values) => {
    const { bytes, page } = ioPage(1, size, 3);
    bytes.set(
      Uint8Array.from({ length: 12 }, (_, i) => 0xf1 + i),
      PIO_DATA,
    );
    expect([0, 1, 2].map((i) => page.io.value(i))).toEqual(values);
    expect(page.io.bytes).toEqual(bytes.slice(PIO_DATA, PIO_DATA + 3 * size));
  });

  it.each([1, 2, 4])('answers a %i-byte read without touching its neighbours', (size) => {
    const { bytes, page } = ioPage(0, size, 2);
    page.io.setValue(0xffff_ffff, 1);
    const expected = new Array(16).fill(0).fill(0xff, size, 2 * size);
    expect([...bytes.subarray(PIO_DATA, PIO_DATA + 16)]).toEqual(expected);
  });

  it('refuses an element outside the page, whatever the page says', () => {
    const { page } = ioPage(1, 4, 0xffff_ffff);
    expect(() => page.io.value(0x0fff_ffff)).toThrow(RangeError);
    expect(() => page.io.setValue(0, 0x0fff_ffff)).toThrow(RangeError);
    expect(() => page.io.bytes).toThrow(RangeError);
  });
});

describe('an MMIO exit', () => {
  it.each([
    [1, 0xf1],
    [2, 0xf2f1],
    [3, 0xf3f2f1],
    [4, 0xf4f3f2f1],
    [8, 0xf4f3f2f1],
  ])('gives %i bytes of data as an unsigned number', (size, value) => {
    const { mmio } = mmioPage(size, 1, [0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8]).page;
    expect([mmio.isWrite, mmio.size, mmio.value]).toEqual([true, size, value]);
  });

  it('gives both halves of an 8-byte write', () => {
    const { mmio } = mmioPage(8, 1, [1, 0, 0, 0x80, 2, 0, 0, 0xff]).page;
    expect([mmio.low, mmio.high]).toEqual([0x8000_0001, 0xff00_0002]);
    expect([...mmio.bytes]).toEqual([1, 0, 0, 0x80, 2, 0, 0, 0xff]);
  });

  it('gives an address above 4 GiB exactly', () => {
    expect(mmioPage(4, 0, [], 0x000f_ffff_ffff_fff0n).page.mmio.address).toBe(0x000f_ffff_ffff_fff0);
  });

  it('answers a read with all eight bytes defined', () => {
    const { bytes, page } = mmioPage(8, 0, [9, 9, 9, 9, 9, 9, 9, 9]);
    page.mmio.value = 0xffff_fffe;
    expect([...kvmRunMmio.decode(bytes).data]).toEqual([0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    page.mmio.high = 0x1234_5678;
    expect([...kvmRunMmio.decode(bytes).data.subarray(4)]).toEqual([0x78, 0x56, 0x34, 0x12]);
  });
});
