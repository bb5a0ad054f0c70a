/** Who is notified of what, and who is not: suppression by flags and by event index, across wraps and restores. */
import fc from 'fast-check';
import type { PackedRing, SplitRing } from 'ioregion/testing';
import { decodeNotification, encodeNotification, Feature, RingEventFlags } from 'ioregion/virtio';
import { describe, expect, test } from 'vitest';
import { FORMATS, type Format, SET_UPS, Subject, setUp } from './subject.js';

const room = [{ room: 1 }];

/** Takes and completes so many chains that were made available; one flush. Whether there was a call. */
function serve(subject: Subject, count: number): boolean {
  subject.offer(...Array(count).fill(room));
  const before = subject.calls;
  for (const chain of subject.pop(count)) chain.complete(0);
  subject.engine.flush();
  return subject.calls > before;
}

/** Positions a little before every wrap that there is in a ring of 8. */
const STARTS: Readonly<Record<Format, readonly number[]>> = {
  split: [0, 5, 0x7ffd, 0xfffd],
  packed: [0x8000, 0x8005, 0, 5],
};

describe.each(SET_UPS.map((one) => [one.name, one] as const))('calls in a ring: %s', (_name, made) => {
  test('come once for a batch, where the driver has said nothing (2.7.7.2, 2.8.10)', () => {
    const subject = new Subject(made);
    expect(serve(subject, 3)).toBe(true);
    expect(subject.engine.counters.calls).toBe(1);
    subject.engine.flush();
    expect(subject.calls).toBe(1);
  });

  test('do not come while the driver wants none, and come again once it does (2.7.7, 2.8.10)', () => {
    const subject = new Subject(made);
    subject.ring.setCalls(false);
    for (let round = 0; round < 10; round++) {
      expect(serve(subject, 2)).toBe(false);
      while (subject.ring.takeUsed() !== null);
      subject.ring.setCalls(false);
    }
    subject.ring.setCalls(true);
    expect(serve(subject, 1)).toBe(true);
    expect(subject.engine.counters.suppressedCalls).toBe(10);
  });
});

describe.each(FORMATS)('an event index of a %s ring', (format) => {
  const made = setUp(format, { eventIdx: true });

  test.each(STARTS[format])(
    'from position %i on: a call when the entry it names is used, at any distance (2.7.7.2, 2.8.10)',
    (position) => {
      for (let after = 1; after <= 8; after++) {
        for (const batch of [1, 2, 3, 8]) {
          const subject = new Subject(made, { position });
          subject.ring.callAfter(after);
          let used = 0;
          while (used < after + batch) {
            const called = serve(subject, batch);
            const passes = used < after && used + batch >= after;
            expect(called, `after ${after}, batches of ${batch}, ${used} used`).toBe(passes);
            used += batch;
            while (subject.ring.takeUsed() !== null);
            if (passes) break;
          }
        }
      }
    },
  );

  test('is honoured lap after lap: one call for each that is asked for', () => {
    const subject = new Subject(made);
    for (let round = 0; round < 100; round++) {
      subject.ring.callAfter(3);
      expect([serve(subject, 2), serve(subject, 1), serve(subject, 1)]).toEqual([false, true, false]);
      while (subject.ring.takeUsed() !== null);
    }
  });

  test.each(STARTS[format])('is honoured by a queue that was restored at position %i (2.7.7.2, 2.8.10)', (position) => {
    const subject = new Subject(made, { position });
    serve(subject, 5);
    while (subject.ring.takeUsed() !== null);
    subject.restart();
    subject.ring.callAfter(2);
    expect([serve(subject, 1), serve(subject, 1), serve(subject, 1)]).toEqual([false, true, false]);
  });

  test.each(STARTS[format])(
    'of the device asks for a kick at the next chain, right after a start at position %i (2.7.10, 2.8.10)',
    (position) => {
      const subject = new Subject(made, { position });
      subject.offer(room);
      expect(subject.ring.needsKick()).toBe(true);
      subject.offer(room);
      expect(subject.ring.needsKick()).toBe(false);
      subject.pop(2);
      expect(subject.engine.pop()).toBeNull();
      subject.offer(room);
      expect(subject.ring.needsKick()).toBe(true);
    },
  );

  test('moves only when the device has found the ring empty: kicks meanwhile are not asked for', () => {
    const subject = new Subject(made);
    subject.offer(room);
    expect(subject.ring.needsKick()).toBe(true);
    subject.offer(room, room);
    subject.pop();
    subject.offer(room);
    expect(subject.ring.needsKick()).toBe(false);
    subject.pop(3);
  });
});

describe.each(SET_UPS.map((one) => [one.name, one] as const))('kicks in a ring: %s', (_name, made) => {
  test('are wanted from the start (2.7.10.2, 2.8.10)', () => {
    const subject = new Subject(made);
    subject.offer(room);
    expect(subject.ring.needsKick()).toBe(true);
  });

  test('are not wanted while the device has said so, and are again afterwards (2.7.10, 2.8.10)', () => {
    const subject = new Subject(made);
    subject.offer(room);
    subject.ring.needsKick();
    subject.engine.disableKicks();
    for (let round = 0; round < 20; round++) {
      serve(subject, 1);
      while (subject.ring.takeUsed() !== null);
      expect(subject.ring.needsKick()).toBe(false);
    }
    subject.pop();
    expect(subject.engine.enableKicks()).toBe(false);
    subject.offer(room);
    expect(subject.ring.needsKick()).toBe(true);
  });

  test('are asked for again with a look at the ring: what came meanwhile is not missed (2.7.10.2)', () => {
    const subject = new Subject(made);
    subject.engine.disableKicks();
    subject.offer(room);
    expect(subject.engine.enableKicks()).toBe(true);
    subject.pop();
    expect(subject.engine.enableKicks()).toBe(false);
  });

  test('that race with the device finding nothing are not lost: it looks once more after it has asked (2.7.10.2)', () => {
    let late: (() => void) | null = null;
    // The driver's chain comes just when the device writes down that it wants a kick, too late for the driver to see it.
    const subject: Subject = new Subject(made, { hook: { store: () => late?.() } });
    subject.offer(room);
    subject.pop()[0]!.complete(0);
    late = () => {
      late = null;
      subject.offer(room);
    };
    const chain = subject.engine.pop();
    const asked = late === null;
    expect(chain !== null).toBe(asked);
  });

  test('that nobody asked for do no harm', () => {
    const subject = new Subject(made);
    for (let kick = 0; kick < 5; kick++) expect(subject.engine.pop()).toBeNull();
    subject.exchange();
  });
});

describe('flags', () => {
  test('of a split ring are 0 while there are event indices (2.7.10.2)', () => {
    const subject = new Subject(setUp('split', { eventIdx: true }));
    const { fields } = subject.ring as SplitRing;
    subject.engine.disableKicks();
    expect(fields.usedFlags).toBe(0);
    subject.engine.enableKicks();
    expect(fields.usedFlags).toBe(0);
  });

  test('of a split ring are 0 or 1 without them, and the device writes nothing where avail_event would be (2.7.10.2)', () => {
    const subject = new Subject(setUp('split'));
    const { fields } = subject.ring as SplitRing;
    fields.availEvent = 0x1234;
    subject.engine.disableKicks();
    expect(fields.usedFlags).toBe(1);
    subject.engine.enableKicks();
    expect(fields.usedFlags).toBe(0);
    for (let round = 0; round < 20; round++) subject.exchange();
    expect(fields.availEvent).toBe(0x1234);
  });

  test('of the driver are ignored with event indices, and event indices without them (2.7.7.2)', () => {
    const withIndex = new Subject(setUp('split', { eventIdx: true }));
    (withIndex.ring as SplitRing).fields.availFlags = 1;
    withIndex.ring.callAfter(1);
    expect(serve(withIndex, 1)).toBe(true);
    const without = new Subject(setUp('split'));
    (without.ring as SplitRing).fields.usedEvent = 0x8000;
    expect(serve(without, 1)).toBe(true);
  });

  test.each([
    ['enable', RingEventFlags.enable, true],
    ['disable', RingEventFlags.disable, false],
    ['desc, without EVENT_IDX', RingEventFlags.desc, true],
    ['the reserved value', 3, true],
  ] as const)('of a packed ring: %s (2.8.10, 2.8.14)', (_name, mode, called) => {
    const subject = new Subject(setUp('packed'));
    (subject.ring as PackedRing).fields.driverEvent = { position: 5, mode };
    expect(serve(subject, 1)).toBe(called);
  });

  test('of a packed ring say desc only where EVENT_IDX was accepted (2.8.10)', () => {
    for (const eventIdx of [false, true]) {
      const subject = new Subject(setUp('packed', { eventIdx }));
      const { fields } = subject.ring as PackedRing;
      expect(fields.deviceEvent.mode).toBe(eventIdx ? RingEventFlags.desc : RingEventFlags.enable);
      subject.engine.disableKicks();
      expect(fields.deviceEvent.mode).toBe(RingEventFlags.disable);
      subject.engine.enableKicks();
      expect(fields.deviceEvent.mode).toBe(eventIdx ? RingEventFlags.desc : RingEventFlags.enable);
    }
  });
});

describe('notification data (2.9)', () => {
  test('is the queue in the low half and the position of the next chain in the upper half', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.nat(0xffff), (queue, available) => {
        const value = encodeNotification({ queue, available });
        expect(value).toBe(queue + available * 0x10000);
        expect(decodeNotification(value)).toEqual({ queue, available });
        expect(decodeNotification(value | 0)).toEqual({ queue, available });
      }),
    );
  });

  test.each(FORMATS)('of a %s ring says where the device has come to when it has taken everything', (format) => {
    const subject = new Subject(setUp(format, {}));
    for (let round = 0; round < 40; round++) {
      subject.exchange();
      expect(subject.ring.position).toBe(subject.engine.position.available);
    }
    expect(Feature.notificationData).toBe(1n << 38n);
  });
});
