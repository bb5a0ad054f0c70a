/** What happens around the rings when a driver, or the device itself, misbehaves: cases 28 and 34, and those of JavaScript. */
import { GuestMemory } from 'ioregion/memory';
import { ControlTransport, DeviceTransport, MockDriver, PciTransport } from 'ioregion/testing';
import { Feature, LocalControl, type VirtioDevice, VirtioPciFunction } from 'ioregion/virtio';
import { afterAll, describe, expect, test } from 'vitest';
import { EchoDevice } from '#dist/test/support/echo-device.js';
import { HoldingDevice } from './hostile-devices.js';
import { bytes, FORMATS, setUp } from './subject.js';

const memory = GuestMemory.create(1 << 20);
afterAll(() => memory.close());

function controlled(device: VirtioDevice, features: bigint = Feature.version1) {
  const log: string[] = [];
  const control = new LocalControl({ device, memory, log: (message) => void log.push(message) });
  const transport = new ControlTransport(control);
  return { log, control, transport, driver: new MockDriver(transport, memory, { features, queueBytes: 0x20000 }) };
}

const turns = async (count = 5) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe('case 28: buffers over the registers of the device itself', () => {
  test.each(FORMATS)('are no memory, wherever the BARs are: %s', async (format) => {
    const transport = new PciTransport();
    const control = new LocalControl({ device: new EchoDevice(), memory });
    const pciFunction = new VirtioPciFunction({ control, sink: transport.sink });
    pciFunction.place(4, 0xd0000000);
    const { features } = setUp(format);
    const driver = new MockDriver(transport.connect(pciFunction), memory, { features, queueBytes: 0x20000 });
    driver.start();
    const queue = driver.queue(0);
    queue.add([bytes(0), { room: 1 }]);
    queue.ring.descriptors.set(1, { address: 0xd0000000 + 0x14 });
    const { status } = transport.registers;
    queue.kick();
    expect(transport.needsReset).toBe(true);
    expect(transport.registers.status & ~0x40).toBe(status);
    expect((await driver.queue(1).send([bytes(1), { room: 1 }])).data).toEqual(Uint8Array.of(2));
    await driver.reset();
    driver.start();
    expect((await driver.queue(0).send([bytes(1), { room: 1 }])).data).toEqual(Uint8Array.of(2));
    await driver.reset();
  });
});

describe('case 34: a reset or a stop with chains in flight', () => {
  test.each(FORMATS)('leaves memory alone afterwards, whatever the device still does with them: %s', async (format) => {
    const device = new HoldingDevice();
    const { driver } = controlled(device, setUp(format).features | Feature.ringReset);
    driver.start();
    for (const again of [() => driver.resetQueue(0), () => driver.reset().then(() => driver.start())]) {
      const queue = driver.queue(0);
      for (let i = 0; i < 4; i++) queue.add([{ room: 16 }]);
      queue.kick();
      expect(device.held).toHaveLength(4);
      await again();
      memory.fill(0, 0x20000, 0x5a);
      device.release(0);
      expect(memory.read(0, 0x20000).every((byte) => byte === 0x5a)).toBe(true);
      driver.startQueue(0);
      const fresh = driver.queue(0).send([{ room: 1 }]);
      device.release(0);
      expect((await fresh).written).toBe(1);
    }
    await driver.reset();
  });

  test('completions of the queue before do not reach the one that has taken its place', async () => {
    const device = new HoldingDevice();
    const { driver } = controlled(device);
    driver.start();
    driver.queue(0).add([{ room: 1 }]);
    driver.queue(0).kick();
    const [old] = device.held.splice(0);
    await driver.reset();
    driver.start();
    const sent = driver.queue(0).add([{ room: 1 }]);
    driver.queue(0).kick();
    const [fresh] = device.held.splice(0);
    old!.complete(1);
    device.release(0);
    expect(sent.used).toBeUndefined();
    fresh!.complete(1);
    device.release(0);
    expect(sent.used!.written).toBe(1);
    await driver.reset();
  });
});

describe('an exception in a device callback', () => {
  test.each(['activate', 'start', 'kick', 'reject', 'write'] as const)(
    'in %s ends neither the process nor another device, and a reset helps',
    async (fault) => {
      const options: { fault?: typeof fault } = { fault };
      const broken = controlled(new EchoDevice(options));
      const other = new MockDriver(new DeviceTransport(new EchoDevice(), memory), memory, { queueBytes: 0x20000 });
      broken.driver.start();
      broken.driver.queue(0)?.add([bytes(1), { room: 1 }]);
      broken.control.kick(0);
      broken.control.writeConfig(0, 1, 1);
      await turns();
      expect(broken.transport.needsReset).toBe(true);
      expect(broken.log.length).toBeGreaterThan(0);
      await broken.driver.reset();
      other.start();
      expect((await other.queue(0).send([bytes(1), { room: 1 }])).data).toEqual(Uint8Array.of(2));
      await other.reset();
      delete options.fault;
      broken.driver.start();
      expect(broken.transport.needsReset).toBe(false);
      expect((await broken.driver.queue(0).send([bytes(4), { room: 1 }])).data).toEqual(Uint8Array.of(5));
      await broken.driver.reset();
    },
  );
});

describe('a promise that never settles', () => {
  test('of kick holds up neither later kicks nor a reset', async () => {
    const device = new HoldingDevice();
    const kick = device.kick.bind(device);
    const stuck: VirtioDevice = Object.assign(device, {
      kick: (index: number) => {
        kick(index);
        return new Promise<void>(() => {});
      },
    });
    const { driver, transport } = controlled(stuck);
    driver.start();
    for (let round = 0; round < 3; round++) {
      const sent = driver.queue(0).send([{ room: 1 }]);
      device.release(0);
      expect((await sent).written).toBe(1);
    }
    await driver.reset();
    expect(transport.needsReset).toBe(false);
  });

  test('of stopQueue keeps the memory of that queue, and nothing else: the device stays in its reset, others go on', async () => {
    const slow = controlled(new EchoDevice({ slow: true }));
    slow.driver.start();
    slow.control.reset();
    await turns();
    expect(slow.control.state.active).toBe(true);
    expect(slow.control.state.queueRunning(0)).toBe(true);
    const other = new MockDriver(new DeviceTransport(new EchoDevice(), memory), memory, { queueBytes: 0x20000 });
    other.start();
    expect((await other.queue(0).send([bytes(1), { room: 1 }])).data).toEqual(Uint8Array.of(2));
    await other.reset();
  });
});

describe('work that is due when a device is closed', () => {
  test('is not done: no kick comes after a reset, and none after the end', async () => {
    const device = new EchoDevice();
    const { driver, control } = controlled(device);
    driver.start();
    const { host } = device;
    host!.kickLater(0);
    await driver.reset();
    const before = device.log.length;
    await turns();
    expect(device.log.slice(before)).toEqual([]);
    driver.start();
    device.host!.kickLater(1);
    await control.close();
    const atEnd = device.log.length;
    host!.kickLater(0);
    await turns();
    expect(device.log.slice(atEnd)).toEqual([]);
    expect(device.log.at(-1)).toBe('close');
  });
});
