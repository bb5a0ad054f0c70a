/**
 * A device thread that does anything at any moment: reads too little or too much, writes whatever, hangs up, or nothing.
 * No value that the accesses get can be judged, but each must end in time, with a value or a coded failure.
 */
import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { LoopbackDispatcher } from 'ioregion/ioregion';
import { AccessOutcome, Fd, socketpair } from 'ioregion/native';
import { Random } from '../random.js';

const GPA = 0x1000;
const MESSAGE_BYTES = 32;
const MOST_ACCESSES = 40;
const DEADLINE_MS = 20;
/** Far more than the deadline: the machine may be busy. */
const HANG_MS = 5_000;

interface PeerData {
  readonly hostilePeerSeed: number;
}

export class PeerFuzz {
  accesses = 0;
  readonly ends = new Map<string, number>();
  readonly wrong: string[] = [];
  readonly #random: Random;
  readonly #peer: Worker;

  constructor(seed: number) {
    this.#random = new Random(seed);
    const data: PeerData = { hostilePeerSeed: seed + 1 };
    this.#peer = new Worker(new URL(import.meta.url), { workerData: data });
  }

  /** One channel: accesses until one fails. */
  async round(): Promise<void> {
    const [vmm, device] = socketpair(this.#random.below(2) === 0 ? 'stream' : 'seqpacket');
    const dispatcher = new LoopbackDispatcher();
    const region = { space: 'mmio', gpa: GPA, size: 8, readFd: vmm, writeFd: vmm, deadlineMs: DEADLINE_MS } as const;
    dispatcher.addRegion({ ...region, postedWrites: this.#random.below(4) === 0 });
    const caller = dispatcher.createCaller();
    this.#peer.postMessage(device.release());
    for (let left = MOST_ACCESSES; left > 0; left--) {
      const started = performance.now();
      const outcome = caller.begin('mmio', this.#random.below(2) === 0, GPA, 4);
      this.#note(outcome === AccessOutcome.failed ? caller.failure().code : 'done', performance.now() - started);
      if (outcome !== AccessOutcome.done) break;
    }
    caller.close();
    dispatcher.close();
    vmm.close();
    await once(this.#peer, 'message');
  }

  async close(): Promise<void> {
    await this.#peer.terminate();
  }

  #note(end: string, ms: number): void {
    this.accesses += 1;
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
    const right = ms < HANG_MS && (end === 'done' || end.startsWith('ERR_IOREGION_'));
    if (!right && this.wrong.length < 10) this.wrong.push(`access ${this.accesses}: ${end} after ${ms.toFixed(0)} ms`);
  }
}

/** One step of the peer. False where it has hung up. */
function misbehave(fd: Fd, random: Random, bytes: Uint8Array): boolean {
  switch (random.below(8)) {
    case 0:
      return random.below(6) !== 0;
    case 1:
      fd.write(bytes.subarray(0, random.below(bytes.length)));
      return true;
    case 2:
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, random.below(2 * DEADLINE_MS) / 10);
      return true;
    case 3:
      return fd.read(bytes.subarray(0, 1 + random.below(bytes.length - 1))) !== 0;
    default:
      if (fd.read(bytes.subarray(0, MESSAGE_BYTES)) === 0) return false;
      fd.write(bytes.subarray(0, MESSAGE_BYTES));
      return true;
  }
}

function serve({ hostilePeerSeed }: PeerData): void {
  const random = new Random(hostilePeerSeed);
  const bytes = new Uint8Array(3 * MESSAGE_BYTES);
  parentPort!.on('message', (number: number) => {
    const fd = new Fd(number);
    try {
      while (misbehave(fd, random, bytes));
    } catch {
      /* the VMM has hung up */
    }
    fd.close();
    parentPort!.postMessage(null);
  });
}

if ((workerData as Partial<PeerData> | null)?.hostilePeerSeed !== undefined) serve(workerData as PeerData);
