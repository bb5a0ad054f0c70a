/** The registers of PCI hotplug as a guest drives them, with the bus and the event that they belong to; and guests that drive them wrongly. */
import type { RegisterDevice } from 'ioregion/device';
import { describe, expect, test } from 'vitest';
import { SavedFields } from '#dist/src/virtio/state/index.js';
import { HOTPLUG_PORTS, HotplugRegister, PciHotplug } from '#dist/src/vmm/devices/pci-hotplug.js';
import { Gpe, PmRegister, PowerManagement } from '#dist/src/vmm/devices/power-management.js';
import { PciBus } from '#dist/src/vmm/pci/index.js';

const config: RegisterDevice = { read: () => 0x1af4, write: () => {} };

/** A board, as far as hotplug has to do with it. */
function board() {
  const levels: boolean[] = [];
  const power = new PowerManagement({ line: { set: (high) => void levels.push(high) }, onPowerOff: () => {} });
  const bus = new PciBus();
  const ejected: number[] = [];
  const hotplug = new PciHotplug({
    onChange: () => power.raise(Gpe.hotplug),
    onEject: (slot) => {
      const isOut = bus.unplug(slot) !== null;
      if (isOut) ejected.push(slot);
      return isOut;
    },
  });
  return { levels, power, bus, ejected, hotplug };
}

/** What the methods of the DSDT do when the event comes. */
class ModelGuest {
  readonly seen: [what: 'arrived' | 'wanted', slot: number][] = [];
  readonly #power: PowerManagement;
  readonly #hotplug: PciHotplug;

  constructor({ power, hotplug }: ReturnType<typeof board>) {
    this.#power = power;
    this.#hotplug = hotplug;
    power.write(PmRegister.gpeEnable, 1, 1 << Gpe.hotplug);
  }

  handleEvent(): void {
    const pending = this.#power.read(PmRegister.gpeStatus, 1) & this.#power.read(PmRegister.gpeEnable, 1);
    this.#power.write(PmRegister.gpeStatus, 1, pending);
    for (const what of ['arrived', 'wanted'] as const) {
      const bits = this.#hotplug.read(HotplugRegister[what], 4);
      this.#hotplug.write(HotplugRegister[what], 4, bits);
      for (let slot = 0; slot < 32; slot++) if ((bits >>> slot) & 1) this.seen.push([what, slot]);
    }
  }

  eject(bits: number): void {
    this.#hotplug.write(HotplugRegister.eject, 4, bits);
  }
}

describe('the registers of PCI hotplug', () => {
  test('tell of a device that comes by an event, and again of the next one', () => {
    const one = board();
    const guest = new ModelGuest(one);
    one.hotplug.arrive(3);
    expect(one.levels).toEqual([true]);
    guest.handleEvent();
    one.hotplug.arrive(31);
    guest.handleEvent();
    guest.handleEvent();
    expect(guest.seen).toEqual([
      ['arrived', 3],
      ['arrived', 31],
    ]);
    expect(one.levels).toEqual([true, false, true, false]);
  });

  test('tell of what came before the guest listens, once it does', () => {
    const one = board();
    one.hotplug.arrive(1);
    one.hotplug.want(1);
    expect(one.levels).toEqual([]);
    const guest = new ModelGuest(one);
    expect(one.levels).toEqual([true]);
    guest.handleEvent();
    expect(guest.seen).toEqual([
      ['arrived', 1],
      ['wanted', 1],
    ]);
  });

  test('do not lose what comes between the read of a register and its clearing', () => {
    const { hotplug } = board();
    hotplug.arrive(2);
    const bits = hotplug.read(HotplugRegister.arrived, 4);
    hotplug.arrive(4);
    hotplug.write(HotplugRegister.arrived, 4, bits);
    expect(hotplug.read(HotplugRegister.arrived, 4)).toBe(1 << 4);
  });

  test('take devices out: the bus has them no more from the write on', () => {
    const one = board();
    const guest = new ModelGuest(one);
    for (const slot of [1, 31]) one.bus.plug(slot, { config, regions: [] });
    guest.eject((1 << 1) | (1 << 31));
    expect([one.ejected, one.hotplug.counts.ejected]).toEqual([[1, 31], 2]);
    expect(one.bus.readConfig(1, 0, 0, 4)).toBe(0xffffffff);
    expect([one.hotplug.counts.refused, one.hotplug.read(HotplugRegister.eject, 4)]).toEqual([0, 0]);
    one.bus.plug(1, { config, regions: [] });
    expect(one.bus.readConfig(1, 0, 0, 4)).toBe(0x1af4);
  });

  test('an ejected slot is neither announced nor wanted any more', () => {
    const one = board();
    one.bus.plug(5, { config, regions: [] });
    one.hotplug.arrive(5);
    one.hotplug.want(5);
    one.hotplug.write(HotplugRegister.eject, 4, 1 << 5);
    const guest = new ModelGuest(one);
    guest.handleEvent();
    expect(guest.seen).toEqual([]);
  });

  test('count an ejection of nothing, of the host bridge and one that is made twice, and are none the worse', () => {
    const one = board();
    one.bus.plug(7, { config, regions: [] });
    for (const bits of [1, 1 << 6, 1 << 7, 1 << 7]) one.hotplug.write(HotplugRegister.eject, 4, bits);
    expect([one.ejected, one.hotplug.counts.refused]).toEqual([[7], 3]);
    expect(one.bus.readConfig(0, 0, 0, 4)).toBe(0x0008_1b36);
    one.hotplug.write(HotplugRegister.eject, 4, 0xffffffff);
    expect(one.hotplug.counts.refused).toBe(3 + 32);
  });

  test('have registers of 4 bytes at three offsets: any other access reads as all ones, does nothing and is counted', () => {
    const one = board();
    one.bus.plug(1, { config, regions: [] });
    one.hotplug.arrive(1);
    const registers: number[] = Object.values(HotplugRegister);
    let refused = 0;
    for (let offset = 0; offset < HOTPLUG_PORTS; offset++) {
      for (const size of [1, 2, 4]) {
        if (size === 4 && registers.includes(offset)) continue;
        expect(one.hotplug.read(offset, size)).toBe(-1);
        one.hotplug.write(offset, size, 0xffffffff);
        refused += 2;
      }
    }
    expect([one.hotplug.counts.refused, one.ejected, one.hotplug.read(HotplugRegister.arrived, 4)]).toEqual([
      refused,
      [],
      2,
    ]);
  });

  test('are saved and restored with the event that is pending', () => {
    const first = board();
    new ModelGuest(first);
    first.hotplug.arrive(31);
    first.hotplug.want(2);
    const second = board();
    second.power.restore(new SavedFields(first.power.save(), 'power'));
    second.hotplug.restore(new SavedFields(first.hotplug.save(), 'hotplug'));
    expect(second.levels).toEqual([true]);
    expect([HotplugRegister.arrived, HotplugRegister.wanted].map((at) => second.hotplug.read(at, 4))).toEqual([
      2 ** 31,
      4,
    ]);
    const wrong = { arrived: 2 ** 32, wanted: 0 };
    expect(() => second.hotplug.restore(new SavedFields(wrong, 'hotplug'))).toThrow(/arrived/);
  });
});
