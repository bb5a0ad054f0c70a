/** Clause: a vCPU that waits can be interrupted at each stage, and goes on without losing or repeating its command. */
import { describe, expect, it } from 'vitest';
import { read, stringOut, write } from '../accesses.js';
import { until } from '../bounded.js';
import { responseBytes } from '../scripted-peer.js';
import { expectQuiet, hold, interrupt, MMIO_BASE, PIO_BASE, type Stage, valuesOf } from '../stage.js';
import { waitsForChannel, waitsForResponse, waitsToSend } from '../thread-state.js';

const SECOND = MMIO_BASE + 0x1000;

export function describeInterruption(stage: Stage): void {
  describe('lets a vCPU be interrupted', () => {
    it('while it waits for the channel, which it then asks for again', async () => {
      const { channel } = stage.region();
      const first = stage.perform(read('mmio', MMIO_BASE, 4));
      await channel.peer.command();
      const run = hold(stage.otherVcpu, read('mmio', MMIO_BASE + 4, 4));
      await waitsForChannel(stage.otherVcpu);
      await interrupt(stage.otherVcpu, run);
      channel.peer.respond(1);
      expect(valuesOf(await first)).toEqual([1n]);
      expect(channel.peer.pendingBytes()).toBe(0);
      run.resume();
      expect((await channel.peer.answer(2)).offset).toBe(4);
      expect(valuesOf(await run.results)).toEqual([2n]);
    });

    it('while the file is too full for its command, which is then sent once', async () => {
      const { channel } = stage.region();
      channel.makeSmall();
      const filled = channel.fill();
      const run = hold(stage.vcpu, read('mmio', MMIO_BASE + 8, 4));
      await waitsToSend(stage.vcpu);
      await interrupt(stage.vcpu, run);
      await channel.peer.commands(filled);
      run.resume();
      expect((await channel.peer.answer(3)).offset).toBe(8);
      expect(valuesOf(await run.results)).toEqual([3n]);
      expect(channel.peer.pendingBytes()).toBe(0);
    });

    it.each(['before', 'after'])('while it waits for a response that comes %s it goes on', async (when) => {
      const { channel } = stage.region();
      const run = hold(stage.vcpu, read('mmio', MMIO_BASE, 4));
      await channel.peer.command();
      await waitsForResponse(stage.vcpu);
      await interrupt(stage.vcpu, run);
      if (when === 'before') channel.peer.respond(4);
      run.resume();
      if (when === 'after') {
        await waitsForResponse(stage.vcpu);
        channel.peer.respond(4);
      }
      expect(valuesOf(await run.results)).toEqual([4n]);
      expect(channel.peer.pendingBytes()).toBe(0);
      expectQuiet(stage.machine);
    });

    it.runIf(stage.kind !== 'seqpacket')('after every byte of a response that comes byte by byte', async () => {
      const { channel } = stage.region();
      const run = hold(stage.vcpu, read('mmio', MMIO_BASE, 8));
      await channel.peer.command();
      for (const byte of responseBytes(0x1122_3344_5566_7788n)) {
        await waitsForResponse(stage.vcpu);
        channel.peer.send(Uint8Array.of(byte));
        await until(() => channel.unreadResponseBytes() === 0, 'a byte that is taken');
        if (run.interruptions === 31) break;
        await waitsForResponse(stage.vcpu);
        await interrupt(stage.vcpu, run);
        run.resume();
      }
      expect(valuesOf(await run.results)).toEqual([0x1122_3344_5566_7788n]);
      expect(run.interruptions).toBe(31);
    });

    it('at each element of a string access, and every element arrives once', async () => {
      const { channel } = stage.region({ space: 'pio' });
      const elements = [1n, 2n, 3n, 4n];
      const run = hold(stage.vcpu, stringOut(PIO_BASE, 1, elements));
      const seen = [];
      for (const _ of elements) {
        seen.push((await channel.peer.command()).data);
        await waitsForResponse(stage.vcpu);
        await interrupt(stage.vcpu, run);
        channel.peer.respond(0);
        run.resume();
      }
      await run.results;
      expect(seen).toEqual(elements);
    });

    it('in the second half of an access that crosses a page, whose first half is not repeated', async () => {
      const { channel } = stage.region({ size: 0x2000 });
      const run = hold(stage.vcpu, read('mmio', SECOND - 2, 4));
      await channel.peer.answer(0xbbaa);
      expect((await channel.peer.command()).offset).toBe(0x1000);
      await waitsForResponse(stage.vcpu);
      await interrupt(stage.vcpu, run);
      channel.peer.respond(0xddcc);
      run.resume();
      expect(valuesOf(await run.results)).toEqual([0xddcc_bbaan]);
      expect(channel.peer.pendingBytes()).toBe(0);
    });

    it('by a kick that comes before its next access', async () => {
      const { channel } = stage.region();
      stage.vcpu.kick();
      const run = hold(stage.vcpu, write('mmio', MMIO_BASE, 4, 5));
      expect(await run.next()).toEqual({ type: 'interrupted' });
      expect(channel.peer.pendingBytes()).toBe(0);
      run.resume();
      expect((await channel.peer.answer(0)).data).toBe(5n);
      await run.results;
      expect(run.interruptions).toBe(1);
    });

    it('where somebody has made the files non-blocking', async () => {
      const { channel } = stage.region();
      for (const fd of [channel.near.readFd, channel.near.writeFd]) fd.setNonblock(true);
      channel.makeSmall();
      const filled = channel.fill();
      channel.near.writeFd.setNonblock(true);
      const run = hold(stage.vcpu, read('mmio', MMIO_BASE, 4));
      await interrupt(stage.vcpu, run);
      run.resume();
      await channel.peer.commands(filled);
      await channel.peer.command();
      await interrupt(stage.vcpu, run);
      channel.peer.respond(6);
      run.resume();
      expect(valuesOf(await run.results)).toEqual([6n]);
    });
  });

  it('keeps the channel for a vCPU that was interrupted with its command outstanding', async () => {
    const channel = stage.channel();
    stage.addRegion({ channel, userData: 1 });
    stage.addRegion({ channel, userData: 2, gpa: SECOND });
    const run = hold(stage.vcpu, read('mmio', MMIO_BASE, 4));
    await channel.peer.command();
    await waitsForResponse(stage.vcpu);
    await interrupt(stage.vcpu, run);
    const other = stage.otherVcpu.start([read('mmio', SECOND, 4)]).results;
    await waitsForChannel(stage.otherVcpu);
    channel.peer.respond(0xaa);
    expect(channel.peer.pendingBytes()).toBe(0);
    run.resume();
    expect(valuesOf(await run.results)).toEqual([0xaan]);
    expect((await channel.peer.answer(0xbb)).userData).toBe(2n);
    expect(valuesOf(await other)).toEqual([0xbbn]);
  });
}
