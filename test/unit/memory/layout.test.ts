import fc from 'fast-check';
import { GuestMemory, MemoryLayoutError, ramLayout } from 'ioregion/memory';
import { describe, expect, it } from 'vitest';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const PAGE = 4096;

describe('ramLayout', () => {
  it('is one region below the hole', () => {
    expect(ramLayout(64 * MIB)).toEqual([{ gpa: 0, size: 64 * MIB }]);
    expect(ramLayout(3 * GIB)).toEqual([{ gpa: 0, size: 3 * GIB }]);
  });

  it('continues above the hole', () => {
    expect(ramLayout(3 * GIB + PAGE)).toEqual([
      { gpa: 0, size: 3 * GIB },
      { gpa: 4 * GIB, size: PAGE },
    ]);
  });

  it('cuts what no single mapping can hold', () => {
    expect(ramLayout(12 * GIB)).toEqual([
      { gpa: 0, size: 3 * GIB },
      { gpa: 4 * GIB, size: 4 * GIB },
      { gpa: 8 * GIB, size: 4 * GIB },
      { gpa: 12 * GIB, size: GIB },
    ]);
  });

  it('leaves the hole that is asked for free', () => {
    expect(ramLayout(4 * MIB, { start: MIB, end: 16 * MIB })).toEqual([
      { gpa: 0, size: MIB },
      { gpa: 16 * MIB, size: 3 * MIB },
    ]);
    expect(ramLayout(4 * MIB, { start: 0, end: GIB })).toEqual([{ gpa: GIB, size: 4 * MIB }]);
  });

  it.each([0, -PAGE, 1, PAGE + 1, Number.NaN, Number.POSITIVE_INFINITY, 0.5])('refuses a size of %d', (size) => {
    expect(() => ramLayout(size)).toThrow(MemoryLayoutError);
  });

  it.each([
    { start: 1, end: GIB },
    { start: GIB, end: MIB },
    { start: 0, end: Number.NaN },
  ])('refuses the hole %o', (hole) => {
    expect(() => ramLayout(MIB, hole)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_MEMORY_LAYOUT' }));
  });

  it('gives all bytes, disjoint and outside of the hole, for every size and hole', () => {
    const pages = fc.nat({ max: 2 ** 22 });
    fc.assert(
      fc.property(pages, pages, pages, (count, from, length) => {
        const hole = { start: from * PAGE, end: (from + length) * PAGE };
        const regions = ramLayout((count + 1) * PAGE, hole);
        const ends = regions.map(({ gpa, size }) => gpa + size);
        expect(regions.reduce((sum, { size }) => sum + size, 0)).toBe((count + 1) * PAGE);
        for (const [index, { gpa }] of regions.slice(1).entries()) expect(gpa).toBeGreaterThanOrEqual(ends[index]!);
        for (const { gpa, size } of regions) expect(gpa + size <= hole.start || gpa >= hole.end).toBe(true);
      }),
    );
  });
});

describe('GuestMemory.fromLayout', () => {
  const refused = (...layout: { gpa: number; size: number }[]) =>
    expect(() => GuestMemory.fromLayout(layout)).toThrow(MemoryLayoutError);

  it('refuses regions that overlap, whatever their order, and takes adjacent ones', () => {
    refused({ gpa: PAGE, size: 2 * PAGE }, { gpa: 0, size: 2 * PAGE });
    refused({ gpa: 0, size: 4 * PAGE }, { gpa: PAGE, size: PAGE });
    using memory = GuestMemory.fromLayout([
      { gpa: PAGE, size: PAGE },
      { gpa: 0, size: PAGE },
    ]);
    expect(memory.regions.map(({ gpa }) => gpa)).toEqual([0, PAGE]);
  });

  it('refuses no regions, empty, unaligned, negative and oversized ones', () => {
    refused();
    refused({ gpa: 0, size: 0 });
    refused({ gpa: 1, size: PAGE });
    refused({ gpa: 0, size: PAGE - 1 });
    refused({ gpa: -PAGE, size: PAGE });
    refused({ gpa: 2 ** 52, size: PAGE });
    refused({ gpa: 2 ** 60, size: PAGE });
    refused({ gpa: 0, size: 4 * GIB + PAGE });
    refused({ gpa: Number.NaN, size: PAGE });
    refused(...Array.from({ length: 513 }, (_, index) => ({ gpa: index * PAGE, size: PAGE })));
  });
});
