/** Completions: explicit, once, in any order; visible to the driver with the flush, and never before. */
import { type PackedRing, type Sent, SplitRing } from 'ioregion/testing';
import { type Chain, DescriptorFlag, Feature } from 'ioregion/virtio';
import { describe, expect, test } from 'vitest';
import { bytes, has, pattern, SET_UPS, Subject, setUp } from './subject.js';

/** Which of `sent` have been used, in the order in which the driver sees it. */
function collected(subject: Subject, sent: readonly Sent[]): number[] {
  const order: number[] = [];
  for (let used = subject.ring.takeUsed(); used !== null; used = subject.ring.takeUsed())
    order.push(sent.findIndex(({ id }) => id === used.id));
  return order;
}

const room = (length: number) => [{ room: length }];

describe.each(SET_UPS.map((one) => [one.name, one] as const))('completions in a ring: %s', (_name, made) => {
  const inOrder = has(made, Feature.inOrder);

  test('come in any order of the device, and by their turn with IN_ORDER (2.7.8, 2.7.9, 2.8.8)', () => {
    const subject = new Subject(made);
    const sent = subject.offer(...Array(6).fill(room(4)));
    const chains = subject.pop(6);
    const order = [3, 1, 5, 0, 4, 2];
    for (const i of order) chains[i]!.complete(i % 4);
    expect(subject.engine.inFlight).toBe(0);
    subject.engine.flush();
    expect(collected(subject, sent)).toEqual(inOrder ? [0, 1, 2, 3, 4, 5] : order);
  });

  test('that are early are held back until their turn with IN_ORDER, and not otherwise (2.7.9, 2.8.8)', () => {
    const subject = new Subject(made);
    const sent = subject.offer(room(1), room(1), room(1));
    const chains = subject.pop(3);
    chains[2]!.complete(0);
    chains[1]!.complete(0);
    subject.engine.flush();
    expect(collected(subject, sent)).toEqual(inOrder ? [] : [2, 1]);
    chains[0]!.complete(0);
    subject.engine.flush();
    expect(collected(subject, sent)).toEqual(inOrder ? [0, 1, 2] : [0]);
  });

  test('are seen by the driver with the flush, all of them, and no earlier (2.7.8.2, 2.8.12)', () => {
    const subject = new Subject(made);
    const sent = subject.offer(room(1), room(1), room(1), room(1));
    const chains = subject.pop(4);
    for (const chain of chains.slice(0, 3)) {
      chain.complete(1);
      expect(collected(subject, sent)).toEqual([]);
    }
    subject.engine.flush();
    expect(collected(subject, sent)).toEqual([0, 1, 2]);
    subject.engine.flush();
    chains[3]!.complete(1);
    subject.engine.flush();
    expect(collected(subject, sent)).toEqual([3]);
  });

  test('tell how many bytes were written, from none to all (2.7.8.2, 2.8.4)', () => {
    const subject = new Subject(made);
    for (const written of [0, 1, 11, 12]) {
      const [sent] = subject.offer([bytes(1), { room: 5 }, { room: 7 }]);
      const [chain] = subject.pop();
      chain!.writable.copyFrom(pattern(written));
      chain!.complete(written);
      subject.engine.flush();
      subject.queue.collect();
      expect(sent!.used).toMatchObject({ written, data: pattern(written) });
    }
  });

  test('happen once: a second one is counted and changes nothing', () => {
    const subject = new Subject(made);
    const sent = subject.offer(room(4), room(4));
    const [first, second] = subject.pop(2);
    first!.complete(1);
    first!.complete(2);
    subject.engine.flush();
    first!.complete(3);
    expect(collected(subject, sent)).toEqual([0]);
    second!.complete(4);
    subject.engine.flush();
    expect(collected(subject, sent)).toEqual([1]);
    expect(subject.engine.counters).toMatchObject({ popped: 2, completed: 2, repeatedCompletions: 2 });
    expect(subject.engine.inFlight).toBe(0);
    subject.exchange();
  });

  test.each([5, -1, Number.NaN, 2 ** 32])('with a length of %d in a room of 4 fail the queue (2.7.8.2)', (written) => {
    const subject = new Subject(made);
    const sent = subject.offer(room(4), room(4));
    const [first, second] = subject.pop(2);
    first!.complete(written);
    second!.complete(0);
    subject.engine.flush();
    expect(subject.failures.map(({ code }) => code)).toEqual(['ERR_IOREGION_QUEUE_COMPLETION']);
    expect(collected(subject, sent)).toEqual([]);
    expect(subject.engine.inFlight).toBe(0);
  });

  test('after the queue has stopped are counted, and leave the ring as it was', () => {
    const subject = new Subject(made);
    subject.offer(room(4), room(4));
    const chains = subject.pop(2);
    subject.engine.stop();
    const before = subject.memory.read(0, subject.ring.place.end);
    for (const chain of chains) chain.complete(4);
    subject.engine.flush();
    expect(subject.memory.read(0, subject.ring.place.end)).toEqual(before);
    expect(subject.engine.counters.lateCompletions).toBe(2);
    expect(subject.engine.inFlight).toBe(0);
    expect(subject.calls).toBe(0);
  });

  test.each([1, 2, 3, 7, 8])('go round the ring, %d in flight at a time', (depth) => {
    const subject = new Subject(made);
    for (let round = 0; round < 30; round++) {
      const sent = subject.offer(...Array.from({ length: depth }, (_, i) => room(i + 1)));
      const chains = subject.pop(depth);
      expect(subject.engine.pop()).toBeNull();
      for (const i of [...chains.keys()].reverse())
        chains[i]!.complete(chains[i]!.writable.copyFrom(pattern(i + 1, round)));
      subject.engine.flush();
      expect(subject.queue.collect()).toBe(depth);
      for (const [i, { used }] of sent.entries()) expect(used!.data).toEqual(pattern(i + 1, round));
    }
    expect(subject.engine.counters).toMatchObject({ popped: 30 * depth, completed: 30 * depth });
  });

  test('overlap with what is made available next, for many laps', () => {
    const subject = new Subject(made);
    const flying: { sent: Sent; chain: Chain; round: number }[] = [];
    for (let round = 0; round < 200; round++) {
      const [sent] = subject.offer(made.indirect ? [bytes(round & 0xff), { room: 2 }] : room(2));
      flying.push({ sent: sent!, chain: subject.pop()[0]!, round });
      if (flying.length < 5) continue;
      const [done] = flying.splice(inOrder ? 0 : round % 5, 1);
      done!.chain.complete(done!.chain.writable.copyFrom(pattern(2, done!.round)));
      subject.engine.flush();
      subject.queue.collect();
      expect(done!.sent.used!.data).toEqual(pattern(2, done!.round));
    }
    expect(subject.failures).toEqual([]);
  });
});

test('a split ring has its used entries written before its index (2.7.8.2)', () => {
  const stores: number[] = [];
  const subject = new Subject(setUp('split'), { hook: { store: (gpa) => void stores.push(gpa) } });
  subject.offer(room(4), room(4));
  const chains = subject.pop(2);
  stores.length = 0;
  for (const chain of chains) chain.complete(4);
  subject.engine.flush();
  const { deviceArea } = subject.ring.place;
  expect(stores).toEqual([4, 8, 12, 16, 2].map((offset) => deviceArea + offset));
});

test('a packed ring has the first used descriptor of a batch written last, id and length before its flags (2.8.12)', () => {
  const stores: number[] = [];
  const subject = new Subject(setUp('packed'), { hook: { store: (gpa) => void stores.push(gpa) } });
  subject.offer(room(4), room(4), room(4));
  const chains = subject.pop(3);
  stores.length = 0;
  for (const chain of chains) chain.complete(4);
  subject.engine.flush();
  const { descriptors } = subject.ring.place;
  expect(stores.at(-1)).toBe(descriptors + 12);
  expect([...stores].sort((a, b) => a - b)).toEqual([8, 12, 24, 28, 40, 44].map((offset) => descriptors + offset));
});

test('a used descriptor of a packed ring has the write flag where something was written, and only there (2.8.4, 2.8.22)', () => {
  const subject = new Subject(setUp('packed'));
  const ring = subject.ring as PackedRing;
  for (const [at, written] of [0, 4, 0].entries()) {
    subject.offer(room(4));
    subject.pop()[0]!.complete(written);
    subject.engine.flush();
    expect(ring.fields.flags(at) & DescriptorFlag.write).toBe(written > 0 ? DescriptorFlag.write : 0);
  }
});

test('one used descriptor of a packed ring stands for a whole list, at the place of its first (2.8.6)', () => {
  const subject = new Subject(setUp('packed'));
  const ring = subject.ring as PackedRing;
  subject.offer([bytes(1), bytes(2), { room: 3 }], room(2));
  const chains = subject.pop(2);
  const untouched = [1, 2].map((at) => ring.descriptors.get(at));
  for (const chain of chains) chain.complete(1);
  subject.engine.flush();
  expect([1, 2].map((at) => ring.descriptors.get(at))).toEqual(untouched);
  expect([ring.fields.flags(0) & 0x8080, ring.fields.flags(3) & 0x8080]).toEqual([0x8080, 0x8080]);
});

test('a split ring of one descriptor works, and a packed one', () => {
  for (const made of [setUp('split'), setUp('packed')]) {
    const subject = new Subject(made, { size: 1 });
    for (let round = 0; round < 5; round++) {
      const [sent] = subject.offer(room(2));
      subject.pop()[0]!.complete(round % 3);
      subject.engine.flush();
      subject.queue.collect();
      expect(sent!.used!.written).toBe(round % 3);
    }
    expect(subject.ring instanceof SplitRing ? subject.ring.fields.usedIdx : 5).toBe(5);
  }
});
