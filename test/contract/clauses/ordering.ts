/** Clause: commands of one fd are in order, and one at most waits for its response. */
import { describe, expect, it } from 'vitest';
import { read, type Space, write } from '../accesses.js';
import { expectQuiet, MMIO_BASE, PIO_BASE, type Stage, valuesOf } from '../stage.js';
import { waitsForChannel, waitsForResponse } from '../thread-state.js';

const SECOND = MMIO_BASE + 0x1000;

export function describeOrdering(stage: Stage): void {
  describe('keeps the order of an fd', () => {
    it.each([
      { other: 'mmio' as Space, address: SECOND, posted: false },
      { other: 'pio' as Space, address: PIO_BASE, posted: false },
      { other: 'mmio' as Space, address: SECOND, posted: true },
    ])('by one command outstanding: $other, posted $posted', async ({ other, address, posted }) => {
      const channel = stage.channel();
      stage.addRegion({ channel, userData: 1 });
      stage.addRegion({ channel, userData: 2, space: other, gpa: address, postedWrites: posted });
      const first = stage.perform(read('mmio', MMIO_BASE, 4));
      expect((await channel.peer.command()).userData).toBe(1n);
      const second = stage.otherVcpu.start([write(other, address, 4, 5)]).results;
      await waitsForChannel(stage.otherVcpu);
      expect(channel.peer.pendingBytes()).toBe(0);
      channel.peer.respond(11);
      expect(valuesOf(await first)).toEqual([11n]);
      expect(await channel.peer.command()).toMatchObject({ userData: 2n, responseWanted: !posted });
      if (!posted) channel.peer.respond(0);
      await second;
      expectQuiet(stage.machine);
    });

    it('while accesses to another fd go on', async () => {
      const slow = stage.region();
      const quick = stage.region({ gpa: SECOND });
      const waiting = stage.perform(read('mmio', MMIO_BASE, 4));
      await slow.channel.peer.command();
      const going = stage.otherVcpu.start([read('mmio', SECOND, 4, 20)]).results;
      for (let count = 0; count < 20; count++) await quick.channel.peer.answer(count);
      expect((await going)[0]!.sum).toBe(190n);
      slow.channel.peer.respond(3);
      expect(valuesOf(await waiting)).toEqual([3n]);
    });

    it('of posted writes, waited-for writes and reads of all its regions', async () => {
      const channel = stage.channel();
      stage.addRegion({ channel, userData: 1, postedWrites: true });
      stage.addRegion({ channel, userData: 2, space: 'pio' });
      const posted = (value: number) => write('mmio', MMIO_BASE, 4, value);
      const results = stage.perform(
        posted(1),
        posted(2),
        write('pio', PIO_BASE, 4, 3),
        posted(4),
        read('pio', PIO_BASE, 4),
        posted(6),
      );
      const script = [1n, 2n, 3n, 4n, 0n, 6n];
      for (const value of script) {
        const command = await channel.peer.command();
        expect(command.data).toBe(value);
        if (command.responseWanted) channel.peer.respond(50);
      }
      expect(valuesOf(await results)).toEqual([0n, 0n, 0n, 0n, 50n, 0n]);
    });

    it('for every vCPU that waits, none of them for ever', async () => {
      const { channel } = stage.region();
      const { vcpus } = stage.machine;
      const runs = vcpus.map(
        (vcpu, index) => vcpu.start([write('mmio', MMIO_BASE + 8 * index, 4, index, { count: 30 })]).results,
      );
      const seen = [];
      for (let count = 0; count < 30 * vcpus.length; count++) seen.push(await channel.peer.answer(0));
      await Promise.all(runs);
      for (const [index] of vcpus.entries()) expect(seen.filter(({ data }) => data === BigInt(index))).toHaveLength(30);
    });
  });

  it('gives each response to the vCPU whose command it answers', async () => {
    const channel = stage.channel();
    stage.addRegion({ channel });
    stage.addRegion({ channel, space: 'pio' });
    const first = stage.perform(read('mmio', MMIO_BASE, 4));
    await waitsForResponse(stage.vcpu);
    const second = stage.otherVcpu.start([read('pio', PIO_BASE, 4)]).results;
    await waitsForChannel(stage.otherVcpu);
    await channel.peer.answer(0xaaaa);
    await channel.peer.answer(0xbbbb);
    expect([valuesOf(await first), valuesOf(await second)]).toEqual([[0xaaaan], [0xbbbbn]]);
  });
}
