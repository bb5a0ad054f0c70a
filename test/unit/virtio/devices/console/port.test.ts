/** Characters on their way in and out of one port (5.3.4 to 5.3.6). */
import { ConsoleDevice, ConsoleFeature } from 'ioregion/virtio';
import { describe, expect, it } from 'vitest';
import { runC } from '../../../../support/c-program.js';
import { ConsoleDriver } from '../../../../support/console-driver.js';
import { settle } from '../../../../support/net-driver.js';
import type { RingDriverOptions } from '../../../../support/ring-driver.js';
import { StubTerminal } from '../../../../support/stub-terminal.js';

function open(driverOptions: RingDriverOptions = {}) {
  const terminal = new StubTerminal();
  return { terminal, driver: ConsoleDriver.open({ ports: [{ backend: terminal }] }, driverOptions) };
}

describe('output', () => {
  it('arrives in order, whatever its pieces', async () => {
    const { terminal, driver } = open();
    await driver.print('hello ');
    const pieces = ['wor', '', 'ld', '\n'].map((text) => ({ bytes: Uint8Array.from(Buffer.from(text)) }));
    const used = await driver.outputRing().send(pieces);
    expect(used.written).toBe(0);
    expect(terminal.output).toBe('hello world\n');
    expect(driver.device.counters.outputBytes).toBe(12);
  });

  it('waits while there is no room, and goes on where it stopped', async () => {
    const { terminal, driver } = open();
    terminal.room = 4;
    const printed = driver.print('hello world');
    expect(terminal.output).toBe('hell');
    expect(terminal.writable).toBe(true);
    terminal.drain(3);
    expect(terminal.output).toBe('hello w');
    terminal.drain(100);
    await printed;
    expect(terminal.output).toBe('hello world');
    expect(terminal.writable).toBe(false);
  });

  it('is discarded and counted while nobody is there', async () => {
    const { terminal, driver } = open();
    terminal.setConnected(false);
    await driver.print('lost');
    terminal.setConnected(true);
    await driver.print('seen');
    expect(terminal.output).toBe('seen');
    expect(driver.device.counters).toMatchObject({ outputBytes: 4, discardedBytes: 4 });
  });

  it('that waits is discarded when the other end goes away', async () => {
    const { terminal, driver } = open();
    terminal.room = 4;
    const printed = driver.print('hello world');
    terminal.setConnected(false);
    await printed;
    expect(driver.device.counters).toMatchObject({ outputBytes: 4, discardedBytes: 7 });
  });
});

describe('input', () => {
  it('fills the buffers that the driver posts, each as far as there is something', async () => {
    const { terminal, driver } = open();
    const buffers = driver.post(3, 4);
    terminal.type('abcdef');
    await settle();
    expect(buffers.map(({ used }) => used && Buffer.from(used.data).toString())).toEqual(['abcd', 'ef', undefined]);
    terminal.type('g');
    expect(Buffer.from((await buffers[2]!.done).data).toString()).toBe('g');
    expect(driver.device.counters.inputBytes).toBe(7);
  });

  it('stays outside until there are buffers', async () => {
    const { terminal, driver } = open();
    terminal.type('early');
    await settle();
    expect([terminal.pendingInput, terminal.readable]).toEqual([5, false]);
    const [buffer] = driver.post(1, 3);
    expect(terminal.readable).toBe(true);
    terminal.listener?.readable();
    expect(Buffer.from((await buffer!.done).data).toString()).toBe('ear');
    expect([terminal.pendingInput, terminal.readable]).toEqual([2, false]);
  });

  it('may be spread over the segments of a buffer', async () => {
    const { terminal, driver } = open();
    const sent = driver.inputRing().add([{ room: 1 }, { room: 0 }, { room: 3 }]);
    driver.inputRing().kick();
    terminal.type('wxyz');
    expect(Buffer.from((await sent.done).data).toString()).toBe('wxyz');
  });
});

describe('the configuration of a console', () => {
  const field = ({ config }: ConsoleDevice, at: number, width: number) =>
    config.bytes.slice(at, at + width).reduceRight((value, byte) => value * 256 + byte, 0);

  it('lies where the kernel header has it', () => {
    const program = `#include <linux/virtio_console.h>
      #include <stddef.h>
      #include <stdio.h>
      int main(void) {
        printf("%zu %zu %zu %zu", offsetof(struct virtio_console_config, cols), offsetof(struct virtio_console_config, rows),
               offsetof(struct virtio_console_config, max_nr_ports), offsetof(struct virtio_console_config, emerg_wr));
      }`;
    expect(runC(program)).toBe('0 2 4 8');
  });

  it('has the size of the terminal on port 0, and tells the driver of changes (5.3.6)', async () => {
    const terminal = new StubTerminal();
    terminal.size = { columns: 80, rows: 25 };
    const driver = ConsoleDriver.open({ ports: [{ backend: terminal }] });
    expect([field(driver.device, 0, 2), field(driver.device, 2, 2), field(driver.device, 4, 4)]).toEqual([80, 25, 1]);
    terminal.listener?.resized({ columns: 132, rows: 43 });
    expect([field(driver.device, 0, 2), field(driver.device, 2, 2)]).toEqual([132, 43]);
    driver.device.resize(0, { columns: 1, rows: 2 });
    expect([field(driver.device, 0, 2), field(driver.device, 2, 2)]).toEqual([1, 2]);
    expect(driver.configChanges).toBe(2);
    await driver.reset();
    driver.start({ features: 0n });
    driver.device.resize(0, { columns: 5, rows: 6 });
    expect(driver.configChanges).toBe(2);
  });

  it.each([
    [1, 80, 25],
    [-1, 80, 25],
    [0, -1, 25],
    [0, 65_536, 25],
    [0, 80, 1.5],
  ])('cannot have the size of port %d be %d x %d', (port, columns, rows) => {
    const { driver } = open();
    const refused = expect.objectContaining({ code: 'ERR_IOREGION_CONSOLE_OPTION' });
    expect(() => driver.device.resize(port, { columns, rows })).toThrow(refused);
  });

  it('takes emergency output at any time, before the driver is ready too (5.3.5.1)', () => {
    const terminal = new StubTerminal();
    const { device } = ConsoleDriver.create({ ports: [{ backend: terminal }] });
    expect(device.features & ConsoleFeature.emergencyWrite).not.toBe(0n);
    device.config.write(8, Uint8Array.of(0x21, 0, 0, 0));
    device.config.write(8, Uint8Array.of(0x3f));
    device.config.write(4, Uint8Array.of(1, 1, 1, 1, 0x2e));
    for (const [at, length] of [
      [0, 4],
      [9, 3],
      [11, 1],
      [4, 4],
    ] as const)
      device.config.write(at, new Uint8Array(length).fill(0x58));
    expect(terminal.output).toBe('!?.');
    terminal.room = 0;
    device.config.write(8, Uint8Array.of(0x21));
    expect(device.counters).toMatchObject({ outputBytes: 3, discardedBytes: 1 });
    expect(field(device, 8, 4)).toBe(0);
  });
});

describe('a driver that has not accepted MULTIPORT', () => {
  it('has port 0 and no other queue (5.3.2)', async () => {
    const terminals = [new StubTerminal(), new StubTerminal()];
    const options = { ports: terminals.map((backend) => ({ backend })) };
    const driver = ConsoleDriver.open(options, { features: ConsoleFeature.size });
    await driver.print('one');
    driver.outputRing(1).add([{ bytes: new Uint8Array(5) }]);
    driver.outputRing(1).kick();
    driver.controlTransmitRing.add([{ bytes: new Uint8Array(8) }]);
    driver.controlTransmitRing.kick();
    expect(terminals.map(({ output }) => output)).toEqual(['one', '']);
    expect([driver.outputRing(1).inFlight, driver.controlTransmitRing.inFlight]).toEqual([1, 1]);
    driver.post(1, 10);
    terminals[0]!.type('x');
    expect(driver.device.counters.inputBytes).toBe(1);
  });
});

describe('options of a console', () => {
  it('are refused where no device can have them', () => {
    const ports = (count: number) => Array.from({ length: count }, () => ({ backend: new StubTerminal() }));
    const refused = expect.objectContaining({ code: 'ERR_IOREGION_CONSOLE_OPTION' });
    expect(() => new ConsoleDevice({ ports: [] })).toThrow(refused);
    expect(() => new ConsoleDevice({ ports: ports(32) })).toThrow(refused);
    expect(() => new ConsoleDevice({ ports: ports(2), multiport: false })).toThrow(refused);
    expect(() => new ConsoleDevice({ ports: [{ backend: new StubTerminal(), name: 'x'.repeat(129) }] })).toThrow(
      refused,
    );
    expect(new ConsoleDevice({ ports: ports(1) }).queueSizes).toHaveLength(2);
    expect(new ConsoleDevice({ ports: ports(1), multiport: true }).queueSizes).toHaveLength(4);
    expect(new ConsoleDevice({ ports: ports(31) }).queueSizes).toHaveLength(64);
  });
});
