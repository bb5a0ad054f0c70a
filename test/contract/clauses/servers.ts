/** Clause: with a real region server behind it, every access of every vCPU arrives exactly once and in order. */
import { EventLoopServer, RegionServerThread } from 'ioregion/ioregion';
import { describe, expect, it } from 'vitest';
import { fewer } from '../../support/patience.js';
import { type GuestAccess, read, write } from '../accesses.js';
import { JOURNAL_BYTES, JOURNAL_STRIDE, JournalDevice, JournalWord } from '../devices/journal-device.js';
import type { ContractVcpu } from '../harness.js';
import { expectQuiet, MMIO_BASE, PIO_BASE, type Stage } from '../stage.js';

const MODULE = new URL('../devices/journal-device.js', import.meta.url).href;
const POSTED_BASE = MMIO_BASE + 0x1000;
const ROUNDS = fewer(25);
const ONE = { count: 5, step: 1n };
/** Of one round: in three regions. */
const WRITES_PER_ROUND = 15;
const READS_PER_ROUND = 8;

interface Served {
  readonly shared: SharedArrayBuffer;
  close(): Promise<void>;
}

/** Three regions of both spaces on one fd. */
function regionsOn(stage: Stage, trustedPeer = false) {
  const channel = stage.channel();
  stage.addRegion({ channel, trustedPeer, userData: 1 });
  stage.addRegion({ channel, trustedPeer, userData: 2, gpa: POSTED_BASE, postedWrites: true });
  stage.addRegion({ channel, trustedPeer, userData: 3, space: 'pio' });
  return channel.far;
}

async function serveOnThread(stage: Stage, trustedPeer = false): Promise<Served> {
  const shared = new SharedArrayBuffer(JOURNAL_BYTES);
  const device = { module: MODULE, factory: 'journalDevice' };
  const regions = [1, 2, 3].map((userData) => ({ userData, device }));
  const server = await RegionServerThread.start({ ...regionsOn(stage, trustedPeer), regions, shared });
  return { shared, close: () => server.close() };
}

/** Each handler is awaited for a turn of the loop. */
async function serveOnEventLoop(stage: Stage): Promise<Served> {
  const shared = new SharedArrayBuffer(JOURNAL_BYTES);
  const journal = new JournalDevice(shared);
  const later = <T>(action: () => T) => new Promise<T>((resolve) => setImmediate(() => resolve(action())));
  const device = {
    read: (offset: number) => later(() => journal.read(offset)),
    write: (offset: number, size: number, value: number) => later(() => journal.write(offset, size, value)),
  };
  const server = new EventLoopServer({
    ...regionsOn(stage),
    regions: [1, 2, 3].map((userData) => ({ userData, device })),
  });
  return { shared, close: async () => server.close() };
}

/** Counts up through all regions, with reads in between. */
function program(vcpu: number): GuestAccess[] {
  const offset = vcpu * JOURNAL_STRIDE;
  return Array.from({ length: ROUNDS }, (_, round) => {
    const first = round * WRITES_PER_ROUND + 1;
    return [
      write('mmio', MMIO_BASE + offset, 4, first, ONE),
      read('pio', PIO_BASE + offset, 2, 3),
      write('mmio', POSTED_BASE + offset, 4, first + 5, ONE),
      read('mmio', POSTED_BASE + offset, 4, 5),
      write('pio', PIO_BASE + offset, 4, first + 10, ONE),
    ];
  }).flat();
}

function seenBy(words: Int32Array, vcpu: number, word: number): number {
  return Atomics.load(words, 4 * vcpu + word);
}

/**
 * Kicks each vCPU once after each of its accesses that the device has seen: one that is kicked whenever it has come back
 * would never get anywhere.
 */
async function kickUntilDone(
  vcpus: readonly ContractVcpu[],
  seenOf: (index: number) => number,
  done: Promise<unknown>,
): Promise<void> {
  let running = true;
  const stop = () => {
    running = false;
  };
  done.then(stop, stop);
  const kickedAt = vcpus.map(() => 0);
  while (running) {
    for (const [index, vcpu] of vcpus.entries()) {
      const seen = seenOf(index);
      if (seen !== kickedAt[index]) vcpu.kick();
      kickedAt[index] = seen;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export function describeServers(stage: Stage): void {
  describe.each([
    ['a thread', serveOnThread],
    ['a trusted thread', (stage: Stage) => serveOnThread(stage, true)],
    ['the event loop', serveOnEventLoop],
  ] as const)('where %s serves three regions on one fd', (_, serve) => {
    async function expectAll(kicked: boolean): Promise<number> {
      const { shared, close } = await serve(stage);
      const words = new Int32Array(shared);
      const { vcpus } = stage.machine;
      if (kicked) for (const vcpu of vcpus) vcpu.kick();
      const runs = vcpus.map((vcpu, index) => vcpu.start(program(index)));
      const done = Promise.all(runs.map(({ results }) => results));
      const seenOf = (index: number) =>
        seenBy(words, index, JournalWord.writes) + seenBy(words, index, JournalWord.reads);
      if (kicked) await kickUntilDone(vcpus, seenOf, done);
      await done;
      await close();
      for (const index of vcpus.keys()) {
        const seen = [JournalWord.writes, JournalWord.outOfOrder, JournalWord.reads].map((word) =>
          seenBy(words, index, word),
        );
        expect(seen).toEqual([ROUNDS * WRITES_PER_ROUND, 0, ROUNDS * READS_PER_ROUND]);
      }
      expectQuiet(stage.machine);
      return runs.reduce((sum, { interruptions }) => sum + interruptions, 0);
    }

    it('every access of every vCPU arrives once and in order', async () => {
      await expectAll(false);
    });

    it('and so it does where all vCPUs are kicked again and again', async () => {
      expect(await expectAll(true)).toBeGreaterThanOrEqual(stage.machine.vcpus.length);
      await stage.absorbKicks();
    });
  });
}
