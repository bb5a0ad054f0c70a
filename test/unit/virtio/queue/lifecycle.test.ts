/** Starting, stopping, resetting and restoring a queue; and what no queue can be started with. */
import { GuestMemory } from 'ioregion/memory';
import { placeRing } from 'ioregion/testing';
import { type Chain, createQueue, Feature, type QueuePosition, type QueueSetup } from 'ioregion/virtio';
import { describe, expect, test } from 'vitest';
import { FORMATS, type Format, SET_UPS, Subject, setUp } from './subject.js';

const room = [{ room: 1 }];

describe.each(SET_UPS.map((one) => [one.name, one] as const))('a queue: %s', (_name, made) => {
  test('that has stopped gives nothing, takes nothing and says nothing (2.6.1)', () => {
    const subject = new Subject(made);
    subject.offer(room, room, room);
    const [first] = subject.pop(1);
    first!.complete(1);
    subject.engine.stop();
    subject.engine.stop();
    const before = subject.memory.read(0, subject.ring.place.end);
    expect(subject.engine.pop()).toBeNull();
    subject.engine.flush();
    subject.engine.disableKicks();
    expect(subject.engine.enableKicks()).toBe(false);
    expect(subject.memory.read(0, subject.ring.place.end)).toEqual(before);
    expect([subject.calls, subject.engine.running, subject.failures]).toEqual([0, false, []]);
  });

  test('that stops between two chains is gone on with at the second one, of whatever length they are', () => {
    const subject = new Subject(made);
    subject.offer(room, [...room, ...room], [...room, ...room, ...room]);
    for (const segments of [1, 2, 3]) {
      const [chain] = subject.pop();
      expect([chain!.writable.segmentCount, subject.engine.inFlight]).toEqual([segments, 1]);
      chain!.complete(segments);
      subject.engine.flush();
      expect(subject.engine.counters).toMatchObject({ popped: 1, completed: 1 });
      subject.restart();
    }
    expect([subject.engine.pop(), subject.failures]).toEqual([null, []]);
  });

  test('stops with chains in flight: they are dropped one by one, and counted', () => {
    const subject = new Subject(made);
    subject.offer(...Array(5).fill(room));
    const chains = subject.pop(5);
    chains[1]!.complete(0);
    chains[0]!.complete(0);
    subject.engine.stop();
    expect(subject.engine.inFlight).toBe(3);
    for (const chain of chains.slice(2)) chain.complete(1);
    expect(subject.engine.inFlight).toBe(0);
    expect(subject.engine.counters).toMatchObject({ popped: 5, lateCompletions: 3, repeatedCompletions: 0 });
  });

  test('goes on where another has stopped, lap after lap', () => {
    const subject = new Subject(made);
    for (let round = 0; round < 40; round++) {
      subject.exchange();
      if (round % 3 === 0) subject.restart();
    }
    expect(subject.failures).toEqual([]);
  });

  test('that is restored finds what was made available before it (2.6.1)', () => {
    const subject = new Subject(made);
    for (let round = 0; round < 5; round++) subject.exchange();
    const sent = subject.offer(room, room);
    subject.restart();
    expect(subject.pop(2).map(({ head }) => head)).toEqual(sent.map(({ id }) => id));
  });

  test('that is reset and set up anew begins at the start of its ring (2.6.1)', () => {
    const old = new Subject(made);
    for (let round = 0; round < 5; round++) old.exchange();
    old.offer(room);
    old.pop();
    old.engine.stop();
    const renewed = new Subject(made, { memory: old.memory, size: 4 });
    for (let round = 0; round < 20; round++) renewed.exchange();
  });

  test('that fails does so once, for good, and says why', () => {
    const subject = new Subject(made);
    subject.offer(room);
    subject.ring.descriptors.set(0, { address: 2n ** 60n });
    expect(subject.engine.pop()).toBeNull();
    expect(subject.engine.pop()).toBeNull();
    subject.engine.fail(subject.engine.failure!);
    expect(subject.failures).toHaveLength(1);
    expect(subject.failures[0]).toBe(subject.engine.failure);
    expect(subject.failures[0]!.message).toMatch(/0x1000000000000000.*\(virtio 2\.\d/);
  });

  test('copies what it is set up with: registers that change later change nothing', () => {
    const subject = new Subject(made);
    const changing: { -readonly [Key in keyof QueueSetup]: QueueSetup[Key] } = { ...subject.queue.setup };
    const engine = createQueue(changing, subject.memory, { call() {} });
    Object.assign(changing, { size: 1, descriptors: 0n, driverArea: 0n, deviceArea: 0n, features: 0n });
    subject.offer(...Array(8).fill(room));
    for (let i = 0; i < 8; i++) expect(engine.pop()).not.toBeNull();
    expect([engine.size, engine.features]).toEqual([8, made.features]);
  });

  test('whose memory goes away fails, and nothing throws', () => {
    const subject = new Subject(made);
    subject.offer(room, room, room);
    const [first] = subject.pop();
    subject.memory.close();
    for (let chain: Chain | null = first!; chain !== null; chain = subject.engine.pop()) {
      chain.writable.copyFrom(Uint8Array.of(1));
      chain.writable.fill(1, 0, 1);
      chain.writable.copyTo(new Uint8Array(1));
    }
    first!.complete(0);
    subject.engine.flush();
    subject.engine.disableKicks();
    subject.engine.enableKicks();
    expect(subject.failures.map(({ code }) => code)).toEqual(['ERR_IOREGION_QUEUE_AREA']);
  });
});

describe.each(FORMATS)('a %s queue', (format) => {
  const memory = GuestMemory.fromLayout([
    { gpa: 0, size: 0x20000 },
    { gpa: 0x20000, size: 0x1000, readonly: true },
    { gpa: 0x21000, size: 0x1000 },
  ]);
  const valid = (size = 8): QueueSetup => {
    const { descriptors, driverArea, deviceArea } = placeRing(format, size, 0x1000);
    const { features } = setUp(format);
    const areas = { descriptors: BigInt(descriptors), driverArea: BigInt(driverArea), deviceArea: BigInt(deviceArea) };
    return { index: 0, size, features, ...areas };
  };
  const start = (changes: Partial<QueueSetup>) => createQueue({ ...valid(), ...changes }, memory, { call() {} });
  const expectRefused = (changes: Partial<QueueSetup>, code: string) =>
    expect(() => start(changes)).toThrow(expect.objectContaining({ code: `ERR_IOREGION_QUEUE_${code}` }));

  test('has a size of its format (2.7, 2.8)', () => {
    for (const size of [0, -1, 32769, 65536, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      expectRefused({ size }, 'SIZE');
    for (const size of [1, 2, 1024]) expect(start(valid(size)).size).toBe(size);
    for (const size of [3, 24, 1000]) {
      if (format === 'split') expectRefused({ size }, 'SIZE');
      else expect(start(valid(size)).size).toBe(size);
    }
  });

  test('has areas at multiples of their alignment (2.7.1, 2.8.10.1)', () => {
    const { descriptors, driverArea, deviceArea } = valid();
    const driverAlignment = format === 'split' ? 2n : 4n;
    for (const off of [1n, 2n, 4n, 8n]) expectRefused({ descriptors: descriptors + off }, 'ALIGNMENT');
    for (const off of [1n, 2n, 3n]) {
      expectRefused({ deviceArea: deviceArea + off }, 'ALIGNMENT');
      if (off % driverAlignment !== 0n) expectRefused({ driverArea: driverArea + off }, 'ALIGNMENT');
    }
  });

  test('has areas in memory, each in one region, written ones in one that may be written', () => {
    const outside = [0x22000n, 0xfffffffffffffff0n, 1n << 63n, 1n << 32n];
    for (const at of outside) {
      expectRefused({ descriptors: at }, 'AREA');
      expectRefused({ driverArea: at }, 'AREA');
      expectRefused({ deviceArea: at }, 'AREA');
    }
    expectRefused({ descriptors: 0x21ff0n }, 'AREA');
    expectRefused({ deviceArea: 0x20000n }, 'AREA');
    if (format === 'packed') expectRefused({ descriptors: 0x20000n }, 'AREA');
    else expect(start({ descriptors: 0x20000n, driverArea: 0x20100n }).running).toBe(true);
  });

  test('has areas that do not overlap', () => {
    const { descriptors, driverArea } = valid();
    expectRefused({ driverArea: descriptors }, 'OVERLAP');
    expectRefused({ deviceArea: descriptors + 0x70n }, 'OVERLAP');
    expectRefused({ deviceArea: driverArea }, 'OVERLAP');
  });

  test('takes no chains for recovered that its position does not tell of, or that cannot be (2.6.1)', () => {
    const start16 = format === 'packed' ? 0x8000 : 0;
    const from = (count: number) => ({ position: { available: start16 + count, used: start16 } });
    const descriptors = new Uint32Array(4);
    const one = format === 'packed' ? { head: 0, descriptors } : { head: 0 };
    expectRefused({ recovered: [one] }, 'POSITION');
    expectRefused({ ...from(0), recovered: [one] }, 'POSITION');
    expectRefused({ ...from(2), recovered: [one] }, 'POSITION');
    expectRefused({ ...from(9), recovered: Array(9).fill(one) }, 'POSITION');
    if (format === 'split') return;
    for (const words of [[], [3], [2, 6], [0, 8]]) {
      const recovered = words.map((length) => ({ head: 0, descriptors: new Uint32Array(length) }));
      expectRefused({ ...from(Math.max(1, words.length)), recovered }, 'POSITION');
    }
    expectRefused({ ...from(1), recovered: [{ head: 0 }] }, 'POSITION');
  });

  test.each(hostilePositions(format))(
    'is not restored at a position that no queue stops at: %o (2.6.1)',
    (position) => {
      expectRefused({ position: position as QueuePosition }, 'POSITION');
    },
  );
});

function hostilePositions(format: Format): unknown[] {
  const numbers = [-1, 0x10000, 2 ** 32, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '1', null, undefined, {}];
  const beyond = format === 'packed' ? [8, 0x7fff, 0x8008, 0xffff] : [];
  const unequal = [{ available: 1, used: 0 }, { available: 0, used: 1 }, { available: 0, used: 0x8000 }, {}];
  return [...[...numbers, ...beyond].map((at) => ({ available: at, used: at })), ...unequal];
}

test('every 16-bit number is a position of a split queue', () => {
  for (const position of [0, 1, 8, 0x7fff, 0x8000, 0xffff]) {
    const subject = new Subject(setUp('split'), { position });
    for (let round = 0; round < 10; round++) subject.exchange();
    expect(subject.engine.position.available).toBe((position + 10) & 0xffff);
    expect(subject.engine.features & Feature.ringPacked).toBe(0n);
  }
});
