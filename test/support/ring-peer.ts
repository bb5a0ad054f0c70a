/** The device's side of test/support/ring-peer.c: an echo that sleeps on a counter, and notices when it sleeps too long. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { GuestMemory } from 'ioregion/memory';
import { native } from 'ioregion/native';
import { type Chain, createQueue, Feature, type QueueEngine } from 'ioregion/virtio';

const MEMORY_BYTES = 0x100000;
const RING_SIZE = 8;
const [DRIVER_AREA, DEVICE_AREA] = [0x1000n, 0x2000n];
const [KICKS, CALLS, DONE] = [0x3000 / 4, 0x3040 / 4, 0x3080 / 4];
const WORDS = 16;
const SPINS_PER_LOOK = 4096;
/** The driver gives up first, and says what was lost. */
const PATIENCE_MS = 40_000;

export interface PeerOptions {
  readonly packed: boolean;
  readonly eventIdx: boolean;
  readonly seconds: number;
}

class EchoSide {
  readonly #words: Int32Array;
  readonly #queue: QueueEngine;
  readonly #request = new Uint8Array(4 * WORDS);
  readonly #answer = new Uint8Array(4 * WORDS);
  readonly #requestWords = new Uint32Array(this.#request.buffer);
  readonly #answerWords = new Uint32Array(this.#answer.buffer);
  readonly #random = new Uint32Array(1);
  chains = 0;

  constructor(memory: GuestMemory, { packed, eventIdx }: PeerOptions) {
    this.#words = new Int32Array(memory.regions[0]!.mapping.buffer, 0, MEMORY_BYTES / 4);
    const features = Feature.version1 | (packed ? Feature.ringPacked : 0n) | (eventIdx ? Feature.eventIdx : 0n);
    const areas = { descriptors: 0n, driverArea: DRIVER_AREA, deviceArea: DEVICE_AREA };
    const call = () => void Atomics.add(this.#words, CALLS, 1);
    this.#queue = createQueue({ index: 0, size: RING_SIZE, features, ...areas }, memory, { call });
  }

  /** What went wrong, or null where the driver is content. */
  serve(): string | null {
    for (;;) {
      const kicks = Atomics.load(this.#words, KICKS);
      do {
        this.#queue.disableKicks();
        if (!this.#drain()) return 'a request is stale or torn';
        this.#dawdle();
      } while (this.#queue.enableKicks());
      if (this.#queue.failure !== null) return this.#queue.failure.message;
      const end = this.#sleep(kicks);
      if (end !== undefined) return end;
    }
  }

  #drain(): boolean {
    for (let chain = this.#queue.pop(); chain !== null; chain = this.#queue.pop()) if (!this.#echo(chain)) return false;
    this.#queue.flush();
    return true;
  }

  #echo(chain: Chain): boolean {
    this.chains++;
    chain.readable.copyTo(this.#request);
    const [first] = this.#requestWords;
    if (!this.#requestWords.every((word) => word === first)) return false;
    this.#answerWords.fill(~first!);
    chain.writable.copyFrom(this.#answer);
    chain.complete(4 * WORDS);
    return true;
  }

  /** The driver needs longer for its next chains than the queue to ask for a kick: they are to meet. */
  #dawdle(): void {
    this.#random[0] = Math.imul(this.#random[0]!, 1664525) + 1013904223;
    for (let left = this.#random[0]! >>> 22; left > 0; left--) Atomics.load(this.#random, 0);
  }

  /** Undefined: kicked. */
  #sleep(kicks: number): string | null | undefined {
    const deadline = Date.now() + PATIENCE_MS;
    for (let spins = 1; Atomics.load(this.#words, KICKS) === kicks; spins++) {
      if (Atomics.load(this.#words, DONE) !== 0) return null;
      if (spins % SPINS_PER_LOOK === 0 && Date.now() > deadline) return 'no kick comes any more';
    }
    return undefined;
  }
}

export interface PeerResult {
  readonly problem: string | null;
  /** What the driver printed: the number of its chains, or what it missed. */
  readonly driver: string;
  readonly chains: number;
}

/** Blocks this thread while driver and device run. */
export async function runRingPeer(program: string, options: PeerOptions): Promise<PeerResult> {
  using memory = GuestMemory.create(MEMORY_BYTES);
  const side = new EchoSide(memory, options);
  const child = start(program, options, memory.regions[0]!.file!.fd.number);
  const output = collect(child);
  const problem = onCpu(cpus().length - 1, () => side.serve());
  if (problem !== null) child.kill('SIGKILL');
  return { problem, driver: await output, chains: side.chains };
}

/** The driver runs on CPU 0: on one CPU with the device it would meet it once in a time slice. */
function onCpu<Result>(cpu: number, body: () => Result): Result {
  const all = native.getAffinity();
  native.setAffinity([cpu]);
  try {
    return body();
  } finally {
    native.setAffinity(all);
  }
}

function start(program: string, { packed, eventIdx, seconds }: PeerOptions, memory: number): ChildProcess {
  const words = [packed ? 'packed' : 'split', eventIdx ? '1' : '0', String(seconds), '1', '0'];
  return spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit', memory] });
}

async function collect(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout!.on('data', (bytes: Buffer) => {
    text += bytes.toString();
  });
  await once(child, 'close');
  return text.trim();
}
