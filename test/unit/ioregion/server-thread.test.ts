/** Region servers on Workers: starting, failing to start, ending, and what crosses the thread boundary. */
import {
  DeviceLoadError,
  LoopbackDispatcher,
  ProtocolError,
  RegionServerThread,
  type RegionServerThreadOptions,
  ServerWorkerError,
  serveOnThread,
} from 'ioregion/ioregion';
import { EventFd } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { soon, until } from '#dist/test/contract/bounded.js';
import { Channel } from '#dist/test/contract/channel.js';
import { responseBytes } from '#dist/test/contract/scripted-peer.js';
import { commandBytes } from '#dist/test/contract/server-exchange.js';
import { expectOpenFds, openFds, threadCount } from '../../support/open-fds.js';

const MESSAGE_BYTES = 32;

/** A device module from its source; `body` is what the factory returns. */
function module(body: string) {
  return { module: `data:text/javascript,export default (options, context) => (${encodeURIComponent(body)})` };
}

const ZERO = module('{ read: () => 0, write() {} }');
const BROKEN = module('{ read() { throw new Error("broken") }, write() {} }');

describe('RegionServerThread', () => {
  let channel: Channel;
  const threads: RegionServerThread[] = [];
  beforeEach(() => {
    channel = new Channel('seqpacket');
  });
  afterEach(async () => {
    await Promise.all(threads.splice(0).map((thread) => thread.close()));
    channel.close();
  });

  async function start(
    device: RegionServerThreadOptions['regions'][number]['device'],
    options: Partial<RegionServerThreadOptions> = {},
  ) {
    const thread = await RegionServerThread.start({ ...channel.far, regions: [{ device }], ...options });
    threads.push(thread);
    return thread;
  }

  async function ask(bytes: Uint8Array = commandBytes()): Promise<Uint8Array> {
    channel.near.writeFd.write(bytes);
    await until(() => channel.unreadResponseBytes() > 0, 'a response');
    const response = new Uint8Array(MESSAGE_BYTES);
    channel.near.readFd.read(response);
    return response;
  }

  it('closes its devices, each once, before its thread is gone', async () => {
    const shared = new SharedArrayBuffer(4);
    const device = module(
      '{ read: () => 0, write() {}, async close() { await null; Atomics.add(new Int32Array(context.shared), 0, 1) } }',
    );
    const regions = [1, 2].map((userData) => ({ userData, device }));
    const thread = await start(device, { shared, regions });
    await thread.close();
    expect(new Int32Array(shared)[0]).toBe(1);
  });

  it('ends although a device cannot be closed', async () => {
    const errors: unknown[] = [];
    const device = module('{ read: () => 0, write() {}, close() { throw new Error("stuck") } }');
    const thread = await start(device, { onDeviceError: (error) => errors.push(error) });
    await thread.close();
    expect(String(errors)).toContain('stuck');
  });

  describe('does not start', () => {
    it.each([
      ['a module that is missing', { module: '/nowhere/device.mjs' }, /Cannot find module/],
      ['a module that does not parse', { module: 'data:text/javascript,export default (' }, /Unexpected/],
      ['a module without the factory', { module: 'data:text/javascript,export const x = 1' }, /no function "default"/],
      [
        'a factory that is none',
        { module: 'data:text/javascript,export const make = 1', factory: 'make' },
        /no function "make"/,
      ],
      ['a factory that throws', module('(() => { throw new Error("no hardware") })()'), /no hardware/],
      ['a factory that rejects', module('Promise.reject(new Error("no hardware"))'), /no hardware/],
    ] as const)('with %s, and says so', async (_, device, message) => {
      const [fds, count] = [openFds(), threadCount()];
      const starting = start(device);
      await expect(starting).rejects.toThrow(message);
      await expect(starting).rejects.toBeInstanceOf(DeviceLoadError);
      await expect(starting).rejects.toMatchObject({ code: 'ERR_IOREGION_DEVICE_LOAD', module: device.module });
      await expectOpenFds(fds);
      await vi.waitFor(() => expect(threadCount()).toBe(count));
    });

    it('on fds that are not open', async () => {
      const starting = start(ZERO, { readFd: 1_000_000, writeFd: 1_000_000 });
      await expect(starting).rejects.toBeInstanceOf(ServerWorkerError);
      await expect(starting).rejects.toThrow(/EBADF/);
    });
  });

  const COUNTING = module(`{
    reads: 0,
    read() { return ++this.reads; },
    write() {},
    async ask(question) {
      if (question === 'fail') throw new Error('no answer');
      await new Promise((resolve) => setTimeout(resolve));
      return [question, this.reads];
    },
  }`);

  it('answers questions between accesses, on the thread of the devices, and goes on', async () => {
    const thread = await start(COUNTING);
    expect(await ask()).toEqual(responseBytes(1));
    const answers = await Promise.all(['a', 'b', 'c'].map((question) => thread.ask(question)));
    expect(answers).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ]);
    expect(await ask()).toEqual(responseBytes(2));
    await expect(thread.ask('fail')).rejects.toThrow('no answer');
    expect(await thread.ask('d')).toEqual(['d', 2]);
  });

  it('loses no access and no response to questions that are asked all the time', async () => {
    const thread = await start(COUNTING);
    const answered: unknown[] = [];
    for (let round = 1; round <= 100; round++) {
      const question = thread.ask(round).then((answer) => answered.push(answer));
      expect(await ask()).toEqual(responseBytes(round));
      await question;
    }
    expect(answered).toHaveLength(100);
  });

  it('answers nothing where no device does, or when it has ended', async () => {
    const thread = await start(ZERO);
    expect(await thread.ask('anything')).toBeUndefined();
    await thread.close();
    await expect(thread.ask('too late')).rejects.toBeInstanceOf(ServerWorkerError);
  });

  it('keeps duplicates of its fds: the owner may close its own', async () => {
    await start(module('{ read: () => 7, write() {} }'));
    channel.closeFar();
    expect(await ask()).toEqual(responseBytes(7));
  });

  it('hands the device its options, files, memory and the name of its region', async () => {
    using irq = EventFd.create();
    const shared = new SharedArrayBuffer(4);
    const device = module(
      '{ read: () => options.value + context.region.length * 16, write() { new Int32Array(context.shared)[0] = context.fds.irq; } }',
    );
    const named = { device: { ...device, options: { value: 5 } }, name: 'bar' };
    await start(device, { regions: [named], fds: { irq }, shared });
    expect(await ask()).toEqual(responseBytes(0x35));
    await ask(commandBytes({ write: true }));
    expect(new Int32Array(shared)[0]).toBe(irq.number);
  });

  it('makes one device for the regions that name the same object', async () => {
    const counter = module('{ count: 0, read() { return ++this.count }, write() {} }');
    const regions = [
      { userData: 1, device: counter },
      { userData: 2, device: counter },
      { userData: 3, device: { ...counter } },
    ];
    await start(counter, { regions });
    const answers = [];
    for (const userData of [1n, 2n, 3n]) answers.push(await ask(commandBytes({ userData })));
    expect(answers).toEqual([1, 2, 1].map((count) => responseBytes(count)));
  });

  describe('ends', () => {
    it('when closed, also twice and at once, with what it counted', async () => {
      const thread = await start(ZERO);
      await ask();
      await soon(Promise.all([thread.close(), thread.close()]), 'the end of a thread');
      expect(await thread.ended).toMatchObject({ end: { reason: 'closed' }, stats: { reads: 1, writes: 0 } });
      await thread.close();
    });

    it('when the VMM hangs up', async () => {
      const thread = await start(ZERO);
      channel.closeNear();
      expect((await soon(thread.ended, 'the end')).end).toEqual({ reason: 'hang-up' });
    });

    it('when the VMM breaks the protocol, with an error that names the rule', async () => {
      const thread = await start(ZERO);
      channel.near.writeFd.write(new Uint8Array(MESSAGE_BYTES).fill(0xff));
      const { end, stats } = await soon(thread.ended, 'the end');
      expect(end).toEqual({ reason: 'error', error: expect.any(ProtocolError) });
      expect(end).toMatchObject({ error: { rule: 'mixedVersions' } });
      expect(stats.faults).toEqual({ mixedVersions: 1 });
    });

    it('when its device ends the thread, with an error', async () => {
      const thread = await start(module('{ read: () => process.exit(), write() {} }'));
      channel.near.writeFd.write(commandBytes());
      await expect(soon(thread.ended, 'the end')).rejects.toBeInstanceOf(ServerWorkerError);
      await thread.close();
    });

    it('after the access under way', async () => {
      const shared = new SharedArrayBuffer(8);
      const words = new Int32Array(shared);
      const slow = module(
        '{ read() { const w = new Int32Array(context.shared); Atomics.store(w, 0, 1); Atomics.wait(w, 1, 0); return 1 }, write() {} }',
      );
      const thread = await start(slow, { shared });
      channel.near.writeFd.write(commandBytes());
      await until(() => Atomics.load(words, 0) === 1, 'a read under way');
      const closing = thread.close();
      Atomics.store(words, 1, 1);
      Atomics.notify(words, 1);
      await soon(closing, 'the end of a thread');
      expect((await thread.ended).stats.reads).toBe(1);
    });
  });

  it('reports the first errors of its device, and counts them all', async () => {
    const errors: unknown[] = [];
    const thread = await start(BROKEN, { onDeviceError: (error) => errors.push(error) });
    for (let count = 0; count < 30; count++) expect(await ask()).toEqual(responseBytes(0xffff_ffff));
    await thread.close();
    expect((await thread.ended).stats.deviceErrors).toBe(30);
    expect(errors).toHaveLength(10);
    expect(errors[0]).toMatch(/broken/);
  });

  it('answers while it spins for commands, and sleeps where none come', async () => {
    await start(module('{ read: (offset) => offset, write() {} }'), { spinNs: 200_000 });
    for (let offset = 0; offset < 100; offset++)
      expect(await ask(commandBytes({ offset }))).toEqual(responseBytes(offset));
  });
});

describe('serveOnThread', () => {
  it('adds the region and serves it, and takes both away again', async () => {
    const dispatcher = new LoopbackDispatcher();
    const caller = dispatcher.createCaller();
    const options = { space: 'mmio', gpa: 0x1000, size: 0x100 } as const;
    const fds = openFds();
    const served = await serveOnThread(dispatcher, options, module('{ read: (offset) => offset, write() {} }'));
    expect(caller.read('mmio', 0x1010, 4)).toBe(0x10);
    await served.close();
    await served.close();
    expect(caller.read('mmio', 0x1010, 4)).toBe(0xffff_ffff);
    await expectOpenFds(fds);
    caller.close();
    dispatcher.close();
  });

  it('leaves nothing where the device does not load, or the region is refused', async () => {
    const dispatcher = new LoopbackDispatcher();
    const options = { space: 'mmio', gpa: 0x1000, size: 0x100 } as const;
    const fds = openFds();
    await expect(serveOnThread(dispatcher, options, { module: '/nowhere.mjs' })).rejects.toBeInstanceOf(
      DeviceLoadError,
    );
    await expect(serveOnThread(dispatcher, { ...options, size: 0 }, ZERO)).rejects.toMatchObject({
      code: 'ERR_IOREGION_REGION_INVALID',
    });
    await expectOpenFds(fds);
    const served = await serveOnThread(dispatcher, options, ZERO);
    await served.close();
    dispatcher.close();
  });
});
