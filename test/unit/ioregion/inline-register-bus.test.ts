/** Register devices in the vCPU's own thread, against exits as they lie in the kvm_run page. */
import {
  BusOverlapError,
  createBus,
  inlineDevices,
  type PlacedDevice,
  RegisterBus,
  type RegisterDevice,
} from 'ioregion/ioregion';
import { describe, expect, it } from 'vitest';
import { IoExit } from '#dist/src/kvm/io-exit.js';
import { MmioExit } from '#dist/src/kvm/mmio-exit.js';
import { IO_OUT, kvmRunIo, kvmRunMmio } from '#dist/src/kvm/uapi/run-structs.js';

const PAGE_BYTES = 8192;
const IO_DATA = 4096;

function bytesOf(value: bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

interface Outcome {
  readonly taken: boolean;
  /** What the page holds afterwards. */
  readonly data: bigint;
}

function mmio(bus: RegisterBus, address: number | bigint, size: number, written?: bigint): Outcome {
  const page = new Uint8Array(PAGE_BYTES);
  const data = new Uint8Array(8);
  data.set(bytesOf(written ?? 0x5a5a_5a5a_5a5a_5a5an, size));
  kvmRunMmio.encodeInto(page, 0, {
    physAddr: BigInt(address),
    data,
    len: size,
    isWrite: written === undefined ? 0 : 1,
  });
  const exit = new MmioExit(new DataView(page.buffer));
  return { taken: bus.mmio(exit), data: numberOf(exit.bytes.subarray(0, size)) };
}

function io(bus: RegisterBus, port: number, size: number, elements: readonly bigint[], out: boolean) {
  const page = new Uint8Array(PAGE_BYTES);
  const count = elements.length;
  kvmRunIo.encodeInto(page, 0, { direction: out ? IO_OUT : 0, size, port, count, dataOffset: BigInt(IO_DATA) });
  for (const [index, element] of elements.entries()) page.set(bytesOf(element, size), IO_DATA + index * size);
  const taken = bus.io(new IoExit(new DataView(page.buffer)));
  const at = (index: number) => IO_DATA + index * size;
  return { taken, data: elements.map((_, index) => numberOf(page.subarray(at(index), at(index + 1)))) };
}

/** Remembers what it is asked. */
class Recorder implements RegisterDevice {
  readonly seen: string[] = [];

  read(offset: number, size: number): number {
    this.seen.push(`read ${offset} ${size}`);
    return 0xc0de_0000 + offset;
  }

  write(offset: number, size: number, value: number): void {
    this.seen.push(`write ${offset} ${size} ${value.toString(16)}`);
  }
}

const place = (
  address: number,
  size: number,
  device: RegisterDevice,
  space: 'mmio' | 'pio' = 'mmio',
): PlacedDevice => ({
  space,
  address,
  size,
  device,
});

describe('closing a bus', () => {
  const place = (address: number, device: RegisterDevice): PlacedDevice => ({ space: 'pio', address, size: 4, device });

  it('closes each device once, and waits for it', async () => {
    let closed = 0;
    const device: RegisterDevice = {
      read: () => 0,
      write: () => {},
      close: async () => {
        await null;
        closed += 1;
      },
    };
    await new RegisterBus([place(0, device), place(8, device)]).close();
    expect(closed).toBe(1);
  });

  it('closes the others where one fails, and says so', async () => {
    const closed: number[] = [];
    const fails: RegisterDevice = {
      read: () => 0,
      write: () => {},
      close: () => {
        throw new Error('stuck');
      },
    };
    const works: RegisterDevice = { read: () => 0, write: () => {}, close: () => void closed.push(1) };
    await expect(new RegisterBus([place(0, fails), place(8, works)]).close()).rejects.toThrow('stuck');
    expect(closed).toEqual([1]);
  });
});

describe('RegisterBus', () => {
  it.each([1, 2, 4, 8])('reads and writes %i bytes of MMIO, at the first and the last place they fit', (size) => {
    const device = new Recorder();
    const bus = new RegisterBus([place(0xd000_0000, 0x100, device)]);
    const last = 0x100 - size;
    expect(mmio(bus, 0xd000_0000, size)).toMatchObject({ taken: true });
    expect(mmio(bus, 0xd000_0000 + last, size, 0x1122_3344_5566_7788n).taken).toBe(true);
    expect(device.seen[0]).toBe(`read 0 ${Math.min(size, 4)}`);
    expect(device.seen.at(-1)).toMatch(size === 8 ? /^write 252 4 11223344$/ : new RegExp(`^write ${last} ${size} `));
  });

  it('gives the whole of an 8-byte register to a device that has one', () => {
    const written: bigint[] = [];
    const device = {
      read: () => 0,
      write: () => {},
      read64: (offset: number) => BigInt(offset) << 32n,
      write64: (_: number, value: bigint) => void written.push(value),
    };
    const bus = new RegisterBus([place(0, 0x100, device)]);
    expect(mmio(bus, 8, 8).data).toBe(8n << 32n);
    mmio(bus, 8, 8, 2n ** 64n - 1n);
    expect(written).toEqual([2n ** 64n - 1n]);
  });

  it.each([
    ['below', 0x0fff, 4],
    ['above', 0x1100, 1],
    ['across the end', 0x10fe, 4],
    ['across the start', 0x0fff, 2],
    ['of an odd size', 0x1000, 3],
  ] as const)('leaves an access %s to the owner, and the page as it is', (_, address, size) => {
    const device = new Recorder();
    const bus = new RegisterBus([place(0x1000, 0x100, device)]);
    expect(mmio(bus, address, size)).toEqual({ taken: false, data: numberOf(new Uint8Array(size).fill(0x5a)) });
    expect(mmio(bus, address, size, 1n).taken).toBe(false);
    expect(device.seen).toEqual([]);
  });

  it('tells many devices apart, wherever the last access went', () => {
    const devices = Array.from({ length: 20 }, () => new Recorder());
    const bus = new RegisterBus(devices.map((device, index) => place(0x1000 * (20 - index), 0x800, device)));
    for (let round = 0; round < 2; round++) {
      for (const [index, device] of devices.entries()) {
        const base = 0x1000 * (20 - index);
        expect(mmio(bus, base + 4, 4).data).toBe(0xc0de_0004n);
        expect(device.seen).toHaveLength(round + 1);
        expect(mmio(bus, base + 0x800, 4).taken).toBe(false);
      }
    }
  });

  it('keeps memory and ports apart', () => {
    const [memory, ports] = [new Recorder(), new Recorder()];
    const bus = new RegisterBus([place(0x100, 8, memory), place(0x100, 8, ports, 'pio')]);
    mmio(bus, 0x100, 4);
    io(bus, 0x104, 4, [0n], false);
    expect([memory.seen, ports.seen]).toEqual([['read 0 4'], ['read 4 4']]);
    expect(io(bus, 0x106, 4, [0n], false).taken).toBe(false);
  });

  it.each([1, 2, 4])('carries out each element of %i bytes of a string access', (size) => {
    let count = 0;
    const written: number[] = [];
    const device = { read: () => ++count, write: (_: number, __: number, value: number) => void written.push(value) };
    const bus = new RegisterBus([place(0x3f8, 8, device, 'pio')]);
    expect(io(bus, 0x3f8, size, [0n, 0n, 0n], false)).toEqual({ taken: true, data: [1n, 2n, 3n] });
    io(bus, 0x3f8, size, [7n, 8n, 9n], true);
    expect(written).toEqual([7, 8, 9]);
  });

  it('cuts what a device returns to the size of the access', () => {
    const bus = new RegisterBus([
      place(0, 8, { read: () => -1, write: () => {} }),
      place(0, 8, { read: () => -1, write: () => {} }, 'pio'),
    ]);
    expect(mmio(bus, 0, 2).data).toBe(0xffffn);
    expect(io(bus, 0, 1, [0n], false).data).toEqual([0xffn]);
  });

  it.each([1, 2, 4, 8])('reads all ones of %i bytes where a device throws, and counts it', (size) => {
    const broken = {
      read: () => {
        throw new Error('read');
      },
      write: () => {
        throw new Error('write');
      },
    };
    const bus = new RegisterBus([place(0, 8, broken), place(0, 8, broken, 'pio')]);
    expect(mmio(bus, 0, size)).toEqual({ taken: true, data: (1n << BigInt(8 * size)) - 1n });
    expect(mmio(bus, 0, size, 1n).taken).toBe(true);
    expect(io(bus, 0, 4, [0n, 0n], false).data).toEqual([0xffff_ffffn, 0xffff_ffffn]);
    expect(bus.deviceErrors).toBe(4);
  });

  it('reaches addresses above 4 GiB', () => {
    const device = new Recorder();
    const bus = new RegisterBus([place(2 ** 40, 16, device)]);
    expect(mmio(bus, 2 ** 40 + 8, 4)).toEqual({ taken: true, data: 0xc0de_0008n });
    expect(mmio(bus, 8, 4).taken).toBe(false);
    expect(mmio(bus, 2n ** 64n - 4n, 4).taken).toBe(false);
  });

  it('refuses devices that overlap, and takes neighbours', () => {
    const device = new Recorder();
    expect(() => new RegisterBus([place(0x10, 4, device), place(0x13, 1, device)])).toThrow(BusOverlapError);
    expect(() => new RegisterBus([place(0x10, 4, device), place(0x10, 4, device)])).toThrow(/overlaps/);
    new RegisterBus([place(0x14, 4, device), place(0x10, 4, device), place(0x10, 4, device, 'pio')]);
  });

  it('without devices takes nothing', () => {
    const bus = new RegisterBus([]);
    expect([mmio(bus, 0, 4).taken, io(bus, 0, 1, [0n], true).taken]).toEqual([false, false]);
  });
});

describe('inlineDevices', () => {
  const device = {
    module: 'data:text/javascript,export default (value) => ({ read: () => value, write() {} })',
    options: 0x77,
  };

  it('names what the Worker of a vCPU makes the bus with', async () => {
    const { module, factory, options } = inlineDevices([{ space: 'mmio', address: 0x1000, size: 4, device }]);
    const namespace = (await import(module)) as Record<string, (given: unknown) => Promise<RegisterBus>>;
    const bus = await namespace[factory!]!(structuredClone(options));
    expect(mmio(bus, 0x1000, 4).data).toBe(0x77n);
  });

  it('fails where a device does not load, or two overlap', async () => {
    const missing = { ...device, module: '/nowhere.mjs' };
    const at = (address: number) => ({ space: 'mmio', address, size: 4, device }) as const;
    await expect(createBus([{ ...at(0), device: missing }])).rejects.toMatchObject({
      code: 'ERR_IOREGION_DEVICE_LOAD',
    });
    await expect(createBus([at(0), at(2)])).rejects.toMatchObject({ code: 'ERR_IOREGION_BUS_OVERLAP' });
  });
});
