/** Rings of the test kit: every field can be set, and the device sees it. */
import { GuestMemory } from 'ioregion/memory';
import { BufferArena, createRing, PackedRing, placeRing, SplitRing, writeTable } from 'ioregion/testing';
import { createQueue, Feature, RingEventFlags } from 'ioregion/virtio';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let memory: GuestMemory;
beforeEach(() => {
  memory = GuestMemory.create(1 << 20);
});
afterEach(() => memory.close());

const ring = (features: bigint, size = 8, position?: number) =>
  createRing(memory, { index: 0, size, features, base: 0, ...(position === undefined ? {} : { position }) });

describe('a ring', () => {
  test('has the format its features say, and areas that do not overlap', () => {
    expect(ring(0n)).toBeInstanceOf(SplitRing);
    expect(ring(Feature.ringPacked)).toBeInstanceOf(PackedRing);
    expect(placeRing('split', 8, 64)).toEqual({ descriptors: 64, driverArea: 192, deviceArea: 256, end: 384 });
    expect(placeRing('packed', 3, 0)).toEqual({ descriptors: 0, driverArea: 64, deviceArea: 128, end: 192 });
  });

  test('has descriptors whose every field can be anything', () => {
    for (const features of [0n, Feature.ringPacked]) {
      const { descriptors } = ring(features);
      descriptors.set(3, { address: 2n ** 64n - 1n, length: 0xffffffff, flags: 0xffff, next: 0xfffe });
      expect(descriptors.get(3)).toEqual({
        address: 2n ** 64n - 1n,
        length: 0xffffffff,
        flags: 0xffff,
        next: 0xfffe,
        id: 0xfffe,
      });
      descriptors.set(3, { length: 5 });
      expect(descriptors.get(3)).toMatchObject({ length: 5, flags: 0xffff });
    }
  });

  test('that is split has indices, flags, events and entries that can be anything', () => {
    const { fields } = ring(0n) as SplitRing;
    fields.availFlags = 0x8001;
    fields.availIdx = 0xffff;
    fields.usedEvent = 0x1234;
    fields.usedFlags = 2;
    fields.usedIdx = 3;
    fields.availEvent = 4;
    fields.setAvailEntry(9, 0xabcd);
    expect([fields.availFlags, fields.availIdx, fields.usedEvent]).toEqual([0x8001, 0xffff, 0x1234]);
    expect([fields.usedFlags, fields.usedIdx, fields.availEvent, fields.availEntry(1)]).toEqual([2, 3, 4, 0xabcd]);
    expect(memory.readU16(placeRing('split', 8, 0).driverArea + 4 + 2 * 8)).toBe(0x1234);
  });

  test('that is packed has event suppression that can be anything', () => {
    const { fields } = ring(Feature.ringPacked) as PackedRing;
    fields.driverEvent = { position: 0xffff, mode: 3 };
    fields.deviceEvent = { position: 1, mode: RingEventFlags.desc };
    expect(fields.driverEvent).toEqual({ position: 0xffff, mode: 3 });
    expect(fields.deviceEvent).toEqual({ position: 1, mode: RingEventFlags.desc });
  });

  test('may put a chain into a table', () => {
    const split = writeTable('split', memory, 0x1000, [
      { gpa: 1, length: 2, writable: false },
      { gpa: 3, length: 4, writable: true },
    ]);
    expect(split).toEqual({ address: 0x1000, length: 32, flags: 4 });
    expect(memory.read(0x1000, 32)).toEqual(
      Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 2, 0, 2, 0),
    );
  });

  test.each([0n, Feature.ringPacked])('refuses what a device used and does not have (features %s)', (features) => {
    const one = ring(features);
    if (one instanceof SplitRing) one.fields.usedIdx = 1;
    else one.fields.setControl(0, 5, 0x8080);
    expect(() => one.takeUsed()).toThrow(/which it does not have/);
  });

  test.each([
    ['split', 0n, 0xfffe],
    ['packed', Feature.ringPacked, 5],
    ['packed', Feature.ringPacked, 0x8003],
  ] as const)('that is %s may begin in the middle (features %s, position %i)', (_format, features, position) => {
    const one = ring(features, 8, position);
    const queue = createQueue(one.setup, memory, { call() {} });
    for (let round = 0; round < 20; round++) {
      const ids = [
        one.add([{ gpa: 0x8000, length: 1, writable: true }]),
        one.add([{ gpa: 0x8000, length: 1, writable: true }]),
      ];
      one.publish();
      for (const id of ids) {
        const chain = queue.pop()!;
        expect(chain.head).toBe(id);
        chain.complete(1);
      }
      expect(queue.pop()).toBeNull();
      queue.flush();
      for (const id of ids) expect(one.takeUsed()).toEqual({ id, written: 1 });
      expect(one.takeUsed()).toBeNull();
    }
    expect(one.position).toBe(queue.position.available);
  });
});

test('an arena hands out ranges that do not overlap, and takes them back in any order', () => {
  const arena = new BufferArena(0, 64);
  const [a, b, c, d] = [arena.take(1), arena.take(16), arena.take(0), arena.take(10)];
  expect([a, b, c, d]).toEqual([0, 16, 32, 48]);
  expect(() => arena.take(1)).toThrow(/no 16 bytes left/);
  arena.give(b!, 16);
  arena.give(d!, 10);
  expect(() => arena.take(17)).toThrow();
  arena.give(c!, 0);
  expect(arena.take(48)).toBe(16);
  arena.give(16, 48);
  arena.give(a!, 1);
  expect(arena.take(64)).toBe(0);
});
