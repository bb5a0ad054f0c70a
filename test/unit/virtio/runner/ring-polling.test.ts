import { breathe, EventFd, FdWatch } from 'ioregion/native';
import { describe, expect, test } from 'vitest';
import { RingPolling } from '#dist/src/virtio/runner/ring-polling.js';

const WAITS = 10_000;

/** A clock that goes by breaths, and a driver that makes a chain available some time after each wait has begun. */
function machine(took: (yields: boolean) => number) {
  let now = 0;
  let due = 0;
  const polling = new RingPolling((yields) => {
    const micros = took(yields);
    now += Math.abs(micros);
    return micros;
  });
  return {
    /** Waits for a chain that comes after `delay` µs; returns whether it was found, and how long that took. */
    wait(delay: number) {
      const start = now;
      due = now + delay;
      return { found: polling.wait(() => now >= due), micros: now - start };
    },
  };
}

function waitOften(delay: number, took: (yields: boolean) => number) {
  const { wait } = machine(took);
  const waits = Array.from({ length: WAITS }, () => wait(delay));
  return {
    found: waits.filter(({ found }) => found).length,
    spent: waits.reduce((sum, { micros }) => sum + micros, 0),
  };
}

describe('looking at a ring before sleeping', () => {
  test('finds every chain of a driver on another CPU', () => {
    expect(waitOften(100, () => 1).found).toBe(WAITS);
  });

  test('costs a few µs for each kick where chains come too late, as with a driver that shares the CPU and is not let in', () => {
    const { found, spent } = waitOften(Number.POSITIVE_INFINITY, () => 1);
    expect(found).toBe(0);
    expect(spent / WAITS).toBeLessThan(5);
  });

  test('finds them again when the driver has become fast', () => {
    const { wait } = machine(() => 1);
    for (let i = 0; i < WAITS; i++) wait(Number.POSITIVE_INFINITY);
    const found = Array.from({ length: WAITS }, () => wait(20).found);
    expect(found.slice(WAITS / 2)).not.toContain(false);
  });

  test('keeps the CPU where yielding it takes a time slice of others', () => {
    const { found, spent } = waitOften(20, (yields) => (yields ? 3000 : 1));
    expect(found).toBe(WAITS);
    expect(spent / WAITS).toBeLessThan(30);
  });

  test('leaves at once where the event loop has something to do', () => {
    expect(machine(() => -1).wait(100)).toEqual({ found: false, micros: 1 });
  });

  test('takes what became available while the event loop got something to do', () => {
    expect(machine(() => -1).wait(1)).toEqual({ found: true, micros: 1 });
  });
});

test.each([false, true])('a breath says what it took, and whether something is ready (yields: %s)', async (yields) => {
  using event = EventFd.create();
  const ready = new Promise<void>((resolve) => {
    const watch = new FdWatch(event, () => {
      watch.close();
      resolve();
    });
  });
  await new Promise(setImmediate); // the watch begins with the next turn of the event loop
  event.signal();
  expect(breathe(yields)).toBeLessThan(0);
  await ready;
});
