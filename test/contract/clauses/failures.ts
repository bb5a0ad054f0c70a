/** Clause: a dead, stuck or lying peer is reported once, and no stale response is ever taken for a later access. */
import type { FailureReason } from 'ioregion/ioregion';
import { describe, expect, it } from 'vitest';
import { PATIENCE } from '../../support/patience.js';
import { allOnes, read, write } from '../accesses.js';
import { until } from '../bounded.js';
import type { Channel } from '../channel.js';
import { responseBytes } from '../scripted-peer.js';
import { hold, interrupt, MMIO_BASE, type Stage, valuesOf } from '../stage.js';
import { waitsForResponse, waitsToSend } from '../thread-state.js';

const SECOND = MMIO_BASE + 0x1000;
const MESSAGE_BYTES = 32;
/** Long enough for a scripted answer on a loaded machine. */
const SHORT_DEADLINE_MS = 100 * PATIENCE;
const STALE = 0xdead;

/** Between two kicks the vCPU gets to wait: a kick before it is back at its access leaves it no time that counts. */
const KICK_AGAIN_MS = SHORT_DEADLINE_MS / 20;

/** Misbehaviour with a command outstanding, and what it is called. */
interface Misbehaviour {
  readonly name: string;
  readonly reason: FailureReason;
  readonly code: string;
  readonly act: (channel: Channel) => Promise<void> | void;
  /** Without packets there are other ways to be wrong. */
  readonly only?: 'packets' | 'bytes';
}

const MISBEHAVIOURS: readonly Misbehaviour[] = [
  {
    name: 'dies before it reads the command',
    reason: 'peer-closed',
    code: 'ERR_IOREGION_PEER_CLOSED',
    act: async (channel) => {
      await channel.peer.readable();
      channel.closeFar();
    },
  },
  {
    name: 'dies before it answers',
    reason: 'peer-closed',
    code: 'ERR_IOREGION_PEER_CLOSED',
    act: async (channel) => {
      await channel.peer.command();
      channel.closeFar();
    },
  },
  {
    name: 'dies in the middle of its answer',
    reason: 'short-response',
    code: 'ERR_IOREGION_SHORT_RESPONSE',
    only: 'bytes',
    act: async (channel) => {
      await channel.peer.command();
      channel.peer.send(responseBytes(1).subarray(0, 31));
      channel.closeFar();
    },
  },
  {
    name: 'answers with too short a packet',
    reason: 'short-response',
    code: 'ERR_IOREGION_SHORT_RESPONSE',
    only: 'packets',
    act: async (channel) => {
      await channel.peer.command();
      channel.peer.send(responseBytes(1).subarray(0, 31));
    },
  },
  {
    name: 'answers with too long a packet',
    reason: 'long-response',
    code: 'ERR_IOREGION_LONG_RESPONSE',
    only: 'packets',
    act: async (channel) => {
      await channel.peer.command();
      channel.peer.send(new Uint8Array(33));
    },
  },
  {
    name: 'answers without having read the command',
    reason: 'unsolicited-response',
    code: 'ERR_IOREGION_UNSOLICITED_RESPONSE',
    act: async (channel) => {
      await channel.peer.readable();
      channel.peer.respond(STALE);
    },
  },
  {
    name: 'does not answer in time',
    reason: 'deadline',
    code: 'ERR_IOREGION_DEADLINE',
    act: async (channel) => void (await channel.peer.command()),
  },
  {
    name: 'stops in the middle of its answer',
    reason: 'deadline',
    code: 'ERR_IOREGION_DEADLINE',
    only: 'bytes',
    act: async (channel) => {
      await channel.peer.command();
      channel.peer.send(responseBytes(1).subarray(0, 1));
    },
  },
];

function possible(stage: Stage): readonly Misbehaviour[] {
  const packets = stage.kind === 'seqpacket' ? 'packets' : 'bytes';
  return MISBEHAVIOURS.filter(({ only }) => only === undefined || only === packets);
}

async function kickUntilFailure({ vcpu, machine }: Stage): Promise<void> {
  let again = 0;
  await until(() => {
    if (Date.now() >= again) {
      vcpu.kick();
      again = Date.now() + KICK_AGAIN_MS;
    }
    return machine.failures.length > 0;
  }, 'the deadline of a vCPU that is kicked');
}

export function describeFailures(stage: Stage): void {
  describe.each(possible(stage))('where the device $name', ({ reason, code, act }) => {
    it('reports it once, with region, access and reason, and the guest goes on with all ones', async () => {
      const { channel, region } = stage.region({ userData: 77, deadlineMs: SHORT_DEADLINE_MS });
      const failing = stage.perform(read('mmio', MMIO_BASE + 0x24, 4));
      await act(channel);
      expect(valuesOf(await failing)).toEqual([allOnes(4)]);
      const [failure, ...more] = stage.machine.failures;
      expect(more).toEqual([]);
      expect(failure).toMatchObject({ reason, code, userData: 77n, first: true, policy: 'all-ones' });
      expect(failure!.access).toEqual({
        space: 'mmio',
        write: false,
        address: BigInt(MMIO_BASE + 0x24),
        size: 4,
        value: 0n,
        sent: true,
      });
      const later = await stage.perform(
        read('mmio', MMIO_BASE, 8),
        write('mmio', MMIO_BASE, 4, 1),
        read('mmio', MMIO_BASE, 1),
      );
      expect(valuesOf(later)).toEqual([allOnes(8), 0n, allOnes(1)]);
      expect(stage.machine.failures).toHaveLength(1);
      expect(stage.machine.unhandled).toEqual([]);
      expect(region.stats()).toMatchObject({ reads: 0, writes: 0, failures: 1, ended: 4 });
    });

    it('other fds go on, and so does the range with a new region', async () => {
      const broken = stage.region({ deadlineMs: SHORT_DEADLINE_MS });
      const healthy = stage.region({ gpa: SECOND });
      const failing = stage.perform(write('mmio', MMIO_BASE, 2, 0xbeef));
      await act(broken.channel);
      await failing;
      expect(stage.machine.failures[0]!.access).toMatchObject({ write: true, value: 0xbeefn, size: 2 });
      const other = stage.perform(read('mmio', SECOND, 4));
      await healthy.channel.peer.answer(1);
      expect(valuesOf(await other)).toEqual([1n]);
      broken.region.remove();
      const replaced = stage.region();
      const again = stage.perform(read('mmio', MMIO_BASE, 4));
      await replaced.channel.peer.answer(2);
      expect(valuesOf(await again)).toEqual([2n]);
    });
  });

  describe('where the device is gone before the access', () => {
    it('reports that its command was not sent', async () => {
      const { channel } = stage.region();
      channel.closeFar();
      expect(valuesOf(await stage.perform(read('mmio', MMIO_BASE, 4)))).toEqual([allOnes(4)]);
      expect(stage.machine.failures.map(({ reason, access }) => [reason, access.sent])).toEqual([
        ['peer-closed', false],
      ]);
    });

    it('reports it for a posted write', async () => {
      const { channel } = stage.region({ postedWrites: true });
      channel.closeFar();
      await stage.perform(write('mmio', MMIO_BASE, 4, 5, { count: 3 }));
      expect(stage.machine.failures.map(({ reason, access }) => [reason, access.value])).toEqual([['peer-closed', 5n]]);
    });
  });

  it('reports a failure once for all regions and vCPUs of the fd, each of which goes on', async () => {
    const channel = stage.channel();
    stage.addRegion({ channel });
    stage.addRegion({ channel, gpa: SECOND });
    const first = stage.perform(read('mmio', MMIO_BASE, 4));
    await channel.peer.command();
    const second = stage.otherVcpu.start([read('mmio', SECOND, 4), read('mmio', MMIO_BASE, 4)]).results;
    channel.closeFar();
    expect(valuesOf(await first)).toEqual([allOnes(4)]);
    expect(valuesOf(await second)).toEqual([allOnes(4), allOnes(4)]);
    expect(stage.machine.failures).toHaveLength(1);
  });

  describe('never takes for the answer to a later access', () => {
    async function expectRefused(channel: Channel): Promise<void> {
      const results = stage.perform(read('mmio', MMIO_BASE, 4));
      expect(valuesOf(await results)).toEqual([allOnes(4)]);
      expect(stage.machine.failures.map(({ reason }) => reason)).toEqual(['unsolicited-response']);
      expect(channel.peer.pendingBytes()).toBe(0);
    }

    it('a response that came before any command', async () => {
      const { channel } = stage.region();
      channel.peer.respond(STALE);
      await expectRefused(channel);
    });

    it('a second answer to the command before', async () => {
      const { channel } = stage.region();
      const results = stage.perform(read('mmio', MMIO_BASE, 4));
      await channel.peer.answer(1);
      expect(valuesOf(await results)).toEqual([1n]);
      channel.peer.respond(STALE);
      await expectRefused(channel);
    });

    it.runIf(stage.kind !== 'seqpacket')('the rest of an answer that was too long', async () => {
      const { channel } = stage.region();
      const results = stage.perform(read('mmio', MMIO_BASE, 4));
      await channel.peer.command();
      channel.peer.send(new Uint8Array(MESSAGE_BYTES + 8).fill(0xee));
      expect(valuesOf(await results)).toEqual([0xeeee_eeeen]);
      await expectRefused(channel);
    });

    it('an answer to a posted write', async () => {
      const { channel } = stage.region({ postedWrites: true });
      await stage.perform(write('mmio', MMIO_BASE, 4, 1));
      await channel.peer.answer(STALE);
      await expectRefused(channel);
    });

    it('an answer that came after the deadline', async () => {
      const { channel } = stage.region({ deadlineMs: SHORT_DEADLINE_MS });
      const results = stage.perform(read('mmio', MMIO_BASE, 4));
      await channel.peer.command();
      expect(valuesOf(await results)).toEqual([allOnes(4)]);
      channel.peer.respond(STALE);
      expect(valuesOf(await stage.perform(read('mmio', MMIO_BASE, 4)))).toEqual([allOnes(4)]);
      expect(stage.machine.failures).toHaveLength(1);
    });
  });

  describe('measures a deadline', () => {
    it('for a posted write into a full file', async () => {
      const { channel } = stage.region({ postedWrites: true, deadlineMs: SHORT_DEADLINE_MS });
      channel.makeSmall();
      channel.fill();
      await stage.perform(write('mmio', MMIO_BASE, 4, 1));
      expect(stage.machine.failures.map(({ reason, access }) => [reason, access.sent])).toEqual([['deadline', false]]);
    });

    it('for the late response of another access, which must be dropped first', async () => {
      const channel = stage.channel();
      const removed = stage.addRegion({ channel });
      stage.addRegion({ channel, gpa: SECOND, deadlineMs: SHORT_DEADLINE_MS });
      const first = stage.perform(read('mmio', MMIO_BASE, 4));
      await channel.peer.command();
      await waitsForResponse(stage.vcpu);
      removed.remove();
      await first;
      expect(valuesOf(await stage.perform(read('mmio', SECOND, 4)))).toEqual([allOnes(4)]);
      expect(stage.machine.failures.map(({ reason }) => reason)).toEqual(['region-removed', 'deadline']);
    });

    it('although the vCPU is kicked again and again', async () => {
      let interruptions = 0;
      for (let deadlineMs = SHORT_DEADLINE_MS; interruptions < 2; deadlineMs *= 2) {
        stage.machine.failures.length = 0; /* of a machine too slow for two kicks in the time */
        const { channel, region } = stage.region({ deadlineMs });
        const run = stage.vcpu.start([read('mmio', MMIO_BASE, 4)]);
        await channel.peer.command();
        await kickUntilFailure(stage);
        expect(valuesOf(await run.results)).toEqual([allOnes(4)]);
        interruptions = run.interruptions;
        region.remove();
      }
      expect(stage.machine.failures.map(({ reason }) => reason)).toEqual(['deadline']);
      await stage.absorbKicks();
    });

    it('but not while an interrupted vCPU is in the hands of the VMM', async () => {
      const { channel } = stage.region({ deadlineMs: SHORT_DEADLINE_MS });
      const clock = stage.region({ gpa: SECOND, deadlineMs: 5 * SHORT_DEADLINE_MS });
      const run = hold(stage.vcpu, read('mmio', MMIO_BASE, 4));
      await channel.peer.command();
      await waitsForResponse(stage.vcpu);
      await interrupt(stage.vcpu, run);
      await stage.otherVcpu.start([read('mmio', SECOND, 4)]).results;
      expect(stage.machine.failures.map(({ access }) => access.address)).toEqual([BigInt(SECOND)]);
      expect(clock.channel.peer.pendingBytes()).toBe(MESSAGE_BYTES);
      channel.peer.respond(9);
      run.resume();
      expect(valuesOf(await run.results)).toEqual([9n]);
    });

    it('of none where it is 0', async () => {
      const { channel } = stage.region({ deadlineMs: 0 });
      const clock = stage.region({ gpa: SECOND, deadlineMs: SHORT_DEADLINE_MS });
      const results = stage.perform(read('mmio', MMIO_BASE, 4));
      await channel.peer.command();
      await stage.otherVcpu.start([read('mmio', SECOND, 4)]).results;
      expect(clock.region.stats()?.ended).toBe(1);
      channel.peer.respond(9);
      expect(valuesOf(await results)).toEqual([9n]);
    });
  });

  it('wakes every vCPU that waits for the channel of a device that dies', async () => {
    const { channel } = stage.region({ deadlineMs: 0 });
    channel.makeSmall();
    channel.fill();
    const runs = stage.machine.vcpus.map((vcpu) => vcpu.start([read('mmio', MMIO_BASE, 4)]).results);
    await Promise.any(stage.machine.vcpus.map((vcpu) => waitsToSend(vcpu)));
    channel.closeFar();
    for (const results of runs) expect(valuesOf(await results)).toEqual([allOnes(4)]);
    expect(stage.machine.failures).toHaveLength(1);
  });
}
