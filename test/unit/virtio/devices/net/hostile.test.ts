/** What hostile drivers try (numbers: the list of cases in docs). The smallest thing fails, and everything else goes on. */
import fc from 'fast-check';
import { HOST_OFFLOADS, NetAck, NetCommandClass, NetMacCommand, ReceiveMode, SendOutcome } from 'ioregion/virtio';
import { describe, expect, it } from 'vitest';
import { frame, header, NetDriver, settle } from '../../../../support/net-driver.js';
import type { Segment } from '../../../../support/ring-driver.js';
import { StubNetwork } from '../../../../support/stub-network.js';

function open(features?: bigint, queueSize?: number) {
  const network = new StubNetwork({ offloads: HOST_OFFLOADS });
  const options = {
    ...(features === undefined ? {} : { features }),
    ...(queueSize === undefined ? {} : { queueSize }),
  };
  return { network, driver: NetDriver.open({ backend: network }, options) };
}

type Setup = ReturnType<typeof open>;

/** Both directions still work, and nothing has failed. */
async function expectAlive({ driver, network }: Setup): Promise<void> {
  const { length } = network.sent;
  await driver.transmit(frame(77));
  expect(network.sent.slice(length).map(({ packet }) => packet.length)).toEqual([77]);
  const before = driver.device.counters.received;
  driver.post(2, 2048);
  network.ports[0]!.inject(header(), frame(78));
  expect(driver.device.counters.received).toBe(before + 1);
  expect(driver.resetReasons).toEqual([]);
}

const bytes = (length: number): Segment => ({ bytes: new Uint8Array(length) });

describe('transmitted chains that are no packets', () => {
  it.each<[string, Segment[]]>([
    ['have no byte at all (case 4)', [bytes(0)]],
    ['are made of empty descriptors only (case 4)', [bytes(0), bytes(0), bytes(0)]],
    ['are shorter than a header (case 30)', [bytes(11)]],
    ['are a header alone', [bytes(12)]],
    ['are a header and not quite an Ethernet header', [bytes(12), bytes(13)]],
    ['can only be written (case 20)', [{ room: 100 }]],
    ['are longer than any packet (case 31)', [bytes(12), bytes(65_590)]],
    ['are much longer than any packet (case 31)', Array(60).fill(bytes(65_536))],
  ])('%s: they come back, and the next packet is sent (cases 17, 33)', async (_what, segments) => {
    const setup = open();
    const used = await setup.driver.transmitRing().send(segments);
    expect(used.written).toBe(0);
    expect(setup.network.sent).toEqual([]);
    expect(setup.driver.device.counters.malformed).toBe(1);
    await expectAlive(setup);
  });

  it('cost the ring nothing, however many there are (case 33)', async () => {
    const setup = open(undefined, 16);
    for (let i = 0; i < 5000; i++) await setup.driver.transmitRing().send([bytes(i % 26), { room: i % 3 }]);
    expect(setup.driver.transmitRing().freeDescriptors).toBe(16);
    expect(setup.driver.device.counters.malformed).toBe(5000);
    await expectAlive(setup);
  });

  it('may have a part to write to besides, which stays as it is (case 20)', async () => {
    const setup = open();
    const used = await setup.driver.transmitRing().send([bytes(12), { bytes: frame(60) }, { room: 50 }]);
    expect(used.written).toBe(0);
    expect(setup.network.sent).toHaveLength(1);
  });

  it('have the longest packet there is just fit', async () => {
    const setup = open();
    await setup.driver.transmitRing().send([bytes(12), { bytes: frame(65_589) }]);
    expect(setup.network.sent[0]!.packet).toHaveLength(65_589);
  });
});

describe('a header that changes while the device works', () => {
  it('is judged and sent in one copy (case 22)', async () => {
    const { driver, network } = open();
    const sent = driver.transmitRing().add([{ bytes: header() }, { bytes: frame(60) }]);
    network.onSend = () => driver.memory.fill(sent.segments[0]!.gpa, 12, 0xff);
    driver.transmitRing().kick();
    expect(network.sent[0]!.header).toEqual(header());
  });
});

describe('a driver that sends faster than the network takes', () => {
  it('waits with one packet taken, and nothing is lost or kept for it (cases 15, 32)', async () => {
    const { driver, network } = open(undefined, 256);
    network.outcome = SendOutcome.full;
    const ring = driver.transmitRing();
    const sent = Array.from({ length: 100 }, (_, i) => ring.add([bytes(12), { bytes: frame(60 + i) }]));
    for (let i = 0; i < 50; i++) {
      ring.publish();
      driver.device.kick(1);
    }
    expect(driver.engine(1).inFlight).toBe(1);
    expect(network.ports[0]!.writable).toBe(true);
    network.outcome = SendOutcome.sent;
    network.ports[0]!.listener.writable();
    await settle();
    expect(sent.every(({ used }) => used !== undefined)).toBe(true);
    expect(network.sent.map(({ packet }) => packet.length)).toEqual(sent.map((_, i) => 60 + i));
    expect(network.ports[0]!.writable).toBe(false);
  });

  it('gets no more than its turn: other work of the thread comes in between (case 32)', async () => {
    const { driver, network } = open(undefined, 256);
    const ring = driver.transmitRing();
    let othersTurn = 0;
    setImmediate(() => {
      othersTurn = network.sent.length;
    });
    network.onSend = () => {
      if (network.sent.length > 3000) return;
      ring.collect();
      if (ring.freeDescriptors > 0) ring.add([{ bytes: Uint8Array.from([...header(), ...frame(60)]) }]);
      ring.publish();
    };
    for (let i = 0; i < 250; i++) ring.add([{ bytes: Uint8Array.from([...header(), ...frame(60)]) }]);
    ring.kick();
    await settle(100);
    expect(network.sent.length).toBeGreaterThan(3000);
    expect(othersTurn).toBeGreaterThan(0);
    expect(othersTurn).toBeLessThan(1000);
  });
});

describe('receive buffers', () => {
  it.each<[string, Segment[]]>([
    ['without a byte (case 4)', [{ room: 0 }]],
    ['of empty descriptors only (case 4)', [{ room: 0 }, { room: 0 }]],
    ['shorter than a header (case 30)', [{ room: 11 }]],
    ['that can only be read (case 20)', [bytes(2048)]],
  ])('%s go back empty, and the next one is used (cases 17, 33)', async (_what, segments) => {
    const setup = open();
    const [wrong] = setup.driver.postSegments([segments]);
    setup.driver.post(1, 2048);
    setup.network.ports[0]!.inject(header(), frame(60));
    expect((await wrong!.done).written).toBe(0);
    expect(setup.driver.device.counters).toMatchObject({ malformedBuffers: 1, received: 1 });
    await expectAlive(setup);
  });

  it('may have a part to read besides, which nobody looks at (case 20)', () => {
    const { driver, network } = open();
    const [sent] = driver.postSegments([[bytes(50), { room: 100 }]]);
    network.ports[0]!.inject(header(), frame(60));
    expect(sent!.used?.data.subarray(12)).toEqual(frame(60));
  });

  it('shorter than a header are of no use for the rest of a packet either (5.1.6.3.1)', () => {
    const { driver, network } = open();
    driver.postSegments([[{ room: 12 }], ...Array<Segment[]>(60).fill([{ room: 1 }])]);
    network.ports[0]!.inject(header(), frame(14));
    expect(driver.device.counters).toMatchObject({ received: 0, tooLong: 1, malformedBuffers: 60 });
  });

  it('are not needed for the device to stay within its bounds: packets wait in the network (case 32)', async () => {
    const setup = open();
    for (let i = 0; i < 1000; i++) setup.network.ports[0]!.inject(header(), frame(60));
    expect(setup.network.ports[0]!.waiting).toBe(1000);
    expect(setup.network.ports[0]!.readable).toBe(false);
    setup.driver.post(10, 2048);
    expect(setup.driver.device.counters.received).toBe(10);
    expect(setup.network.ports[0]!.waiting).toBe(990);
  });

  it('posted without end, all of them wrong, leave the thread to others (case 16)', async () => {
    const { driver, network } = open(undefined, 64);
    let turns = 0;
    const work = setInterval(() => turns++, 0);
    for (let round = 0; round < 200; round++) {
      driver.post(driver.receiveRing().freeDescriptors, 3);
      await settle(1);
    }
    clearInterval(work);
    expect(driver.device.counters.malformedBuffers).toBeGreaterThan(1000);
    expect(turns).toBeGreaterThan(0);
    expect(network.ports[0]!.readable).toBe(false);
  });
});

describe('commands that are none', () => {
  const { receive, mac, vlan, multiQueue } = NetCommandClass;

  it.each<[string, number, number, number[]]>([
    ['an unknown class', 99, 0, []],
    ['an unknown command', receive, 99, [1]],
    ['no data', receive, ReceiveMode.promisc, []],
    ['a mode that is neither on nor off', receive, ReceiveMode.promisc, [2]],
    ['half an address', mac, NetMacCommand.addressSet, [2, 0, 0]],
    ['one table only', mac, NetMacCommand.tableSet, [0, 0, 0, 0]],
    ['a table longer than the data (case 30)', mac, NetMacCommand.tableSet, [2, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0]],
    ['a table of 4 Gi entries (case 31)', mac, NetMacCommand.tableSet, [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]],
    ['a second table of 4 Gi entries (case 31)', mac, NetMacCommand.tableSet, [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]],
    ['half a VLAN', vlan, 0, [5]],
    ['a negative number of pairs', multiQueue, 0, [0xff, 0xff]],
  ])('fail: %s', async (_what, commandClass, command, data) => {
    const network = new StubNetwork({ queuePairs: 2 });
    const driver = NetDriver.open({ backend: network });
    expect(await driver.command(commandClass, command, data)).toBe(NetAck.error);
    expect(driver.device.counters.failedCommands).toBe(1);
    expect(await driver.command(receive, ReceiveMode.promisc, [1])).toBe(NetAck.ok);
    await expectAlive({ driver, network });
  });

  it.each<[string, Segment[]]>([
    ['no class', [{ bytes: Uint8Array.of(0) }, { room: 1 }]],
    ['nothing at all', [{ room: 1 }]],
  ])('fail: %s', async (_what, segments) => {
    const setup = open();
    expect((await setup.driver.controlRing.send(segments)).data[0]).toBe(NetAck.error);
    await expectAlive(setup);
  });

  it('are not carried out where they leave no room for the answer', async () => {
    const setup = open();
    const used = await setup.driver.controlRing.send([{ bytes: Uint8Array.of(receive, ReceiveMode.promisc, 1) }]);
    expect(used.written).toBe(0);
    expect(setup.driver.device.save().filter.modes[ReceiveMode.promisc]).toBe(false);
    await expectAlive(setup);
  });

  it('may be cut anywhere, the answer too (case 20)', async () => {
    const setup = open();
    const parts = [receive, ReceiveMode.allMulti, 1].map((byte) => ({ bytes: Uint8Array.of(byte) }));
    const used = await setup.driver.controlRing.send([...parts, { room: 0 }, { room: 1 }, { room: 3 }]);
    expect([used.written, used.data[0]]).toEqual([1, NetAck.ok]);
  });

  it('of any bytes are answered, and change nothing that breaks the device', async () => {
    const setup = open();
    const small = fc.nat({ max: 6 });
    const command = fc.tuple(small, small, fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 3 }));
    await fc.assert(
      fc.asyncProperty(command, async ([commandClass, number, data, room]) => {
        const ack = await setup.driver.command(commandClass, number, data, room);
        expect([NetAck.ok, NetAck.error]).toContain(ack);
      }),
      { numRuns: 2000 },
    );
    await setup.driver.command(receive, ReceiveMode.promisc, [1]);
    await setup.driver.command(vlan, 0, [0, 0]);
    await expectAlive(setup);
  });
});

describe('a ring that is malformed', () => {
  it('stops with the buffers that the device holds unused, and nothing is written to them any more (case 2)', async () => {
    const setup = open();
    const { driver, network } = setup;
    const [held] = driver.post(1, 2048);
    driver.makeAvailable(0, 0xffff);
    driver.receiveRing().publish();
    driver.device.kick(0);
    network.ports[0]!.inject(header(), frame(60));
    expect(driver.resetReasons).toHaveLength(1);
    expect(driver.memory.read(held!.segments[0]!.gpa, 2048)).toEqual(new Uint8Array(2048));
    expect(network.ports[0]!.readable).toBe(false);
    await driver.transmit(frame(60));
    expect(network.sent).toHaveLength(1);
    await driver.reset();
    driver.resetReasons.length = 0;
    driver.start();
    await expectAlive(setup);
  });
});

describe('a network that throws', () => {
  it('fails the queue that used it, not the process', async () => {
    const { driver, network } = open();
    driver.post(2, 2048);
    network.onReceive = () => {
      throw new Error('the network broke');
    };
    network.ports[0]!.inject(header(), frame(60));
    expect(driver.resetReasons[0]).toContain('the network broke');
    await driver.transmit(frame(60));
    expect(network.sent).toHaveLength(1);
  });

  it('fails the queue that waited for room, not the process', () => {
    const { driver, network } = open();
    network.outcome = SendOutcome.full;
    driver.transmitRing().add([bytes(12), { bytes: frame(60) }]);
    driver.transmitRing().kick();
    network.onSend = () => {
      throw new Error('the network broke');
    };
    network.ports[0]!.listener.writable();
    expect(driver.resetReasons[0]).toContain('the network broke');
  });
});

it('features that were not offered do nothing (case 46)', async () => {
  const setup = open((1n << 24n) - 1n);
  await expectAlive(setup);
  expect(await setup.driver.command(NetCommandClass.multiQueue, 0, [1, 0])).toBe(NetAck.error);
  expect(setup.network.settings?.guestOffloads).toBe(0n);
});
