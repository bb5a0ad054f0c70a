/** What hostile drivers try (numbers: the list of cases in docs). The smallest thing fails, and everything else goes on. */
import fc from 'fast-check';
import { ConsoleEvent } from 'ioregion/virtio';
import { beforeEach, describe, expect, it } from 'vitest';
import { ConsoleDriver, encodeMessage } from '../../../../support/console-driver.js';
import { settle } from '../../../../support/net-driver.js';
import type { Segment } from '../../../../support/ring-driver.js';
import { StubTerminal } from '../../../../support/stub-terminal.js';

const PORTS = 3;
const bytes = (length: number): Segment => ({ bytes: new Uint8Array(length).fill(0x2e) });

let terminals: StubTerminal[];
let driver: ConsoleDriver;

beforeEach(() => {
  terminals = Array.from({ length: PORTS }, () => new StubTerminal());
  driver = ConsoleDriver.open({ ports: terminals.map((backend) => ({ backend })) });
});

/** Every port works in both directions, and nothing has failed. */
async function expectAlive(): Promise<void> {
  await driver.introduce(PORTS);
  for (const [port, terminal] of terminals.entries()) {
    const { outputBytes } = terminal;
    await driver.print('alive', port);
    expect(terminal.output.slice(outputBytes)).toBe('alive');
    const [buffer] = driver.post(1, 10, port);
    terminal.type('x');
    if (terminal.readable) terminal.listener?.readable();
    expect((await buffer!.done).written).toBe(1);
  }
  expect(driver.resetReasons).toEqual([]);
}

describe('a guest that floods its output', () => {
  it('waits with one buffer taken per port, and the host keeps nothing for it (cases 15, 32)', async () => {
    terminals[0]!.room = 1000;
    const ring = driver.outputRing();
    const sent = Array.from({ length: 100 }, () => ring.add([bytes(4096)]));
    let writes = 0;
    terminals[0]!.onWrite = () => writes++;
    for (let i = 0; i < 100; i++) {
      ring.publish();
      driver.device.kick(1);
    }
    await settle();
    expect(writes).toBe(2);
    expect(driver.engine(1).inFlight).toBe(1);
    expect(terminals[0]!.outputBytes).toBe(1000);
    expect(sent.filter(({ used }) => used !== undefined)).toEqual([]);
    await driver.print('others go on', 1);
    for (let i = 0; i < 60; i++) terminals[0]!.drain(8192);
    await settle(20);
    expect(sent.every(({ used }) => used !== undefined)).toBe(true);
    await expectAlive();
  });

  it('gets no more than its turn: other work of the thread comes in between (case 32)', async () => {
    const ring = driver.outputRing();
    let writes = 0;
    let othersTurn = 0;
    setImmediate(() => {
      othersTurn = writes;
    });
    terminals[0]!.onWrite = () => {
      if (++writes > 2000) return;
      ring.collect();
      if (ring.freeDescriptors > 0) ring.add([bytes(1)]);
      ring.publish();
    };
    for (let i = 0; i < 100; i++) ring.add([bytes(1)]);
    ring.kick();
    await settle(200);
    expect(writes).toBeGreaterThan(2000);
    expect(othersTurn).toBeGreaterThan(0);
    expect(othersTurn).toBeLessThan(500);
  });

  it('by emergency writes loses what there is no room for (case 32)', () => {
    terminals[0]!.room = 10;
    for (let i = 0; i < 1000; i++) driver.device.config.write(8, Uint8Array.of(0x21));
    expect(driver.device.counters).toMatchObject({ outputBytes: 10, discardedBytes: 990 });
  });
});

describe('chains that make no sense', () => {
  it.each<[string, Segment[]]>([
    ['have no byte at all (case 4)', [bytes(0)]],
    ['are made of empty descriptors only (case 4)', [bytes(0), bytes(0)]],
    ['can only be written (case 20)', [{ room: 100 }]],
  ])('in the output %s: they come back (cases 17, 33)', async (_what, segments) => {
    expect((await driver.outputRing().send(segments)).written).toBe(0);
    expect(terminals[0]!.output).toBe('');
    await expectAlive();
  });

  it('in the output may have a part to write to, which stays as it is (case 20)', async () => {
    expect((await driver.outputRing().send([bytes(3), { room: 7 }])).written).toBe(0);
    expect(terminals[0]!.output).toBe('...');
  });

  it.each<[string, Segment[]]>([
    ['have no byte at all (case 4)', [{ room: 0 }]],
    ['can only be read (case 20)', [bytes(100)]],
  ])('in the input %s: they go back empty when input comes, and the next one is used', async (_what, segments) => {
    await driver.introduce(PORTS);
    const wrong = driver.inputRing().add(segments);
    const [buffer] = driver.post(1, 10);
    terminals[0]!.type('x');
    expect((await wrong.done).written).toBe(0);
    expect((await buffer!.done).written).toBe(1);
    expect(driver.device.counters.malformedBuffers).toBe(1);
  });

  it('in the input, posted without end, leave the thread to others (case 16)', async () => {
    await driver.introduce(PORTS);
    let turns = 0;
    const work = setInterval(() => turns++, 0);
    terminals[0]!.type('x');
    for (let round = 0; round < 100; round++) {
      driver.post(driver.inputRing().freeDescriptors, 0);
      if (terminals[0]!.readable) terminals[0]!.listener?.readable();
      await settle(1);
    }
    clearInterval(work);
    expect(driver.device.counters.malformedBuffers).toBeGreaterThan(1000);
    expect([terminals[0]!.pendingInput, turns > 0]).toEqual([1, true]);
  });
});

describe('messages that make no sense', () => {
  it.each<[string, Segment[]]>([
    ['are empty', [bytes(0)]],
    ['are too short', [{ bytes: encodeMessage(0, ConsoleEvent.deviceReady, 1).subarray(0, 7) }]],
    ['can only be written', [{ room: 8 }]],
    ['name a port that is not there', [{ bytes: encodeMessage(PORTS, ConsoleEvent.portOpen, 1) }]],
    ['name a port that cannot be', [{ bytes: encodeMessage(0xffffffff, ConsoleEvent.portOpen, 1) }]],
    ['say what only the device says', [{ bytes: encodeMessage(0, ConsoleEvent.portAdd, 1) }]],
    ['are of no known kind', [{ bytes: encodeMessage(0, 0xffff, 1) }]],
    ['are ready before the port was announced', [{ bytes: encodeMessage(1, ConsoleEvent.portReady, 1) }]],
    ['open a port that is not ready', [{ bytes: encodeMessage(1, ConsoleEvent.portOpen, 1) }]],
  ])('%s: they come back, and are counted (case 33)', async (_what, segments) => {
    expect((await driver.controlTransmitRing.send(segments)).written).toBe(0);
    expect(driver.device.counters.malformedMessages).toBe(1);
    await expectAlive();
  });

  it('may be longer than they need to be, and come in pieces (case 20)', async () => {
    const message = encodeMessage(0, ConsoleEvent.deviceReady, 1);
    const pieces = [...message].map((byte) => ({ bytes: Uint8Array.of(byte) }));
    await driver.controlTransmitRing.send([...pieces, bytes(100)]);
    driver.postMessages(PORTS);
    expect(driver.takeMessages()).toHaveLength(PORTS);
  });

  it('that ask for answers without end make the device keep no more than its ports have (cases 15, 31, 32)', async () => {
    for (let i = 0; i < 3000; i++) {
      const kind = [ConsoleEvent.deviceReady, ConsoleEvent.portReady, ConsoleEvent.portOpen][i % 3]!;
      await driver.tell(i % PORTS, kind, i % 2);
    }
    driver.postMessages(64);
    expect(driver.takeMessages().length).toBeLessThanOrEqual(5 * PORTS);
    await expectAlive();
  });

  it('find buffers that are too small: those go back empty, and the message waits', async () => {
    await driver.tell(0, ConsoleEvent.deviceReady, 1);
    driver.postMessages(5, 7);
    expect(driver.device.counters.malformedBuffers).toBe(5);
    driver.postMessages(PORTS, 8);
    expect(driver.controlReceiveRing.inFlight).toBe(0);
    await expectAlive();
  });

  it('of any bytes change nothing that breaks the device', async () => {
    driver.postMessages(64);
    const small = fc.nat({ max: 8 });
    const message = fc.oneof(
      fc.tuple(small, small, small).map(([id, event, value]) => encodeMessage(id, event, value)),
      fc.uint8Array({ maxLength: 12 }),
    );
    await fc.assert(
      fc.asyncProperty(message, async (wild) => {
        const used = await driver.controlTransmitRing.send([{ bytes: wild }]);
        expect(used.written).toBe(0);
      }),
      { numRuns: 2000 },
    );
    await driver.reset();
    driver.start();
    await expectAlive();
  });
});

describe('a backend that throws', () => {
  it('fails the queue that used it, not the process', async () => {
    await driver.introduce(PORTS);
    driver.post(1, 10);
    terminals[0]!.onRead = () => {
      throw new Error('the terminal broke');
    };
    terminals[0]!.type('x');
    expect(driver.resetReasons[0]).toContain('the terminal broke');
    await driver.print('output goes on');
    expect(terminals[0]!.output).toBe('output goes on');
  });

  it('fails the queue that waited for room, not the process', () => {
    terminals[0]!.room = 1;
    driver.outputRing().add([bytes(10)]);
    driver.outputRing().kick();
    terminals[0]!.onWrite = () => {
      throw new Error('the terminal broke');
    };
    terminals[0]!.drain(10);
    expect(driver.resetReasons[0]).toContain('the terminal broke');
  });
});
