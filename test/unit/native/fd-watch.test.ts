import { closeSync, openSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { EventFd, Fd, FdWatch, native, pipe, WatchEvent } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectOpenFds, openFds, threadCount } from '../../support/open-fds.js';
import { layer, runScript } from '../../support/script.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Resolves with the status of the next call; the watch is closed then. */
function nextReadable(fd: Fd): Promise<number> {
  return new Promise((resolve) => {
    const watch = new FdWatch(fd, (status) => {
      watch.close();
      resolve(status);
    });
  });
}

describe('FdWatch', () => {
  let before: string[];
  beforeEach(() => {
    before = openFds();
  });
  afterEach(() => expectOpenFds(before));

  it('calls back while the descriptor is readable, until it is drained', async () => {
    using eventfd = EventFd.create({ initial: 1 });
    let calls = 0;
    await new Promise<void>((resolve) => {
      const watch = new FdWatch(eventfd, (status) => {
        expect(status).toBe(0);
        if (++calls < 3) return;
        expect(eventfd.take()).toBe(1n);
        watch.close();
        resolve();
      });
    });
    await turn();
    expect(calls).toBe(3);
  });

  it('reports the end of a pipe as readable', async () => {
    const { readEnd, writeEnd } = pipe();
    const readable = nextReadable(readEnd);
    writeEnd.close();
    expect(await readable).toBe(0);
    expect(readEnd.read(new Uint8Array(1))).toBe(0);
    readEnd.close();
  });

  it('waits for what is selected, and for nothing while it is paused', async () => {
    const { readEnd, writeEnd } = pipe();
    const seen: number[] = [];
    const watch = new FdWatch(writeEnd, (_status, events) => seen.push(events));
    await turn();
    await turn();
    expect(seen).toEqual([]);
    watch.select(WatchEvent.readable | WatchEvent.writable);
    await expect.poll(() => seen.length).toBeGreaterThan(0);
    watch.select(0);
    const { length } = seen;
    await turn();
    await turn();
    expect(seen).toEqual(Array(length).fill(WatchEvent.writable));
    expect(() => watch.select(4)).toThrow(RangeError);
    watch.close();
    watch.select(WatchEvent.writable);
    readEnd.close();
    writeEnd.close();
  });

  it('makes no call after close, which may be repeated', async () => {
    using eventfd = EventFd.create({ initial: 1 });
    let calls = 0;
    const watch = new FdWatch(eventfd, () => calls++);
    watch.close();
    watch.close();
    watch.ref().unref();
    await turn();
    await turn();
    expect(calls).toBe(0);
  });

  it('watches one file several times', async () => {
    using eventfd = EventFd.create({ initial: 1 });
    expect(await Promise.all([nextReadable(eventfd), nextReadable(eventfd)])).toEqual([0, 0]);
  });

  it('survives the close of the descriptor it was given', async () => {
    const eventfd = EventFd.create();
    const other = eventfd.dup();
    const readable = nextReadable(eventfd);
    eventfd.close();
    other.signal();
    expect(await readable).toBe(0);
    other.close();
  });

  it('gives back its duplicate, also where the file cannot be watched', () => {
    using eventfd = EventFd.create();
    for (let i = 0; i < 50; i++) new FdWatch(eventfd, () => {}).close();
    const regular = new Fd(openSync('/etc/hostname', 'r'));
    for (let i = 0; i < 50; i++)
      expect(() => new FdWatch(regular, () => {})).toThrow(
        expect.objectContaining({ errnoName: 'EPERM', syscall: 'uv_poll_init' }),
      );
    regular.close();
  });

  it('refuses a listener that is no function and a descriptor that is not open', () => {
    expect(() => native.watchFd(0, {} as () => void)).toThrow(TypeError);
    const number = openSync('/dev/null', 'r');
    closeSync(number);
    expect(() => native.watchFd(number, () => {})).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  it('turns what its listener throws into an uncaughtException, and goes on', () => {
    const { status, stdout, stderr } = runScript(`
      import { EventFd, FdWatch } from ${layer('native')};
      const eventfd = EventFd.create({ initial: 2, semaphore: true });
      process.on('uncaughtException', (error, origin) => console.log(error.message, origin));
      const watch = new FdWatch(eventfd, () => {
        if (eventfd.take() === 1n) throw new Error('from the listener');
      });
      setTimeout(() => { watch.close(); eventfd.close(); }, 50);
    `);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe('from the listener uncaughtException\n'.repeat(2));
  });

  it('ends the process with the exception where nobody handles it', () => {
    const { status, stderr } = runScript(`
      import { EventFd, FdWatch } from ${layer('native')};
      new FdWatch(EventFd.create({ initial: 1 }), () => { throw new Error('nobody handles this'); });
    `);
    expect(status).toBe(1);
    expect(stderr).toContain('nobody handles this');
  });

  it('runs promise callbacks and ticks between two calls', async () => {
    using eventfd = EventFd.create({ initial: 1 });
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      const watch = new FdWatch(eventfd, () => {
        order.push('call');
        Promise.resolve().then(() => order.push('promise'));
        process.nextTick(() => order.push('tick'));
        if (order.length <= 3) return;
        watch.close();
        setImmediate(resolve);
      });
    });
    expect(order).toEqual(['call', 'tick', 'promise', 'call', 'tick', 'promise']);
  });

  it('keeps the process alive only while referenced', () => {
    const { status, stdout } = runScript(`
      import { EventFd, FdWatch } from ${layer('native')};
      new FdWatch(EventFd.create(), () => {}).unref();
      console.log('done');
    `);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'done\n' });
  });

  it('ends with its Worker, watching or closing, and leaves nothing behind', async () => {
    const threads = threadCount();
    for (let round = 0; round < 10; round++) {
      const worker = new Worker(
        `const { parentPort } = require('node:worker_threads');
         import(${layer('native')}).then(({ EventFd, FdWatch }) => {
           const eventfd = EventFd.create({ initial: 1 });
           new FdWatch(eventfd, () => {});
           new FdWatch(eventfd, () => {}).close();
           eventfd.close();
           parentPort.postMessage('watching');
         });`,
        { eval: true },
      );
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      await worker.terminate();
    }
    expect(threadCount()).toBe(threads);
  });

  it('is not stopped twice by a Worker that exits inside the listener', async () => {
    const worker = new Worker(
      `import(${layer('native')}).then(({ EventFd, FdWatch }) => {
         const eventfd = EventFd.create({ initial: 1 });
         new FdWatch(eventfd, () => {
           eventfd.close();
           process.exit(7);
         });
       });`,
      { eval: true },
    );
    expect(await new Promise((resolve) => worker.once('exit', resolve))).toBe(7);
  });
});

describe('waiting for an eventfd on a thread with an event loop', () => {
  it('clears it where it is signalled', () => {
    using eventfd = EventFd.create({ initial: 3 });
    expect(eventfd.waitAndClear(1000)).toBe(true);
    expect(eventfd.take()).toBeNull();
  });

  it('ends where the time has run out', () => {
    using eventfd = EventFd.create();
    expect(eventfd.waitAndClear(0)).toBe(false);
    expect(eventfd.waitAndClear(1000)).toBe(false);
  });

  it('refuses to wait for longer', () => {
    using eventfd = EventFd.create();
    expect(() => eventfd.waitAndClear(1001)).toThrow(RangeError);
  });

  it('gives no signal twice', () => {
    using eventfd = EventFd.create({ initial: 1 });
    expect([eventfd.waitAndClear(0), eventfd.waitAndClear(0)]).toEqual([true, false]);
  });
});
