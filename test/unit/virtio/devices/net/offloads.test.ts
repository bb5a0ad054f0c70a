/** Headers that leave work to the other side (5.1.6.2, 5.1.6.4). */
import fc from 'fast-check';
import { Gso, GUEST_OFFLOADS, HOST_OFFLOADS, NetFeature, PacketFlag } from 'ioregion/virtio';
import { describe, expect, it } from 'vitest';
import { frame, type HeaderFields, header, NetDriver } from '../../../../support/net-driver.js';
import { StubNetwork } from '../../../../support/stub-network.js';

const PACKET_BYTES = 200;
const csum: HeaderFields = { flags: PacketFlag.needsCsum, csumStart: 34, csumOffset: 16 };
const { needsCsum, dataValid } = PacketFlag;

function open(features: bigint, offloads = HOST_OFFLOADS | GUEST_OFFLOADS) {
  const network = new StubNetwork({ offloads });
  return { network, driver: NetDriver.open({ backend: network }, { features: features | NetFeature.mrgRxbuf }) };
}

/** What the network gets of a packet with this header; null where the device drops it. */
async function sendWith(features: bigint, fields: HeaderFields, length = PACKET_BYTES): Promise<Uint8Array | null> {
  const { network, driver } = open(features);
  await driver.transmit(frame(length), fields);
  expect(network.sent.length + driver.device.counters.malformed).toBe(1);
  expect(driver.resetReasons).toEqual([]);
  return network.sent[0]?.header ?? null;
}

describe('a packet from the driver', () => {
  it('may leave its checksum open where CSUM was accepted, and not where it was not (case 46)', async () => {
    expect(await sendWith(NetFeature.csum, csum)).toEqual(header(csum));
    expect(await sendWith(0n, csum)).toBeNull();
  });

  it.each([
    ['TCPv4', NetFeature.hostTso4, Gso.tcpv4],
    ['TCPv6', NetFeature.hostTso6, Gso.tcpv6],
    ['UFO', NetFeature.hostUfo, Gso.udp],
    ['USO', NetFeature.hostUso, Gso.udpL4],
  ])(
    'may be segmented as %s where that was accepted, and not where it was not (5.1.6.2.1, case 46)',
    async (_name, feature, gsoType) => {
      const fields = { ...csum, gsoType, gsoSize: 100, hdrLen: 54 };
      expect(await sendWith(NetFeature.csum | feature, fields)).toEqual(header(fields));
      expect(await sendWith((HOST_OFFLOADS & ~feature) | NetFeature.csum, fields)).toBeNull();
      expect(await sendWith(NetFeature.csum | feature, { ...fields, flags: 0 })).toBeNull();
      expect(await sendWith(NetFeature.csum | feature, { ...fields, gsoSize: 0 })).toBeNull();
    },
  );

  it('may be segmented with ECN where that was accepted, as TCP only', async () => {
    const fields = { ...csum, gsoType: Gso.tcpv4 | Gso.ecn, gsoSize: 100 };
    expect(await sendWith(HOST_OFFLOADS, fields)).toEqual(header(fields));
    expect(await sendWith(HOST_OFFLOADS & ~NetFeature.hostEcn, fields)).toBeNull();
    expect(await sendWith(HOST_OFFLOADS, { ...fields, gsoType: Gso.udpL4 | Gso.ecn })).toBeNull();
    expect(await sendWith(HOST_OFFLOADS, { ...fields, gsoType: Gso.ecn })).toBeNull();
  });

  it.each([2, 6, 7, 0x20, 0x40, 0x21, 0x60, 0x7f])('cannot be segmented in a way nobody knows: %d', async (gsoType) => {
    expect(await sendWith(HOST_OFFLOADS, { ...csum, gsoType, gsoSize: 100 })).toBeNull();
  });

  it('has its checksum inside the packet (case 30, CVE-2024-11614)', async () => {
    for (const [csumStart, csumOffset, inside] of [
      [34, PACKET_BYTES - 36, true],
      [34, PACKET_BYTES - 35, false],
      [PACKET_BYTES - 2, 0, true],
      [PACKET_BYTES - 1, 0, false],
      [0xffff, 0xffff, false],
      [0xffff, 1, false],
      [0, 0, true],
    ] as const)
      expect((await sendWith(HOST_OFFLOADS, { flags: needsCsum, csumStart, csumOffset })) !== null).toBe(inside);
  });

  it('has flags ignored that nobody knows, and fields cleared that are not used (5.1.6.2.2)', async () => {
    const all = { gsoSize: 77, csumStart: 0xffff, csumOffset: 0xffff, numBuffers: 9 };
    expect(await sendWith(HOST_OFFLOADS, { ...all, flags: 0xfe })).toEqual(header());
    expect(await sendWith(HOST_OFFLOADS, { ...csum, flags: 0xff, gsoSize: 77 })).toEqual(header(csum));
  });

  it('has a hint at the length of its headers that is no longer than itself (5.1.6.2.2)', async () => {
    expect(await sendWith(HOST_OFFLOADS, { hdrLen: 0xffff })).toEqual(header({ hdrLen: PACKET_BYTES }));
    expect(await sendWith(HOST_OFFLOADS, { hdrLen: 54 })).toEqual(header({ hdrLen: 54 }));
  });

  it('never reaches the network with a header that breaks the rules, whatever the driver writes', async () => {
    const { network, driver } = open(HOST_OFFLOADS & ~NetFeature.hostUfo);
    const byte = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 1));
    const gsoType = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 1, 3, 4, 5, 0x81, 0x84));
    const word = fc.oneof(fc.nat({ max: 0xffff }), fc.nat({ max: 100 }));
    const words = { hdrLen: word, gsoSize: word, csumStart: word, csumOffset: word, numBuffers: word };
    const fields = fc.record({ flags: byte, gsoType, ...words });
    await fc.assert(
      fc.asyncProperty(fields, fc.constantFrom(14, 60, 1500), async (wild, packetBytes) => {
        network.sent.length = 0;
        await driver.transmit(frame(packetBytes), wild);
        for (const { header: sent, packet } of network.sent) expectRules(sent, packet.length);
      }),
      { numRuns: 3000 },
    );
    expect(driver.device.counters.transmitted).toBeGreaterThan(100);
    expect(driver.device.counters.malformed).toBeGreaterThan(100);
  });
});

function expectRules(sent: Uint8Array, packetBytes: number): void {
  const view = new DataView(sent.buffer, sent.byteOffset);
  const [hdrLen, gsoSize, csumStart, csumOffset, numBuffers] = [2, 4, 6, 8, 10].map((at) => view.getUint16(at, true));
  expect(sent[0]! & ~needsCsum).toBe(0);
  expect([0, 1, 4, 5, 0x81, 0x84]).toContain(sent[1]);
  if (sent[1] !== 0) expect([sent[0], gsoSize! > 0]).toEqual([needsCsum, true]);
  if (sent[0] === needsCsum) expect(csumStart! + csumOffset! + 2).toBeLessThanOrEqual(packetBytes);
  expect(hdrLen).toBeLessThanOrEqual(packetBytes);
  expect(numBuffers).toBe(0);
}

/** The header that the driver gets of a packet with this one; null where the device drops it. */
async function receiveWith(features: bigint, fields: HeaderFields): Promise<Uint8Array | null> {
  const { network, driver } = open(features);
  driver.post(1, 2048);
  network.ports[0]!.inject(header(fields), frame(PACKET_BYTES));
  return driver.device.counters.received === 1 ? (await driver.receive()).header : null;
}

describe('a packet for the driver', () => {
  it('leaves to it what it has accepted, and is dropped where it has not (5.1.6.4.1)', async () => {
    const segmented = { ...csum, gsoType: Gso.tcpv4, gsoSize: 100 };
    expect(await receiveWith(GUEST_OFFLOADS, segmented)).toEqual(header({ ...segmented, numBuffers: 1 }));
    expect(await receiveWith(GUEST_OFFLOADS & ~NetFeature.guestTso4, segmented)).toBeNull();
    expect(await receiveWith(NetFeature.guestCsum, csum)).toEqual(header({ ...csum, numBuffers: 1 }));
    expect(await receiveWith(0n, csum)).toBeNull();
  });

  it('takes USO of either version, as packets do not say which', async () => {
    const fields = { ...csum, gsoType: Gso.udpL4, gsoSize: 100 };
    for (const feature of [NetFeature.guestUso4, NetFeature.guestUso6])
      expect(await receiveWith(NetFeature.guestCsum | feature, fields)).not.toBeNull();
    expect(await receiveWith(NetFeature.guestCsum, fields)).toBeNull();
  });

  it('has no flags where GUEST_CSUM was not accepted (5.1.6.4.1)', async () => {
    expect(await receiveWith(0n, { flags: dataValid })).toEqual(header({ numBuffers: 1 }));
    expect(await receiveWith(NetFeature.guestCsum, { flags: dataValid })).toEqual(
      header({ flags: dataValid, numBuffers: 1 }),
    );
  });
});
