import { describe, expect, it } from 'vitest';
import { enterRealMode } from '#dist/src/kvm/x86/boot-state.js';
import { identityMap } from '#dist/src/kvm/x86/page-tables.js';
import { DESCRIPTOR_TABLES_BYTES, descriptorTables } from '#dist/src/kvm/x86/segments.js';

const quad = (bytes: Uint8Array, offset: number): bigint => new DataView(bytes.buffer).getBigUint64(offset, true);

describe('descriptor tables', () => {
  it('hold the flat descriptors of 64-bit mode and a TSS', () => {
    const bytes = descriptorTables(0x12_3456_7000, 64, 0x9000);
    expect([0, 1, 2, 3, 4].map((i) => quad(bytes, 8 * i))).toEqual([
      0n,
      0x00af_9b00_0000_ffffn,
      0x00cf_9300_0000_ffffn,
      0x00cf_f300_0000_ffffn,
      0x00af_fb00_0000_ffffn,
    ]);
    expect([quad(bytes, 40), quad(bytes, 48)]).toEqual([0x3400_8956_7040_2068n, 0x12n]);
  });

  it('hold the flat descriptors of 32-bit mode', () => {
    const bytes = descriptorTables(0x500, 32, 0x9000);
    expect([quad(bytes, 8), quad(bytes, 32)]).toEqual([0x00cf_9b00_0000_ffffn, 0x00cf_fb00_0000_ffffn]);
  });

  it('give the TSS its kernel stack and permit every port', () => {
    const tss = descriptorTables(0x500, 64, 0x9000).slice(0x40);
    const FIXED_BYTES = 104;
    expect([quad(tss, 4), new DataView(tss.buffer).getUint16(102, true)]).toEqual([0x9000n, FIXED_BYTES]);
    const bitmap = tss.subarray(FIXED_BYTES);
    expect([bitmap.subarray(0, 8192).every((byte) => byte === 0), bitmap[8192], bitmap.length]).toEqual([
      true,
      0xff,
      8193,
    ]);
    expect(0x40 + tss.length).toBe(DESCRIPTOR_TABLES_BYTES);
  });
});

describe('identity maps', () => {
  it('chain the tables and number the large pages', () => {
    const entries = new BigUint64Array(identityMap(0x1_0000, 2).buffer);
    expect([entries[0], entries[1]]).toEqual([0x1_1007n, 0n]);
    expect([entries[512], entries[513], entries[514]]).toEqual([0x1_2007n, 0x1_3007n, 0n]);
    expect([entries[1024], entries[1025], entries[2047]]).toEqual([0x87n, 0x20_0087n, 0x7fe0_0087n]);
  });

  it.each([0, -1, 1.5, 513])('cannot map %s GiB', (gib) => {
    expect(() => identityMap(0, gib)).toThrow(RangeError);
  });
});

describe('real mode', () => {
  it('cannot start above 1 MiB', () => {
    expect(() => enterRealMode({} as never, { entry: 0x10_0000 })).toThrow(RangeError);
  });
});
