/** The PCI bus: configuration by both ways, and which function takes an access to a BAR. */
import type { RegisterDevice } from 'ioregion/device';
import { describe, expect, it } from 'vitest';
import { BarAllocator, ConfigPorts, Ecam, PciBus, type PciFunction } from '#dist/src/vmm/pci/index.js';

/** Remembers what is written; configuration space of a function with a memory BAR 0 (64 bits, 4 KiB) and an I/O BAR 2. */
class Words implements RegisterDevice {
  readonly bytes = new Uint8Array(4096);
  readonly masks = new Map<number, number>();
  read(offset: number, size: number): number {
    return Number(new DataView(this.bytes.buffer)[`getUint${(8 * size) as 8 | 16 | 32}`](offset, true));
  }
  write(offset: number, size: number, value: number): void {
    const mask = this.masks.get(offset) ?? 0xffffffff;
    const fixed = offset === 0x10 ? 4 : offset === 0x18 ? 1 : 0;
    new DataView(this.bytes.buffer)[`setUint${(8 * size) as 8 | 16 | 32}`](
      offset,
      ((value & mask) | fixed) >>> 0,
      true,
    );
  }
}

function testFunction(id: number) {
  const config = new Words();
  config.masks.set(0x10, 0xffff_f000).set(0x18, 0xffff_ff00);
  config.write(0, 4, id);
  config.write(0x10, 4, 0);
  config.write(0x18, 4, 0);
  const [low, high, ports] = [new Words(), new Words(), new Words()];
  const pciFunction: PciFunction = {
    config,
    regions: [
      { bar: 0, space: 'mmio', offset: 0, size: 0x800, device: low },
      { bar: 0, space: 'mmio', offset: 0x800, size: 0x800, device: high },
      { bar: 2, space: 'pio', offset: 0, size: 0x100, device: ports },
    ],
  };
  return { pciFunction, config, low, high, ports };
}

function bus() {
  const pci = new PciBus();
  const one = testFunction(0x1234_1af4);
  pci.plug(1, one.pciFunction);
  const reset = new Words();
  return { pci, one, reset, config: new ConfigPorts(pci, reset), ecam: new Ecam(pci) };
}

const SLOT_1 = 0x8000_0800;
const slotEcam = (slot: number, register: number) => slot * 0x8000 + register;

describe('the PCI bus', () => {
  it('has its host bridge at 0, and nothing where nothing is', () => {
    const { config, ecam } = bus();
    config.write(0, 4, 0x8000_0000);
    expect(config.read(4, 4)).toBe(0x0008_1b36);
    config.write(0, 4, 0x8000_0008);
    expect(config.read(6, 2)).toBe(0x0600);
    expect(ecam.read(slotEcam(0, 0), 4) >>> 0).toBe(0x0008_1b36);
    expect(ecam.read(slotEcam(2, 0), 4)).toBe(0xffffffff);
    expect(ecam.read(slotEcam(1, 0) + 0x1000, 4)).toBe(0xffffffff);
    expect(ecam.read(slotEcam(1, 0x100), 4)).toBe(0xffffffff);
  });

  it('shows the same registers by ports and by memory', () => {
    const { config, ecam } = bus();
    config.write(0, 4, SLOT_1 | 0x3c);
    config.write(4, 1, 0x2a);
    expect(ecam.read(slotEcam(1, 0x3c), 1)).toBe(0x2a);
    ecam.write(slotEcam(1, 0x3c), 4, 0x11223344);
    expect(config.read(5, 1)).toBe(0x33);
    expect(config.read(6, 2)).toBe(0x1122);
  });

  it('answers by ports only with the enable bit, and on bus 0', () => {
    const { config } = bus();
    config.write(0, 4, SLOT_1 & 0x7fff_ffff);
    expect(config.read(4, 4)).toBe(0xffffffff);
    config.write(0, 4, SLOT_1 + 0x1_0000);
    expect(config.read(4, 4)).toBe(0xffffffff);
    expect(config.read(0, 4)).toBe(SLOT_1 + 0x1_0000);
  });

  it('has the reset control among its ports', () => {
    const { config, reset } = bus();
    config.write(0, 4, SLOT_1);
    config.write(1, 1, 6);
    expect(reset.bytes[0]).toBe(6);
    expect(config.read(0, 4)).toBe(SLOT_1);
  });

  it('passes accesses to a BAR where it is, once it is decoded', () => {
    const { pci, one, ecam } = bus();
    const window = pci.window('mmio', 0xc000_0000);
    ecam.write(slotEcam(1, 0x10), 4, 0xc000_4000);
    expect(window.read(0x4000, 4)).toBe(0xffffffff);
    ecam.write(slotEcam(1, 4), 2, 2);
    window.write(0x4804, 4, 77);
    expect(one.high.read(4, 4)).toBe(77);
    ecam.write(slotEcam(1, 0x10), 4, 0xd000_0000);
    window.write(0x4804, 4, 78);
    window.write(0x1000_0008, 4, 79);
    expect([one.high.read(4, 4), one.low.read(8, 4)]).toEqual([77, 79]);
    expect(pci.unclaimed).toBe(2);
  });

  it('follows 64-bit BARs above 4 GiB, and I/O BARs', () => {
    const { pci, one, ecam } = bus();
    ecam.write(slotEcam(1, 0x14), 4, 0x80);
    ecam.write(slotEcam(1, 0x10), 4, 0x1000);
    ecam.write(slotEcam(1, 0x18), 4, 0x2000);
    ecam.write(slotEcam(1, 4), 2, 3);
    pci.window('mmio', 0x80_0000_0000).write(0x1000, 4, 5);
    pci.window('pio', 0x1000).write(0x1004, 2, 6);
    expect([one.low.read(0, 4), one.ports.read(4, 2)]).toEqual([5, 6]);
  });

  it('takes no access across the end of a part', () => {
    const { pci, one, ecam } = bus();
    ecam.write(slotEcam(1, 0x10), 4, 0xc000_0000);
    ecam.write(slotEcam(1, 4), 2, 2);
    pci.window('mmio', 0xc000_0000).write(0x7fe, 4, 1);
    expect(one.low.bytes.every((byte) => byte === 0)).toBe(true);
    expect(pci.unclaimed).toBe(1);
  });

  it('refuses a slot that is taken, or is none', () => {
    const { pci } = bus();
    for (const slot of [-1, 0, 1, 32]) expect(() => pci.plug(slot, testFunction(1).pciFunction)).toThrow(RangeError);
  });
});

describe('the BAR allocator', () => {
  it('gives each BAR a multiple of its size, none twice', () => {
    const allocator = new BarAllocator();
    const sizes = [0x2000, 0x4000, 0x1000, 0x8000];
    const places = sizes.map((size) => ({ size, at: allocator.place([{ index: 0, space: 'mmio', size }])[0]! }));
    for (const { at, size } of places) expect(at % size).toBe(0);
    const sorted = places.sort((a, b) => a.at - b.at);
    sorted.slice(1).forEach(({ at }, index) => {
      expect(at).toBeGreaterThanOrEqual(sorted[index]!.at + sorted[index]!.size);
    });
    expect(() => allocator.place([{ index: 0, space: 'mmio', size: 2 ** 30 }])).toThrow('no room');
  });
});
