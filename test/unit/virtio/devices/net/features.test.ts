/** Features and configuration space (5.1.3, 5.1.4). */
import {
  DEVICE_FEATURE_MASK,
  Feature,
  GUEST_OFFLOADS,
  HOST_OFFLOADS,
  NetFeature,
  NetworkDevice,
  type NetworkDeviceOptions,
} from 'ioregion/virtio';
import { describe, expect, it } from 'vitest';
import { macrosOf, runC } from '../../../../support/c-program.js';
import { header, MAC, MAC_BYTES, NetDriver } from '../../../../support/net-driver.js';
import { StubNetwork } from '../../../../support/stub-network.js';

const ALL = HOST_OFFLOADS | GUEST_OFFLOADS;

function open(options: Partial<NetworkDeviceOptions> = {}, network = new StubNetwork()): NetworkDevice {
  return new NetworkDevice({ backend: network, mac: MAC, ...options });
}

const offers = (device: NetworkDevice, feature: bigint) => (device.features & feature) === feature;

describe('the features of a network device', () => {
  it('have the numbers of the kernel header', () => {
    const kernel = macrosOf('linux/virtio_net.h');
    const names: Record<string, string> = {};
    for (const name of Object.keys(NetFeature))
      names[name] = `VIRTIO_NET_F_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
    const known = Object.entries(names).filter(([, macro]) => kernel.has(macro));
    expect(known.length).toBeGreaterThanOrEqual(20);
    for (const [name, macro] of known)
      expect(NetFeature[name as keyof typeof NetFeature], macro).toBe(1n << BigInt(kernel.get(macro)!));
  });

  it('are bits that belong to device types (2.2)', () => {
    const device = open({ mtu: 1500 }, new StubNetwork({ queuePairs: 2, offloads: ALL }));
    expect(device.features & ~DEVICE_FEATURE_MASK).toBe(0n);
  });

  it('are those that the backend can honour', () => {
    expect(open().features & ALL).toBe(0n);
    expect(open({}, new StubNetwork({ offloads: ALL })).features & ALL).toBe(ALL);
    expect(offers(open(), NetFeature.ctrlGuestOffloads)).toBe(false);
    expect(offers(open({}, new StubNetwork({ offloads: ALL })), NetFeature.ctrlGuestOffloads)).toBe(true);
    expect(offers(open(), NetFeature.mq)).toBe(false);
    expect(offers(open({}, new StubNetwork({ queuePairs: 2 })), NetFeature.mq)).toBe(true);
    expect(offers(open(), NetFeature.mtu)).toBe(false);
    expect(offers(open({ mtu: 9000 }), NetFeature.mtu)).toBe(true);
  });

  it('keep the requirements among them, whatever a backend says (5.1.3.1)', () => {
    const device = open({}, new StubNetwork({ offloads: NetFeature.guestTso4 | NetFeature.hostEcn | NetFeature.csum }));
    expect(device.features & ALL).toBe(NetFeature.csum);
  });

  it.each([
    ['segmentation without checksums', NetFeature.guestTso4 | NetFeature.guestUfo | NetFeature.guestUso6, 0n],
    ['ECN without TCP segmentation', NetFeature.guestCsum | NetFeature.guestEcn, NetFeature.guestCsum],
    [
      'ECN with it',
      NetFeature.guestCsum | NetFeature.guestTso6 | NetFeature.guestEcn,
      NetFeature.guestCsum | NetFeature.guestTso6 | NetFeature.guestEcn,
    ],
  ])(
    'that a driver accepts against the requirements are as if it had not: %s (case 46)',
    (_what, accepted, effective) => {
      const network = new StubNetwork({ offloads: ALL });
      NetDriver.open({ backend: network }, { features: accepted });
      expect(network.settings?.guestOffloads).toBe(effective);
    },
  );

  it.each([
    ['modern', NetFeature.mrgRxbuf, false, 12],
    ['modern without merged buffers', 0n, false, 12],
    ['legacy with merged buffers', NetFeature.mrgRxbuf, true, 12],
    ['legacy without', 0n, true, 10],
  ])('decide the length of the header: %s (5.1.6.1, case 30)', (_what, features, legacy, bytes) => {
    const network = new StubNetwork();
    const driver = NetDriver.open({ backend: network }, { features, legacy });
    expect(network.settings?.headerBytes).toBe(bytes);
    expect(header({}, driver.headerBytes)).toHaveLength(bytes);
  });
});

describe('the configuration of a network device', () => {
  const field = (device: NetworkDevice, at: number, width: number) =>
    device.config.bytes.slice(at, at + width).reduceRight((value, byte) => value * 256 + byte, 0);

  it('lies where the kernel header has it', () => {
    const names = ['mac', 'status', 'max_virtqueue_pairs', 'mtu'];
    const program = `#include <linux/virtio_net.h>
      #include <stddef.h>
      #include <stdio.h>
      int main(void) { ${names.map((name) => `printf("%zu ", offsetof(struct virtio_net_config, ${name}));`).join('')} }`;
    expect(runC(program).trim()).toBe('0 6 8 10');
    const device = open({ mtu: 9000 }, new StubNetwork({ queuePairs: 3 }));
    expect([...device.config.bytes.slice(0, 6)]).toEqual([...MAC_BYTES]);
    expect([field(device, 6, 2), field(device, 8, 2), field(device, 10, 2)]).toEqual([1, 3, 9000]);
  });

  it('has a locally administered address of its own where none is given', () => {
    const [one, two] = [open({ mac: undefined }), open({ mac: undefined })];
    expect(one.config.bytes.slice(0, 6)).not.toEqual(two.config.bytes.slice(0, 6));
    expect(one.config.bytes[0]! & 3).toBe(2);
  });

  it('says whether the link is up, and tells the driver of changes', () => {
    const driver = NetDriver.open({ backend: new StubNetwork() });
    driver.device.setLink(false);
    expect(field(driver.device, 6, 2)).toBe(0);
    driver.device.setLink(true);
    expect(field(driver.device, 6, 2)).toBe(1);
    expect(driver.configChanges).toBe(2);
  });

  it('cannot be written by modern drivers (5.1.4.2)', () => {
    const driver = NetDriver.open({ backend: new StubNetwork() });
    const before = driver.device.config.bytes.slice();
    for (let at = 0; at < 12; at++) driver.device.config.write(at, Uint8Array.of(0xee, 0xee).subarray(0, 12 - at));
    expect(driver.device.config.bytes).toEqual(before);
  });

  it('has an address that legacy drivers write, in pieces of any width, and nothing else (5.1.4.3)', async () => {
    const driver = NetDriver.open({ backend: new StubNetwork() }, { features: 0n, legacy: true });
    const { config } = driver.device;
    const rest = config.bytes.slice(6);
    config.write(0, Uint8Array.of(2, 1));
    config.write(2, Uint8Array.of(3, 4, 5, 6, 0xff, 0xff));
    config.write(6, Uint8Array.of(0xff));
    expect([...config.bytes.slice(0, 6)]).toEqual([2, 1, 3, 4, 5, 6]);
    expect(config.bytes.slice(6)).toEqual(rest);
    await driver.reset();
    expect([...config.bytes.slice(0, 6)]).toEqual([...MAC_BYTES]);
  });
});

describe('the queues of a network device', () => {
  it('are two for each pair, and the control queue (5.1.2)', () => {
    expect(open({ queueSize: 512 }).queueSizes).toEqual([512, 512, 256]);
    expect(open({}, new StubNetwork({ queuePairs: 3 })).queueSizes).toEqual([256, 256, 256, 256, 256, 256, 256]);
  });

  it('are those of one pair where the driver has not accepted MQ: the control queue is number 2 (5.1.2)', async () => {
    const features = NetFeature.ctrlVq | NetFeature.ctrlRx;
    const driver = NetDriver.open({ backend: new StubNetwork({ queuePairs: 3 }) }, { features });
    expect(await driver.command(0, 0, [1])).toBe(0);
    driver.ring(3).add([{ bytes: new Uint8Array(100) }]);
    driver.ring(3).kick();
    expect(driver.ring(3).inFlight).toBe(1);
  });
});

describe('options of a network device', () => {
  it.each([
    [{ mac: '52:54:00:12:34' }],
    [{ mac: '01:00:5e:00:00:01' }],
    [{ mac: 'zz:54:00:12:34:56' }],
    [{ mtu: 67 }],
    [{ mtu: 65_536 }],
    [{ mtu: 1500.5 }],
    [{ queueSize: 0 }],
    [{ queueSize: 100 }],
    [{ queueSize: 2048 }],
  ])('are refused where no device can have them: %o', (options) => {
    expect(() => open(options)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_NET_OPTION' }));
  });

  it.each([0, 257, 1.5])('%d queue pairs on a TAP device are refused before anything is opened', (queuePairs) => {
    const refused = expect.objectContaining({ code: 'ERR_IOREGION_NET_OPTION' });
    expect(() => NetworkDevice.open({ tap: 'never-opened', queuePairs })).toThrow(refused);
  });
});

it('negotiation of ring features changes nothing here', () => {
  const network = new StubNetwork();
  NetDriver.open({ backend: network }, { features: Feature.indirectDesc });
  expect(network.settings).toEqual({ headerBytes: 12, guestOffloads: 0n });
});
