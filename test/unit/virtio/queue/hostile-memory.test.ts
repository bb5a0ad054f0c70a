/** Guest memory that changes under the device, is torn, goes away, or lies at awkward addresses: cases 22 to 25, 31 and 54. */
import { GuestMemory } from 'ioregion/memory';
import { type MemoryHook, SplitRing } from 'ioregion/testing';
import { createQueue, Feature, type QueuePosition } from 'ioregion/virtio';
import { describe, expect, test } from 'vitest';
import { runOtherProcess } from '#dist/test/stress/queue/other-process.js';
import { runThreads } from '#dist/test/stress/queue/threads.js';
import { bytes, FORMATS, type Format, pattern, Subject, setUp } from './subject.js';

/** How often each place was read by the device. */
function countingHook(): { hook: MemoryHook; reads: Map<number, number> } {
  const reads = new Map<number, number>();
  const load = (gpa: number, _size: number, value: number) => {
    reads.set(gpa, (reads.get(gpa) ?? 0) + 1);
    return value;
  };
  return { hook: { load }, reads };
}

describe('case 22: a field that changes between check and use', () => {
  test.each(FORMATS.flatMap((format) => [false, true].map((indirect) => [format, indirect] as const)))(
    'is read once: address and length of every descriptor (%s, indirect: %s)',
    (format, indirect) => {
      const { hook, reads } = countingHook();
      const subject = new Subject(setUp(format, { indirect }), { hook });
      subject.offer([bytes(1), bytes(2), { room: 3 }]);
      reads.clear();
      const [chain] = subject.pop();
      const table = indirect ? Number(subject.ring.descriptors.get(0).address) : 0;
      const places = (base: number, count: number) =>
        Array.from({ length: count }, (_, i) => [0, 4, 8].map((at) => base + 16 * i + at)).flat();
      for (const at of [...(indirect ? places(table, 3) : []), ...places(0, indirect ? 1 : 3)])
        expect(reads.get(at)).toBe(1);
      if (format === 'split') for (let i = 0; i < (indirect ? 1 : 3); i++) expect(reads.get(16 * i + 12)).toBe(1);
      reads.clear();
      chain!.readable.copyTo(new Uint8Array(2));
      chain!.complete(chain!.writable.copyFrom(pattern(3)));
      expect([...reads.keys()].filter((gpa) => gpa < 8 * 16)).toEqual([]);
    },
  );

  test('is read once: a head in the available ring, and the used ring never', () => {
    const { hook, reads } = countingHook();
    const subject = new Subject(setUp('split'), { hook });
    const { driverArea, deviceArea, end } = subject.ring.place;
    for (let round = 0; round < 20; round++) {
      subject.offer([{ room: 1 }], [{ room: 1 }]);
      reads.clear();
      for (const chain of subject.pop(2)) chain.complete(0);
      subject.engine.flush();
      subject.queue.collect();
      for (const i of [2 * round, 2 * round + 1]) expect(reads.get(driverArea + 4 + 2 * (i % 8))).toBe(1);
    }
    expect([...reads.keys()].filter((gpa) => gpa >= deviceArea && gpa < end)).toEqual([]);
  });

  test.each(FORMATS)('decides by what was read first, whatever it says the second time: %s', (format) => {
    for (const [offset, second] of [
      [0, 0xfffff000],
      [8, 0xffffffff],
      [12, 0xffffffff],
    ] as const) {
      let loads = 0;
      const load = (gpa: number, _size: number, value: number) => (gpa === offset && loads++ > 0 ? second : value);
      const subject = new Subject(setUp(format), { hook: { load } });
      subject.offer([{ room: 5 }]);
      loads = format === 'packed' && offset === 12 ? -2 : 0;
      const chain = subject.engine.pop();
      if (chain === null) continue;
      expect([chain.writable.byteLength, chain.writable.segmentCount]).toEqual([5, 1]);
      expect(chain.writable.copyFrom(pattern(100))).toBe(5);
    }
  });
});

describe('case 23: an index that is read in two halves', () => {
  test.each(FORMATS)('is not: the device reads and writes whole, aligned words: %s', (format) => {
    const accesses: [number, number][] = [];
    const hook: MemoryHook = {
      load: (gpa, size, value) => {
        accesses.push([gpa, size]);
        return value;
      },
      store: (gpa, size) => void accesses.push([gpa, size]),
    };
    const subject = new Subject(setUp(format, { eventIdx: true }), { hook });
    for (let round = 0; round < 10; round++) subject.exchange();
    const { driverArea, deviceArea, end } = subject.ring.place;
    for (const [gpa, size] of accesses) expect(gpa % size).toBe(0);
    if (!(subject.ring instanceof SplitRing)) return;
    const indices = accesses.filter(([gpa]) => gpa === driverArea + 2 || gpa === deviceArea + 2);
    expect(new Set(indices.map(([, size]) => size))).toEqual(new Set([2]));
    expect(accesses.filter(([gpa, size]) => size === 4 && gpa === deviceArea && gpa < end)).toEqual([]);
  });
});

const COMBINATIONS = FORMATS.flatMap((format) => [false, true].map((eventIdx) => [format, eventIdx] as const));

describe('case 24: barriers that are missing', () => {
  const chains = Number(process.env.IOREGION_QUEUE_CHAINS ?? 1000);
  test.each(COMBINATIONS)(
    'would lose a kick or a call between two threads: none is lost (%s, EVENT_IDX: %s)',
    async (format, eventIdx) => {
      const { features } = setUp(format, { eventIdx });
      const { kicks, calls } = await runThreads({ features, size: 16, chains, seed: 7 });
      expect([kicks > 0, calls > 0]).toEqual([true, true]);
    },
  );

  test.each(COMBINATIONS)(
    'would lose one between processes, or show an answer too early: a driver in C sees neither (%s, EVENT_IDX: %s)',
    async (format, eventIdx) => {
      const { features } = setUp(format, { eventIdx });
      const { kicks, calls } = await runOtherProcess({ features, size: 16, chains: 20 * chains });
      expect([kicks > 0, calls > 0]).toEqual([true, true]);
    },
  );
});

describe('case 25: an event index across a wrap, and right after a restore', () => {
  const starts: Record<Format, number> = { split: 0xfffd, packed: 5 };
  test.each(FORMATS)('calls for the entry it names, and for no other: %s', (format) => {
    const subject = new Subject(setUp(format, { eventIdx: true }), { position: starts[format] });
    for (let round = 0; round < 20; round++) {
      subject.restart();
      subject.ring.callAfter(3);
      const calls: number[] = [];
      for (let i = 0; i < 5; i++) {
        subject.offer([{ room: 1 }]);
        subject.pop()[0]!.complete(0);
        subject.engine.flush();
        calls.push(subject.calls);
        subject.calls = 0;
      }
      expect(calls).toEqual([0, 0, 1, 0, 0]);
      while (subject.ring.takeUsed() !== null);
    }
  });
});

describe('case 31: sizes that a guest chooses', () => {
  test.each(FORMATS)('allocate nothing by themselves: %s', (format) => {
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 200; round++) {
      const subject = new Subject(setUp(format, { indirect: true }));
      subject.offer([{ room: 1 }]);
      subject.ring.descriptors.set(0, { address: 0x8001, length: [0xfffffff0, 16 * 8][round % 2]! });
      subject.engine.pop();
      subject.memory.close();
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
  });
});

describe('case 54: a saved position', () => {
  test.each(FORMATS)(
    'that no queue can have is refused, one that was saved is taken up, and a wrong one harms nobody: %s',
    (format) => {
      const subject = new Subject(setUp(format));
      for (let round = 0; round < 5; round++) subject.exchange();
      const { setup } = subject.queue;
      const hooks = { call() {} };
      const code = 'ERR_IOREGION_QUEUE_POSITION';
      const wrong: QueuePosition[] = [
        { available: 0x10000, used: 0x10000 },
        { available: 5, used: 4 },
        { available: Number.NaN, used: Number.NaN },
      ];
      for (const position of wrong)
        expect(() => createQueue({ ...setup, position }, subject.memory, hooks)).toThrow(
          expect.objectContaining({ code }),
        );
      for (let at = 0; at <= 0xffff; at += 251) {
        const position = { available: at, used: at };
        if (format === 'packed' && (at & 0x7fff) >= 8) continue;
        const engine = createQueue({ ...setup, position }, subject.memory, hooks);
        for (let pops = 0; pops <= 8 && engine.pop() !== null; pops++);
        engine.stop();
      }
    },
  );
});

describe('numbers of JavaScript', () => {
  const layout = [
    { gpa: 0, size: 0x20000 },
    { gpa: 0x80000000, size: 0x1000 },
    { gpa: 0xfffff000, size: 0x1000 },
    { gpa: 2 ** 51, size: 0x1000 },
  ];

  test.each(FORMATS)('hold addresses with bit 31 set, and with bits above 32: %s', (format) => {
    const far = GuestMemory.fromLayout(layout);
    for (const gpa of [0x80000000, 0xfffff000, 2 ** 51 + 8]) {
      const subject = new Subject(setUp(format, { indirect: true }), { memory: far });
      const [sent] = subject.offer([
        { bytes: pattern(8), gpa },
        { room: 8, gpa: gpa + 8 },
      ]);
      const [chain] = subject.pop();
      expect([chain!.readable.address(0), chain!.writable.address(0)]).toEqual([gpa, gpa + 8]);
      const copy = new Uint8Array(8);
      chain!.readable.copyTo(copy);
      chain!.complete(chain!.writable.copyFrom(copy));
      subject.engine.flush();
      subject.queue.collect();
      expect(sent!.used!.data).toEqual(pattern(8));
      for (const delta of [2 ** 32, -(2 ** 32), 2 ** 63]) {
        const wrong = new Subject(setUp(format), { memory: far });
        wrong.offer([{ room: 1, gpa }]);
        wrong.ring.descriptors.set(0, { address: BigInt.asUintN(64, BigInt(gpa) + BigInt(delta)) });
        expect(wrong.engine.pop()).toBeNull();
        expect(wrong.failures[0]!.code).toBe('ERR_IOREGION_QUEUE_BUFFER_ADDRESS');
      }
    }
  });

  test.each(FORMATS)('hold lengths with bit 31 set: %s', (format) => {
    const subject = new Subject(setUp(format), { memory: GuestMemory.create(2 ** 32 - 2 ** 30) });
    const [sent] = subject.offer([{ room: 1, gpa: 2 ** 20 }]);
    subject.ring.descriptors.set(0, { length: 0x80000001 });
    const [chain] = subject.pop();
    expect(chain!.writable.length(0)).toBe(0x80000001);
    chain!.complete(0x80000001);
    subject.engine.flush();
    expect(subject.ring.takeUsed()).toEqual({ id: sent!.id, written: 0x80000001 });
    expect(subject.engine.features & Feature.version1).toBe(Feature.version1);
  });

  test.each(FORMATS)('hold buffer IDs, heads and lengths with their highest bit set: %s', (format) => {
    const size = 32768;
    const subject = new Subject(setUp(format), { size, memory: GuestMemory.create(8 << 20) });
    const [sent] = subject.offer([{ room: 1 }]);
    const { ring } = subject;
    if (ring instanceof SplitRing) ring.fields.setAvailEntry(0, 0x7fff);
    else ring.descriptors.set(0, { id: 0xffff });
    if (ring instanceof SplitRing) ring.descriptors.set(0x7fff, { ...ring.descriptors.get(0) });
    const [chain] = subject.pop();
    expect(chain!.head).toBe(ring instanceof SplitRing ? 0x7fff : 0xffff);
    chain!.complete(1);
    subject.engine.flush();
    const used = ring instanceof SplitRing ? ring.fields.usedEntry(0).id : ring.descriptors.get(0).id;
    expect([used, sent!.id]).toEqual([chain!.head, 0]);
  });
});
