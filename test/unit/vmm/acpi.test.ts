/** ACPI tables as an operating system reads them: found from the RSDP, summed, in the forms of the specification. */
import { GuestMemory } from 'ioregion/memory';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type Aml,
  aml,
  and,
  bytesOf,
  device,
  dwordFields,
  eisaId,
  integer,
  local,
  method,
  name,
  notify,
  packageOf,
  portRegion,
  reference,
  scope,
  store,
  when,
} from '#dist/src/vmm/acpi/aml.js';
import { loadAcpi } from '#dist/src/vmm/acpi/tables.js';

const memory = GuestMemory.create(2 ** 20, { backing: 'anonymous' });
afterAll(() => memory.close());
const rsdp = loadAcpi(memory, { cpus: 3, serial: true });
const text = (at: number, length: number) => String.fromCharCode(...memory.read(at, length));
const sum = (at: number, length: number) => memory.read(at, length).reduce((total, byte) => total + byte, 0) & 0xff;

const xsdt = Number(memory.readU64(rsdp + 24));
const tables = new Map<string, number>();
for (let at = xsdt + 36; at < xsdt + memory.readU32(xsdt + 4); at += 8) {
  const table = Number(memory.readU64(at));
  tables.set(text(table, 4), table);
}

describe('the ACPI tables', () => {
  it('begin with an RSDP where operating systems look', () => {
    expect(rsdp).toBe(0xe_0000);
    expect(text(rsdp, 8)).toBe('RSD PTR ');
    expect([sum(rsdp, 20), sum(rsdp, 36)]).toEqual([0, 0]);
  });

  it('are listed by an XSDT, and sum to zero', () => {
    expect([...tables.keys()].sort()).toEqual(['APIC', 'FACP', 'MCFG']);
    const dsdt = Number(memory.readU64(tables.get('FACP')! + 140));
    expect(text(dsdt, 4)).toBe('DSDT');
    for (const at of [xsdt, dsdt, ...tables.values()]) expect(sum(at, memory.readU32(at + 4))).toBe(0);
  });

  it('do not overlap and stay below 1 MiB', () => {
    const dsdt = Number(memory.readU64(tables.get('FACP')! + 140));
    const facs = memory.readU32(tables.get('FACP')! + 36);
    expect(text(facs, 4)).toBe('FACS');
    const ranges = [xsdt, dsdt, facs, ...tables.values()].map((at) => [at, at + memory.readU32(at + 4)] as const);
    ranges.sort(([a], [b]) => a - b);
    ranges.slice(1).forEach(([start], index) => {
      expect(start).toBeGreaterThanOrEqual(ranges[index]![1]);
    });
    expect(ranges.at(-1)![1]).toBeLessThanOrEqual(2 ** 20);
  });

  it('have an enabled local APIC for each vCPU (MADT)', () => {
    const madt = tables.get('APIC')!;
    const ids: number[] = [];
    for (let at = madt + 44; at < madt + memory.readU32(madt + 4); at += memory.readU8(at + 1)) {
      if (memory.readU8(at) === 0 && memory.readU32(at + 4) === 1) ids.push(memory.readU8(at + 3));
    }
    expect(ids).toEqual([0, 1, 2]);
  });

  it('name the fixed registers and the reset register (FADT)', () => {
    const fadt = tables.get('FACP')!;
    expect([56, 64, 76].map((offset) => memory.readU32(fadt + offset))).toEqual([0x600, 0x604, 0x608]);
    expect([memory.readU32(fadt + 120), memory.readU8(fadt + 128)]).toEqual([0xcf9, 6]);
  });

  it('name general-purpose event block 0: a byte of status and one of enable bits (FADT)', () => {
    const fadt = tables.get('FACP')!;
    expect([memory.readU32(fadt + 80), memory.readU8(fadt + 92)]).toEqual([0x60c, 2]);
    expect([...memory.read(fadt + 220, 8)]).toEqual([1, 16, 0, 1, 0x0c, 6, 0, 0]);
  });

  it('have 31 slots that can be ejected, and a method for the event of hotplug (DSDT)', () => {
    const dsdt = Number(memory.readU64(tables.get('FACP')! + 140));
    const bytes = text(dsdt, memory.readU32(dsdt + 4));
    expect(bytes.match(/S[01][0-9A-F]_._ADR/gs)).toHaveLength(31);
    expect(bytes.match(/_EJ0/g)).toHaveLength(31);
    expect(bytes.match(/_E01/g)).toHaveLength(1);
    expect(bytes).toContain(notify('S1F', 1));
    expect(bytes).toContain(notify('S1F', 3));
  });

  it('name the base of ECAM (MCFG)', () => {
    expect(memory.readU64(tables.get('MCFG')! + 44)).toBe(0xe000_0000n);
  });
});

const bytes = (terms: Aml): number[] => [...bytesOf(terms)];

describe('AML', () => {
  it('has integers of the shortest form', () => {
    expect([0, 1, 2, 0x100, 0x1_0000].map((value) => integer(value).length)).toEqual([1, 1, 2, 3, 5]);
  });

  it('has EISA IDs in their compressed form', () => {
    expect(bytes(eisaId('PNP0A03'))).toEqual([0x0c, 0x41, 0xd0, 0x0a, 0x03]);
  });

  it.each([1, 61, 62, 63, 4090, 4100, 70_000])('counts the bytes of a body of %d', (size) => {
    const term = bytes(scope('\\_SB', [aml(0).repeat(size)]));
    const lead = term[1]!;
    const extra = lead >> 6;
    const length = term
      .slice(2, 2 + extra)
      .reduce((total, byte, index) => total + byte * 2 ** (4 + 8 * index), extra === 0 ? lead : lead & 0xf);
    expect(length).toBe(term.length - 1);
  });

  it('refuses what is no name', () => {
    for (const wrong of ['', 'toolong', 'lower', '1ABC']) expect(() => name(wrong, integer(0))).toThrow(RangeError);
  });

  it('has paths of any number of segments', () => {
    expect(bytes(reference('A'))).toEqual([0x41, 0x5f, 0x5f, 0x5f]);
    expect(bytes(reference('\\A.B')).slice(0, 2)).toEqual([0x5c, 0x2e]);
    expect(bytes(reference('\\A.B.C')).slice(0, 3)).toEqual([0x5c, 0x2f, 3]);
  });

  it('has methods, registers among the ports, and what methods do with them', () => {
    const named = reference('A');
    const a = bytes(named);
    expect(bytes(portRegion('A', 0x620, 12))).toEqual([0x5b, 0x80, ...a, 1, 0x0b, 0x20, 0x06, 0x0a, 12]);
    expect(bytes(dwordFields('A', ['B']))).toEqual([0x5b, 0x81, 11, ...a, 3, ...bytes(reference('B')), 32]);
    expect(bytes(store(named, local(1)))).toEqual([0x70, ...a, 0x61]);
    expect(bytes(when(and(local(0), integer(2)), [notify('A', 3)]))).toEqual([
      ...[0xa0, 13, 0x7b, 0x60, 0x0a, 2, 0],
      ...[0x86, ...a, 0x0a, 3],
    ]);
    expect(bytes(method('A', 1, [store(named, named)], true))).toEqual([0x14, 15, ...a, 0x09, 0x70, ...a, ...a]);
  });

  it('nests', () => {
    expect(bytes(device('PCI0', [name('_S5', packageOf([integer(5), integer(0)]))]))).toEqual(
      [0x5b, 0x82, 14, 0x50, 0x43, 0x49, 0x30, 8, 0x5f, 0x53, 0x35, 0x5f, 0x12, 5, 2, 0x0a, 5, 0].map((byte, index) =>
        index === 2 ? 16 : byte,
      ),
    );
  });
});
