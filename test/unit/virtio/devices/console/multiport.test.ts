/** Several ports, and the messages about them (5.3.6.2). */
import { ConsoleEvent } from 'ioregion/virtio';
import { beforeEach, describe, expect, it } from 'vitest';
import { macrosOf } from '../../../../support/c-program.js';
import { ConsoleDriver, type Message } from '../../../../support/console-driver.js';
import { settle } from '../../../../support/net-driver.js';
import { StubTerminal } from '../../../../support/stub-terminal.js';

const { portAdd, portReady, consolePort, resize, portOpen, portName, deviceReady } = ConsoleEvent;

const brief = ({ id, event, value }: Message) => [id, event, value];

it('messages have the numbers of the kernel header', () => {
  const kernel = macrosOf('linux/virtio_console.h');
  const names = { deviceReady, portAdd, portRemove: 2, portReady, consolePort, resize, portOpen, portName };
  for (const [name, number] of Object.entries(names)) {
    const macro = `VIRTIO_CONSOLE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
    expect(Number(kernel.get(macro)), macro).toBe(number);
  }
});

describe('a console with several ports', () => {
  let terminals: StubTerminal[];
  let driver: ConsoleDriver;

  beforeEach(() => {
    terminals = [new StubTerminal(), new StubTerminal(), new StubTerminal()];
    terminals[0]!.size = { columns: 80, rows: 25 };
    const [tty, agent, log] = terminals;
    driver = ConsoleDriver.open({
      ports: [{ backend: tty! }, { backend: agent!, name: 'org.agent' }, { backend: log!, console: true }],
    });
  });

  it('announces each port once, when the driver is ready (5.3.6.2.1)', async () => {
    driver.postMessages(10);
    expect(driver.takeMessages()).toEqual([]);
    for (let times = 0; times < 3; times++) await driver.tell(0, deviceReady, 1);
    expect(driver.takeMessages().map(brief)).toEqual([
      [0, portAdd, 1],
      [1, portAdd, 1],
      [2, portAdd, 1],
    ]);
  });

  it('says what a port is when the driver has set it up, once', async () => {
    driver.postMessages(20);
    await driver.tell(0, deviceReady, 1);
    driver.takeMessages();
    for (let times = 0; times < 3; times++) await driver.tell(0, portReady, 1);
    const console = driver.takeMessages();
    expect(console.map(brief)).toEqual([
      [0, consolePort, 1],
      [0, resize, 0],
      [0, portOpen, 1],
    ]);
    expect([...console[1]!.tail]).toEqual([80, 0, 25, 0]);
    await driver.tell(1, portReady, 1);
    const channel = driver.takeMessages();
    expect(channel.map(brief)).toEqual([
      [1, portName, 1],
      [1, portOpen, 1],
    ]);
    expect(Buffer.from(channel[0]!.tail).toString()).toBe('org.agent');
  });

  it('keeps messages until there are buffers, the last state of each kind', async () => {
    await driver.tell(0, deviceReady, 1);
    await driver.tell(1, portReady, 1);
    for (const connected of [false, true, false, true, false]) terminals[1]!.setConnected(connected);
    driver.postMessages(20);
    expect(driver.takeMessages().map(brief)).toEqual([
      [0, portAdd, 1],
      [1, portAdd, 1],
      [1, portName, 1],
      [1, portOpen, 0],
      [2, portAdd, 1],
    ]);
  });

  it('tells the driver when somebody comes to a channel, or leaves; consoles are always open', async () => {
    await driver.introduce(3);
    for (const terminal of terminals) terminal.setConnected(false);
    expect(driver.takeMessages().map(brief)).toEqual([[1, portOpen, 0]]);
    for (const terminal of terminals) terminal.setConnected(true);
    expect(driver.takeMessages().map(brief)).toEqual([[1, portOpen, 1]]);
  });

  it('tells the driver the size of each console', async () => {
    await driver.introduce(3);
    driver.device.resize(2, { columns: 300, rows: 2 });
    const [message] = driver.takeMessages();
    expect(brief(message!)).toEqual([2, resize, 0]);
    expect([...message!.tail]).toEqual([44, 1, 2, 0]);
    expect(driver.configChanges).toBe(0);
    driver.device.resize(1, { columns: 1, rows: 1 });
    expect(driver.takeMessages()).toEqual([]);
  });

  it('carries the characters of each port', async () => {
    await driver.introduce(3);
    for (const [port, text] of ['zero', 'one', 'two'].entries()) await driver.print(text, port);
    expect(terminals.map(({ output }) => output)).toEqual(['zero', 'one', 'two']);
    for (const [port, terminal] of terminals.entries()) {
      const [buffer] = driver.post(1, 10, port);
      terminal.type(`in ${port}`);
      expect(Buffer.from((await buffer!.done).data).toString()).toBe(`in ${port}`);
    }
  });

  it('reads a port for the guest only while somebody there has it open', async () => {
    await driver.introduce(3);
    await driver.tell(1, portOpen, 0);
    const [buffer] = driver.post(1, 10, 1);
    terminals[1]!.type('wait');
    await settle();
    expect([terminals[1]!.readable, terminals[1]!.pendingInput]).toEqual([false, 4]);
    await driver.tell(1, portOpen, 1);
    expect(terminals[1]!.readable).toBe(true);
    terminals[1]!.listener?.readable();
    expect(Buffer.from((await buffer!.done).data).toString()).toBe('wait');
  });

  it('forgets a port that the driver could not set up', async () => {
    driver.postMessages(20);
    await driver.tell(0, deviceReady, 1);
    driver.takeMessages();
    await driver.tell(1, portReady, 0);
    terminals[1]!.setConnected(false);
    expect(driver.takeMessages()).toEqual([]);
    await driver.tell(2, portReady, 1);
    expect(driver.takeMessages().map(brief)).toEqual([
      [2, consolePort, 1],
      [2, portOpen, 1],
    ]);
  });

  it('begins anew after a reset', async () => {
    await driver.introduce(3);
    await driver.reset();
    driver.start();
    terminals[1]!.setConnected(false);
    driver.postMessages(10);
    await driver.tell(0, deviceReady, 1);
    expect(driver.takeMessages().map(brief)).toEqual([
      [0, portAdd, 1],
      [1, portAdd, 1],
      [2, portAdd, 1],
    ]);
  });
});
