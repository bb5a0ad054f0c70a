/** A guest that talks to the kernel's network stack through a TAP device, in a network namespace of its own. */
import { createHash } from 'node:crypto';
import { Gso, GUEST_OFFLOADS, NetAck, NetCommandClass, NetFeature, PacketFlag, TapBackend } from 'ioregion/virtio';
import { expect, it } from 'vitest';
import {
  type Endpoint,
  parseUdp,
  TRANSPORT_OFFSET,
  UDP_CHECKSUM_OFFSET,
  udpFrame,
} from '../../../../support/internet.js';
import { MAC, MAC_BYTES, NetDriver } from '../../../../support/net-driver.js';
import { NetworkNamespace, namespaceTools } from '../../../../support/network-namespace.js';
import { describeWhere, tapDevices } from '../../../../support/require.js';
import type { RingDriverOptions } from '../../../../support/ring-driver.js';
import { TcpClient } from '../../../../support/tcp-client.js';

const GUEST_IP = '10.77.0.2';
const HOST_IP = '10.77.0.1';
const PORT = 7777;

interface Machine {
  readonly driver: NetDriver;
  readonly network: NetworkNamespace;
  readonly name: string;
  readonly guest: Endpoint;
  readonly host: Endpoint;
}

/** A device on a TAP interface with an address, in a namespace; the kernel knows the guest's address. */
async function machine(queuePairs = 1, driverOptions: RingDriverOptions = {}): Promise<Machine> {
  const backend = TapBackend.open({ name: 'iotest%d', queuePairs });
  const { name } = backend;
  const driver = NetDriver.open({ backend }, driverOptions);
  const network = await NetworkNamespace.create();
  network.adopt(name);
  network.ip('address', 'add', `${HOST_IP}/24`, 'dev', name);
  network.ip('link', 'set', name, 'up');
  network.ip('neighbour', 'add', GUEST_IP, 'lladdr', MAC, 'dev', name);
  const [{ address }] = JSON.parse(network.ip('-json', 'link', 'show', name));
  const hostMac = Uint8Array.from((address as string).split(':'), (byte) => Number.parseInt(byte, 16));
  const guest = { mac: MAC_BYTES, ip: GUEST_IP, port: 1234 };
  return { driver, network, name, guest, host: { mac: hostMac, ip: HOST_IP, port: PORT } };
}

const UDP_SERVER = `
  import { createSocket } from 'node:dgram';
  const socket = createSocket('udp4');
  socket.on('message', (message, { port, address }) => {
    socket.send(message, port, address, () => console.log(message.length));
  });
  socket.bind(${PORT}, '${HOST_IP}', () => console.log('ready'));
`;

async function startServer({ network }: Machine, source: string): Promise<AsyncIterator<string>> {
  const { lines } = network.script(source);
  expect((await lines.next()).value).toBe('ready');
  return lines;
}

const DATA_BYTES = 400_000;
const data = Uint8Array.from({ length: DATA_BYTES }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
const digest = createHash('sha1').update(data).digest('hex');

const SENDER = `
  import { createServer } from 'node:net';
  const data = Uint8Array.from({ length: ${DATA_BYTES} }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  createServer((socket) => socket.end(data)).listen(${PORT}, '${HOST_IP}', () => console.log('ready'));
`;

const RECEIVER = `
  import { createHash } from 'node:crypto';
  import { createServer } from 'node:net';
  const hash = createHash('sha1');
  createServer((socket) => {
    socket.on('data', (data) => hash.update(data));
    socket.on('end', () => console.log(hash.digest('hex')));
  }).listen(${PORT}, '${HOST_IP}', () => console.log('ready'));
`;

const partialUdp = { flags: PacketFlag.needsCsum, csumStart: TRANSPORT_OFFSET, csumOffset: UDP_CHECKSUM_OFFSET };

describeWhere([tapDevices, ...namespaceTools], 'a network device on a TAP interface', () => {
  it('exchanges datagrams with a server on the host', async () => {
    const setup = await machine();
    const { driver, guest, host } = setup;
    await startServer(setup, UDP_SERVER);
    for (const length of [1, 100, 1400]) {
      driver.post(1, 2048);
      const payload = new Uint8Array(length).map((_, i) => i & 0xff);
      await driver.transmit(udpFrame(guest, host, payload));
      const { packet } = await driver.receive();
      expect(parseUdp(packet)).toMatchObject({ from: HOST_IP, toPort: guest.port, payload });
    }
  });

  it('leaves checksums to the driver where it has accepted that, and completes them where not (5.1.6.4.1)', async () => {
    for (const features of [undefined, NetFeature.mrgRxbuf]) {
      const setup = await machine(1, features === undefined ? {} : { features });
      const { driver, guest, host } = setup;
      await startServer(setup, UDP_SERVER);
      driver.post(1, 2048);
      await driver.transmit(udpFrame(guest, host, data.subarray(0, 100)));
      const { header, packet } = await driver.receive();
      expect(header[0]).toBe(features === undefined ? PacketFlag.needsCsum : 0);
      expect(parseUdp(packet)).toMatchObject({ checksumValid: features !== undefined });
    }
  });

  it('has the kernel complete the checksums that the driver leaves out (5.1.6.2)', async () => {
    const setup = await machine();
    const { driver, guest, host } = setup;
    const lines = await startServer(setup, UDP_SERVER);
    await driver.transmit(udpFrame(guest, host, data.subarray(0, 99), { partial: true }));
    await driver.transmit(udpFrame(guest, host, data.subarray(0, 100), { partial: true }), partialUdp);
    expect((await lines.next()).value).toBe('100');
    expect(driver.device.counters.transmitted).toBe(2);
  });

  it('has the kernel cut up datagrams for the driver (HOST_USO)', async () => {
    const setup = await machine();
    const { driver, guest, host } = setup;
    const lines = await startServer(setup, UDP_SERVER);
    driver.post(20, 2048);
    const packet = udpFrame(guest, host, data.subarray(0, 3500), { partial: true });
    await driver.transmit(packet, { ...partialUdp, gsoType: Gso.udpL4, gsoSize: 1000, hdrLen: TRANSPORT_OFFSET + 8 });
    for (const length of ['1000', '1000', '1000', '500']) expect((await lines.next()).value).toBe(length);
  });

  it('sends TCP segments of 60 KB that the kernel cuts up (HOST_TSO4)', async () => {
    const setup = await machine();
    const lines = await startServer(setup, RECEIVER);
    const client = new TcpClient(setup.driver, setup.guest, setup.host);
    await client.connect();
    await client.upload(data, 60_000);
    expect((await lines.next()).value).toBe(digest);
    expect(setup.driver.device.counters).toMatchObject({ malformed: 0, refused: 0 });
  });

  it('receives TCP segments longer than a packet, in merged buffers (GUEST_TSO4)', async () => {
    const setup = await machine();
    await startServer(setup, SENDER);
    const client = new TcpClient(setup.driver, setup.guest, setup.host);
    await client.connect();
    expect(Buffer.compare(await client.download(), data)).toBe(0);
    const large = client.dataPackets.filter(({ header }) => header[1] === Gso.tcpv4);
    expect(large.length).toBeGreaterThan(0);
    expect(Math.max(...large.map(({ buffers }) => buffers.length))).toBeGreaterThan(2);
  });

  it('receives packets of the usual length where the driver has not accepted more, or has switched it off', async () => {
    const features = NetFeature.mrgRxbuf | NetFeature.ctrlVq | NetFeature.ctrlGuestOffloads | GUEST_OFFLOADS;
    const setup = await machine(1, { features });
    const { driver, guest, host } = setup;
    await startServer(setup, SENDER);
    expect(await driver.command(NetCommandClass.guestOffloads, 0, new Uint8Array(8))).toBe(NetAck.ok);
    const client = new TcpClient(driver, guest, host);
    await client.connect();
    expect(Buffer.compare(await client.download(), data)).toBe(0);
    expect(client.dataPackets.every(({ header, packet }) => header[1] === Gso.none && packet.length <= 1514)).toBe(
      true,
    );
  });

  it('steers a flow to the pair that has sent for it (5.1.6.5.6.2)', async () => {
    const setup = await machine(4);
    const { driver, guest, host } = setup;
    await startServer(setup, UDP_SERVER);
    expect(await driver.command(NetCommandClass.multiQueue, 0, [4, 0])).toBe(NetAck.ok);
    for (let pair = 0; pair < 4; pair++) driver.post(8, 2048, pair);
    for (const pair of [3, 1, 2, 0]) {
      const from = { ...guest, port: 2000 + pair };
      for (let round = 0; round < 3; round++)
        await driver.transmit(udpFrame(from, host, data.subarray(0, 50)), {}, pair);
      expect(parseUdp((await driver.receive(pair)).packet)?.toPort).toBe(2000 + pair);
    }
  });

  it('gets packets on the first pair only, until the driver asks for more (5.1.6.5.6.2)', async () => {
    const setup = await machine(2);
    const { driver, guest, host } = setup;
    await startServer(setup, UDP_SERVER);
    driver.post(64, 2048, 0);
    driver.post(64, 2048, 1);
    for (let port = 3000; port < 3016; port++) {
      await driver.transmit(udpFrame({ ...guest, port }, host, data.subarray(0, 50)));
      expect(parseUdp((await driver.receive(0)).packet)?.toPort).toBe(port);
    }
    expect(driver.receiveRing(1).inFlight).toBe(64);
  });

  it('discards what came in before the driver was ready', async () => {
    const setup = await machine();
    const { driver, guest, host } = setup;
    const lines = await startServer(setup, UDP_SERVER);
    await driver.transmit(udpFrame(guest, host, data.subarray(0, 50)));
    expect((await lines.next()).value).toBe('50');
    await driver.reset();
    driver.start();
    driver.post(2, 2048);
    await driver.transmit(udpFrame(guest, host, data.subarray(0, 60)));
    expect(parseUdp((await driver.receive()).packet)?.payload).toHaveLength(60);
    expect(driver.device.counters.received).toBe(1);
  });

  it('counts what the interface refuses while it is down, and works again when it is up', async () => {
    const setup = await machine();
    const { driver, guest, host, network, name } = setup;
    await startServer(setup, UDP_SERVER);
    network.ip('link', 'set', name, 'down');
    await driver.transmit(udpFrame(guest, host, data.subarray(0, 50)));
    expect(driver.device.counters).toMatchObject({ refused: 1, transmitted: 0 });
    network.ip('link', 'set', name, 'up');
    network.ip('neighbour', 'replace', GUEST_IP, 'lladdr', MAC, 'dev', name);
    driver.post(1, 2048);
    await driver.transmit(udpFrame(guest, host, data.subarray(0, 50)));
    expect(parseUdp((await driver.receive()).packet)?.payload).toHaveLength(50);
  });

  it.each([1, 2])('tells the driver that the link is down when the interface is deleted (%d pairs)', async (pairs) => {
    const { driver, guest, host, network, name } = await machine(pairs);
    driver.post(4, 2048);
    network.ip('link', 'delete', name);
    await expect.poll(() => driver.device.config.linkUp).toBe(false);
    expect(driver.configChanges).toBe(1);
    await driver.transmit(udpFrame(guest, host, data.subarray(0, 50)));
    expect(driver.device.counters.linkDown).toBe(1);
    await driver.reset();
    expect(() => driver.start()).toThrow(expect.objectContaining({ errnoName: 'EBADFD' }));
  });
});
