/** What a packet leaves on the heap of the process: nothing. */
import { expect, it } from 'vitest';
import { layer, runScript } from '../../../../support/script.js';

const PACKETS = 64_000;
/** Half of the smallest object there is: what remains is the compiler at work. */
const BYTES_PER_PACKET = 8;

/** A driver that makes nothing either: its descriptors are written once, and only the available index moves. */
const SCRIPT = `
  import { openSync } from 'node:fs';
  import { PerformanceObserver } from 'node:perf_hooks';
  import { setFlagsFromString } from 'node:v8';
  import { runInNewContext } from 'node:vm';
  import { GuestMemory } from ${layer('memory')};
  import { native, socketpair } from ${layer('native')};
  import { createQueue, Feature, NetFeature, NetworkDevice, SendOutcome } from ${layer('virtio')};

  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc');
  let collections = 0;
  new PerformanceObserver((list) => { collections += list.getEntries().length; }).observe({ entryTypes: ['gc'] });

  const SIZE = 256;
  const features = Feature.version1 | NetFeature.mrgRxbuf;
  const memory = GuestMemory.create(64 << 20);
  const view = new DataView(memory.regions[0].mapping.buffer);
  const sink = openSync('/dev/null', 'w');
  const [inside, outside] = socketpair('seqpacket').map((fd) => fd.number);
  native.setNonblock(inside, true);
  let listener;
  const port = {
    send: (packet) => (packet.writeTo(sink) > 0 ? SendOutcome.sent : SendOutcome.refused),
    receive: (buffers) => Math.max(0, buffers.readFrom(inside)),
    waitReadable() {},
    waitWritable() {},
  };
  const backend = {
    queuePairs: 1,
    offloads: 0n,
    start: (_settings, [first]) => ((listener = first), [port]),
    setGuestOffloads() {},
    setActivePairs() {},
  };
  const device = new NetworkDevice({ backend });
  device.activate(features, { memory, configChanged() {}, needsReset: console.log, kickLater() {}, log: console.log });

  function startRing(index, length, flags) {
    const base = index << 20;
    for (let i = 0; i < SIZE; i++) {
      view.setBigUint64(base + 16 * i, BigInt(base + 0x20000 + 2048 * i), true);
      view.setUint32(base + 16 * i + 8, length, true);
      view.setUint16(base + 16 * i + 12, flags, true);
      view.setUint16(base + 0x8004 + 2 * i, i, true);
    }
    const areas = { driverArea: BigInt(base + 0x8000), deviceArea: BigInt(base + 0xc000) };
    const setup = { index, size: SIZE, features, descriptors: BigInt(base), ...areas };
    device.startQueue(index, createQueue(setup, memory, { call() {} }));
    let available = 0;
    return (chains) => {
      available = (available + chains) & 0xffff;
      view.setUint16(base + 0x8002, available, true);
      device.kick(index);
    };
  }

  const post = startRing(0, 1536, 2);
  const transmit = startRing(1, 72, 0);
  const packet = new Uint8Array(74).fill(0xff, 12, 18);
  post(200);
  const work = {
    transmitted: () => transmit(32),
    received: () => {
      for (let i = 0; i < 32; i++) native.write(outside, packet);
      listener.readable();
      post(32);
    },
  };

  const result = {};
  for (const [name, batch] of Object.entries(work)) {
    for (let i = 0; i < (3 * ${PACKETS}) / 32; i++) batch();
    collect();
    await new Promise((resolve) => setTimeout(resolve));
    collections = 0;
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < ${PACKETS} / 32; i++) batch();
    const bytes = process.memoryUsage().heapUsed - before;
    await new Promise((resolve) => setTimeout(resolve));
    result[name] = { packets: device.counters[name], bytes, collections };
  }
  console.log(JSON.stringify(result));
`;

it('leaves nothing behind per packet, sent or received', () => {
  const { status, stdout, stderr } = runScript(SCRIPT);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const result = JSON.parse(stdout) as Record<string, { packets: number; bytes: number; collections: number }>;
  for (const name of ['transmitted', 'received']) {
    const { packets, bytes, collections } = result[name]!;
    expect(packets, name).toBe(4 * PACKETS);
    expect(collections, name).toBe(0);
    expect(bytes / PACKETS, name).toBeLessThan(BYTES_PER_PACKET);
  }
});
