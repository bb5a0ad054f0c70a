/** Stopping, resetting, saving and restoring a console. */
import { ConsoleEvent } from 'ioregion/virtio';
import { describe, expect, it } from 'vitest';
import { ConsoleDriver } from '../../../../support/console-driver.js';
import { StubTerminal } from '../../../../support/stub-terminal.js';

function open() {
  const terminals = [new StubTerminal(), new StubTerminal()];
  const driver = ConsoleDriver.create({ ports: terminals.map((backend) => ({ backend })) });
  return { terminals, driver };
}

function started() {
  const setup = open();
  setup.driver.start();
  return setup;
}

describe('a queue that stops', () => {
  it('gives back output that waited, and its backend is not waited for any more (case 34)', async () => {
    const { terminals, driver } = started();
    terminals[0]!.room = 2;
    const sent = driver.outputRing().add([{ bytes: new Uint8Array(10) }]);
    driver.outputRing().kick();
    await driver.stopQueue(1);
    expect(sent.used?.written).toBe(0);
    expect(driver.device.counters.discardedBytes).toBe(8);
    expect(terminals[0]!.writable).toBe(false);
    terminals[0]!.drain(100);
    expect(terminals[0]!.outputBytes).toBe(2);
    driver.startQueue(1);
    await driver.print('again');
    expect(terminals[0]!.output.slice(2)).toBe('again');
  });

  it('reads nothing any more (case 34)', async () => {
    const { terminals, driver } = started();
    await driver.introduce(2);
    const [buffer] = driver.post(1, 100);
    await driver.stopQueue(0);
    driver.memory.fill(buffer!.segments[0]!.gpa, 100, 0x55);
    terminals[0]!.type('late');
    terminals[0]!.listener?.readable();
    expect(driver.memory.read(buffer!.segments[0]!.gpa, 100).every((byte) => byte === 0x55)).toBe(true);
    expect([terminals[0]!.pendingInput, terminals[0]!.readable]).toEqual([4, false]);
  });

  it('leaves the other queues at work', async () => {
    const { terminals, driver } = started();
    await driver.stopQueue(0);
    await driver.stopQueue(2);
    terminals[1]!.setConnected(false);
    terminals[1]!.setConnected(true);
    await driver.print('out', 1);
    expect(terminals[1]!.output).toBe('out');
  });
});

describe('a console that is reset', () => {
  it('works again, many times over', async () => {
    const { terminals, driver } = started();
    for (let round = 0; round < 20; round++) {
      await driver.introduce(2);
      await driver.print('x', 1);
      await driver.reset();
      expect(terminals.map(({ listener }) => listener)).toEqual([null, null]);
      driver.start();
    }
    expect(terminals[1]!.outputBytes).toBe(20);
  });

  it('closes its backends at the end', async () => {
    const { terminals, driver } = started();
    await driver.close();
    expect(terminals.map(({ closed }) => closed)).toEqual([true, true]);
  });
});

describe('the state of a console', () => {
  it('goes on in another device where it was saved, pending messages included', async () => {
    const { driver } = started();
    await driver.introduce(1);
    const { driver: other, terminals } = open();
    other.device.restore(structuredClone(driver.device.save()));
    other.start();
    expect(other.device.save()).toEqual(driver.device.save());
    const [buffer] = other.post(1, 10);
    terminals[0]!.type('x');
    terminals[0]!.listener?.readable();
    expect((await buffer!.done).written).toBe(1);
    await other.tell(0, ConsoleEvent.deviceReady, 1);
    other.postMessages(10);
    expect(other.takeMessages()).toEqual([]);
  });

  it('tells the driver what it had not been told before', async () => {
    const { driver } = started();
    await driver.tell(0, ConsoleEvent.deviceReady, 1);
    const { driver: other } = open();
    other.device.restore(driver.device.save());
    other.start();
    other.postMessages(10);
    expect(other.takeMessages().map(({ id, event }) => [id, event])).toEqual([
      [0, ConsoleEvent.portAdd],
      [1, ConsoleEvent.portAdd],
    ]);
  });

  it('is refused where no device can have it, and nothing changes then (case 54)', () => {
    const { driver } = open();
    const good = driver.device.save();
    const port = good.ports[0]!;
    const first = (wrong: unknown) => ({ ports: [{ ...port, ...(wrong as object) }, port] });
    const wrong: unknown[] = [
      undefined,
      null,
      'state',
      {},
      { ports: [] },
      { ports: [port] },
      { ports: [port, port, port] },
      { ports: [port, null] },
      first({ added: 1 }),
      first({ ready: true }),
      first({ added: true, ready: false, guestOpen: true }),
      first({ added: true, pending: 32 }),
      first({ added: true, pending: -1 }),
      first({ added: true, pending: 0.5 }),
      first({ added: false, pending: 1 }),
    ];
    for (const state of wrong)
      expect(() => driver.device.restore(state), JSON.stringify(state)).toThrow(
        expect.objectContaining({ code: 'ERR_IOREGION_CONSOLE_OPTION' }),
      );
    expect(driver.device.save()).toEqual(good);
  });
});
