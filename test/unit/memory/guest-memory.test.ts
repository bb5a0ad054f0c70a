import { openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { GuestAddressError, GuestMemory, MemoryClosedError } from 'ioregion/memory';
import { Fd } from 'ioregion/native';
import { afterAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory();
const PAGE = 4096;
const GIB = 2 ** 30;
const because = (reason: string) => expect.objectContaining({ code: 'ERR_IOREGION_GUEST_ADDRESS', reason });

/** RAM [0, 4 pages), adjacent RAM [4, 6 pages), a gap, RAM [8, 9 pages), ROM [16, 17 pages). */
const layout = [
  { gpa: 0, size: 4 * PAGE },
  { gpa: 4 * PAGE, size: 2 * PAGE },
  { gpa: 8 * PAGE, size: PAGE },
  { gpa: 16 * PAGE, size: PAGE, readonly: true },
];

describe.each(['memfd', 'anonymous'] as const)('guest memory of kind %s', (backing) => {
  const memory = GuestMemory.fromLayout(layout, { backing });
  afterAll(() => memory.close());

  it('begins zeroed, with one mapping for each region', () => {
    expect(memory.regions.map(({ gpa, end, size }) => [gpa, end, size])).toEqual([
      [0, 4 * PAGE, 4 * PAGE],
      [4 * PAGE, 6 * PAGE, 2 * PAGE],
      [8 * PAGE, 9 * PAGE, PAGE],
      [16 * PAGE, 17 * PAGE, PAGE],
    ]);
    expect(memory.read(0, 6 * PAGE).every((byte) => byte === 0)).toBe(true);
  });

  it('keeps integers of every width, little-endian, at numbers and bigints', () => {
    memory.writeU64(8, 0x0102030405060708n);
    expect([memory.readU8(8), memory.readU16(8n), memory.readU32(8)]).toEqual([8, 0x0708, 0x05060708]);
    expect(memory.readU64(8n)).toBe(0x0102030405060708n);
    memory.writeU8(15, 0xff);
    memory.writeU16(8n, 0xabcd);
    memory.writeU32(10, 0x11223344);
    expect(memory.readU64(8)).toBe(0xff0211223344abcdn);
  });

  it('takes the first and last byte of a region and none outside', () => {
    memory.writeU8(8 * PAGE, 1);
    memory.writeU8(9 * PAGE - 1, 2);
    expect([memory.readU8(8 * PAGE), memory.readU8(9 * PAGE - 1)]).toEqual([1, 2]);
    expect(() => memory.readU8(8 * PAGE - 1)).toThrow(because('unmapped'));
    expect(() => memory.readU8(9 * PAGE)).toThrow(because('unmapped'));
    expect(() => memory.readU32(9 * PAGE - 3)).toThrow(because('unmapped'));
  });

  it('refuses scalars and views that straddle adjacent regions', () => {
    expect(() => memory.readU32(4 * PAGE - 2)).toThrow(because('straddles'));
    expect(() => memory.view(4 * PAGE - 1, 2)).toThrow(because('straddles'));
    expect(() => memory.view(0, 6 * PAGE)).toThrow(because('straddles'));
    expect(() => memory.view(0, 6 * PAGE + 1)).toThrow(because('unmapped'));
  });

  it('is loaded from a file over adjacent regions, as far as the file goes', () => {
    const path = join(directory, backing);
    writeFileSync(
      path,
      Uint8Array.from({ length: 300 }, (_, index) => index % 251),
    );
    using file = new Fd(openSync(path, 'r'));
    const expected = Uint8Array.from({ length: 200 }, (_, index) => (index + 50) % 251);
    expect(memory.loadFile(4 * PAGE - 120, 200, file.number, 50)).toBe(200);
    expect(memory.read(4 * PAGE - 120, 200)).toEqual(expected);
    expect(memory.loadFile(4 * PAGE - 20, 200, file.number, 290)).toBe(10);
    expect(memory.loadFile(16 * PAGE, 1, file.number, 0)).toBe(1);
    expect(() => memory.loadFile(6 * PAGE - 1, 2, file.number, 0)).toThrow(because('unmapped'));
    memory.fill(4 * PAGE - 120, 200, 0);
  });

  it('splits, reads, writes and fills over adjacent regions', () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, index) => index);
    memory.write(4 * PAGE - 100, bytes);
    expect(memory.slices(4 * PAGE - 100, 300).map((slice) => slice.length)).toEqual([100, 200]);
    expect(memory.read(4n * BigInt(PAGE) - 100n, 300)).toEqual(bytes);
    memory.fill(4 * PAGE - 100, 300, 0xee);
    expect(memory.read(4 * PAGE - 101, 302)).toEqual(Uint8Array.of(0, ...new Array(300).fill(0xee), 0));
  });

  it('writes nothing where a part of the range is missing', () => {
    memory.fill(5 * PAGE, PAGE, 0);
    expect(() => memory.write(5 * PAGE, new Uint8Array(PAGE + 1).fill(1))).toThrow(because('unmapped'));
    expect(() => memory.fill(5 * PAGE, PAGE + 1, 1)).toThrow(because('unmapped'));
    expect(memory.read(5 * PAGE, PAGE).every((byte) => byte === 0)).toBe(true);
  });

  it('gives views of the memory itself', () => {
    const view = memory.writableView(8 * PAGE, 4);
    view.set([1, 2, 3, 4]);
    expect(memory.readU32(8 * PAGE)).toBe(0x04030201);
    expect(memory.view(8 * PAGE, PAGE).buffer).toBe(memory.regions[2]!.mapping.buffer);
  });

  it('lets only a loader write read-only regions', () => {
    memory.load(16 * PAGE, Uint8Array.of(0xea, 0xf0));
    expect(memory.readU16(16 * PAGE)).toBe(0xf0ea);
    const readonly = because('readonly');
    expect(() => memory.write(16 * PAGE, Uint8Array.of(1))).toThrow(readonly);
    expect(() => memory.fill(16 * PAGE, 1, 1)).toThrow(readonly);
    expect(() => memory.writeU8(16 * PAGE, 1)).toThrow(readonly);
    expect(() => memory.writeU64(16 * PAGE, 1n)).toThrow(readonly);
    expect(() => memory.writableView(16 * PAGE, 1)).toThrow(readonly);
    expect(memory.view(16 * PAGE, 1)[0]).toBe(0xea);
  });

  it('takes empty ranges inside, and none outside', () => {
    expect(memory.read(0, 0)).toHaveLength(0);
    expect(memory.view(PAGE, 0)).toHaveLength(0);
    expect(() => memory.view(7 * PAGE, 0)).toThrow(because('unmapped'));
  });

  it.each([2 ** 53, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n, 2n ** 64n + 8n])(
    'never wraps: %s is unmapped',
    (gpa) => {
      expect(memory.contains(gpa, 8)).toBe(false);
      expect(() => memory.readU64(gpa)).toThrow(because('unmapped'));
      expect(() => memory.slices(gpa, 16)).toThrow(because('unmapped'));
    },
  );

  it.each([-1, -1n, 0.5, Number.NaN, Number.NEGATIVE_INFINITY])('is no address: %s', (gpa) => {
    expect(() => memory.readU8(gpa)).toThrow(because('invalid'));
    expect(() => memory.slices(gpa, 1)).toThrow(GuestAddressError);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('is no length: %d', (length) => {
    expect(memory.contains(0, length)).toBe(false);
    expect(() => memory.view(0, length)).toThrow(GuestAddressError);
    expect(() => memory.slices(0, length)).toThrow(GuestAddressError);
  });

  it('does not add a length to an address: the largest of both are unmapped', () => {
    expect(() => memory.view(PAGE, Number.MAX_SAFE_INTEGER)).toThrow(because('unmapped'));
    expect(() => memory.view(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)).toThrow(because('unmapped'));
  });

  it('agrees with a byte-by-byte model on every range', () => {
    const isMemory = (gpa: number) => layout.some((region) => gpa >= region.gpa && gpa < region.gpa + region.size);
    const near = fc
      .constantFrom(0, 4, 6, 8, 9, 16, 17)
      .chain((page) => fc.integer({ min: -9, max: 9 }).map((d) => page * PAGE + d));
    fc.assert(
      fc.property(near, fc.integer({ min: 1, max: 9 }), (gpa, length) => {
        const all = Array.from({ length }, (_, index) => isMemory(gpa + index)).every(Boolean);
        const attempt = () => memory.slices(gpa, length).reduce((sum, slice) => sum + slice.length, 0);
        if (all) expect(attempt()).toBe(length);
        else expect(attempt).toThrow(GuestAddressError);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('memory beyond 4 GiB', () => {
  it('is reached above the hole, at addresses that do not fit 32 bits', () => {
    using memory = GuestMemory.create(9 * GIB);
    expect(memory.regions.map(({ gpa, size }) => [gpa / GIB, size / GIB])).toEqual([
      [0, 3],
      [4, 4],
      [8, 2],
    ]);
    memory.writeU32(10 * GIB - 4, 0xcafe);
    memory.writeU64(4n * BigInt(GIB), 7n);
    expect(memory.readU32(10n * BigInt(GIB) - 4n)).toBe(0xcafe);
    expect([memory.readU64(4 * GIB), memory.readU64(0)]).toEqual([7n, 0n]);
    expect(() => memory.readU32(3 * GIB)).toThrow(because('unmapped'));
    expect(() => memory.readU32(4 * GIB - 4)).toThrow(because('unmapped'));
    memory.write(8 * GIB - 2, Uint8Array.of(1, 2, 3, 4));
    expect(memory.read(8 * GIB - 2, 4)).toEqual(Uint8Array.of(1, 2, 3, 4));
  });
});

describe('closed guest memory', () => {
  it('fails every access with a coded error and detaches what was given out', () => {
    const memory = GuestMemory.create(4 * PAGE);
    const view = memory.view(0, 16);
    memory.close();
    memory.close();
    expect(memory.closed).toBe(true);
    expect(view.length).toBe(0);
    expect(memory.contains(0, 1)).toBe(false);
    const attempts = [
      () => memory.readU8(0),
      () => memory.writeU64(0, 0n),
      () => memory.view(0, 1),
      () => memory.slices(0, 1),
      () => memory.write(0, new Uint8Array(1)),
      () => memory.load(0, new Uint8Array(1)),
      () => memory.loadFile(0, 1, 0, 0),
      () => memory.fill(0, 1, 1),
      () => memory.share(),
    ];
    for (const attempt of attempts) expect(attempt).toThrow(MemoryClosedError);
  });
});
