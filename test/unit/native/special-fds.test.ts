import { ftruncateSync } from 'node:fs';
import { cannotShrink, EventFd, Fd, Memfd, native, pipe, Seal, TimerFd, waitReadable } from 'ioregion/native';
import { describe, expect, it } from 'vitest';

const WAIT_MS = 5000;

describe('EventFd', () => {
  it('adds up signals and is taken as a whole', () => {
    using eventfd = EventFd.create({ initial: 2 });
    eventfd.signal();
    eventfd.signal(4);
    expect(eventfd.take()).toBe(7n);
    expect(eventfd.take()).toBeNull();
  });

  it('tells whether it had been signalled, and clears it', () => {
    using eventfd = EventFd.create();
    expect(eventfd.testAndClear()).toBe(false);
    eventfd.signal();
    expect(eventfd.testAndClear()).toBe(true);
    expect(eventfd.testAndClear()).toBe(false);
  });

  it('gives out one at a time as a semaphore', () => {
    using eventfd = EventFd.create({ initial: 2, semaphore: true });
    expect([eventfd.take(), eventfd.take(), eventfd.take()]).toEqual([1n, 1n, null]);
  });

  it('shares the counter with its duplicates', () => {
    using eventfd = EventFd.create();
    using copy = eventfd.dup();
    copy.signal(9);
    expect(eventfd.take()).toBe(9n);
  });

  it('refuses to overflow', () => {
    using eventfd = EventFd.create();
    native.eventfdWrite(eventfd.number, Number.MAX_SAFE_INTEGER);
    for (let i = 0; i < 2046; i++) eventfd.signal(Number.MAX_SAFE_INTEGER);
    expect(() => {
      for (let i = 0; i < 3; i++) eventfd.signal(Number.MAX_SAFE_INTEGER);
    }).toThrow(expect.objectContaining({ errnoName: 'EAGAIN', syscall: 'write' }));
  });

  it('does not take a descriptor of another kind for one', () => {
    const { readEnd, writeEnd } = pipe();
    writeEnd.write(Uint8Array.of(1));
    expect(() => native.eventfdRead(readEnd.number)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    readEnd.close();
    writeEnd.close();
  });
});

describe('Memfd', () => {
  it('has its size, and nobody can shrink or grow it or change its seals', () => {
    using memfd = Memfd.create({ name: 'test', size: 8192 });
    expect(memfd.size()).toBe(8192);
    expect(native.seals(memfd.number)).toBe(Seal.seal | Seal.shrink | Seal.grow);
    expect(() => ftruncateSync(memfd.number, 4096)).toThrow(expect.objectContaining({ code: 'EPERM' }));
    expect(() => ftruncateSync(memfd.number, 16384)).toThrow(expect.objectContaining({ code: 'EPERM' }));
  });

  it('grows where it is not fixed, and still cannot shrink', () => {
    using memfd = Memfd.create({ name: 'test', size: 4096, fixed: false });
    ftruncateSync(memfd.number, 8192);
    expect(memfd.size()).toBe(8192);
    expect(() => ftruncateSync(memfd.number, 4096)).toThrow(expect.objectContaining({ code: 'EPERM' }));
  });

  it('is recognised as one that cannot shrink; other files are not', () => {
    using memfd = Memfd.create({ name: 'test', size: 4096 });
    const { readEnd, writeEnd } = pipe();
    expect(cannotShrink(memfd)).toBe(true);
    expect(cannotShrink(readEnd)).toBe(false);
    readEnd.close();
    writeEnd.close();
  });

  it('takes names of up to 249 bytes', () => {
    new Fd(native.memfd('x'.repeat(249), 0, true)).close();
    expect(() => native.memfd('x'.repeat(250), 0, true)).toThrow(RangeError);
    expect(() => native.memfd('a\0b', 0, true)).toThrow(RangeError);
  });
});

describe('TimerFd', () => {
  it('becomes readable when it expires and counts expirations', () => {
    using timer = TimerFd.create();
    expect(timer.takeExpirations()).toBe(0n);
    timer.arm(1000);
    expect(waitReadable(timer, WAIT_MS)).toBe(true);
    expect(timer.takeExpirations()).toBe(1n);
  });

  it('goes on with an interval until it is disarmed', () => {
    using timer = TimerFd.create();
    timer.arm(1000, 1000);
    let expirations = 0n;
    while (expirations < 3n && waitReadable(timer, WAIT_MS)) expirations += timer.takeExpirations();
    expect(expirations).toBeGreaterThanOrEqual(3n);
    timer.disarm();
    expect(waitReadable(timer, 5)).toBe(false);
  });
});
