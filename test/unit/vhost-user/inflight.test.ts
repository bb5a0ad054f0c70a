/** Inflight I/O tracking: what a backend that dies leaves behind, at any moment, is served by the next one. */
import { GuestMemory } from 'ioregion/memory';
import { type Fd, Mapping } from 'ioregion/native';
import { type MockFrontend, MockQueue } from 'ioregion/testing';
import {
  BACKEND_RING_FEATURES,
  decodeInflight,
  encodeInflight,
  FrontendRequest,
  ProtocolFeature,
} from 'ioregion/vhost-user';
import {
  type Chain,
  createQueue,
  Feature,
  type QueueEngine,
  type QueueObserver,
  type QueueSetup,
  type VirtioDevice,
  type VirtQueue,
} from 'ioregion/virtio';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { PackedTracker, SplitTracker } from '#dist/src/vhost-user/backend/inflight/index.js';
import { PackedPart, partBytes } from '#dist/src/vhost-user/backend/inflight/layout.js';
import { eventually, makeMemory, makeQueue, serve } from './support/backend.js';

const FORMATS = [
  ['split', Feature.version1],
  ['packed', Feature.version1 | Feature.ringPacked],
] as const;
const SIZE = 8;
const MEMORY_BYTES = 1 << 18;

type Tracker = SplitTracker | PackedTracker;

function track(memory: GuestMemory, part: Uint8Array, setup: QueueSetup): { tracker: Tracker; setup: QueueSetup } {
  if ((setup.features & Feature.ringPacked) !== 0n) {
    const bytes = memory.view(setup.descriptors, 16 * setup.size);
    const ring = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const tracker = new PackedTracker(part, ring, setup.size, 0x8000);
    return { tracker, setup: { ...setup, position: tracker.position, recovered: tracker.recovered } };
  }
  const used = memory.readU16(setup.deviceArea + 2n);
  const tracker = new SplitTracker(part, setup.size, used);
  const position = { used, available: (used + tracker.recovered.length) & 0xffff };
  return { tracker, setup: { ...setup, position, recovered: tracker.recovered } };
}

/** A moment in which the backend may have died, and what it owes the driver then. */
interface Moment {
  readonly memory: Uint8Array;
  readonly part: Uint8Array;
  /** Numbers of chains that are available and, as far as the driver can see, not used. */
  readonly owed: readonly number[];
}

class History {
  readonly moments: Moment[] = [];
  /** Numbers of chains that are available, that the device has completed, and of these those that the driver can see. */
  readonly sent: number[] = [];
  readonly done = new Set<number>();
  #visible = new Set<number>();
  readonly #memory: GuestMemory;
  readonly #part: Uint8Array;
  readonly #packed: boolean;

  constructor(memory: GuestMemory, part: Uint8Array, packed: boolean) {
    this.#memory = memory;
    this.#part = part;
    this.#packed = packed;
  }

  /** Remembers the moments before and after each step of `observer`. */
  around(observer: QueueObserver): QueueObserver {
    const remember = (step: () => void) => {
      this.#take();
      step();
      this.#take();
    };
    return {
      taken: (chain, at) => remember(() => observer.taken(chain, at)),
      used: (chain, at) => {
        const before = this.#part.slice();
        remember(() => observer.used(chain, at));
        if (this.#packed) this.#takeBeforePosition(before);
      },
      published: (used, first) => {
        this.#visible = new Set(this.done);
        remember(() => observer.published(used, first));
      },
      kicksSet: () => observer.kicksSet(),
    };
  }

  /** A moment in the middle of a step: the chain is marked as used, the position is the one `before`. */
  #takeBeforePosition(before: Uint8Array): void {
    this.#take();
    this.moments.at(-1)!.part.set(before.subarray(PackedPart.usedIdx, PackedPart.size), PackedPart.usedIdx);
  }

  #take(): void {
    const owed = this.sent.filter((number) => !this.#visible.has(number));
    this.moments.push({ memory: this.#memory.read(0, MEMORY_BYTES), part: this.#part.slice(), owed });
  }
}

/** A chain carries its number. */
const numbered = (number: number) => [{ bytes: Uint8Array.of(number) }, { room: 1 }];

function numberOf(chain: Chain): number {
  const byte = new Uint8Array(1);
  chain.readable.copyTo(byte);
  return byte[0]!;
}

/** Deterministic: a test that fails fails again. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function newMemory(): GuestMemory {
  const memory = GuestMemory.create(MEMORY_BYTES);
  onTestFinished(() => memory.close());
  return memory;
}

function newPart(packed: boolean): Uint8Array {
  return Mapping.anonymous(partBytes(SIZE, packed)).bytes;
}

function newDriver(memory: GuestMemory, features: bigint): MockQueue {
  return new MockQueue(memory, { index: 0, size: SIZE, features, base: 0, end: MEMORY_BYTES, kick: () => {} });
}

const hooks = { call: () => {} };

function takeAll(queue: QueueEngine): Chain[] {
  const chains: Chain[] = [];
  for (let chain = queue.pop(); chain !== null; chain = queue.pop()) chains.push(chain);
  return chains;
}

describe.each(FORMATS)('of a %s queue', (_format, features) => {
  const packed = (features & Feature.ringPacked) !== 0n;

  test.each([1, 2, 3, 4])('no chain is lost and none is served twice, whenever the backend dies (seed %i)', (seed) => {
    const random = generator(seed);
    const memory = newMemory();
    const driver = newDriver(memory, features);
    const part = newPart(packed);
    const history = new History(memory, part, packed);
    const { tracker, setup } = track(memory, part, driver.setup);
    const queue = createQueue(setup, memory, { ...hooks, observer: history.around(tracker) });
    const held: Chain[] = [];
    for (let step = 0; step < 120; step++) {
      const choice = random(4);
      if (choice === 0 && driver.freeDescriptors >= 2) {
        driver.add(numbered(step));
        history.sent.push(step);
        driver.publish();
      } else if (choice === 1) {
        const chain = queue.pop();
        if (chain !== null) held.push(chain);
      } else if (choice === 2 && held.length > 0) {
        const [chain] = held.splice(random(held.length), 1);
        history.done.add(numberOf(chain!));
        chain!.complete(1);
      } else {
        queue.flush();
        driver.collect();
      }
    }
    expect(queue.failure).toBeNull();
    expect(history.moments.length).toBeGreaterThan(50);
    for (const [moment, { memory: bytes, part: partThen, owed }] of history.moments.entries()) {
      memory.write(0, bytes);
      part.set(partThen);
      const recovered = track(memory, part, driver.setup);
      const next = createQueue(recovered.setup, memory, { ...hooks, observer: recovered.tracker });
      expect(takeAll(next).map(numberOf), `moment ${moment}`).toEqual(owed);
      expect(next.failure, `moment ${moment}`).toBeNull();
    }
  });

  test('a second death is survived like the first', () => {
    const memory = newMemory();
    const driver = newDriver(memory, features);
    const part = newPart(packed);
    for (let number = 0; number < 3; number++) driver.add(numbered(number));
    driver.publish();
    for (let life = 0; life < 4; life++) {
      const { tracker, setup } = track(memory, part, driver.setup);
      const queue = createQueue(setup, memory, { ...hooks, observer: tracker });
      expect(takeAll(queue).map(numberOf)).toEqual([0, 1, 2]);
    }
    const { tracker, setup } = track(memory, part, driver.setup);
    const queue = createQueue(setup, memory, { ...hooks, observer: tracker });
    for (const chain of takeAll(queue).reverse()) chain.complete(1);
    queue.flush();
    expect(driver.collect()).toBe(3);
    expect(track(memory, part, driver.setup).tracker.recovered).toEqual([]);
  });

  test.each([0, 1, 2, 3])(
    'of a batch that is not published the driver is shown nothing by the next one, %i noted',
    (noted) => {
      const memory = newMemory();
      const driver = newDriver(memory, features);
      const part = newPart(packed);
      for (let number = 0; number < 3; number++) driver.add(numbered(number));
      driver.publish();
      const { tracker, setup } = track(memory, part, driver.setup);
      let left = noted;
      const observer: QueueObserver = {
        taken: (chain, at) => tracker.taken(chain, at),
        used: (chain) => void (left-- > 0 && tracker.used(chain)),
        published: () => {},
        kicksSet: () => tracker.kicksSet(),
      };
      const chains = takeAll(createQueue(setup, memory, { ...hooks, observer }));
      for (const chain of chains.slice(0, noted + 1)) chain.complete(1);
      for (let served = 1; served <= 3; served++) {
        const next = track(memory, part, driver.setup);
        const queue = createQueue(next.setup, memory, { ...hooks, observer: next.tracker });
        takeAll(queue).at(-1)!.complete(1);
        queue.flush();
        expect(driver.collect()).toBe(1);
        expect(driver.inFlight).toBe(3 - served);
      }
      expect(track(memory, part, driver.setup).tracker.recovered).toEqual([]);
    },
  );

  test('that says anything cannot do more than fail the queue (hostile 50)', () => {
    const random = generator(7);
    const memory = newMemory();
    const part = newPart(packed);
    for (let round = 0; round < 300; round++) {
      memory.fill(0, MEMORY_BYTES, 0);
      const driver = newDriver(memory, features);
      driver.add(numbered(1));
      driver.publish();
      for (let at = 0; at < part.length; at++) part[at] = random(3) === 0 ? random(256) : 0;
      part[8] = 1;
      part[9] = 0;
      try {
        const { tracker, setup } = track(memory, part, driver.setup);
        const queue = createQueue(setup, memory, { ...hooks, observer: tracker });
        for (const chain of takeAll(queue).slice(0, SIZE)) chain.complete(0);
        queue.flush();
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_IOREGION_QUEUE_POSITION' });
      }
    }
  });
});

/** Holds every chain until it is told to go on. */
class HoldingDevice implements VirtioDevice {
  readonly deviceType = 4;
  readonly features = 0n;
  readonly queueSizes = [SIZE];
  readonly config = { bytes: new Uint8Array(0) };
  readonly chains: Chain[] = [];
  #queue: VirtQueue | null = null;

  startQueue(_index: number, queue: VirtQueue): void {
    this.#queue = queue;
  }

  kick(): void {
    for (let chain = this.#queue!.pop(); chain !== null; chain = this.#queue!.pop()) this.chains.push(chain);
  }

  complete(...numbers: number[]): void {
    for (const number of numbers) {
      const at = this.chains.findIndex((chain) => numberOf(chain) === number);
      this.chains.splice(at, 1)[0]!.complete(1);
    }
    this.#queue!.flush();
  }

  stopQueue(): void {
    this.chains.length = 0;
  }
}

const ringFeatures = BACKEND_RING_FEATURES | Feature.ringPacked;

describe.each(FORMATS)('over a connection with a %s ring', (_format, features) => {
  const protocolFeatures = ProtocolFeature.replyAck | ProtocolFeature.inflightShmfd;

  /** A backend, and a frontend that has negotiated with it. */
  async function begin() {
    const served = serve(new HoldingDevice(), { ringFeatures });
    const frontend = served.connect();
    await frontend.negotiate({ features, protocolFeatures });
    return { ...served, frontend };
  }

  async function newArea(frontend: MockFrontend): Promise<{ payload: Uint8Array; file: Fd }> {
    const wanted = encodeInflight({ size: 0n, offset: 0n, queues: 1, queueSize: SIZE });
    const { payload, fds } = await frontend.ask(FrontendRequest.getInflightFd, wanted);
    const [file] = fds;
    onTestFinished(() => file!.close());
    return { payload: encodeInflight(decodeInflight(payload)), file: file! };
  }

  test('a second backend serves what the first one had in flight, in order, and nothing else', async () => {
    const memory = makeMemory();
    const first = await begin();
    const one = first.frontend;
    const { payload, file } = await newArea(one);
    const queue = makeQueue(one, memory, { size: SIZE, features });
    const start = async (frontend: MockFrontend) => {
      await frontend.order(FrontendRequest.setInflightFd, payload, [file]);
      await frontend.shareMemory(memory);
      await frontend.startRing(queue.setup);
    };
    await start(one);
    for (let number = 0; number < 4; number++) queue.add(numbered(number));
    queue.kick();
    await eventually(() => expect(first.device.chains).toHaveLength(4));
    first.device.complete(2, 0);
    await eventually(() => expect(queue.inFlight).toBe(2));
    // Nothing of the first backend is used again: to the second one it is dead, although it has been closed tidily.
    one.close();
    await first.server.close();

    const second = await begin();
    second.frontend.onCall = () => queue.called();
    queue.add(numbered(4));
    queue.publish();
    await start(second.frontend);
    await eventually(() => expect(second.device.chains.map(numberOf)).toEqual([1, 3, 4]));
    second.device.complete(4, 1, 3);
    await eventually(() => expect(queue.inFlight).toBe(0));
  });

  test('its driver is called as it starts after another backend, which may have died before the call', async () => {
    const memory = makeMemory();
    const first = await begin();
    const { payload, file } = await newArea(first.frontend);
    const { setup } = makeQueue(first.frontend, memory, { size: SIZE, features });
    for (const [{ frontend, session }, calls] of [
      [first, 0],
      [await begin(), 1],
    ] as const) {
      const called = vi.spyOn(session(), 'callRing');
      await frontend.order(FrontendRequest.setInflightFd, payload, [file]);
      await frontend.shareMemory(memory);
      await frontend.startRing(setup);
      expect(called).toHaveBeenCalledTimes(calls);
      // What stopped it in order has called.
      await frontend.startRing(setup, { base: await frontend.stopRing(0) });
      expect(called).toHaveBeenCalledTimes(calls);
      frontend.close();
    }
  });
});
