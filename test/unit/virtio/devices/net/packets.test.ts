/** Packets from one driver to another over a cable in memory (5.1.6.2 to 5.1.6.4). */
import { PairBackend } from 'ioregion/virtio';
import { describe, expect, it } from 'vitest';
import { connect, frame, header, NetDriver, settle } from '../../../../support/net-driver.js';

const BUFFER_BYTES = 2048;

describe('a packet', () => {
  it('arrives as it was sent, with one buffer used for header and packet (5.1.6.4.1)', async () => {
    const { left, right } = connect();
    right.post(1, BUFFER_BYTES);
    const packet = frame(60);
    await left.transmit(packet);
    const received = await right.receive();
    expect(received.packet).toEqual(packet);
    expect(received.header).toEqual(header({ numBuffers: 1 }));
    expect(received.buffers).toEqual([72]);
    expect(left.device.counters.transmitted).toBe(1);
    expect(right.device.counters.received).toBe(1);
  });

  it('may come in any number of pieces, cut anywhere, its header too (case 20)', async () => {
    const { left, right } = connect();
    const packet = frame(1000, { fill: 7 }).map((byte, i) => (i < 14 ? byte : i & 0xff));
    const bytes = Buffer.concat([header(), packet]);
    for (const cuts of [[1], [5, 11, 12], [12], [13, 900], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]]) {
      right.postSegments([[{ room: 3 }, { room: 1 }, { room: 500 }, { room: 1000 }]]);
      const edges = [0, ...cuts, bytes.length];
      const segments = cuts
        .concat(0)
        .map((_, i) => ({ bytes: Uint8Array.from(bytes.subarray(edges[i], edges[i + 1])) }));
      await left.transmitRing().send(segments);
      expect((await right.receive()).packet).toEqual(packet);
    }
  });

  it('fills several buffers where those are merged, all but the last one completely (5.1.6.4.1)', async () => {
    const { left, right } = connect();
    const packet = frame(1500).map((byte, i) => (i < 14 ? byte : (i * 7) & 0xff));
    right.post(8, 400);
    await left.transmit(packet);
    const received = await right.receive();
    expect(received.buffers).toEqual([400, 400, 400, 312]);
    expect(received.header).toEqual(header({ numBuffers: 4 }));
    expect(received.packet).toEqual(packet);
  });

  it('fits one buffer or is lost where those are not merged (5.1.6.3.2)', async () => {
    const { left, right } = connect({}, { features: 0n });
    right.post(3, 400);
    await left.transmit(frame(388));
    await left.transmit(frame(389));
    await left.transmit(frame(100));
    expect((await right.receive()).buffers).toEqual([400]);
    expect((await right.receive()).buffers).toEqual([112]);
    expect(right.device.counters.tooLong).toBe(1);
    expect(right.receiveRing().inFlight).toBe(1);
  });

  it('has a header of 10 bytes for legacy drivers that do not merge buffers (5.1.6.1)', async () => {
    const { left, right } = connect({}, { features: 0n, legacy: true });
    right.post(1, 400);
    await left.transmit(frame(64));
    const received = await right.receive();
    expect(received.buffers).toEqual([74]);
    expect(received.header).toEqual(header({}, 10));
    expect(received.packet).toEqual(frame(64));
  });

  it('passes between drivers whose headers differ in length', async () => {
    const [backend, other] = PairBackend.connected();
    const left = NetDriver.open({ backend }, { features: 0n, legacy: true });
    const right = NetDriver.open({ backend: other });
    right.post(1, 400);
    await left.transmit(frame(64));
    expect(await right.receive()).toEqual({ header: header({ numBuffers: 1 }), packet: frame(64), buffers: [76] });
  });

  it('waits for buffers, as many as the network holds; more are dropped and counted', async () => {
    const { left, right, backends } = connect({ capacity: 4 });
    for (let i = 0; i < 10; i++) await left.transmit(frame(60, { fill: i }));
    expect(backends[1].dropped).toBe(6);
    right.post(10, BUFFER_BYTES);
    for (let i = 0; i < 4; i++) expect((await right.receive()).packet.at(-1)).toBe(i);
    await settle();
    expect(right.device.counters.received).toBe(4);
  });

  it('is dropped where nobody is there', async () => {
    const { left, right, backends } = connect();
    await right.reset();
    await left.transmit(frame(60));
    expect(backends[1].dropped).toBe(1);
    right.start();
    right.post(1, BUFFER_BYTES);
    await left.transmit(frame(61));
    expect((await right.receive()).packet).toHaveLength(61);
  });

  it('and thousands of others arrive in order, in both directions', async () => {
    const { left, right } = connect({ capacity: 256 }, { queueSize: 64 });
    await Promise.all([exchange(left, right, 3000), exchange(right, left, 3000)]);
    expect(left.device.counters).toMatchObject({ transmitted: 3000, received: 3000 });
  });

  it('is taken without a kick for each while the device is at work', async () => {
    const { left, right } = connect({ capacity: 256 });
    right.post(200, BUFFER_BYTES);
    const ring = left.transmitRing();
    const sent = Array.from({ length: 200 }, () => ring.add([{ bytes: Uint8Array.from([...header(), ...frame(60)]) }]));
    ring.kick();
    expect(sent.every(({ used }) => used !== undefined)).toBe(true);
    expect(ring.calls).toBeLessThanOrEqual(4);
  });
});

async function exchange(from: NetDriver, to: NetDriver, count: number): Promise<void> {
  const receiving = (async () => {
    for (let i = 0; i < count; i++) {
      to.post(1, BUFFER_BYTES);
      const { packet } = await to.receive();
      expect(packet.length).toBe(60 + (i % 1000));
    }
  })();
  for (let i = 0; i < count; i++) {
    await from.transmit(frame(60 + (i % 1000)));
    if (i % 64 === 0) await settle(2);
  }
  await receiving;
}
