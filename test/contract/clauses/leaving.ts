/** Clause: a vCPU that goes away with a command outstanding leaves nothing behind that another access could take. */
import { describe, expect, it } from 'vitest';
import { read, write } from '../accesses.js';
import { until } from '../bounded.js';
import type { Channel } from '../channel.js';
import type { ContractMachine } from '../harness.js';
import { responseBytes } from '../scripted-peer.js';
import { expectQuiet, MMIO_BASE, type Stage, valuesOf } from '../stage.js';
import { waitsForChannel, waitsForResponse, waitsToSend } from '../thread-state.js';

const STALE = 0xdead;
const FRESH = 0x600d;

/** A machine whose first vCPU has been closed while it waited for the response to a read. */
async function withAbandonedCommand(stage: Stage, channel: Channel): Promise<ContractMachine> {
  const machine = await stage.ownMachine();
  stage.addRegion({ channel, userData: 1 }, machine);
  stage.addRegion({ channel, userData: 2, gpa: MMIO_BASE + 0x1000, postedWrites: true }, machine);
  machine.vcpus[0]!.start([read('mmio', MMIO_BASE, 4)]);
  await channel.peer.command();
  await waitsForResponse(machine.vcpus[0]!);
  await machine.vcpus[0]!.close();
  return machine;
}

export function describeLeaving(stage: Stage): void {
  describe('drops the late response of a vCPU that went away', () => {
    it.each(['before', 'after'])('%s the next access starts', async (when) => {
      const channel = stage.channel();
      const machine = await withAbandonedCommand(stage, channel);
      const next = machine.vcpus[1]!;
      if (when === 'before') channel.peer.respond(STALE);
      const results = next.start([read('mmio', MMIO_BASE + 4, 4)]).results;
      if (when === 'after') {
        await waitsForResponse(next);
        expect(channel.peer.pendingBytes()).toBe(0);
        channel.peer.respond(STALE);
      }
      expect((await channel.peer.answer(FRESH)).offset).toBe(4);
      expect(valuesOf(await results)).toEqual([BigInt(FRESH)]);
      expectQuiet(machine);
    });

    it('where the next access is a posted write of another region', async () => {
      const channel = stage.channel();
      const machine = await withAbandonedCommand(stage, channel);
      channel.peer.respond(STALE);
      const results = machine.vcpus[1]!.start([
        write('mmio', MMIO_BASE + 0x1000, 4, 9),
        read('mmio', MMIO_BASE, 4),
      ]).results;
      expect((await channel.peer.command()).data).toBe(9n);
      await channel.peer.answer(FRESH);
      expect(valuesOf(await results)[1]).toBe(BigInt(FRESH));
    });

    it('also where the vCPU that waited for it goes away as well', async () => {
      const channel = stage.channel();
      const machine = await withAbandonedCommand(stage, channel);
      const [, second, third] = machine.vcpus;
      second!.start([read('mmio', MMIO_BASE + 4, 4)]);
      await waitsForResponse(second!);
      await second!.close();
      const results = third!.start([read('mmio', MMIO_BASE + 8, 4)]).results;
      channel.peer.respond(STALE);
      expect((await channel.peer.answer(FRESH)).offset).toBe(8);
      expect(valuesOf(await results)).toEqual([BigInt(FRESH)]);
    });

    it.runIf(stage.kind !== 'seqpacket')('of which it had taken a part', async () => {
      const channel = stage.channel();
      const machine = await stage.ownMachine();
      stage.addRegion({ channel }, machine);
      const [first, second] = machine.vcpus;
      first!.start([read('mmio', MMIO_BASE, 4)]);
      await channel.peer.command();
      const late = responseBytes(STALE);
      channel.peer.send(late.subarray(0, 10));
      await until(() => channel.unreadResponseBytes() === 0, 'a part of a response that is taken');
      await waitsForResponse(first!);
      await first!.close();
      channel.peer.send(late.subarray(10));
      const results = second!.start([read('mmio', MMIO_BASE, 4)]).results;
      await channel.peer.answer(FRESH);
      expect(valuesOf(await results)).toEqual([BigInt(FRESH)]);
    });
  });

  it('sends nothing for a vCPU that went away before its command was sent', async () => {
    const channel = stage.channel();
    const machine = await stage.ownMachine();
    stage.addRegion({ channel }, machine);
    channel.makeSmall();
    const filled = channel.fill();
    const [first, second] = machine.vcpus;
    first!.start([read('mmio', MMIO_BASE, 4)]);
    await waitsToSend(first!);
    await first!.close();
    const results = second!.start([read('mmio', MMIO_BASE + 4, 4)]).results;
    await channel.peer.commands(filled);
    expect((await channel.peer.answer(FRESH)).offset).toBe(4);
    expect(valuesOf(await results)).toEqual([BigInt(FRESH)]);
  });

  it('leaves the channel to its holder where a vCPU that waits for it goes away', async () => {
    const channel = stage.channel();
    const machine = await stage.ownMachine();
    stage.addRegion({ channel }, machine);
    const [first, second, third] = machine.vcpus;
    const results = first!.start([read('mmio', MMIO_BASE, 4)]).results;
    await channel.peer.command();
    second!.start([read('mmio', MMIO_BASE, 4)]);
    await waitsForChannel(second!);
    const last = third!.start([read('mmio', MMIO_BASE, 4)]).results;
    await waitsForChannel(third!);
    await second!.close();
    channel.peer.respond(1);
    await channel.peer.answer(2);
    expect([valuesOf(await results), valuesOf(await last)]).toEqual([[1n], [2n]]);
    expectQuiet(machine);
  });
}
