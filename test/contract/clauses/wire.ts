/** Clause: the bytes on the wire. */
import { describe, expect, it } from 'vitest';
import { read, write } from '../accesses.js';
import { expectQuiet, MMIO_BASE, PIO_BASE, type Stage, valuesOf } from '../stage.js';

const USER_DATA = 0x1122_3344_5566_7788n;

/** A v3 command, written down field by field. */
function v3(cmd: number, sizeAndResponse: number, offset: number, data: bigint): number[] {
  const view = new DataView(new ArrayBuffer(32));
  view.setUint8(0, cmd);
  view.setUint8(1, sizeAndResponse);
  view.setBigUint64(8, USER_DATA, true);
  view.setBigUint64(16, BigInt(offset), true);
  view.setBigUint64(24, data, true);
  return [...new Uint8Array(view.buffer)];
}

const WIDTHS = [
  { size: 1, exponent: 0, value: 0xa5n },
  { size: 2, exponent: 1, value: 0xa5b6n },
  { size: 4, exponent: 2, value: 0xa5b6_c7d8n },
  { size: 8, exponent: 3, value: 0xa5b6_c7d8_e9fa_0b1cn },
];

export function describeWire(stage: Stage): void {
  describe('sends v3 commands', () => {
    it.each(WIDTHS)('for a read of $size bytes, every unused byte zero', async ({ size, exponent, value }) => {
      const { channel } = stage.region({ userData: USER_DATA });
      const results = stage.perform(read('mmio', MMIO_BASE + 0x10, size));
      const command = await channel.peer.answer(value);
      expect([...command.bytes]).toEqual(v3(0, 0x10 | exponent, 0x10, 0n));
      expect(valuesOf(await results)).toEqual([value]);
      expectQuiet(stage.machine);
    });

    it.each(WIDTHS)('for a write of $size bytes, waiting for its response', async ({ size, exponent, value }) => {
      const { channel } = stage.region({ userData: USER_DATA });
      const results = stage.perform(write('mmio', MMIO_BASE + 0x20, size, value));
      const command = await channel.peer.answer(0);
      expect([...command.bytes]).toEqual(v3(1, 0x10 | exponent, 0x20, value));
      expect(await results).toHaveLength(1);
    });

    it.each(WIDTHS)(
      'for a posted write of $size bytes, without the response bit',
      async ({ size, exponent, value }) => {
        const { channel } = stage.region({ userData: USER_DATA, postedWrites: true });
        await stage.perform(write('mmio', MMIO_BASE + 0x30, size, value));
        expect([...(await channel.peer.command()).bytes]).toEqual(v3(1, exponent, 0x30, value));
      },
    );

    it.each(WIDTHS.slice(0, 3))('for port reads and writes of $size bytes', async ({ size, exponent, value }) => {
      const { channel } = stage.region({ space: 'pio', userData: USER_DATA });
      const results = stage.perform(write('pio', PIO_BASE + 4, size, value), read('pio', PIO_BASE + 8, size));
      expect([...(await channel.peer.answer(0)).bytes]).toEqual(v3(1, 0x10 | exponent, 4, value));
      expect([...(await channel.peer.answer(value)).bytes]).toEqual(v3(0, 0x10 | exponent, 8, 0n));
      expect(valuesOf(await results)).toEqual([0n, value]);
    });

    it('for a write to a sizeless region, as if it were of one byte: its width is not told', async () => {
      const { channel } = stage.region({ size: 0, postedWrites: true, userData: USER_DATA });
      await stage.perform(...WIDTHS.map(({ size, value }) => write('mmio', MMIO_BASE, size, value)));
      const commands = await channel.peer.commands(WIDTHS.length);
      for (const { bytes } of commands) {
        expect([...bytes.subarray(0, 24)]).toEqual(v3(1, 0, 0, 0n).slice(0, 24));
      }
    });
  });

  describe('takes from a response', () => {
    it.each(WIDTHS)('the first $size bytes of its data, whatever is in the rest', async ({ size, value }) => {
      const { channel } = stage.region();
      const results = stage.perform(read('mmio', MMIO_BASE, size));
      await channel.peer.command();
      const bytes = new Uint8Array(32).fill(0xee);
      new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value | (~0n << BigInt(8 * size))), true);
      channel.peer.send(bytes);
      expect(valuesOf(await results)).toEqual([value]);
    });

    it('nothing where it answers a write', async () => {
      const { channel } = stage.region();
      const results = stage.perform(write('mmio', MMIO_BASE, 4, 1));
      await channel.peer.command();
      channel.peer.send(new Uint8Array(32).fill(0xff));
      expect(valuesOf(await results)).toEqual([0n]);
      expectQuiet(stage.machine);
    });
  });
}
