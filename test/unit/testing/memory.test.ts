/** Guest memory of the test kit: hooks see and change every access of an engine; canaries notice what no device may do. */
import { GuestMemory } from 'ioregion/memory';
import { GuardedMemory, hookMemory, type MemoryHook, MockQueue } from 'ioregion/testing';
import { createQueue, Feature, type QueueEngine } from 'ioregion/virtio';
import { afterAll, describe, expect, test } from 'vitest';

const memory = GuestMemory.create(1 << 20);
afterAll(() => memory.close());

function hooked(features: bigint, hook: MemoryHook): { queue: MockQueue; engine: QueueEngine } {
  const options = { index: 0, size: 8, features, base: 0, end: 0x10000, kick() {} };
  const queue = new MockQueue(memory, options);
  return { queue, engine: createQueue(queue.setup, hookMemory(memory, hook), { call: () => queue.called() }) };
}

const FORMATS = [
  ['split', 0n],
  ['packed', Feature.ringPacked],
] as const;

describe.each(FORMATS)('hooked memory of a %s ring', (_format, format) => {
  const features = Feature.version1 | format;

  test('works as memory does where the hook does nothing', () => {
    const { queue, engine } = hooked(features, {});
    for (let round = 0; round < 20; round++) {
      const sent = queue.add([{ bytes: Uint8Array.of(round, 2, 3) }, { room: 5 }]);
      queue.publish();
      const chain = engine.pop()!;
      const bytes = new Uint8Array(3);
      chain.readable.copyTo(bytes);
      chain.complete(chain.writable.copyFrom(bytes));
      engine.flush();
      queue.collect();
      expect(sent.used).toMatchObject({ written: 3, data: Uint8Array.of(round, 2, 3) });
    }
  });

  test('reports each load, store and copy by its place', () => {
    const loads = new Set<number>();
    const stores: [number, number][] = [];
    const copies: [string, number, number][] = [];
    const { queue, engine } = hooked(features, {
      load: (gpa, _size, value) => {
        loads.add(gpa);
        return value;
      },
      store: (gpa, size) => void stores.push([gpa, size]),
      copyOut: (gpa, { length }) => void copies.push(['out', gpa, length]),
      copyIn: (gpa, length) => void copies.push(['in', gpa, length]),
    });
    const { segments } = queue.add([{ bytes: new Uint8Array(100) }, { room: 30 }]);
    queue.publish();
    stores.length = 0;
    const chain = engine.pop()!;
    const { place } = queue.ring;
    for (const at of [0, 4, 8, 12, 16, 20, 24, 28]) expect(loads).toContain(place.descriptors + at);
    chain.readable.copyTo(new Uint8Array(40), 10);
    chain.writable.copyFrom(new Uint8Array(4), 1);
    chain.writable.fill(1, 5, 6);
    expect(copies).toEqual([
      ['out', segments[0]!.gpa + 10, 40],
      ['in', segments[1]!.gpa + 1, 4],
      ['in', segments[1]!.gpa + 5, 6],
    ]);
    chain.complete(11);
    engine.flush();
    const [from, to] = format === 0n ? [place.deviceArea, place.end] : [place.descriptors, place.driverArea];
    expect(stores.length).toBeGreaterThan(0);
    for (const [gpa, size] of stores) expect(gpa >= from && gpa + size <= to, `store at ${gpa}`).toBe(true);
  });

  test('gives the device what the hook says', () => {
    const address = (gpa: number) => gpa < 0x80 && gpa % 16 === 8;
    const { queue, engine } = hooked(features, {
      load: (gpa, _size, value) => (address(gpa) ? 7 : value),
      copyOut: (_gpa, bytes) => void bytes.fill(9),
    });
    queue.add([{ bytes: new Uint8Array(100) }]);
    queue.publish();
    const { readable } = engine.pop()!;
    expect(readable.byteLength).toBe(7);
    const bytes = new Uint8Array(7);
    readable.copyTo(bytes);
    expect(bytes).toEqual(new Uint8Array(7).fill(9));
  });
});

describe('guarded memory', () => {
  test('is memory of the regions asked for, between canaries that nobody touches', () => {
    using guarded = GuardedMemory.create([
      { gpa: 0, size: 0x2000 },
      { gpa: 0x2000, size: 0x1000, readonly: true },
    ]);
    guarded.memory.fill(0, 0x2000, 0xff);
    expect(guarded.intact).toBe(true);
    expect(() => guarded.memory.writeU8(0x2000, 1)).toThrow();
  });

  test('notices a byte that is written behind a region', () => {
    const guarded = GuardedMemory.create([{ gpa: 0, size: 0x1000 }]);
    const { fds, regions } = guarded.memory.share();
    const whole = GuestMemory.fromShared({ fds, regions: [{ ...regions[0]!, offset: 0, size: 0x3000 }] });
    whole.writeU8(0x2000, 1);
    expect(guarded.intact).toBe(false);
    whole.close();
    guarded.close();
  });
});
