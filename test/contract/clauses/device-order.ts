/** Clause: a read on one fd of a device sees all writes posted earlier on its others, and their interrupts. */
import { EventLoopServer, OrderGroup, RegionServerThread } from 'ioregion/ioregion';
import { EventFd } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fewer } from '../../support/patience.js';
import { type GuestAccess, read, write } from '../accesses.js';
import { until } from '../bounded.js';
import { OrderedRegister, readRegister, SHARED_BYTES, takeEffect } from '../devices/ordered-member.js';
import { MMIO_BASE, REGION_BYTES, type Stage, valuesOf } from '../stage.js';

const MODULE = new URL('../devices/ordered-member.js', import.meta.url).href;
const WORK_NS = 20_000;
/** A file without packets gets fewer: the order does not depend on it. */
const ROUNDS = { seqpacket: fewer(500), stream: fewer(200), pipe: fewer(200) } as const;

function addressOf(member: number): number {
  return MMIO_BASE + member * REGION_BYTES;
}

/** A device of several fds, each served by somebody. */
class OrderedDevice {
  readonly shared = new SharedArrayBuffer(SHARED_BYTES);
  readonly irq = EventFd.create();
  readonly group = new OrderGroup();
  readonly threads: RegionServerThread[] = [];
  readonly #loops: EventLoopServer[] = [];
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  #fds(member: number) {
    const { channel } = this.#stage.region({ gpa: addressOf(member), postedWrites: true });
    return channel.far;
  }

  /** Served by a Worker of its own. */
  async addThread(member: number, members: number, fatal = false): Promise<void> {
    const options = { member, members, workNs: WORK_NS, fatal };
    const regions = [{ device: { module: MODULE, factory: 'orderedMember', options } }];
    const { shared, group, irq } = this;
    this.threads.push(await RegionServerThread.start({ ...this.#fds(member), regions, group, shared, fds: { irq } }));
  }

  /** Served by this thread's event loop; its doorbells take effect a turn later. */
  addLoop(member: number, members: number): EventLoopServer {
    const words = new Int32Array(this.shared);
    const irq = this.irq.number;
    const device = {
      read: (offset: number) => readRegister(words, members, member, offset, irq),
      write: async (_offset: number, _size: number, value: number) => {
        await new Promise((resolve) => setImmediate(resolve));
        takeEffect(words, member, value, irq);
      },
    };
    const server = new EventLoopServer({ ...this.#fds(member), regions: [{ device }], group: this.group.object });
    this.#loops.push(server);
    return server;
  }

  async close(): Promise<void> {
    for (const server of this.#loops) server.close();
    await Promise.all(this.threads.map((thread) => thread.close()));
    this.group.close();
    this.irq.close();
  }
}

/** Rings doorbells 1 to members - 1, then looks through the fd of member 0. */
function round(value: number, members: number): GuestAccess[] {
  const doorbells = Array.from({ length: members - 1 }, (_, index) => write('mmio', addressOf(index + 1), 4, value));
  const registers = [OrderedRegister.slowest, OrderedRegister.interrupts];
  return [...doorbells, ...registers.map((register) => read('mmio', addressOf(0) + register, 4))];
}

export function describeDeviceOrder(stage: Stage): void {
  const rounds = Array.from({ length: ROUNDS[stage.kind] }, (_, index) => index + 1);
  let device: OrderedDevice;
  beforeEach(() => {
    device = new OrderedDevice(stage);
  });
  afterEach(() => device.close());

  /** What each round's read of the slowest doorbell and of the interrupts gave. */
  async function expectRounds(members: number): Promise<void> {
    const accesses = rounds.flatMap((value) => round(value, members));
    const values = valuesOf(await stage.perform(...accesses));
    const seen = rounds.map((value) => values.slice(value * (members + 1) - 2, value * (members + 1)));
    expect(seen).toEqual(rounds.map((value) => [BigInt(value), BigInt(value * (members - 1))]));
  }

  describe('orders the fds of a device', () => {
    it.each([2, 4])('that %i threads serve: effects and interrupts precede the answer to a read', async (members) => {
      for (let member = 0; member < members; member++) await device.addThread(member, members);
      await expectRounds(members);
    });

    it('that the event loop serves, with handlers that take their time', async () => {
      for (let member = 0; member < 3; member++) device.addLoop(member, 3);
      await expectRounds(3);
    });

    it.each(['thread', 'event loop'])('that a %s reads and the other kind writes', async (reader) => {
      if (reader === 'thread') await device.addThread(0, 2);
      else device.addLoop(0, 2);
      if (reader === 'thread') device.addLoop(1, 2);
      else await device.addThread(1, 2);
      await expectRounds(2);
    });

    it('for vCPUs that read on each other’s fds at the same time, without waiting for each other', async () => {
      await device.addThread(0, 2);
      await device.addThread(1, 2);
      const runs = [0, 1].map((member) => {
        const through = addressOf(1 - member) + OrderedRegister.doorbellOf(member);
        const program = rounds.flatMap((value) => [
          write('mmio', addressOf(member), 4, value),
          read('mmio', through, 4),
        ]);
        return stage.machine.vcpus[member]!.start(program).results;
      });
      for (const results of await Promise.all(runs)) {
        const seen = results.filter((_, index) => index % 2 === 1).map(({ value }) => Number(value));
        expect(seen).toEqual(rounds);
      }
      expect(stage.machine.failures).toEqual([]);
    });
  });

  describe('does not hold up the others where a member', () => {
    const look = read('mmio', addressOf(0) + OrderedRegister.doorbellOf(1), 4);

    it('dies in the middle of a write', async () => {
      await device.addThread(0, 2);
      await device.addThread(1, 2, true);
      const [, result] = await stage.perform(write('mmio', addressOf(1), 4, 1), look);
      expect(result!.value).toBe(0n);
      await expect(device.threads[1]!.ended).rejects.toMatchObject({ code: 'ERR_IOREGION_SERVER_WORKER' });
      expect((await stage.perform(look))[0]!.value).toBe(0n);
    });

    it('is closed with writes in its file', async () => {
      await device.addThread(0, 2);
      const member = device.addLoop(1, 2);
      const results = stage.perform(write('mmio', addressOf(1), 4, 1, { count: 5 }), look);
      await until(() => member.stats.writes > 0, 'a write that is taken');
      member.close();
      await results;
      expect(stage.machine.failures).toEqual([]);
    });

    it('is closed while its handler never settles', async () => {
      await device.addThread(0, 2);
      const { channel } = stage.region({ gpa: addressOf(1), postedWrites: true });
      const stuck = { read: () => 0, write: () => new Promise<void>(() => {}) };
      const member = new EventLoopServer({ ...channel.far, regions: [{ device: stuck }], group: device.group.object });
      const results = stage.perform(write('mmio', addressOf(1), 4, 1), look);
      await until(() => member.stats.writes > 0, 'a write that is taken');
      member.close();
      expect((await results)[1]!.value).toBe(0n);
    });

    it('leaves, and another takes its place', async () => {
      await device.addThread(0, 2);
      device.addLoop(1, 2).close();
      await stage.perform(look);
      const { channel } = stage.region({ gpa: addressOf(2), postedWrites: true });
      const words = new Int32Array(device.shared);
      const late = {
        read: () => 0,
        write: async (_: number, __: number, value: number) => takeEffect(words, 1, value, device.irq.number),
      };
      const server = new EventLoopServer({ ...channel.far, regions: [{ device: late }], group: device.group.object });
      const results = await stage.perform(write('mmio', addressOf(2), 4, 9), look);
      expect(results[1]!.value).toBe(9n);
      server.close();
    });
  });
}
