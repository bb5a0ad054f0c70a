/** Clause: the VMM picks per region what a failure does: all ones, stop, or reconnect and retry. */
import type { FailurePolicy, RegionFailure, RegionFds } from 'ioregion/ioregion';
import { describe, expect, it, vi } from 'vitest';
import { allOnes, read, stringOut, write } from '../accesses.js';
import { hold, MMIO_BASE, PIO_BASE, type Stage, valuesOf } from '../stage.js';
import { waitsForResponse } from '../thread-state.js';

const SECOND = MMIO_BASE + 0x1000;

function reconnecting(reconnect: (failure: RegionFailure) => Promise<RegionFds | null>): FailurePolicy {
  return { kind: 'reconnect', reconnect };
}

export function describePolicies(stage: Stage): void {
  describe('under the policy stop', () => {
    it('the run ends with the failure, and the access reads all ones where the VMM goes on', async () => {
      const { channel } = stage.region({ userData: 5, policy: { kind: 'stop' } });
      const run = hold(stage.vcpu, read('mmio', MMIO_BASE, 4), read('mmio', MMIO_BASE + 4, 4));
      await channel.peer.command();
      channel.closeFar();
      const stop = await run.next();
      expect(stop).toMatchObject({ type: 'stopped', failure: { reason: 'peer-closed', userData: 5n, first: true } });
      run.resume();
      const again = await run.next();
      expect(again).toMatchObject({
        type: 'stopped',
        failure: { first: false, access: { address: BigInt(MMIO_BASE + 4) } },
      });
      run.resume();
      expect(valuesOf(await run.results)).toEqual([allOnes(4), allOnes(4)]);
      expect(stage.machine.failures).toHaveLength(1);
    });
  });

  describe('under the policy reconnect', () => {
    it('the access is sent again to the new peer, and later ones as well', async () => {
      const { channel } = stage.region({ policy: reconnecting(() => Promise.resolve(replacement.near)) });
      const replacement = stage.channel();
      const results = stage.perform(read('mmio', MMIO_BASE + 8, 4), write('mmio', MMIO_BASE, 4, 3));
      await channel.peer.command();
      channel.closeFar();
      expect((await replacement.peer.answer(0x600d)).offset).toBe(8);
      expect((await replacement.peer.answer(0)).data).toBe(3n);
      expect(valuesOf(await results)).toEqual([0x600dn, 0n]);
      expect(stage.machine.failures).toHaveLength(1);
    });

    it('a posted write is sent again', async () => {
      const { channel } = stage.region({
        postedWrites: true,
        policy: reconnecting(() => Promise.resolve(replacement.near)),
      });
      const replacement = stage.channel();
      channel.closeFar();
      await stage.perform(write('mmio', MMIO_BASE, 4, 1, { count: 3, step: 1n }));
      expect((await replacement.peer.commands(3)).map(({ data }) => data)).toEqual([1n, 2n, 3n]);
    });

    it('only the element that failed of a string access is sent again', async () => {
      const replacement = stage.channel();
      const { channel } = stage.region({ space: 'pio', policy: reconnecting(() => Promise.resolve(replacement.near)) });
      const results = stage.perform(stringOut(PIO_BASE, 1, [1n, 2n, 3n]));
      await channel.peer.answer(0);
      await channel.peer.command();
      channel.closeFar();
      expect((await replacement.peer.answer(0)).data).toBe(2n);
      expect((await replacement.peer.answer(0)).data).toBe(3n);
      await results;
    });

    it('a peer may fail again and again', async () => {
      const channels = [stage.channel(), stage.channel(), stage.channel()];
      let next = 1;
      const policy = reconnecting(() => Promise.resolve(channels[next++]!.near));
      stage.addRegion({ channel: channels[0]!, policy });
      const results = stage.perform(read('mmio', MMIO_BASE, 4));
      for (const channel of channels.slice(0, 2)) {
        await channel.peer.command();
        channel.closeFar();
      }
      await channels[2]!.peer.answer(4);
      expect(valuesOf(await results)).toEqual([4n]);
      expect(stage.machine.failures).toHaveLength(2);
    });

    it('one reconnection serves all vCPUs and all regions of the fd', async () => {
      const channel = stage.channel();
      const replacement = stage.channel();
      const reconnect = vi.fn(() => Promise.resolve(replacement.near));
      stage.addRegion({ channel, userData: 0, policy: reconnecting(reconnect) });
      stage.addRegion({ channel, userData: 1, gpa: SECOND, policy: reconnecting(reconnect) });
      const { vcpus } = stage.machine;
      const addressOf = (index: number) => (index % 2 === 0 ? MMIO_BASE : SECOND) + 8 * index;
      const runs = vcpus.map((vcpu, index) => vcpu.start([read('mmio', addressOf(index), 4)]).results);
      await channel.peer.command();
      channel.closeFar();
      for (const _ of vcpus) {
        const { offset } = await replacement.peer.command();
        replacement.peer.respond(offset);
      }
      const values = (await Promise.all(runs)).map((results) => results[0]!.value);
      expect(values).toEqual(vcpus.map((_, index) => BigInt(8 * index)));
      expect(reconnect).toHaveBeenCalledTimes(1);
    });

    it('the new peer owes nothing that the old one did', async () => {
      const channel = stage.channel();
      const replacement = stage.channel();
      const removed = stage.addRegion({ channel });
      stage.addRegion({ channel, gpa: SECOND, policy: reconnecting(() => Promise.resolve(replacement.near)) });
      const abandoned = stage.perform(read('mmio', MMIO_BASE, 4));
      await channel.peer.command();
      await waitsForResponse(stage.vcpu);
      removed.remove();
      await abandoned;
      channel.closeFar();
      const results = stage.perform(read('mmio', SECOND, 4));
      await replacement.peer.answer(0x600d);
      expect(valuesOf(await results)).toEqual([0x600dn]);
    });

    it('regions with other policies share the new peer', async () => {
      const channel = stage.channel();
      const replacement = stage.channel();
      stage.addRegion({ channel, userData: 1, policy: reconnecting(() => Promise.resolve(replacement.near)) });
      stage.addRegion({ channel, userData: 2, gpa: SECOND });
      channel.closeFar();
      expect(valuesOf(await stage.perform(read('mmio', SECOND, 4)))).toEqual([allOnes(4)]);
      const results = stage.perform(read('mmio', MMIO_BASE, 4), read('mmio', SECOND, 4));
      expect((await replacement.peer.answer(1)).userData).toBe(1n);
      expect((await replacement.peer.answer(2)).userData).toBe(2n);
      expect(valuesOf(await results)).toEqual([1n, 2n]);
    });

    it('the access reads all ones where there is no new peer, and the next one asks again', async () => {
      const replacement = stage.channel();
      const answers = [null, replacement.near];
      const { channel } = stage.region({ policy: reconnecting(() => Promise.resolve(answers.shift() ?? null)) });
      channel.closeFar();
      expect(valuesOf(await stage.perform(read('mmio', MMIO_BASE, 4)))).toEqual([allOnes(4)]);
      const results = stage.perform(read('mmio', MMIO_BASE, 4));
      await replacement.peer.answer(6);
      expect(valuesOf(await results)).toEqual([6n]);
    });

    it.each([
      ['throws', () => Promise.reject(new Error('no device'))],
      ['gives fds that are closed', () => Promise.resolve({ readFd: 1_000_000, writeFd: 1_000_000 })],
    ] as const)('the access reads all ones where the reconnection %s, with a warning', async (_, reconnect) => {
      const warning = new Promise<Error>((resolve) => process.once('warning', resolve));
      const { channel } = stage.region({ policy: reconnecting(reconnect) });
      channel.closeFar();
      expect(valuesOf(await stage.perform(read('mmio', MMIO_BASE, 4)))).toEqual([allOnes(4)]);
      await warning;
    });

    it('the fds of another region are refused', async () => {
      const warning = new Promise<Error>((resolve) => process.once('warning', resolve));
      const other = stage.region({ gpa: SECOND });
      const { channel } = stage.region({ policy: reconnecting(() => Promise.resolve(other.channel.near)) });
      channel.closeFar();
      expect(valuesOf(await stage.perform(read('mmio', MMIO_BASE, 4)))).toEqual([allOnes(4)]);
      expect(other.channel.peer.pendingBytes()).toBe(0);
      await warning;
    });
  });
}
