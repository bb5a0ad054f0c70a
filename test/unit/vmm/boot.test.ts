/** Kernels on their way into guest memory: what is where, and what is refused. */
import fc from 'fast-check';
import { GuestMemory } from 'ioregion/memory';
import { IoregionError } from 'ioregion/native';
import { afterEach, describe, expect, it } from 'vitest';
import { BootBytes, type BootFiles, loadBootFiles, memoryMap } from '#dist/src/vmm/boot/index.js';
import { bzImage, elf } from './kernel-files.js';

const MIB = 2 ** 20;
const open: GuestMemory[] = [];

afterEach(() => {
  for (const memory of open.splice(0)) memory.close();
});

interface Files extends Partial<Omit<BootFiles, 'kernel' | 'initrd'>> {
  readonly kernel?: Uint8Array;
  readonly initrd?: Uint8Array;
}

function load({ kernel = bzImage(), initrd, ...files }: Files, bytes = 64 * MIB) {
  const memory = GuestMemory.create(bytes, { backing: 'anonymous' });
  open.push(memory);
  const loaded = loadBootFiles(memory, bytes, {
    kernel: new BootBytes(kernel),
    initrd: initrd === undefined ? null : new BootBytes(initrd),
    commandLine: 'quiet',
    rsdp: null,
    ...files,
  });
  return { memory, loaded };
}

const codeOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof IoregionError) return error.code;
    throw error;
  }
  return 'none';
};

describe('a bzImage', () => {
  it('is loaded at its preferred address and entered 0x200 bytes on', () => {
    const { memory, loaded } = load({});
    expect(loaded).toMatchObject({ protocol: 'linux64', entry: 0x100_0200, occupied: { start: 0x100_0000 } });
    expect(memory.readU8(0x100_0000)).toBe(0x90);
    expect(memory.readU8(0x100_0fff)).toBe(0x90);
    expect(memory.readU8(0x100_1000)).toBe(0);
  });

  it('finds its header, command line and memory map in the boot parameters', () => {
    const { memory } = load({ commandLine: 'console=ttyS0', rsdp: 0xe_0000 });
    expect(memory.readU32(0x7000 + 0x202)).toBe(0x53726448);
    expect(memory.readU8(0x7000 + 0x210)).toBe(0xff);
    expect(memory.readU32(0x7000 + 0x228)).toBe(0x2_0000);
    expect(new TextDecoder().decode(memory.read(0x2_0000, 14))).toBe('console=ttyS0\0');
    expect(memory.readU64(0x7000 + 0x070)).toBe(0xe_0000n);
    const map = memoryMap(64 * MIB);
    expect(memory.readU8(0x7000 + 0x1e8)).toBe(map.length);
    const last = map.findIndex(({ address }) => address === MIB);
    expect(memory.readU64(0x7000 + 0x2d0 + 20 * last + 8)).toBe(BigInt(63 * MIB));
  });

  it('finds its initrd at the end of memory, in whole pages', () => {
    const initrd = new Uint8Array(5000).fill(7);
    const { memory } = load({ initrd });
    const start = memory.readU32(0x7000 + 0x218);
    expect(start).toBe(64 * MIB - 8192);
    expect(memory.readU32(0x7000 + 0x21c)).toBe(5000);
    expect(memory.read(start, 5000)).toEqual(initrd);
  });

  it.each([
    ['an older protocol', bzImage({ version: 0x020b })],
    ['no 64-bit entry', bzImage({ xloadflags: 0 })],
    ['no code behind its header', bzImage({ code: 0x100 })],
    ['a load address in low memory', bzImage({ prefAddress: 0x1000n })],
    ['a load address that is not a page', bzImage({ prefAddress: 0x100_0001n })],
    ['more set-up sectors than it has', bzImage({ setupSectors: 1 }).fill(200, 0x1f1, 0x1f2)],
  ])('with %s is refused', (_what, kernel) => {
    expect(codeOf(() => load({ kernel }))).toBe('ERR_IOREGION_KERNEL_FORMAT');
  });

  it.each([
    ['needs room to unpack itself', bzImage({ initSize: 60 * MIB })],
    ['is to be loaded beyond memory', bzImage({ prefAddress: 0xffff_ffff_ffff_f000n })],
  ])('that %s asks for more memory', (_what, kernel) => {
    expect(codeOf(() => load({ kernel }))).toBe('ERR_IOREGION_GUEST_MEMORY');
  });

  it('and an initrd that do not fit together ask for more memory', () => {
    const initrd = new Uint8Array(48 * MIB);
    expect(codeOf(() => load({ initrd }))).toBe('ERR_IOREGION_GUEST_MEMORY');
  });

  it('takes a command line as long as it says, and no zero character in it', () => {
    expect(codeOf(() => load({ commandLine: 'x'.repeat(2047) }))).toBe('none');
    expect(codeOf(() => load({ commandLine: 'x'.repeat(2048) }))).toBe('ERR_IOREGION_MACHINE');
    expect(codeOf(() => load({ commandLine: 'a\0b' }))).toBe('ERR_IOREGION_MACHINE');
  });
});

describe('an ELF file', () => {
  it('with a PVH note is loaded by its segments, with start info', () => {
    const initrd = new Uint8Array(100);
    const { memory, loaded } = load({ kernel: elf(), initrd, rsdp: 0xe_0000 });
    expect(loaded).toMatchObject({ protocol: 'pvh', entry: 0x100_0010 });
    expect(memory.readU8(0x100_01ff)).toBe(0x90);
    expect(memory.readU32(0x6000)).toBe(0x336ec578);
    expect(memory.readU64(0x6000 + 24)).toBe(0x2_0000n);
    expect(memory.readU64(0x6000 + 32)).toBe(0xe_0000n);
    const modules = memory.readU64(0x6000 + 16);
    expect([memory.readU64(modules), memory.readU64(modules + 8n)]).toEqual([BigInt(64 * MIB - 4096), 100n]);
    expect(memory.readU32(0x6000 + 48)).toBe(memoryMap(64 * MIB).length);
  });

  it.each([
    ['no note', elf({ entry: null })],
    ['an entry outside of it', elf({ entry: 0x500_0000 })],
    ['another machine', elf({ machine: 3 })],
    ['a segment beyond its end', elf({ fileOffset: 0x10000n })],
    ['a segment at an offset that wraps', elf({ fileOffset: 0xffff_ffff_ffff_ff00n })],
    ['more program headers than bytes', elf({ headers: 200 })],
    ['a segment in low memory', elf({ address: 0x1000n, entry: 0x1010 })],
    ['less memory than bytes', elf({ memorySize: 0x10n })],
    ['its header only', elf().subarray(0, 64)],
    ['not even that', elf().subarray(0, 20)],
  ])('with %s is refused', (_what, kernel) => {
    expect(codeOf(() => load({ kernel }))).toBe('ERR_IOREGION_KERNEL_FORMAT');
  });

  it.each([
    ['a segment beyond memory', elf({ address: 0x500_0000n, entry: 0x500_0010 })],
    ['a segment as long as all addresses', elf({ memorySize: 0xffff_ffff_ffff_ffffn })],
  ])('with %s asks for more memory', (_what, kernel) => {
    expect(codeOf(() => load({ kernel }))).toBe('ERR_IOREGION_GUEST_MEMORY');
  });
});

describe('what is no kernel', () => {
  it.each([
    ['an empty file', new Uint8Array(), 'it is empty'],
    ['gzip data', Uint8Array.of(0x1f, 0x8b, 8, 0), 'unpack it first'],
    ['a script', new TextEncoder().encode('#!/bin/sh\n'), 'neither a bzImage nor an ELF file'],
  ])('%s is refused by name', (_what, kernel, text) => {
    expect(() => load({ kernel })).toThrow(text);
  });

  it('never does more than fail with a code, whatever is damaged', () => {
    const codes = ['none', 'ERR_IOREGION_KERNEL_FORMAT', 'ERR_IOREGION_GUEST_MEMORY', 'ERR_IOREGION_MACHINE'];
    const damaged = fc.record({
      file: fc.constantFrom(bzImage(), elf()),
      length: fc.nat(0x800),
      changes: fc.array(fc.tuple(fc.nat(0x300), fc.nat(255)), { maxLength: 8 }),
    });
    fc.assert(
      fc.property(damaged, ({ file, length, changes }) => {
        const kernel = file.slice(0, Math.max(file.length - length, 0));
        for (const [at, byte] of changes) if (at < kernel.length) kernel[at] = byte;
        const memory = GuestMemory.create(32 * MIB, { backing: 'anonymous' });
        try {
          const files = { kernel: new BootBytes(kernel), initrd: null, commandLine: '', rsdp: null };
          expect(codes).toContain(codeOf(() => loadBootFiles(memory, 32 * MIB, files)));
        } finally {
          memory.close();
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('the memory map', () => {
  const GIB = 2 ** 30;

  it.each([2 * MIB, 64 * MIB, 3 * GIB, 3 * GIB + 4096, 8 * GIB])(
    'of %d bytes has all of them but what PCs keep',
    (size) => {
      const map = memoryMap(size);
      const usable = map.filter(({ type }) => type === 1).reduce((sum, entry) => sum + entry.size, 0);
      expect(usable).toBe(size - (MIB - 0x9fc00));
      const sorted = [...map].sort((a, b) => a.address - b.address);
      sorted.slice(1).forEach((entry, index) => {
        expect(entry.address).toBeGreaterThanOrEqual(sorted[index]!.address + sorted[index]!.size);
      });
      expect(
        map.filter(({ type, address, size: bytes }) => type === 1 && address < 4 * GIB && address + bytes > 3 * GIB),
      ).toEqual([]);
    },
  );
});
