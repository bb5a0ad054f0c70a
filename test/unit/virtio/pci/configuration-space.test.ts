import { describe, expect, test } from 'vitest';
import { DeviceTypeError, PciFunctionError } from '#dist/src/virtio/pci/index.js';
import { DeviceType, PciCapType } from '#dist/src/virtio/spec/index.js';
import { CapabilityId, PciHeader } from '#dist/src/virtio/spec/pci-config-space.js';
import { machine } from '../support/machine.js';

const BAR4 = PciHeader.bar0 + 16;

describe('identity (4.1.2)', () => {
  test('a modern device has ID 0x1040 + type, revision 1, and a subsystem ID of 0x40 or more', () => {
    const { driver } = machine({ deviceType: DeviceType.block });
    expect(driver.config(0, 4)).toBe(0x10421af4);
    expect(driver.config(8, 1)).toBe(1);
    expect(driver.config(PciHeader.subsystem, 4)).toBe(0x00421af4);
  });

  test('a transitional device has its ID from 0x1000 on, revision 0, and its type as subsystem ID (4.1.2.1)', () => {
    const { driver } = machine({ deviceType: DeviceType.block, transitional: true });
    expect(driver.config(0, 4)).toBe(0x10011af4);
    expect(driver.config(8, 1)).toBe(0);
    expect(driver.config(PciHeader.subsystem + 2, 2)).toBe(DeviceType.block);
  });

  test('a device type without a transitional ID, or beyond all IDs, is refused', () => {
    expect(() => machine({ deviceType: DeviceType.gpu, transitional: true })).toThrow(DeviceTypeError);
    expect(() => machine({ deviceType: 0x40 })).toThrow(DeviceTypeError);
    expect(() => machine({ deviceType: 0 })).toThrow(DeviceTypeError);
  });

  test('more vectors than MSI-X has are refused', () => {
    expect(() => machine({ vectors: 2049 })).toThrow(PciFunctionError);
    expect(machine({ vectors: 2048 }).driver.msix).toBeDefined();
  });
});

describe('the header (PCI 3.0, 6.1)', () => {
  test('every aligned width reads the same bytes', () => {
    const { driver } = machine();
    for (let offset = 0; offset < 256; offset += 4) {
      const word = driver.config(offset, 4);
      const bytes = [0, 1, 2, 3].map((at) => driver.config(offset + at, 1));
      expect(bytes.reduceRight((value, byte) => value * 256 + byte, 0)).toBe(word);
      expect(driver.config(offset + 2, 2) * 65536 + driver.config(offset, 2)).toBe(word);
    }
  });

  test('reserved registers read as zero and ignore writes', () => {
    const { driver } = machine();
    for (const offset of [0x28, 0x30, 0x38, 0xc0, 0xfc]) {
      driver.writeConfig(offset, 4, 0xffffffff);
      expect(driver.config(offset, 4)).toBe(0);
    }
  });

  test('identity is not changed by writes', () => {
    const { driver } = machine();
    const before = driver.config(0, 4);
    driver.writeConfig(0, 4, 0);
    driver.writeConfig(8, 4, 0);
    expect(driver.config(0, 4)).toBe(before);
    expect(driver.config(8, 1)).toBe(1);
  });

  test('the interrupt line keeps what is written, the pin is INTA#', () => {
    const { driver } = machine();
    driver.writeConfig(PciHeader.interrupt, 4, 0xffffff0b);
    expect(driver.config(PciHeader.interrupt, 4)).toBe(0x10b);
  });

  test('a function whose sink has no pin says so', () => {
    const { driver } = machine({ pin: false });
    expect(driver.config(PciHeader.interrupt + 1, 1)).toBe(0);
  });
});

describe('base address registers (PCI 3.0, 6.2.5)', () => {
  test('all ones written read back as the size', () => {
    const { driver, function: pci } = machine({ transitional: true });
    for (const bar of pci.bars) {
      const at = PciHeader.bar0 + 4 * bar.index;
      driver.writeConfig(at, 4, 0xffffffff);
      const low = driver.config(at, 4);
      const mask = bar.space === 'pio' ? ~3 : ~15;
      expect((~(low & mask) >>> 0) + 1).toBe(bar.size);
      expect(low & (bar.space === 'pio' ? 3 : 15)).toBe(bar.space === 'pio' ? 1 : bar.wide ? 4 : 0);
    }
    driver.writeConfig(BAR4 + 4, 4, 0xffffffff);
    expect(driver.config(BAR4 + 4, 4)).toBe(0xffffffff);
  });

  test('registers without a BAR read as zero', () => {
    const { driver } = machine({ vectors: 0 });
    for (const index of [0, 1, 2, 3]) {
      driver.writeConfig(PciHeader.bar0 + 4 * index, 4, 0xffffffff);
      expect(driver.config(PciHeader.bar0 + 4 * index, 4)).toBe(0);
    }
  });

  test('a BAR is mapped where it is programmed once its space is decoded, moves, and goes', () => {
    const moves: unknown[] = [];
    const { driver, function: pci } = machine({ onBarMapped: (mapping) => moves.push(mapping) });
    driver.writeConfig(BAR4, 4, 0xd0000000);
    driver.writeConfig(BAR4 + 4, 4, 1);
    expect(pci.address(4)).toBeNull();
    driver.writeConfig(PciHeader.commandStatus, 2, 2);
    expect(pci.address(4)).toBe(0x1d0000000);
    driver.writeConfig(BAR4, 4, 0xd1000000);
    driver.writeConfig(PciHeader.commandStatus, 2, 0);
    expect(moves).toEqual([
      { bar: 4, space: 'mmio', address: 0x1d0000000 },
      { bar: 4, space: 'mmio', address: 0x1d1000000 },
      { bar: 4, space: 'mmio', address: null },
    ]);
  });

  test('a BAR of zero, of all ones, or beyond the address space is nowhere', () => {
    const { driver, function: pci } = machine();
    driver.writeConfig(PciHeader.commandStatus, 2, 3);
    expect(pci.address(4)).toBeNull();
    driver.writeConfig(BAR4, 4, 0xffffffff);
    expect(pci.address(4)).toBeNull();
    driver.writeConfig(BAR4, 4, 0xd0000000);
    driver.writeConfig(BAR4 + 4, 4, 0xfffff);
    expect(pci.address(4)).toBe(0xfffffd0000000);
    driver.writeConfig(BAR4 + 4, 4, 0x100000);
    expect(pci.address(4)).toBeNull();
  });

  test('firmware places a BAR in one call', () => {
    const { driver, function: pci } = machine({ transitional: true });
    pci.place(0, 0xc000);
    pci.place(4, 0x1_d000_0000);
    pci.place(3, 0xe0000000);
    expect([0, 1, 4].map((bar) => pci.address(bar))).toEqual([0xc000, null, 0x1d0000000]);
    expect(driver.config(PciHeader.bar0, 4)).toBe(0xc001);
    expect(driver.config(BAR4, 4)).toBe(0xd0000004);
    expect(driver.config(PciHeader.commandStatus, 2)).toBe(3);
  });

  test('the parts of the BARs cover them exactly, and doorbells are posted', () => {
    const { function: pci } = machine({ transitional: true, config: new Uint8Array(60) });
    for (const bar of pci.bars) {
      const parts = pci.regions.filter((region) => region.bar === bar.index);
      const ends = [0, ...parts.map((part) => part.offset + part.size)];
      expect(parts.map((part) => part.offset)).toEqual(ends.slice(0, -1));
      expect(ends.at(-1)).toBe(bar.size);
    }
    const posted = pci.regions.filter((region) => region.postedWrites);
    expect(posted).toHaveLength(1);
    expect(posted[0]!.offset % 4096).toBe(0);
  });
});

describe('capabilities (4.1.4)', () => {
  test('the list has MSI-X and one of each virtio structure, at aligned places inside their BARs', () => {
    const { driver, function: pci } = machine({ config: new Uint8Array(24) });
    const list = driver.capabilities();
    expect(list.map(({ id }) => id)).toEqual([CapabilityId.msix, ...Array(5).fill(CapabilityId.vendor)]);
    const types = list.slice(1).map(({ type }) => type);
    expect(types).toEqual([PciCapType.common, PciCapType.notify, PciCapType.isr, PciCapType.device, PciCapType.pciCfg]);
    for (const { place, at } of list.slice(1, 5)) {
      expect(at % 4).toBe(0);
      expect(place.offset % 4).toBe(0);
      const bar = pci.bars.find(({ index }) => index === place.bar)!;
      expect(place.offset + place.length).toBeLessThanOrEqual(bar.size);
    }
    expect(driver.config(list[2]!.at + 2, 1)).toBe(20);
    expect(driver.device!.length).toBe(24);
  });

  test('a device without configuration space has no device capability, one without MSI-X no MSI-X capability', () => {
    const { driver } = machine({ vectors: 0 });
    expect(driver.device).toBeUndefined();
    expect(driver.msix).toBeUndefined();
    expect(driver.capabilities()).toHaveLength(4);
  });

  test('doorbells are notify_off_multiplier apart, and the window holds all of them (4.1.4.4)', () => {
    const { driver } = machine({ queueSizes: Array(1025).fill(16), vectors: 1 });
    const notify = driver.capabilities().find(({ type }) => type === PciCapType.notify)!;
    expect(driver.config(notify.at + 16, 4)).toBe(4);
    expect(notify.place.length).toBe(1025 * 4);
  });

  test('the size of the MSI-X table is encoded less one', () => {
    const { driver } = machine({ vectors: 33 });
    expect(driver.config(driver.msix! + 2, 2) & 0x7ff).toBe(32);
  });
});

describe('the PCI configuration access capability (4.1.4.9)', () => {
  function aim(driver: ReturnType<typeof machine>['driver'], bar: number, offset: number, length: number): void {
    driver.writeConfig(driver.pciCfg + 4, 1, bar);
    driver.writeConfig(driver.pciCfg + 8, 4, offset);
    driver.writeConfig(driver.pciCfg + 12, 4, length);
  }

  test('reads and writes registers of a window by their width', () => {
    const { driver } = machine();
    const data = driver.pciCfg + 16;
    aim(driver, 4, 0x14, 1);
    driver.writeConfig(data, 1, 1);
    expect(driver.config(data, 1)).toBe(1);
    expect(driver.status).toBe(1);
    aim(driver, 4, 0x16, 2);
    driver.writeConfig(data, 2, 1);
    aim(driver, 4, 0x18, 2);
    expect(driver.config(data, 2)).toBe(64);
  });

  test('uses the first bytes of the data register, whatever the width of the access', () => {
    const { driver } = machine();
    aim(driver, 4, 0x14, 1);
    driver.writeConfig(driver.pciCfg + 16, 4, 0xabcdef01);
    expect(driver.status).toBe(1);
  });
});
