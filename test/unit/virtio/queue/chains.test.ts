/** Chains as the device sees them: taken in order, read and written through scatter lists, whatever the framing. */
import fc from 'fast-check';
import { GuestMemory } from 'ioregion/memory';
import { DescriptorTable, type Segment, writeTable } from 'ioregion/testing';
import { DescriptorFlag } from 'ioregion/virtio';
import { describe, expect, test } from 'vitest';
import { bytes, pattern, SET_UPS, Subject, setUp } from './subject.js';

describe.each(SET_UPS.map((one) => [one.name, one] as const))('chains of a ring: %s', (_name, made) => {
  test('are taken in the order in which they were made available, each once (2.7.13, 2.8.21)', () => {
    const subject = new Subject(made);
    expect(subject.engine.pop()).toBeNull();
    const sent = subject.offer([bytes(1)], [bytes(2)], [bytes(3)]);
    expect(subject.pop(3).map(({ head }) => head)).toEqual(sent.map(({ id }) => id));
    expect(subject.engine.pop()).toBeNull();
    expect(subject.engine.inFlight).toBe(3);
  });

  test('are there only once the driver has made them available (2.7.13.3, 2.8.21.2)', () => {
    const subject = new Subject(made);
    subject.queue.add([bytes(1)]);
    expect(subject.engine.pop()).toBeNull();
    subject.queue.publish();
    expect(subject.pop()[0]!.readable.byteLength).toBe(1);
  });

  test('have a readable half and a writable half, each a scatter list in driver order (2.7.4, 2.8.5)', () => {
    const subject = new Subject(made);
    const [sent] = subject.offer([bytes(1, 2), bytes(3), { room: 5 }, { room: 7 }]);
    const { readable, writable } = subject.pop()[0]!;
    const described = ({ segments }: NonNullable<typeof sent>, isWritable: boolean) =>
      segments.filter(({ writable: one }) => one === isWritable).map(({ gpa, length }) => [gpa, length]);
    for (const [half, expected] of [
      [readable, described(sent!, false)],
      [writable, described(sent!, true)],
    ] as const) {
      const list = Array.from({ length: half.segmentCount }, (_, i) => [half.address(i), half.length(i)]);
      expect(list).toEqual(expected);
      expect(half.byteLength).toBe(expected.reduce((sum, [, length]) => sum + length!, 0));
      for (const [i, [gpa, length]] of expected.entries()) {
        const region = half.region(i);
        expect(half.offset(i)).toBe(gpa! - region.gpa);
        expect(half.view(i)).toEqual(region.mapping.bytes.subarray(half.offset(i), half.offset(i) + length!));
      }
      expect(() => half.address(expected.length)).toThrow(RangeError);
      expect(() => half.length(-1)).toThrow(RangeError);
    }
  });

  test('may be cut anywhere: copies go by position in a half, not by descriptor (2.7.4.1)', () => {
    const { memory } = new Subject(made);
    const cuts = fc.array(fc.nat(9), { minLength: 1, maxLength: 8 });
    const copiesAreRight = fc.property(
      cuts,
      cuts,
      fc.nat(40),
      fc.nat(40),
      fc.nat(80),
      (reads, writes, at, from, size) => {
        const subject = new Subject(made, { size: 32, memory });
        const total = (lengths: readonly number[]) => lengths.reduce((sum, length) => sum + length, 0);
        const content = pattern(total(reads));
        const sources = reads.map((length, i) => ({
          bytes: content.slice(total(reads.slice(0, i))).subarray(0, length),
        }));
        const [sent] = subject.offer([...sources, ...writes.map((room) => ({ room }))]);
        const { readable, writable, complete } = takeOne(subject);

        const target = new Uint8Array(size);
        const count = readable.copyTo(target, from);
        expect(count).toBe(Math.max(0, Math.min(size, content.length - from)));
        expect(target.subarray(0, count)).toEqual(content.subarray(from, from + count));
        expect(target.subarray(count).every((byte) => byte === 0)).toBe(true);

        const room = total(writes);
        const expected = new Uint8Array(room);
        expect(writable.fill(0, 0, room)).toBe(room);
        const source = pattern(size, 100);
        const written = writable.copyFrom(source, at);
        expect(written).toBe(Math.max(0, Math.min(size, room - at)));
        for (let i = 0; i < written; i++) expected[at + i] = source[i]!;
        const filled = writable.fill(7, from, 3);
        expect(filled).toBe(Math.max(0, Math.min(3, room - from)));
        expected.fill(7, from, from + filled);
        const copy = new Uint8Array(room);
        expect(writable.copyTo(copy)).toBe(room);
        expect(copy).toEqual(expected);
        complete(room);
        subject.engine.flush();
        subject.queue.collect();
        expect(sent!.used).toMatchObject({ written: room, room: expected });
      },
    );
    fc.assert(copiesAreRight, { numRuns: 40 });
  });

  test('are not written to through the readable half (2.7.5.1, 2.8.15)', () => {
    const subject = new Subject(made);
    const [sent] = subject.offer([{ bytes: pattern(10) }]);
    const { readable, writable } = subject.pop()[0]!;
    expect([readable.copyFrom(pattern(3)), readable.fill(1, 0, 3), writable.copyFrom(pattern(3))]).toEqual([0, 0, 0]);
    expect(subject.memory.read(sent!.segments[0]!.gpa, 10)).toEqual(pattern(10));
  });

  test('may have empty descriptors, which are in no list wherever they point (2.7.5, 2.8.4)', () => {
    const subject = new Subject(made);
    subject.offer([{ bytes: new Uint8Array(0) }, bytes(5), { room: 0 }, { room: 3 }]);
    const { readable, writable } = subject.pop()[0]!;
    expect([readable.segmentCount, readable.byteLength]).toEqual([1, 1]);
    expect([writable.segmentCount, writable.byteLength]).toEqual([1, 3]);
  });

  test('lie where they like: a buffer in adjacent regions is several segments', () => {
    const memory = GuestMemory.fromLayout([
      { gpa: 0, size: 0x10000 },
      { gpa: 0x10000, size: 0x1000 },
      { gpa: 0x11000, size: 0x1000 },
    ]);
    const subject = new Subject(made, { memory });
    const [sent] = subject.offer([{ room: 0x1200, gpa: 0xff00 }]);
    const { writable, complete } = takeOne(subject);
    expect([0, 1, 2].map((i) => [writable.address(i), writable.length(i), writable.offset(i)])).toEqual([
      [0xff00, 0x100, 0xff00],
      [0x10000, 0x1000, 0],
      [0x11000, 0x100, 0],
    ]);
    complete(writable.copyFrom(pattern(0x1200)));
    subject.engine.flush();
    subject.queue.collect();
    expect(sent!.used!.data).toEqual(pattern(0x1200));
  });

  test('may reach the last byte of memory, and be as long as the ring', () => {
    const subject = new Subject(made);
    const { size } = subject.memory.regions[0]!;
    const segments: Segment[] = [...Array(7).fill({ room: 1 }), { room: 0x100, gpa: size - 0x100 }];
    subject.offer(segments);
    const { writable } = subject.pop()[0]!;
    expect(writable.copyFrom(pattern(0x107))).toBe(0x107);
    expect(subject.memory.readU8(size - 1)).toBe(pattern(0x107).at(-1));
  });

  test('touch no memory once they have been completed, or their queue has stopped', () => {
    const subject = new Subject(made);
    const sent = subject.offer([{ room: 4 }], [{ room: 4 }]);
    const [first, second] = subject.pop(2);
    first!.complete(0);
    subject.engine.stop();
    for (const chain of [first!, second!]) {
      expect([chain.writable.copyFrom(pattern(4)), chain.writable.fill(1, 0, 4)]).toEqual([0, 0]);
      expect(chain.writable.copyTo(new Uint8Array(4))).toBe(0);
    }
    for (const { segments } of sent) expect(subject.memory.read(segments[0]!.gpa, 4)).toEqual(new Uint8Array(4));
  });
});

/** A chain, with its completion. */
function takeOne(subject: Subject) {
  const chain = subject.pop()[0]!;
  const { readable, writable } = chain;
  return { readable, writable, complete: (written: number) => chain.complete(written) };
}

describe('indirect tables', () => {
  test('may follow direct descriptors of a split ring (2.7.5.3.2)', () => {
    const subject = new Subject(setUp('split', { indirect: true }));
    const { descriptors } = subject.ring;
    subject.memory.write(0x8000, pattern(8));
    const table = writeTable('split', subject.memory, 0x9000, [
      { gpa: 0x8002, length: 2, writable: false },
      { gpa: 0xa000, length: 5, writable: true },
    ]);
    subject.offer([bytes(0)]);
    descriptors.set(0, { address: 0x8000, length: 2, flags: DescriptorFlag.next, next: 1 });
    descriptors.set(1, table);
    const { readable, writable } = subject.pop()[0]!;
    const target = new Uint8Array(4);
    expect([readable.copyTo(target), writable.byteLength]).toEqual([4, 5]);
    expect(target).toEqual(pattern(4));
  });

  test.each(['split', 'packed'] as const)(
    'are read whatever the write flag of the descriptor that refers to them says: %s (2.7.5.3.2, 2.8.7)',
    (format) => {
      const subject = new Subject(setUp(format, { indirect: true }));
      subject.queue.add([bytes(1, 2), { room: 3 }]);
      const { flags } = subject.ring.descriptors.get(0);
      subject.ring.descriptors.set(0, { flags: flags | DescriptorFlag.write });
      subject.queue.publish();
      if (format === 'packed')
        subject.ring.descriptors.set(0, { flags: 0x80 | DescriptorFlag.indirect | DescriptorFlag.write });
      const { readable, writable } = subject.pop()[0]!;
      expect([readable.byteLength, writable.byteLength]).toEqual([2, 3]);
    },
  );

  test.each(['split', 'packed'] as const)('may begin at any address, and lie in two regions: %s', (format) => {
    const memory = GuestMemory.fromLayout([
      { gpa: 0, size: 0x10000 },
      { gpa: 0x10000, size: 0x1000 },
    ]);
    const subject = new Subject(setUp(format, { indirect: true }), { memory });
    for (const gpa of [0x9001, 0x10000 - 24]) {
      const [sent] = subject.offer([{ room: 2 }, { room: 3 }, { room: 4 }]);
      const buffers = sent!.segments;
      const at = format === 'split' ? sent!.id : (subject.ring.position & 0x7fff) - 1;
      writeTable(format, memory, gpa, buffers);
      new DescriptorTable(format, memory, 0).set(at, { address: gpa });
      const [chain] = subject.pop();
      expect(Array.from({ length: 3 }, (_, i) => chain!.writable.length(i))).toEqual([2, 3, 4]);
      chain!.complete(0);
      subject.engine.flush();
      subject.queue.collect();
    }
  });

  test('of a packed ring are read in order, whatever next and id say (2.8.7)', () => {
    const subject = new Subject(setUp('packed', { indirect: true }));
    const table = 0x9000;
    subject.offer([{ room: 1 }, { room: 2 }, { room: 3 }]);
    subject.ring.descriptors.set(0, { address: table });
    const entries = new DescriptorTable('packed', subject.memory, table);
    for (const i of [0, 1, 2]) {
      const junk = DescriptorFlag.avail | DescriptorFlag.used;
      entries.set(i, { address: 0x8000, length: i + 1, flags: junk | DescriptorFlag.write, id: 0xdead });
    }
    const { writable } = subject.pop()[0]!;
    expect([0, 1, 2].map((i) => writable.length(i))).toEqual([1, 2, 3]);
  });
});
