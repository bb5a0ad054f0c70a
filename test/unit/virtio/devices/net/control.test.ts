/** Commands of the control queue, and the filters they set (5.1.6.5). */
import {
  GUEST_OFFLOADS,
  NetAck,
  NetCommandClass,
  NetFeature,
  NetMacCommand,
  NetVlanCommand,
  ReceiveMode,
} from 'ioregion/virtio';
import { describe, expect, it } from 'vitest';
import { BROADCAST, frame, header, MAC_BYTES, NetDriver, OTHER_MAC, tagged } from '../../../../support/net-driver.js';
import { StubNetwork } from '../../../../support/stub-network.js';

const MULTICAST = Uint8Array.of(0x01, 0x00, 0x5e, 0x00, 0x00, 0x01);
const OTHER_MULTICAST = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);

function open(features?: bigint, network = new StubNetwork({ offloads: GUEST_OFFLOADS, queuePairs: 4 })) {
  const driver = NetDriver.open({ backend: network }, features === undefined ? {} : { features });
  return { driver, network };
}

/** Whether the driver gets a packet. */
function gets({ driver, network }: ReturnType<typeof open>, packet: Uint8Array): boolean {
  if (driver.receiveRing().inFlight === 0) driver.post(1, 2048);
  const before = driver.device.counters.received;
  network.ports[0]!.inject(header(), packet);
  const wasReceived = driver.device.counters.received - before === 1;
  expect(wasReceived).toBe(driver.receiveRing().inFlight === 0);
  return wasReceived;
}

const to = (address: Uint8Array) => frame(60, { to: address });
const setMode = ({ driver }: ReturnType<typeof open>, mode: number, on = 1) =>
  driver.command(NetCommandClass.receive, mode, [on]);

function table(...lists: Uint8Array[][]): Uint8Array {
  const parts = lists.map((list) => [Uint8Array.of(list.length, 0, 0, 0), ...list]);
  return Uint8Array.from(Buffer.concat(parts.flat()));
}

describe('packets by their destination', () => {
  it('are those for the device, and for all, until the driver asks for others (5.1.6.5.2.1)', () => {
    const setup = open();
    expect(gets(setup, to(MAC_BYTES))).toBe(true);
    expect(gets(setup, to(BROADCAST))).toBe(true);
    expect(gets(setup, to(OTHER_MAC))).toBe(false);
    expect(gets(setup, to(MULTICAST))).toBe(false);
    expect(setup.driver.device.counters.filtered).toBe(2);
  });

  it('are all where the driver has not accepted CTRL_RX', () => {
    const setup = open(NetFeature.ctrlVq);
    for (const address of [MAC_BYTES, BROADCAST, OTHER_MAC, MULTICAST]) expect(gets(setup, to(address))).toBe(true);
  });

  it.each([
    [[], [true, true, false, false]],
    [[ReceiveMode.promisc], [true, true, true, true]],
    [[ReceiveMode.allMulti], [true, true, false, true]],
    [[ReceiveMode.allUni], [true, true, true, false]],
    [[ReceiveMode.noMulti], [true, true, false, false]],
    [
      [ReceiveMode.noMulti, ReceiveMode.allMulti],
      [true, true, false, false],
    ],
    [
      [ReceiveMode.noUni, ReceiveMode.allUni],
      [false, true, false, false],
    ],
    [
      [ReceiveMode.noBroadcast, ReceiveMode.allMulti],
      [true, false, false, true],
    ],
    [
      [ReceiveMode.noUni, ReceiveMode.noMulti, ReceiveMode.noBroadcast],
      [false, false, false, false],
    ],
    [
      [ReceiveMode.promisc, ReceiveMode.noUni, ReceiveMode.noMulti],
      [true, true, true, true],
    ],
  ])('are those of the modes %j: own, broadcast, other, multicast %j (5.1.6.5.1.1)', async (modes, expected) => {
    const setup = open();
    for (const mode of modes) expect(await setMode(setup, mode)).toBe(NetAck.ok);
    const got = [MAC_BYTES, BROADCAST, OTHER_MAC, MULTICAST].map((address) => gets(setup, to(address)));
    expect(got).toEqual(expected);
    for (const mode of modes) expect(await setMode(setup, mode, 0)).toBe(NetAck.ok);
    expect(gets(setup, to(MAC_BYTES))).toBe(true);
    expect(gets(setup, to(OTHER_MAC))).toBe(false);
  });

  it('are those of the tables, of which a new one replaces both (5.1.6.5.2)', async () => {
    const setup = open();
    const set = (data: Uint8Array) => setup.driver.command(NetCommandClass.mac, NetMacCommand.tableSet, data);
    expect(await set(table([OTHER_MAC], [MULTICAST]))).toBe(NetAck.ok);
    expect([OTHER_MAC, MULTICAST, OTHER_MULTICAST].map((a) => gets(setup, to(a)))).toEqual([true, true, false]);
    expect(await set(table([], [OTHER_MULTICAST]))).toBe(NetAck.ok);
    expect([OTHER_MAC, MULTICAST, OTHER_MULTICAST].map((a) => gets(setup, to(a)))).toEqual([false, false, true]);
  });

  it('are all of a kind for which the table has more than the device holds (5.1.6.5.2)', async () => {
    const setup = open();
    const many = Array.from({ length: 65 }, (_, i) => Uint8Array.of(2, 0, 0, 0, 1, i));
    expect(await setup.driver.command(NetCommandClass.mac, NetMacCommand.tableSet, table(many, [MULTICAST]))).toBe(0);
    expect([OTHER_MAC, MULTICAST, OTHER_MULTICAST].map((a) => gets(setup, to(a)))).toEqual([true, true, false]);
    const fitting = many.slice(0, 64);
    expect(await setup.driver.command(NetCommandClass.mac, NetMacCommand.tableSet, table(fitting, []))).toBe(0);
    expect([fitting[63]!, many[64]!, OTHER_MAC].map((a) => gets(setup, to(a)))).toEqual([true, false, false]);
  });

  it('follow the address that the driver sets, which is in the configuration then (5.1.6.5.2.1)', async () => {
    const setup = open();
    expect(await setup.driver.command(NetCommandClass.mac, NetMacCommand.addressSet, OTHER_MAC)).toBe(NetAck.ok);
    expect(setup.driver.device.config.bytes.slice(0, 6)).toEqual(OTHER_MAC);
    expect([OTHER_MAC, MAC_BYTES].map((address) => gets(setup, to(address)))).toEqual([true, false]);
  });

  it('are as at first after a reset (5.1.6.5.2.1)', async () => {
    const setup = open();
    await setMode(setup, ReceiveMode.allMulti);
    await setup.driver.command(NetCommandClass.mac, NetMacCommand.tableSet, table([OTHER_MAC], []));
    await setup.driver.command(NetCommandClass.mac, NetMacCommand.addressSet, OTHER_MAC);
    await setup.driver.command(NetCommandClass.vlan, NetVlanCommand.add, [5, 0]);
    await setup.driver.reset();
    setup.driver.start();
    expect([MAC_BYTES, OTHER_MAC, MULTICAST].map((a) => gets(setup, to(a)))).toEqual([true, false, false]);
    expect(gets(setup, tagged(60, 5))).toBe(false);
  });
});

describe('packets by their VLAN', () => {
  it('are those of the table, which is empty at first (5.1.6.5.3.1)', async () => {
    const setup = open();
    const change = (command: number, id: number) =>
      setup.driver.command(NetCommandClass.vlan, command, [id & 0xff, id >> 8]);
    expect(gets(setup, tagged(60, 5))).toBe(false);
    expect(await change(NetVlanCommand.add, 5)).toBe(NetAck.ok);
    expect(await change(NetVlanCommand.add, 4095)).toBe(NetAck.ok);
    expect([5, 6, 37, 4095, 0].map((id) => gets(setup, tagged(60, id)))).toEqual([true, false, false, true, false]);
    expect(gets(setup, tagged(60, 0xf005))).toBe(true);
    expect(await change(NetVlanCommand.delete, 5)).toBe(NetAck.ok);
    expect([5, 4095].map((id) => gets(setup, tagged(60, id)))).toEqual([false, true]);
    expect(gets(setup, to(MAC_BYTES))).toBe(true);
    expect(await change(NetVlanCommand.add, 4096)).toBe(NetAck.error);
  });

  it('are all where the driver has not accepted CTRL_VLAN (5.1.6.5.3.1)', () => {
    const setup = open(NetFeature.ctrlVq | NetFeature.ctrlRx);
    expect(gets(setup, tagged(60, 5))).toBe(true);
  });
});

describe('packets longer than the MTU', () => {
  const openWithMtu = (features?: bigint) => {
    const network = new StubNetwork({ offloads: GUEST_OFFLOADS });
    const options = features === undefined ? {} : { features };
    return { driver: NetDriver.open({ backend: network, mtu: 1000 }, options), network };
  };

  it('do not reach the driver, unless it is to cut them up itself (5.1.4.1)', () => {
    const setup = openWithMtu();
    expect(gets(setup, frame(1014))).toBe(true);
    expect(gets(setup, frame(1015))).toBe(false);
    expect(setup.driver.device.counters.tooLong).toBe(1);
    setup.network.ports[0]!.inject(header({ flags: 1, gsoType: 1, gsoSize: 500 }), frame(1800));
    expect(setup.driver.device.counters.received).toBe(2);
  });

  it('may be longer by their tag', async () => {
    const setup = openWithMtu();
    await setup.driver.command(NetCommandClass.vlan, NetVlanCommand.add, [5, 0]);
    expect(gets(setup, tagged(1018, 5))).toBe(true);
    expect(gets(setup, tagged(1019, 5))).toBe(false);
  });

  it('pass where the driver has not accepted the MTU', () => {
    expect(gets(openWithMtu(NetFeature.mrgRxbuf), frame(1500))).toBe(true);
  });
});

describe('commands', () => {
  it('acknowledge an announcement that the device has asked for (5.1.6.5.4.2)', async () => {
    const { driver } = open();
    expect(driver.device.announce()).toBe(true);
    expect(driver.configChanges).toBe(1);
    expect(driver.device.config.bytes[6]).toBe(3);
    expect(await driver.command(NetCommandClass.announce, 0)).toBe(NetAck.ok);
    expect(driver.device.config.bytes[6]).toBe(1);
  });

  it('are asked for announcements only where the driver can make them', async () => {
    const { driver } = open(NetFeature.ctrlVq);
    expect(driver.device.announce()).toBe(false);
    await driver.reset();
    expect(driver.device.announce()).toBe(false);
  });

  it('choose the number of pairs (5.1.6.5.6)', async () => {
    const { driver, network } = open();
    const set = (count: number) => driver.command(NetCommandClass.multiQueue, 0, [count & 0xff, count >> 8]);
    expect(network.activePairs).toBe(1);
    for (const [count, ack] of [
      [4, 0],
      [0, 1],
      [5, 1],
      [0x8000, 1],
      [2, 0],
    ] as const)
      expect(await set(count)).toBe(ack);
    expect(network.activePairs).toBe(2);
    await driver.reset();
    driver.start();
    expect(network.activePairs).toBe(1);
  });

  it('switch offloads that the driver has accepted (5.1.6.5.8)', async () => {
    const features = NetFeature.ctrlVq | NetFeature.ctrlGuestOffloads | NetFeature.guestCsum | NetFeature.guestTso4;
    const { driver, network } = open(features);
    const set = (offloads: bigint) => {
      const data = new DataView(new ArrayBuffer(8));
      data.setBigUint64(0, offloads, true);
      return driver.command(NetCommandClass.guestOffloads, 0, new Uint8Array(data.buffer));
    };
    expect(await set(NetFeature.guestCsum)).toBe(NetAck.ok);
    expect(network.guestOffloads).toBe(NetFeature.guestCsum);
    expect(await set(NetFeature.guestTso4)).toBe(NetAck.error);
    expect(await set(NetFeature.guestCsum | NetFeature.guestTso6)).toBe(NetAck.error);
    expect(await set(2n ** 64n - 1n)).toBe(NetAck.error);
    expect(network.guestOffloads).toBe(NetFeature.guestCsum);
    expect(await set(NetFeature.guestCsum | NetFeature.guestTso4)).toBe(NetAck.ok);
  });

  it('fail where the host refuses, and others go on', async () => {
    const { driver, network } = open();
    network.onOffloads = () => {
      throw new Error('the host says no');
    };
    expect(await driver.command(NetCommandClass.guestOffloads, 0, new Uint8Array(8))).toBe(NetAck.error);
    expect(driver.log[0]).toContain('the host says no');
    expect(await driver.command(NetCommandClass.receive, ReceiveMode.promisc, [1])).toBe(NetAck.ok);
    expect(driver.resetReasons).toEqual([]);
  });

  it.each([
    [NetCommandClass.receive, ReceiveMode.promisc, [1], NetFeature.ctrlRx],
    [NetCommandClass.receive, ReceiveMode.allUni, [1], NetFeature.ctrlRxExtra],
    [NetCommandClass.mac, NetMacCommand.tableSet, [0, 0, 0, 0, 0, 0, 0, 0], NetFeature.ctrlRx],
    [NetCommandClass.mac, NetMacCommand.addressSet, [2, 0, 0, 0, 0, 1], NetFeature.ctrlMacAddr],
    [NetCommandClass.vlan, NetVlanCommand.add, [1, 0], NetFeature.ctrlVlan],
    [NetCommandClass.announce, 0, [], NetFeature.guestAnnounce],
    [NetCommandClass.multiQueue, 0, [1, 0], NetFeature.mq],
    [NetCommandClass.guestOffloads, 0, [0, 0, 0, 0, 0, 0, 0, 0], NetFeature.ctrlGuestOffloads],
  ])('%d.%d need their feature (case 46)', async (commandClass, command, data, feature) => {
    const { features } = open().driver.device;
    expect(await open(features).driver.command(commandClass, command, data)).toBe(NetAck.ok);
    expect(await open(features & ~feature).driver.command(commandClass, command, data)).toBe(NetAck.error);
  });
});
