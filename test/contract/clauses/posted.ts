/** Clause: the guest does not wait for posted writes, unless the file is full. */
import { describe, expect, it } from 'vitest';
import { read, write } from '../accesses.js';
import type { SeenCommand } from '../scripted-peer.js';
import { expectQuiet, MMIO_BASE, type Stage, valuesOf } from '../stage.js';
import { waitsForResponse, waitsToSend } from '../thread-state.js';

/** More than fit into the channel's file. */
function moreThanFit(stage: Stage): number {
  return stage.kind === 'pipe' ? 2100 : 60;
}

function numbered(count: number) {
  return write('mmio', MMIO_BASE, 4, 0, { count, step: 1n });
}

function expectNumbered(seen: readonly SeenCommand[], count: number): void {
  expect(seen.map(({ data }) => Number(data))).toEqual(Array.from({ length: count }, (_, index) => index));
}

export function describePosted(stage: Stage): void {
  describe('posts a write', () => {
    it('without waiting for the device', async () => {
      const { channel } = stage.region({ postedWrites: true });
      await stage.perform(numbered(5));
      expectNumbered(await channel.peer.commands(5), 5);
      expectQuiet(stage.machine);
    });

    it('but waits for the responses of the reads of the same region, behind it', async () => {
      const { channel } = stage.region({ postedWrites: true });
      const results = stage.perform(numbered(2), read('mmio', MMIO_BASE, 4));
      await waitsForResponse(stage.vcpu);
      expectNumbered(await channel.peer.commands(2), 2);
      await channel.peer.answer(7);
      expect(valuesOf(await results)[1]).toBe(7n);
    });

    it('and of a region without posted writes waits for the response', async () => {
      const { channel } = stage.region();
      const results = stage.perform(write('mmio', MMIO_BASE, 4, 1), write('mmio', MMIO_BASE, 4, 2));
      expect((await channel.peer.command()).responseWanted).toBe(true);
      await waitsForResponse(stage.vcpu);
      expect(channel.peer.pendingBytes()).toBe(0);
      channel.peer.respond(0);
      await channel.peer.answer(0);
      await results;
    });

    it('blocks while the file is full, and then sends each write once', async () => {
      const count = moreThanFit(stage);
      const { channel } = stage.region({ postedWrites: true });
      channel.makeSmall();
      const results = stage.perform(numbered(count));
      await waitsToSend(stage.vcpu);
      expectNumbered(await channel.peer.commands(count), count);
      await results;
      expect(channel.peer.pendingBytes()).toBe(0);
      expectQuiet(stage.machine);
    });

    it('can be interrupted while it blocks, and goes on without losing or repeating one', async () => {
      const count = moreThanFit(stage);
      const { channel } = stage.region({ postedWrites: true });
      channel.makeSmall();
      const run = stage.vcpu.start([numbered(count)], { hold: true });
      await waitsToSend(stage.vcpu);
      stage.vcpu.kick();
      expect(await run.next()).toEqual({ type: 'interrupted' });
      run.resume();
      await waitsToSend(stage.vcpu);
      stage.vcpu.kick();
      expect(await run.next()).toEqual({ type: 'interrupted' });
      const first = await channel.peer.commands(3);
      run.resume();
      expectNumbered([...first, ...(await channel.peer.commands(count - 3))], count);
      await run.results;
      expect(run.interruptions).toBe(2);
    });
  });
}
