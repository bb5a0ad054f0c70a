/** Stopping, resetting, saving and restoring a network device. */
import {
  GUEST_OFFLOADS,
  NetAck,
  NetCommandClass,
  NetFeature,
  NetMacCommand,
  NetVlanCommand,
  ReceiveMode,
  SendOutcome,
} from 'ioregion/virtio';
import { describe, expect, it } from 'vitest';
import { connect, frame, header, MAC, NetDriver, OTHER_MAC, settle, tagged } from '../../../../support/net-driver.js';
import { StubNetwork } from '../../../../support/stub-network.js';

function open(network = new StubNetwork({ offloads: GUEST_OFFLOADS, queuePairs: 2 })) {
  return { network, driver: NetDriver.open({ backend: network }) };
}

describe('a queue that stops', () => {
  it('gives buffers back that no packet has filled, and goes on with others (cases 17, 33)', async () => {
    const { driver, network } = open();
    const held = driver.post(5, 2048);
    const engine = driver.engine(0);
    expect(engine.inFlight).toBe(5);
    await driver.stopQueue(0);
    expect(engine.inFlight).toBe(0);
    expect(held.map(({ used }) => used?.written)).toEqual([0, 0, 0, 0, 0]);
    driver.startQueue(0);
    driver.post(1, 2048);
    network.ports[0]!.inject(header(), frame(60));
    expect(driver.device.counters.received).toBe(1);
  });

  it('gives back the packet that waited for room', async () => {
    const { driver, network } = open();
    network.outcome = SendOutcome.full;
    const sent = driver.transmitRing().add([{ bytes: header() }, { bytes: frame(60) }]);
    driver.transmitRing().kick();
    await driver.stopQueue(1);
    expect(sent.used?.written).toBe(0);
    network.outcome = SendOutcome.sent;
    network.ports[0]!.listener.writable();
    expect(network.sent).toEqual([]);
  });

  it('may be stopped twice', async () => {
    const { driver } = open();
    driver.post(1, 2048);
    for (let index = 0; index < 5; index++) await driver.stopQueue(index);
    for (let index = 0; index < 5; index++) await driver.device.stopQueue(index);
  });

  it('leaves the other queues at work', async () => {
    const { driver, network } = open();
    await driver.stopQueue(0);
    await driver.transmit(frame(60));
    expect(network.sent).toHaveLength(1);
    expect(await driver.command(NetCommandClass.receive, ReceiveMode.promisc, [1])).toBe(NetAck.ok);
  });
});

describe('a device that is reset', () => {
  it('does not write to memory any more, whatever comes in (case 34)', async () => {
    const { left, right } = connect();
    const held = right.post(4, 2048);
    await left.transmit(frame(60));
    await right.reset();
    const { memory } = right;
    for (const { segments } of held) memory.fill(segments[0]!.gpa, 2048, 0x55);
    await left.transmit(frame(60));
    await settle();
    for (const { segments } of held)
      expect(memory.read(segments[0]!.gpa, 2048).every((byte) => byte === 0x55)).toBe(true);
  });

  it('is not called any more by what was due (case 34)', async () => {
    const { left, right } = connect();
    right.post(1, 2048);
    const transmitted = left.transmit(frame(60));
    await right.close();
    await transmitted;
    await settle();
    expect(right.device.counters.received).toBe(0);
  });

  it('works again, many times over, with any features', async () => {
    const { driver, network } = open();
    for (let round = 0; round < 50; round++) {
      await driver.reset();
      driver.start({ features: round % 2 === 0 ? driver.device.features : 0n, legacy: round % 3 === 0 });
      driver.post(2, 2048);
      network.ports[0]!.inject(header({}, driver.headerBytes), frame(60));
      await driver.transmit(frame(60));
      expect((await driver.receive()).packet).toEqual(frame(60));
    }
    expect(driver.device.counters).toMatchObject({ received: 50, transmitted: 50 });
  });

  it('lets go of the network when it is closed', async () => {
    const { driver, network } = open();
    await driver.reset();
    await driver.device.close();
    expect(network.calls).toEqual(['start', 'stop', 'close']);
  });
});

describe('the state of a device', () => {
  async function prepared() {
    const setup = open();
    const { driver } = setup;
    await driver.command(NetCommandClass.mac, NetMacCommand.addressSet, OTHER_MAC);
    await driver.command(NetCommandClass.receive, ReceiveMode.allMulti, [1]);
    await driver.command(NetCommandClass.vlan, NetVlanCommand.add, [0x23, 0x01]);
    await driver.command(NetCommandClass.multiQueue, 0, [2, 0]);
    await driver.command(NetCommandClass.guestOffloads, 0, [2, 0, 0, 0, 0, 0, 0, 0]);
    driver.device.announce();
    return setup;
  }

  it('goes on in another device where it was saved', async () => {
    const { driver } = await prepared();
    const network = new StubNetwork({ offloads: GUEST_OFFLOADS, queuePairs: 2 });
    const other = NetDriver.create({ backend: network });
    other.device.restore(structuredClone(driver.device.save()));
    other.start();
    expect(network.activePairs).toBe(2);
    expect(network.settings?.guestOffloads).toBe(NetFeature.guestCsum);
    expect(other.device.config.bytes).toEqual(driver.device.config.bytes);
    expect(other.device.save()).toEqual(driver.device.save());
    other.post(4, 2048);
    for (const packet of [tagged(60, 0x123), tagged(60, 0x124), frame(60, { to: OTHER_MAC })])
      network.ports[0]!.inject(header(), packet);
    expect(other.device.counters).toMatchObject({ received: 2, filtered: 1 });
  });

  it('of a device that never ran is as good as none', () => {
    const network = new StubNetwork({ offloads: GUEST_OFFLOADS, queuePairs: 2 });
    const driver = NetDriver.create({ backend: network });
    driver.device.restore(driver.device.save());
    driver.start();
    expect(network.activePairs).toBe(1);
    expect(network.settings?.guestOffloads).toBe(GUEST_OFFLOADS);
  });

  it('switches on no offload that the driver has not accepted (case 54)', async () => {
    const { driver } = await prepared();
    const state = { ...driver.device.save(), active: { pairs: 2, guestOffloads: GUEST_OFFLOADS } };
    const network = new StubNetwork({ offloads: GUEST_OFFLOADS, queuePairs: 2 });
    const other = NetDriver.create({ backend: network });
    other.device.restore(state);
    other.start({ features: NetFeature.ctrlVq | NetFeature.guestCsum });
    expect(network.settings?.guestOffloads).toBe(NetFeature.guestCsum);
    expect(network.activePairs).toBe(1);
  });

  it('is refused where no device can have it, and nothing changes then (case 54)', async () => {
    const { driver } = await prepared();
    const good = driver.device.save();
    const { filter, active } = good;
    const table = (addresses: unknown, matchesAll: unknown = false) => ({
      ...good,
      filter: { ...filter, unicast: { addresses, matchesAll } },
    });
    const wrong: unknown[] = [
      undefined,
      null,
      7,
      {},
      [],
      { ...good, mac: new Uint8Array(7) },
      { ...good, mac: [1, 2, 3, 4, 5, 6] },
      { ...good, announce: 1 },
      { ...good, active: undefined },
      { ...good, active: { ...active, pairs: 0 } },
      { ...good, active: { ...active, pairs: 3 } },
      { ...good, active: { ...active, pairs: 1.5 } },
      { ...good, active: { ...active, guestOffloads: NetFeature.hostTso4 } },
      { ...good, active: { ...active, guestOffloads: -1n } },
      { ...good, active: { ...active, guestOffloads: 2 } },
      { ...good, filter: null },
      { ...good, filter: { ...filter, modes: [true] } },
      { ...good, filter: { ...filter, modes: [2, 0, 0, 0, 0, 0] } },
      { ...good, filter: { ...filter, vlans: new Uint32Array(127) } },
      { ...good, filter: { ...filter, vlans: null } },
      table(new Uint8Array(7)),
      table(new Uint8Array(65 * 6)),
      table([1, 2, 3]),
      table(new Uint8Array(6), 'yes'),
    ];
    const device = NetDriver.create({ backend: new StubNetwork({ queuePairs: 2 }), mac: MAC }).device;
    const before = device.save();
    for (const state of wrong)
      expect(() => device.restore(state), String(state)).toThrow(
        expect.objectContaining({ code: 'ERR_IOREGION_NET_OPTION' }),
      );
    expect(device.save()).toEqual(before);
  });
});
