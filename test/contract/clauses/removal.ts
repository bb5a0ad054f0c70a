/** Clause: removing a region wakes and fails its waiters; the regions that share its fd go on. */
import type { RegionFailure } from 'ioregion/ioregion';
import { describe, expect, it } from 'vitest';
import { allOnes, read, write } from '../accesses.js';
import { expectQuiet, hold, interrupt, MMIO_BASE, type Stage, valuesOf } from '../stage.js';
import { waitsForChannel, waitsForResponse, waitsToSend } from '../thread-state.js';

const SECOND = MMIO_BASE + 0x1000;

function expectRemoved(failures: readonly RegionFailure[], userData: bigint): void {
  expect(failures.map(({ code, reason }) => ({ code, reason }))).toEqual([
    { code: 'ERR_IOREGION_REGION_REMOVED', reason: 'region-removed' },
  ]);
  expect(failures[0]!.userData).toBe(userData);
}

/** Two regions on one fd. */
function sharing(stage: Stage, options: Parameters<Stage['region']>[0] = {}) {
  const channel = stage.channel();
  const region = stage.addRegion({ channel, userData: 1, ...options });
  stage.addRegion({ channel, userData: 2, gpa: SECOND });
  return { channel, region };
}

export function describeRemoval(stage: Stage): void {
  describe('removes a region under a vCPU', () => {
    it.each(['before', 'after'])(
      'that waits for its response; the sharing region drops that one %s its own access',
      async (when) => {
        const { channel, region } = sharing(stage);
        const results = stage.perform(read('mmio', MMIO_BASE, 4));
        await channel.peer.command();
        await waitsForResponse(stage.vcpu);
        region.remove();
        expect(valuesOf(await results)).toEqual([allOnes(4)]);
        expectRemoved(stage.machine.failures, 1n);
        if (when === 'before') channel.peer.respond(0xdead);
        const sharingResults = stage.perform(read('mmio', SECOND, 4));
        if (when === 'after') {
          await waitsForResponse(stage.vcpu);
          channel.peer.respond(0xdead);
        }
        expect((await channel.peer.answer(0x600d)).userData).toBe(2n);
        expect(valuesOf(await sharingResults)).toEqual([0x600dn]);
      },
    );

    it('that waits for the channel; its holder is not disturbed', async () => {
      const { channel, region } = sharing(stage);
      const holder = stage.perform(read('mmio', SECOND, 4));
      await channel.peer.command();
      const waiter = stage.otherVcpu.start([read('mmio', MMIO_BASE, 4)]).results;
      await waitsForChannel(stage.otherVcpu);
      region.remove();
      expect(valuesOf(await waiter)).toEqual([allOnes(4)]);
      expectRemoved(stage.machine.failures, 1n);
      channel.peer.respond(5);
      expect(valuesOf(await holder)).toEqual([5n]);
      expect(channel.peer.pendingBytes()).toBe(0);
    });

    it('that waits to send; nothing of its command is sent', async () => {
      const { channel, region } = sharing(stage);
      channel.makeSmall();
      const filled = channel.fill();
      const results = stage.perform(write('mmio', MMIO_BASE, 4, 1));
      await waitsToSend(stage.vcpu);
      region.remove();
      await results;
      expectRemoved(stage.machine.failures, 1n);
      await channel.peer.commands(filled);
      const sharingResults = stage.perform(read('mmio', SECOND, 4));
      expect((await channel.peer.answer(6)).userData).toBe(2n);
      expect(valuesOf(await sharingResults)).toEqual([6n]);
    });

    it('that was interrupted and has not gone on: the channel is free at once', async () => {
      const { channel, region } = sharing(stage);
      const run = hold(stage.vcpu, read('mmio', MMIO_BASE, 4));
      await channel.peer.command();
      await waitsForResponse(stage.vcpu);
      await interrupt(stage.vcpu, run);
      region.remove();
      const other = stage.otherVcpu.start([read('mmio', SECOND, 4)]).results;
      channel.peer.respond(0xdead);
      expect((await channel.peer.answer(7)).userData).toBe(2n);
      expect(valuesOf(await other)).toEqual([7n]);
      run.resume();
      expect(valuesOf(await run.results)).toEqual([allOnes(4)]);
      expectRemoved(stage.machine.failures, 1n);
    });

    it('that was interrupted while it waited for the channel', async () => {
      const { channel, region } = sharing(stage);
      const holder = stage.perform(read('mmio', SECOND, 4));
      await channel.peer.command();
      const run = hold(stage.otherVcpu, read('mmio', MMIO_BASE, 4));
      await waitsForChannel(stage.otherVcpu);
      await interrupt(stage.otherVcpu, run);
      region.remove();
      channel.peer.respond(8);
      expect(valuesOf(await holder)).toEqual([8n]);
      run.resume();
      expect(valuesOf(await run.results)).toEqual([allOnes(4)]);
      expect(channel.peer.pendingBytes()).toBe(0);
    });

    it('that posts into a full file; what was sent before stays', async () => {
      const { channel, region } = sharing(stage, { postedWrites: true });
      channel.makeSmall();
      const results = stage.perform(
        write('mmio', MMIO_BASE, 4, 0, { count: stage.kind === 'pipe' ? 2100 : 60, step: 1n }),
      );
      await waitsToSend(stage.vcpu);
      region.remove();
      await results;
      expect(stage.machine.failures).toHaveLength(1);
      const pending = channel.peer.pendingBytes() / 32;
      const seen = await channel.peer.commands(pending);
      expect(seen.map(({ data }) => Number(data))).toEqual([...seen.keys()]);
      expect(channel.peer.pendingBytes()).toBe(0);
    });

    it.each(['stop', 'reconnect'] as const)('and does not apply its policy, %s, to the removal', async (kind) => {
      const policy = kind === 'stop' ? { kind } : { kind, reconnect: () => Promise.reject(new Error('asked')) };
      const { channel, region } = sharing(stage, { policy });
      const run = stage.vcpu.start([read('mmio', MMIO_BASE, 4)]);
      await channel.peer.command();
      await waitsForResponse(stage.vcpu);
      region.remove();
      expect(valuesOf(await run.results)).toEqual([allOnes(4)]);
      expect(await run.next()).toEqual({ type: 'done' });
    });

    it('and every other vCPU that waits for it', async () => {
      const { channel, region } = stage.region();
      const runs = stage.machine.vcpus.map((vcpu) => vcpu.start([read('mmio', MMIO_BASE, 4)]).results);
      await channel.peer.command();
      const waiting = stage.machine.vcpus.map((vcpu) => Promise.any([waitsForResponse(vcpu), waitsForChannel(vcpu)]));
      await Promise.all(waiting);
      region.remove();
      for (const results of runs) expect(valuesOf(await results)).toEqual([allOnes(4)]);
      expect(stage.machine.failures).toHaveLength(runs.length);
    });
  });

  describe('after a region was removed', () => {
    it('its accesses go to the ordinary handler', async () => {
      const { region } = stage.region();
      region.remove();
      expect(valuesOf(await stage.perform(read('mmio', MMIO_BASE, 2)))).toEqual([allOnes(2)]);
      expect(stage.machine.unhandled).toHaveLength(1);
      expect(stage.machine.failures).toEqual([]);
    });

    it('another may take its place, and removing the first again does not remove that one', async () => {
      const { channel, region } = stage.region({ userData: 1 });
      region.remove();
      stage.addRegion({ channel, userData: 3 });
      region.remove();
      const results = stage.perform(read('mmio', MMIO_BASE, 4));
      expect((await channel.peer.answer(9)).userData).toBe(3n);
      expect(valuesOf(await results)).toEqual([9n]);
      expectQuiet(stage.machine);
    });

    it('its device sees the end of the file, where no other region has it', async () => {
      const { channel, region } = stage.region({ postedWrites: true });
      await stage.perform(write('mmio', MMIO_BASE, 4, 1));
      channel.closeNear();
      region.remove();
      expect((await channel.peer.untilHangUp()).map(({ data }) => data)).toEqual([1n]);
    });
  });

  it('wakes and fails all waiters when the dispatcher is closed', async () => {
    const channel = stage.channel();
    const machine = await stage.ownMachine();
    stage.addRegion({ channel }, machine);
    const runs = machine.vcpus.map((vcpu) => vcpu.start([read('mmio', MMIO_BASE, 4)]).results);
    await channel.peer.command();
    machine.dispatcher.close();
    for (const results of runs) expect(valuesOf(await results)).toEqual([allOnes(4)]);
  });
}
