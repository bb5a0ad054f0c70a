/** A device on this thread, and a driver in C in another process: they meet in the ring and two eventfds, and nowhere else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GuestMemory } from '../../../src/memory/index.js';
import { EventFd, FdWatch } from '../../../src/native/index.js';
import { createRing, type DriverRing } from '../../../src/testing/index.js';
import { createQueue, Feature, type QueueEngine } from '../../../src/virtio/index.js';
import { compileC } from '../../support/c-program.js';

const MEMORY_BYTES = 1 << 20;
const BUFFERS = 0x80000;
/** Beside the source: this file runs from dist. */
const SOURCE = new URL('../../../../test/stress/queue/driver.c', import.meta.url);

export interface OtherProcessOptions {
  readonly features: bigint;
  readonly size: number;
  readonly chains: number;
}

export interface OtherProcessReport {
  readonly kicks: number;
  readonly calls: number;
}

/** Rejects where a kick or a call was lost, an answer was seen before it was there, or the queue failed. */
export async function runOtherProcess(options: OtherProcessOptions): Promise<OtherProcessReport> {
  const directory = mkdtempSync(join(tmpdir(), 'ioregion-driver-'));
  using memory = GuestMemory.create(MEMORY_BYTES);
  using kick = EventFd.create();
  using call = EventFd.create();
  try {
    const ring = createRing(memory, { index: 0, base: 0, ...options });
    const device = new NumberingDevice(createQueue(ring.setup, memory, { call: () => call.signal() }), kick);
    const files = [memory.share().fds[0]!, kick.number, call.number];
    await runDriver(compileC(readFileSync(SOURCE, 'utf8'), directory), argumentsFor(ring, options), files);
    return device.end();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function argumentsFor({ format, size, place }: DriverRing, { features, chains }: OtherProcessOptions): string[] {
  const eventIdx = (features & Feature.eventIdx) === 0n ? 0 : 1;
  const { descriptors, driverArea, deviceArea } = place;
  return [format, ...[eventIdx, size, chains, descriptors, driverArea, deviceArea, BUFFERS, MEMORY_BYTES].map(String)];
}

async function runDriver(program: string, args: string[], files: number[]): Promise<void> {
  const driver = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe', ...files] });
  let errors = '';
  driver.stderr!.on('data', (data) => {
    errors += data;
  });
  const [code] = (await once(driver, 'close')) as [number | null];
  if (code !== 0) throw new Error(`the driver ended with ${code}: ${errors}`);
}

/** Answers each chain with its number. */
class NumberingDevice {
  readonly #engine: QueueEngine;
  readonly #watch: FdWatch;
  readonly #number = new Uint32Array(1);
  readonly #bytes = new Uint8Array(this.#number.buffer);
  #kicks = 0;

  constructor(engine: QueueEngine, kick: EventFd) {
    this.#engine = engine;
    this.#watch = new FdWatch(kick, () => {
      if (kick.testAndClear()) this.#serve();
    });
  }

  end(): OtherProcessReport {
    this.#watch.close();
    if (this.#engine.failure !== null) throw this.#engine.failure;
    return { kicks: this.#kicks, calls: this.#engine.counters.calls };
  }

  /** Every other time kicks are disabled meanwhile, and each chain is flushed by itself. */
  #serve(): void {
    const alone = this.#kicks++ % 2 === 0;
    if (alone) this.#engine.disableKicks();
    do {
      for (let chain = this.#engine.pop(); chain !== null; chain = this.#engine.pop()) {
        chain.complete(chain.writable.copyFrom(this.#bytes));
        this.#number[0]!++;
        if (alone) this.#engine.flush();
      }
      this.#engine.flush();
    } while (alone && this.#engine.enableKicks());
  }
}
