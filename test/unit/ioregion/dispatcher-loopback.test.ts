/** The face of the loopback dispatcher on the calling thread; the contract suite has what happens between threads. */
import {
  kickLoopbackCaller,
  type LoopbackCaller,
  LoopbackDispatcher,
  openLoopbackCaller,
  type RegionFailure,
  type RegionOptions,
} from 'ioregion/ioregion';
import { AccessOutcome, native } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Channel } from '#dist/test/contract/channel.js';
import { removeWhenSent } from '#dist/test/contract/remove-when-sent.js';
import { kickWhenSent } from '#dist/test/stress/kick-when-sent.js';

const GPA = 0x1000;
const SECOND = 0x4000;
const ALL_ONES = 0xffff_ffff;

describe('LoopbackCaller', () => {
  let dispatcher: LoopbackDispatcher;
  let caller: LoopbackCaller;
  let channel: Channel;

  beforeEach(() => {
    dispatcher = new LoopbackDispatcher();
    caller = dispatcher.createCaller();
    channel = new Channel('seqpacket');
  });
  afterEach(() => {
    caller.close();
    dispatcher.close();
    channel.close();
  });

  function addRegion(options: Partial<RegionOptions> = {}) {
    return dispatcher.addRegion({ space: 'mmio', gpa: GPA, size: 0x1000, ...channel.near, ...options });
  }

  /** Leaves the caller interrupted with its command outstanding. */
  async function beginAndInterrupt(gpa = GPA): Promise<void> {
    const kicked = kickWhenSent(channel.far.readFd, caller);
    expect(caller.begin('mmio', false, gpa, 4)).toBe(AccessOutcome.interrupted);
    await kicked;
  }

  describe('where no region takes an access', () => {
    it.each([
      [1, 0xff, 0],
      [2, 0xffff, 0],
      [4, ALL_ONES, 0],
      [8, ALL_ONES, ALL_ONES],
    ])('reads all ones of %i bytes, and says that a write went nowhere', (size, low, high) => {
      expect(caller.read('mmio', GPA, size)).toBe(low);
      expect(caller.valueHigh).toBe(high);
      expect(caller.write('pio', GPA, size, 1)).toBe(false);
    });

    it.each([3, 5, 6, 7])('which is so for %i bytes, wherever they are', (size) => {
      addRegion();
      expect(caller.begin('mmio', false, GPA, size)).toBe(AccessOutcome.unhandled);
      expect(channel.peer.pendingBytes()).toBe(0);
    });

    it.each([0, 9, 2 ** 32 - 1])('it is an error to ask for %i bytes', (size) => {
      expect(() => caller.begin('mmio', false, GPA, size)).toThrow(RangeError);
    });
  });

  it('reaches the last region of the 64-bit space, and only what lies in it', async () => {
    const gpa = 2n ** 64n - 4096n;
    addRegion({ gpa, size: 4095, postedWrites: true });
    expect(caller.write('mmio', Number(gpa), 4, 5)).toBe(true);
    expect((await channel.peer.command()).offset).toBe(0);
    expect(caller.write('mmio', 0, 4, 5)).toBe(false);
  });

  it('reads and writes both halves of 8 bytes', async () => {
    addRegion({ postedWrites: true });
    caller.write('mmio', GPA, 8, 0x5566_7788, 0x1122_3344);
    expect((await channel.peer.command()).data).toBe(0x1122_3344_5566_7788n);
    await beginAndInterrupt();
    await channel.peer.answer(0x99aa_bbcc_ddee_ff00n);
    expect(caller.resume()).toBe(AccessOutcome.done);
    expect([caller.valueLow, caller.valueHigh]).toEqual([0xddee_ff00, 0]); /* 4 bytes were asked for */
  });

  it('makes one access at a time', async () => {
    addRegion();
    await beginAndInterrupt();
    expect(() => caller.begin('mmio', false, GPA, 4)).toThrow(expect.objectContaining({ code: 'EBUSY' }));
    expect(() => caller.resolve(false)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    await channel.peer.answer(3);
    expect(caller.resume()).toBe(AccessOutcome.done);
    expect(() => caller.resume()).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => caller.resolve(true)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  it('tells of each interruption before it goes on', async () => {
    addRegion();
    const seen: number[] = [];
    caller.onInterrupted = () => {
      seen.push(channel.peer.pendingBytes());
      channel.peer.respond(5);
      channel.far.readFd.read(new Uint8Array(32));
    };
    const kicked = kickWhenSent(channel.far.readFd, caller);
    expect(caller.read('mmio', GPA, 4)).toBe(5);
    expect(seen).toEqual([32]);
    await kicked;
  });

  it('keeps a kick until an access waits', () => {
    addRegion({ postedWrites: true });
    expect(kickLoopbackCaller(caller.id)).toBe(true);
    expect(caller.begin('mmio', true, SECOND, 4)).toBe(AccessOutcome.unhandled);
    expect(caller.begin('mmio', true, GPA, 4)).toBe(AccessOutcome.interrupted);
    expect(channel.peer.pendingBytes()).toBe(0);
    expect(caller.resume()).toBe(AccessOutcome.done);
    expect(channel.peer.pendingBytes()).toBe(32);
  });

  it('can be kicked by nobody once it is gone', () => {
    const { id } = caller;
    caller.close();
    expect(kickLoopbackCaller(id)).toBe(false);
    expect(kickLoopbackCaller(2 ** 32 - 1)).toBe(false);
  });

  describe('where the device failed', () => {
    beforeEach(() => channel.closeFar());

    it('reads all ones under that policy', () => {
      addRegion();
      expect(caller.read('mmio', GPA, 2)).toBe(0xffff);
      expect(caller.write('mmio', GPA, 2, 1)).toBe(true);
    });

    it.each(['stop', 'reconnect'] as const)('throws the failure under the policy %s, each time', (kind) => {
      const policy = kind === 'stop' ? { kind } : { kind, reconnect: () => Promise.resolve(null) };
      addRegion({ policy });
      const access = () => caller.read('mmio', GPA, 4);
      expect(access).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_PEER_CLOSED', first: true, policy: kind }));
      expect(access).toThrow(expect.objectContaining({ first: false }));
    });

    it('sends it again where its own handler has reconnected', async () => {
      const region = addRegion({ policy: { kind: 'stop' }, postedWrites: true });
      using spare = new Channel('seqpacket');
      const failures: RegionFailure[] = [];
      caller.onFailure = (failure) => {
        const { readFd, writeFd } = spare.near;
        failures.push(failure);
        native.regionReconnect(dispatcher.object, failure.regionId, readFd.number, writeFd.number);
        return 'retry';
      };
      expect(caller.write('mmio', GPA, 4, 0x77)).toBe(true);
      expect((await spare.peer.command()).data).toBe(0x77n);
      expect(failures.map(({ reason }) => reason)).toEqual(['peer-closed']);
      expect(region.stats()).toMatchObject({ posted: 1, failures: 1, ended: 0 });
    });

    it('names the access in the message', () => {
      addRegion({ policy: { kind: 'stop' } });
      expect(() => caller.write('mmio', GPA + 0x10, 2, 1)).toThrow(/2-byte mmio write at 0x1010/);
      expect(() => caller.read('mmio', GPA, 8)).toThrow(/device closed .* 8-byte mmio read at 0x1000/);
    });
  });

  it('may resolve an interrupted access whose region was removed, without going on with it', async () => {
    const region = addRegion();
    const { number } = channel.near.readFd; /* the other thread removes by range, not by the Region object */
    native.regionAdd(dispatcher.object, BigInt(SECOND), 0x1000n, 0n, number, number, 0, 0, 0, false);
    await beginAndInterrupt();
    region.remove();
    expect(caller.resolve(false)).toBe(AccessOutcome.done);
    expect(caller.valueLow).toBe(ALL_ONES);
    await channel.peer.answer(1); /* to the access that was given up: dropped */
    const removed = removeWhenSent(channel.far.readFd, dispatcher, { gpa: BigInt(SECOND), size: 0x1000n });
    expect(caller.begin('mmio', false, SECOND, 4)).toBe(AccessOutcome.failed);
    expect(caller.failure().reason).toBe('region-removed');
    expect(caller.resolve(true)).toBe(AccessOutcome.unhandled);
    await removed;
  });

  it('makes no access once the dispatcher is closed', () => {
    addRegion();
    dispatcher.close();
    expect(caller.read('mmio', GPA, 4)).toBe(ALL_ONES);
    expect(() => dispatcher.createCaller()).toThrow(
      expect.objectContaining({ code: 'ERR_IOREGION_DISPATCHER_CLOSED' }),
    );
  });

  it('is opened by the id of its dispatcher, as long as there is one', () => {
    const { id } = dispatcher;
    const other = openLoopbackCaller(id);
    addRegion({ postedWrites: true });
    expect(other.write('mmio', GPA, 4, 1)).toBe(true);
    caller.close();
    other.close();
    dispatcher.close();
    expect(() => openLoopbackCaller(id)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});

describe('the native dispatcher', () => {
  let dispatcher: LoopbackDispatcher;
  let channel: Channel;
  beforeEach(() => {
    dispatcher = new LoopbackDispatcher();
    channel = new Channel('stream');
  });
  afterEach(() => {
    dispatcher.close();
    channel.close();
  });

  it.each([
    { why: 'another size', range: [0x1000n, 0xfffn, 0] as const },
    { why: 'another address', range: [0x1001n, 0x1000n, 0] as const },
    { why: 'the other space', range: [0x1000n, 0x1000n, 1] as const },
  ])('removes nothing for $why: ENOENT', ({ range: [gpa, size, flags] }) => {
    const region = dispatcher.addRegion({ space: 'mmio', gpa: 0x1000, size: 0x1000, ...channel.near });
    expect(() => native.regionRemove(dispatcher.object, gpa, size, flags)).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
    expect(region.stats()?.reads).toBe(0);
  });

  it('refuses unknown flags and policies: EINVAL', () => {
    const { number } = channel.near.readFd;
    const add = (flags: number, policy: number) => () =>
      native.regionAdd(dispatcher.object, 0n, 4n, 0n, number, number, flags, policy, 0, false);
    expect(add(4, 0)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(add(0, 3)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => native.regionRemove(dispatcher.object, 0n, 4n, 4)).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });

  it('has no statistics of a region that was removed', () => {
    const region = dispatcher.addRegion({ space: 'mmio', gpa: 0x1000, size: 0x1000, ...channel.near });
    region.remove();
    expect(() => region.stats()).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_REGION_NOT_FOUND' }));
  });
});
