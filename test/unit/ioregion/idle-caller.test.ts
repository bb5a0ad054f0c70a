/** A caller keeps the region of its last access for the next one; that must not keep a removed region alive. */
import { setImmediate } from 'node:timers/promises';
import { LoopbackDispatcher } from 'ioregion/ioregion';
import { type Fd, socketpair } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CallerThread } from '#dist/test/stress/caller-thread.js';

const GPA = 0x1000;
const NEXT = 0x2000;
const SIZE = 16;
const COMMAND_BYTES = 32;
/** Of a race, and where none of these met a command. */
const ROUNDS = 300;
const MOST_ROUNDS = 100_000;

let dispatcher: LoopbackDispatcher;
beforeEach(() => {
  dispatcher = new LoopbackDispatcher();
});
afterEach(() => dispatcher.close());

/** A region for posted writes, which nobody needs to answer, and the other end of its socket. */
function postedRegion(gpa: number, space: 'mmio' | 'pio' = 'mmio') {
  const [ours, theirs] = socketpair('seqpacket');
  const region = dispatcher.addRegion({ space, gpa, size: SIZE, readFd: ours, writeFd: ours, postedWrites: true });
  ours.close();
  theirs.setNonblock(true);
  return { region, peer: theirs, next: () => theirs.read(new Uint8Array(2 * COMMAND_BYTES)) };
}

/** Reads until the end, which comes when all have closed the other side: the number of commands. */
async function drainToEnd(peer: Fd): Promise<number> {
  const bytes = new Uint8Array(COMMAND_BYTES);
  for (let commands = 0; ; ) {
    const count = peer.read(bytes);
    if (count === 0) return commands;
    if (count === null) await setImmediate();
    else commands += 1;
  }
}

describe('a caller that had an access to a region', () => {
  test('does not keep its files open once it is removed', () => {
    const { region, peer, next } = postedRegion(GPA);
    const caller = dispatcher.createCaller();
    expect(caller.write('mmio', GPA, 4, 1)).toBe(true);
    expect(next()).toBe(COMMAND_BYTES);
    region.remove();
    expect(next()).toBe(0);
    expect(caller.write('mmio', GPA, 4, 1)).toBe(false);
    caller.close();
    peer.close();
  });

  test('goes to the region that took its place', () => {
    const first = postedRegion(GPA);
    const caller = dispatcher.createCaller();
    caller.write('mmio', GPA, 4, 1);
    first.region.remove();
    const second = postedRegion(GPA);
    expect(caller.write('mmio', GPA, 4, 2)).toBe(true);
    expect(second.next()).toBe(COMMAND_BYTES);
    expect(second.region.stats().posted).toBe(1);
    caller.close();
    for (const { peer } of [first, second]) peer.close();
  });

  test('finds the others: at another address, at the same one in another space, and across the end', () => {
    const [here, there, port] = [postedRegion(GPA), postedRegion(NEXT), postedRegion(GPA, 'pio')];
    const caller = dispatcher.createCaller();
    for (let round = 0; round < 3; round++) {
      expect(caller.write('mmio', GPA, 4, 1)).toBe(true);
      expect(caller.write('pio', GPA, 4, 1)).toBe(true);
      expect(caller.write('mmio', NEXT, 4, 1)).toBe(true);
      expect(caller.write('mmio', GPA + SIZE - 2, 4, 1)).toBe(false);
      expect(caller.write('mmio', GPA + SIZE, 1, 1)).toBe(false);
      expect(caller.write('mmio', GPA, 3, 1)).toBe(false);
    }
    expect([here, there, port].map(({ region }) => region.stats().posted)).toEqual([3, 3, 3]);
    caller.close();
    for (const { peer } of [here, there, port]) peer.close();
  });

  test('leaves the files to the last of several that had one', () => {
    const { region, peer, next } = postedRegion(GPA);
    const callers = Array.from({ length: 4 }, () => dispatcher.createCaller());
    for (const caller of callers) caller.write('mmio', GPA, 4, 1);
    for (const _ of callers) expect(next()).toBe(COMMAND_BYTES);
    callers[0]!.close();
    region.remove();
    expect(next()).toBe(0);
    for (const caller of callers) caller.close();
    peer.close();
  });

  test('does not keep them open where it outlives the dispatcher', () => {
    const { peer, next } = postedRegion(GPA);
    const caller = dispatcher.createCaller();
    caller.write('mmio', GPA, 4, 1);
    expect(next()).toBe(COMMAND_BYTES);
    dispatcher.close();
    expect(next()).toBe(0);
    caller.close();
    peer.close();
  });

  test('on another thread does not, whenever it is removed', async () => {
    const thread = await CallerThread.start(dispatcher);
    const accesses = Array.from(
      { length: 2000 },
      (_, value) => ({ space: 'mmio', address: GPA, size: 4, value }) as const,
    );
    let isEnough = false;
    const performed = (async () => {
      while (!isEnough) await thread.perform(accesses);
    })();
    let commands = 0;
    for (let round = 0; round < ROUNDS || (commands === 0 && round < MOST_ROUNDS); round++) {
      const { region, peer } = postedRegion(GPA);
      for (let turns = round % 3; turns > 0; turns--) await setImmediate();
      region.remove();
      commands += await drainToEnd(peer);
      peer.close();
    }
    isEnough = true;
    await performed;
    expect(commands).toBeGreaterThan(0);
    await thread.close();
  });
});
