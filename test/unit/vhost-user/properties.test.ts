/** Random messages in random order with random descriptors: nothing crashes, nothing leaks, the next connection works. */
import { openSync } from 'node:fs';
import { EventFd, Fd, Memfd, pipe, socketpair } from 'ioregion/native';
import {
  BACKEND_RING_FEATURES,
  encodeConfig,
  encodeDeviceState,
  encodeInflight,
  encodeLog,
  encodeMemoryTable,
  encodeSingleRegion,
  encodeU64,
  encodeVringAddress,
  encodeVringFd,
  encodeVringState,
  FrontendRequest,
  ProtocolFeature,
} from 'ioregion/vhost-user';
import { Feature } from 'ioregion/virtio';
import { expect, test } from 'vitest';
import { expectOpenFds, mappingCount, openFds } from '#dist/test/support/open-fds.js';
import { answerTo, eventually, makeMemory, makeQueue, request, serveEcho } from './support/backend.js';

/** `npm run soak vhost-user` sends a million. */
const MESSAGES = Number(process.env.IOREGION_VHOST_MESSAGES ?? '4000');
const PER_CONNECTION = 40;
const SEED = Number(process.env.IOREGION_SEED ?? '1');

type Random = (below: number) => number;

function generator(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const NUMBERS = Object.values(FrontendRequest);
const EDGES = [
  0n,
  1n,
  8n,
  0x1000n,
  0x10000n,
  0x7f00_0000_0000n,
  2n ** 32n,
  2n ** 63n,
  2n ** 64n - 1n,
  2n ** 64n - 0x1000n,
];

class Wild {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.#random(values.length)]!;
  }

  number(): bigint {
    return this.#random(3) === 0 ? BigInt(this.#random(2 ** 32)) : this.pick(EDGES);
  }

  small(): number {
    return this.#random(4) === 0 ? this.#random(2 ** 32) : this.#random(10);
  }

  region() {
    return {
      guestAddress: this.number(),
      size: this.pick([0x1000n, 0x10000n, 0x100000n, this.number()]),
      userAddress: this.number(),
      mmapOffset: this.pick([0n, 0n, this.number()]),
    };
  }

  /** A payload of the right kind for the request, nine times of ten. */
  payload(request: number): Uint8Array {
    const random = this.#random;
    if (random(10) === 0) return Uint8Array.from({ length: random(60) }, () => random(256));
    const { number, small } = { number: () => this.number(), small: () => this.small() };
    switch (request) {
      case FrontendRequest.setMemTable:
        return encodeMemoryTable(Array.from({ length: random(3) }, () => this.region()));
      case FrontendRequest.addMemReg:
      case FrontendRequest.remMemReg:
        return encodeSingleRegion(this.region());
      case FrontendRequest.setLogBase:
        return encodeLog({ size: number(), offset: this.pick([0n, number()]) });
      case FrontendRequest.setVringAddr:
        return encodeVringAddress({
          index: random(3),
          flags: random(2),
          descriptors: 0x7f00_0000_0000n + 0x10000n * BigInt(random(3)),
          available: 0x7f00_0000_0000n + 0x11000n,
          used: this.pick([0x7f00_0000_0000n + 0x12000n, number()]),
          log: number(),
        });
      case FrontendRequest.setVringKick:
      case FrontendRequest.setVringCall:
      case FrontendRequest.setVringErr:
        return encodeVringFd({ index: random(3), hasFd: random(4) !== 0 });
      case FrontendRequest.setVringNum:
      case FrontendRequest.setVringBase:
      case FrontendRequest.getVringBase:
      case FrontendRequest.setVringEnable:
      case FrontendRequest.vringKick:
        return encodeVringState({ index: random(3), value: small() });
      case FrontendRequest.getConfig:
      case FrontendRequest.setConfig:
        return encodeConfig({ offset: small(), flags: 0, bytes: new Uint8Array(random(64)) });
      case FrontendRequest.getInflightFd:
      case FrontendRequest.setInflightFd:
        return encodeInflight({ size: number(), offset: 0n, queues: random(4), queueSize: random(20) });
      case FrontendRequest.setDeviceStateFd:
        return encodeDeviceState({ direction: random(3), phase: random(2) });
      case FrontendRequest.setFeatures:
        return encodeU64(this.pick([Feature.version1, Feature.version1 | Feature.ringPacked, number()]) | (1n << 30n));
      case FrontendRequest.setProtocolFeatures:
        return encodeU64(this.pick([ProtocolFeature.replyAck, 0xf_ffffn, number()]));
      default:
        return random(2) === 0 ? encodeU64(number()) : new Uint8Array(0);
    }
  }
}

test(`${MESSAGES} random messages (seed ${SEED}) break nothing but their own connections`, {
  timeout: 3_600_000,
}, async () => {
  const served = serveEcho({}, { ringFeatures: BACKEND_RING_FEATURES | Feature.ringPacked });
  const random = generator(SEED);
  const wild = new Wild(random);
  const memory = makeMemory();
  const [socket, other] = socketpair('stream');
  const { readEnd, writeEnd } = pipe();
  const fds = [
    EventFd.create(),
    Memfd.create({ name: 'wild', size: 0x100000 }),
    new Fd(openSync('/dev/zero', 'r')),
    new Fd(openSync('/proc/self/maps', 'r')),
    memory.regions[0]!.file!.fd,
    socket,
    readEnd,
    writeEnd,
  ];
  const works = async () => {
    const frontend = served.connect();
    await frontend.negotiate();
    memory.fill(0, 0x40000, 0);
    await frontend.shareMemory(memory);
    const queue = makeQueue(frontend, memory);
    await frontend.startRing(queue.setup);
    expect((await queue.send(request('alive'))).data).toEqual(answerTo('alive'));
    frontend.close();
    await eventually(() => expect(served.server.sessions.size).toBe(0));
    await new Promise((resolve) => setImmediate(resolve));
  };
  await works();
  const before = openFds();
  const mappings = mappingCount('memfd');
  for (let sent = 0, connections = 0; sent < MESSAGES; connections++) {
    const frontend = served.connect();
    const quiet = (promise: Promise<unknown>) => void promise.catch(() => {});
    quiet(frontend.closed);
    if (random(4) !== 0) {
      quiet(
        frontend.negotiate({ features: Feature.version1, protocolFeatures: 0xf_bfffn & ~ProtocolFeature.backendReq }),
      );
      if (random(2) === 0) quiet(frontend.shareMemory(memory));
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (let count = 0; count < PER_CONNECTION && !frontend.connection.closed; count++, sent++) {
      const number = random(20) === 0 ? wild.small() : wild.pick(NUMBERS);
      const given = Array.from({ length: random(3) === 0 ? random(4) : 0 }, () => wild.pick(fds));
      const wanted = fdsFor(number);
      const attached = random(4) === 0 ? given : Array.from({ length: wanted }, () => wild.pick(fds));
      quiet(frontend.ask(number, wild.payload(number), attached, random(2) === 0 ? 8 : 0));
      if (random(4) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    frontend.close();
    served.log.length = 0;
    if (connections % 50 === 0) await works();
  }
  await works();
  await expectOpenFds(before);
  expect(mappingCount('memfd')).toBe(mappings);
  for (const fd of [...fds, other]) if (fd !== memory.regions[0]!.file!.fd) fd.close();
});

function fdsFor(request: number): number {
  const one: readonly number[] = [
    FrontendRequest.setMemTable,
    FrontendRequest.addMemReg,
    FrontendRequest.setLogBase,
    FrontendRequest.setVringKick,
    FrontendRequest.setVringCall,
    FrontendRequest.setVringErr,
    FrontendRequest.setBackendReqFd,
    FrontendRequest.setInflightFd,
    FrontendRequest.setDeviceStateFd,
  ];
  return one.includes(request) ? 1 : 0;
}
