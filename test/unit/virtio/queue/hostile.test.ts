/** What hostile drivers do to rings: cases 1 to 21 and 27 of docs/hostile-input.md. */
import { GuestMemory } from 'ioregion/memory';
import { ControlTransport, DescriptorTable, MockDriver, PciTransport, placeRing, SplitRing } from 'ioregion/testing';
import {
  CommonCfg,
  DescriptorFlag,
  LocalControl,
  type QueueSetup,
  type VirtioDevice,
  VirtioPciFunction,
} from 'ioregion/virtio';
import { afterAll, describe, expect, test } from 'vitest';
import { EchoDevice } from '#dist/test/support/echo-device.js';
import { ATTACKS, type Attack, LAST, LAYOUT } from './attacks.js';
import { HoldingDevice } from './hostile-devices.js';
import { bytes, FORMATS, type Format, pattern, Subject, setUp } from './subject.js';

const memory = GuestMemory.fromLayout(LAYOUT);
afterAll(() => memory.close());

const featuresOf = (format: Format, indirect = false) => setUp(format, { indirect }).features;

/** A device with two queues behind virtio-pci registers, and what it says. */
function open(features: bigint, device: VirtioDevice = new EchoDevice()) {
  const log: string[] = [];
  const transport = new PciTransport();
  const control = new LocalControl({ device, memory, log: (message) => void log.push(message) });
  const pciFunction = new VirtioPciFunction({ control, sink: transport.sink });
  const driver = new MockDriver(transport.connect(pciFunction), memory, { features, queueBytes: 0x20000 });
  return { device, driver, transport, pciFunction, log };
}

type Machine = ReturnType<typeof open>;

async function expectWorks({ driver }: Machine, queue: number): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const { data } = await driver.queue(queue).send([bytes(round), { room: 3 }]);
    expect(data).toEqual(Uint8Array.of(round + 1));
  }
}

/** The device needs a reset for the reason that `code` stands for, its other queue goes on, and a reset makes all right. */
async function expectContained(machine: Machine): Promise<void> {
  const { driver, transport } = machine;
  expect(transport.needsReset).toBe(true);
  expect(driver.configChanges).toBe(1);
  await expectWorks(machine, 1);
  await driver.reset();
  expect(transport.needsReset).toBe(false);
  driver.start();
  await expectWorks(machine, 0);
  await expectWorks(machine, 1);
  await driver.reset();
}

const title = ({ number, what, code }: Attack, format: Format) => `case ${number}: ${what}: ${code} (${format})`;
const ALL = ATTACKS.flatMap((one) => one.formats.map((format) => [title(one, format), one, format] as const));

describe('one queue fails, another goes on, and a reset helps, where', () => {
  test.each(ALL)('%s', async (_title, { indirect, code, carryOut }, format) => {
    const made = { ...setUp(format, { indirect }), indirect: false };
    const subject = new Subject(made, { memory: GuestMemory.fromLayout(LAYOUT) });
    carryOut(subject.queue, subject.memory);
    expect(subject.engine.pop()).toBeNull();
    expect(subject.failures.map((error) => error.code)).toEqual([code]);
    expect([subject.engine.pop(), subject.engine.inFlight]).toEqual([null, 0]);

    const machine = open(made.features);
    machine.driver.start();
    await expectWorks(machine, 1);
    carryOut(machine.driver.queue(0), memory);
    for (let kick = 0; kick < 3; kick++) machine.transport.kick(0, 0);
    expect(machine.log).toEqual([subject.failures[0]!.message]);
    await expectContained(machine);
  });
});

describe('case 4: empty descriptors', () => {
  test.each(FORMATS)('are tolerated, alone and in any number: %s', async (format) => {
    const machine = open(featuresOf(format, true));
    machine.driver.start();
    const queue = machine.driver.queue(0);
    for (const indirect of [false, true]) {
      for (const count of [1, 2, 8]) {
        expect((await queue.send(Array(count).fill({ room: 0 }), { indirect })).written).toBe(0);
        expect((await queue.send(Array(count).fill(bytes()), { indirect })).written).toBe(0);
      }
    }
    await expectWorks(machine, 0);
    expect(machine.transport.needsReset).toBe(false);
    await machine.driver.reset();
  });

  test('may point anywhere, there being nothing to read', async () => {
    const machine = open(featuresOf('split'));
    machine.driver.start();
    const queue = machine.driver.queue(0);
    const { done } = queue.add([bytes(), { room: 0 }, { room: 3 }]);
    queue.ring.descriptors.set(0, { address: 2n ** 64n - 1n });
    queue.kick();
    expect((await done).written).toBe(0);
    await machine.driver.reset();
  });
});

describe('case 6: lengths that add up to 4 GiB', () => {
  test.each(FORMATS)('fail the queue, and one byte less does not: %s', (format) => {
    const sparse = GuestMemory.create(2 ** 31);
    const half = { room: 2 ** 30, gpa: 2 ** 29 };
    const most = [half, half, half];
    const right = new Subject(setUp(format), { memory: sparse });
    right.offer([...most, { room: 2 ** 30 - 1, gpa: 2 ** 29 }]);
    expect(right.pop()[0]!.writable.byteLength).toBe(2 ** 32 - 1);
    const wrong = new Subject(setUp(format), { memory: sparse });
    wrong.offer([...most, half]);
    expect(wrong.engine.pop()).toBeNull();
    expect(wrong.failures.map(({ code }) => code)).toEqual(['ERR_IOREGION_QUEUE_CHAIN_BYTES']);
  });
});

describe('case 11: the last byte of memory', () => {
  test.each(FORMATS)('may be read and written: %s', async (format) => {
    const machine = open(featuresOf(format));
    machine.driver.start();
    memory.writeU8(LAST, 6);
    const { done } = machine.driver.queue(0).add([
      { bytes: Uint8Array.of(6), gpa: LAST },
      { room: 1, gpa: LAST },
    ]);
    machine.driver.queue(0).kick();
    await done;
    expect(memory.readU8(LAST)).toBe(7);
    await machine.driver.reset();
  });
});

describe('case 12: queue sizes that cannot be', () => {
  test('are not taken by registers, which keep the one they have', async () => {
    const machine = open(featuresOf('split'));
    const { registers } = machine.transport;
    registers.negotiate();
    for (const size of [0, 3, 9, 16, 0x8000, 0xffff]) {
      registers.set16(CommonCfg.queueSelect, 0);
      registers.set16(CommonCfg.queueSize, size);
      expect(registers.get16(CommonCfg.queueSize)).toBe(8);
    }
    expect(machine.pciFunction.refusals.queue).toBe(6);
    machine.driver.start();
    await expectWorks(machine, 0);
    await machine.driver.reset();
  });

  test('need a reset where they come by another way', async () => {
    for (const size of [0, 3, 0x10000]) await expectSetUpRefused({ size }, 'ERR_IOREGION_QUEUE_SIZE');
  });
});

/** The device is told to start queue 0 with these changes; queue 1 is right. */
async function expectSetUpRefused(changes: Partial<QueueSetup>, code: string, format: Format = 'split'): Promise<void> {
  const features = featuresOf(format);
  const log: string[] = [];
  const control = new LocalControl({ device: new EchoDevice(), memory, log: (message) => void log.push(message) });
  const transport = new ControlTransport(control);
  const driver = new MockDriver(transport, memory, { features, queueBytes: 0x20000 });
  const enable = transport.enableQueue.bind(transport);
  transport.enableQueue = (setup) => enable(setup.index === 0 ? { ...setup, ...changes } : setup);
  driver.start();
  expect(transport.needsReset).toBe(true);
  expect(log).toHaveLength(1);
  expect(errorOf(changes, features)).toBe(code);
  expect((await driver.queue(1).send([bytes(1), { room: 1 }])).data).toEqual(Uint8Array.of(2));
  await driver.reset();
  transport.enableQueue = enable;
  driver.start();
  expect(transport.needsReset).toBe(false);
  expect((await driver.queue(0).send([bytes(1), { room: 1 }])).data).toEqual(Uint8Array.of(2));
  await driver.reset();
}

function errorOf(changes: Partial<QueueSetup>, features: bigint): unknown {
  const subject = new Subject({ name: '', features, indirect: false }, { memory: GuestMemory.fromLayout(LAYOUT) });
  try {
    return new Subject({ name: '', features, indirect: false }, { memory: subject.memory, setup: changes }) && null;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

describe('case 13: size and addresses that change after DRIVER_OK', () => {
  test.each(FORMATS)('are refused, and the queue goes on with those it started with: %s', async (format) => {
    const machine = open(featuresOf(format));
    machine.driver.start();
    await expectWorks(machine, 0);
    const { registers } = machine.transport;
    registers.set16(CommonCfg.queueSelect, 0);
    const before = machine.pciFunction.refusals.queue;
    const halves = [CommonCfg.queueSize, CommonCfg.queueEnable];
    const words = [CommonCfg.queueDesc, CommonCfg.queueDriver, CommonCfg.queueDevice].flatMap((at) => [at, at + 4]);
    for (const at of halves) registers.set16(at, 1);
    for (const at of words) registers.set32(at, 0xfffff000);
    expect(machine.pciFunction.refusals.queue).toBe(before + halves.length + words.length);
    await expectWorks(machine, 0);
    await machine.driver.reset();
  });
});

describe('case 14: a head or buffer ID that is in flight already', () => {
  test.each(FORMATS)('fails the queue, and what is in flight comes back to nobody: %s', async (format) => {
    const device = new HoldingDevice();
    const machine = open(featuresOf(format), device);
    machine.driver.start();
    const queue = machine.driver.queue(0);
    const sent = queue.add([{ room: 4 }]);
    queue.kick();
    expect(device.held).toHaveLength(1);
    memory.fill(sent.segments[0]!.gpa, 4, 0);
    if (queue.ring instanceof SplitRing) queue.ring.makeAvailable(sent.id);
    else {
      queue.add([{ room: 4 }]);
      queue.publish();
      queue.ring.descriptors.set(1, { id: sent.id });
    }
    queue.publish();
    machine.transport.kick(0, 0);
    expect(machine.transport.needsReset).toBe(true);
    expect(machine.log[0]).toMatch(/made available again only after it has been used/);
    device.release(0);
    expect(sent.used).toBeUndefined();
    expect(memory.read(sent.segments[0]!.gpa, 4)).toEqual(new Uint8Array(4));
    await machine.driver.reset();
    machine.driver.start();
    const again = machine.driver.queue(0).send([{ room: 4 }]);
    device.release(0);
    expect((await again).written).toBe(1);
    await machine.driver.reset();
  });

  test.each(FORMATS)('is coded ERR_IOREGION_QUEUE_HEAD_IN_FLIGHT: %s', (format) => {
    const subject = new Subject(setUp(format));
    const [sent] = subject.offer([{ room: 4 }], [{ room: 4 }]);
    if (subject.ring instanceof SplitRing) subject.ring.fields.setAvailEntry(1, sent!.id);
    else subject.ring.descriptors.set(1, { id: sent!.id });
    subject.pop();
    expect(subject.failures).toEqual([]);
    expect(subject.engine.pop()).toBeNull();
    expect(subject.failures.map(({ code }) => code)).toEqual(['ERR_IOREGION_QUEUE_HEAD_IN_FLIGHT']);
  });
});

describe('case 15: more work than the ring holds', () => {
  test.each(FORMATS)('is never in flight: no more chains than descriptors: %s', (format) => {
    const subject = new Subject(setUp(format));
    subject.offer(...Array(8).fill([{ room: 1 }]));
    subject.pop(8);
    if (subject.ring instanceof SplitRing) {
      subject.ring.fields.setAvailEntry(8, 3);
      subject.ring.fields.availIdx = 9;
    } else subject.ring.descriptors.set(0, { id: 100, flags: DescriptorFlag.used });
    expect(subject.engine.pop()).toBeNull();
    const code = format === 'split' ? 'ERR_IOREGION_QUEUE_AVAIL_INDEX' : 'ERR_IOREGION_QUEUE_RING_OVERRUN';
    expect(subject.failures.map((error) => error.code)).toEqual([code]);
  });

  test.each(FORMATS)(
    'by long tables waits: chains beyond the bound come when others have been completed: %s',
    (format) => {
      const size = 512;
      const subject = new Subject(setUp(format, { indirect: true }), { size, memory: GuestMemory.create(64 << 20) });
      subject.offer(...Array(size).fill(Array(size).fill({ room: 1, gpa: 0x3000000 })));
      let served = 0;
      const batch = [];
      for (let rounds = 0; served < size && rounds < size; rounds++) {
        for (let chain = subject.engine.pop(); chain !== null; chain = subject.engine.pop()) batch.push(chain);
        expect(batch.length).toBeGreaterThan(0);
        // A device that asks for kicks and pops until there is nothing must come to an end.
        expect(subject.engine.enableKicks()).toBe(false);
        expect(batch.length * size).toBeLessThanOrEqual(2 * 65536 + size);
        const rooms = subject.rooms;
        served += batch.length;
        for (const chain of batch.splice(0)) chain.complete(0);
        if (served < size) expect(subject.rooms).toBe(rooms + 1);
      }
      expect([served, subject.failures]).toEqual([size, []]);
    },
  );
});

describe('case 16: a malformed chain at the head', () => {
  test.each(FORMATS)(
    'is looked at once: neither kicks nor calls of the device make it spin, and it can be stopped: %s',
    async (format) => {
      const device = new HoldingDevice();
      const machine = open(featuresOf(format), device);
      machine.driver.start();
      const queue = machine.driver.queue(0);
      queue.add([{ room: 1 }]);
      queue.ring.descriptors.set(0, { address: 1n << 63n });
      queue.publish();
      const before = device.kicks;
      for (let kick = 0; kick < 100; kick++) machine.transport.kick(0, 0);
      expect(device.kicks).toBe(before + 1);
      expect(machine.log).toHaveLength(1);
      await machine.driver.reset();
      expect(machine.transport.needsReset).toBe(false);
    },
  );
});

describe('case 17: a malformed chain', () => {
  test.each(FORMATS)(
    'is not dropped in silence: what was completed before it is used, and the driver learns of the rest: %s',
    async (format) => {
      const machine = open(featuresOf(format));
      machine.driver.start();
      const queue = machine.driver.queue(0);
      await queue.send([bytes(1), { room: 1 }]);
      queue.add([{ room: 1 }]);
      const at = queue.ring instanceof SplitRing ? queue.ring.fields.availEntry(1) : 2;
      queue.ring.descriptors.set(at, { address: 1n << 63n });
      queue.publish();
      machine.transport.kick(0, 0);
      expect(queue.inFlight).toBe(1);
      await expectContained(machine);
    },
  );
});

describe('case 18: the wrap counter of a packed ring', () => {
  test.each([1, 2, 3, 5, 7, 8, 100, 1000])('turns at the end of a ring of %i that is full all the time', (size) => {
    const subject = new Subject(setUp('packed'), { size });
    for (let lap = 0; lap < 9; lap++) {
      const sent = subject.offer(...Array.from({ length: size }, (_, i) => [{ room: (i % 7) + 1 }]));
      const chains = subject.pop(size);
      expect(subject.engine.pop()).toBeNull();
      for (const [i, chain] of chains.entries()) chain.complete(chain.writable.copyFrom(pattern((i % 7) + 1)));
      subject.engine.flush();
      expect(subject.queue.collect()).toBe(size);
      expect(sent.at(-1)!.used!.data).toEqual(pattern(((size - 1) % 7) + 1));
    }
  });

  test('turns in the middle of a list', () => {
    const subject = new Subject(setUp('packed'), { size: 5 });
    for (let round = 0; round < 50; round++) {
      const [sent] = subject.offer([bytes(1), bytes(round), { room: 2 }]);
      const [chain] = subject.pop();
      expect([chain!.readable.segmentCount, chain!.writable.byteLength]).toEqual([2, 2]);
      chain!.complete(1);
      subject.engine.flush();
      subject.queue.collect();
      expect(sent!.used).toBeDefined();
    }
  });

  test('and a next flag left in an indirect table means nothing', () => {
    const subject = new Subject(setUp('packed', { indirect: true }));
    const [sent] = subject.offer([{ room: 1 }, { room: 2 }]);
    const table = Number(subject.ring.descriptors.get(0).address);
    const entries = new DescriptorTable('packed', subject.memory, table);
    for (const i of [0, 1])
      entries.set(i, { flags: DescriptorFlag.write | DescriptorFlag.next | DescriptorFlag.indirect });
    expect(subject.pop()[0]!.writable.byteLength).toBe(3);
    expect(sent!.segments).toHaveLength(2);
  });
});

describe('case 19: IN_ORDER', () => {
  test.each(FORMATS)('finds the next completion at once, whatever order the device has: %s', (format) => {
    const size = 4096;
    const subject = new Subject(setUp(format, { inOrder: true }), { size });
    for (let lap = 0; lap < 3; lap++) {
      const sent = subject.offer(...Array(size).fill([{ room: 1 }]));
      const chains = subject.pop(size);
      for (const chain of chains.reverse()) chain.complete(0);
      for (const chain of chains) chain.complete(0);
      subject.engine.flush();
      for (const { id } of sent) expect(subject.ring.takeUsed()!.id).toBe(id);
    }
    expect(subject.engine.counters).toMatchObject({ completed: 3 * size, repeatedCompletions: 3 * size });
  });
});

describe('case 20: framing', () => {
  test.each(FORMATS)('is no concern of a device: one byte per descriptor, or all in one: %s', async (format) => {
    const machine = open(featuresOf(format));
    machine.driver.start();
    const queue = machine.driver.queue(0);
    const { data } = await queue.send([
      bytes(1),
      bytes(2),
      bytes(),
      bytes(3),
      { room: 1 },
      { room: 0 },
      { room: 1 },
      { room: 5 },
    ]);
    expect(data).toEqual(Uint8Array.of(2, 3, 4));
    expect((await queue.send([bytes(1, 2, 3), { room: 3 }])).data).toEqual(Uint8Array.of(2, 3, 4));
    await machine.driver.reset();
  });
});

describe('case 21: rings that overlap, are misaligned, or lie where they may not', () => {
  const at = (format: Format) => placeRing(format, 8, 0);
  test.each(FORMATS)('start no queue, and a reset helps: %s', async (format) => {
    const place = at(format);
    const misaligned = { descriptors: 8n };
    const overlap = { driverArea: BigInt(place.descriptors) };
    const hole = { deviceArea: 0x100000n };
    const across = { descriptors: 0xfffc0n };
    const rom = { deviceArea: 0x200000n };
    const beyond = { driverArea: 2n ** 64n - 4n };
    await expectSetUpRefused(misaligned, 'ERR_IOREGION_QUEUE_ALIGNMENT', format);
    await expectSetUpRefused(overlap, 'ERR_IOREGION_QUEUE_OVERLAP', format);
    for (const wrong of [hole, across, rom, beyond]) await expectSetUpRefused(wrong, 'ERR_IOREGION_QUEUE_AREA', format);
  });

  test('may share a page, and even a cache line', () => {
    const subject = new Subject(setUp('split'), { setup: { driverArea: 128n, deviceArea: 152n } });
    expect(subject.engine.running).toBe(true);
  });
});
