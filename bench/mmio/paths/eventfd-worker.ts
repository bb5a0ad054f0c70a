/** Entry of the device thread behind an ioeventfd: blocks in read(2) and counts signals. */
import { parentPort, workerData } from 'node:worker_threads';
import { native, setAffinity } from '../../../src/native/index.js';
import { END, SETTLE, SignalWord } from './eventfd-signals.js';

export interface EventfdWorkerData {
  /** A blocking eventfd; stays the owner's. */
  readonly eventfd: number;
  readonly cpu: number;
  /** SIGNAL_WORDS_BYTES, see eventfd-signals.ts. */
  readonly shared: SharedArrayBuffer;
}

const UPPER_HALF = 2 ** 32;

/** Counts until it is told to end. */
function countSignals({ eventfd, shared }: EventfdWorkerData): void {
  const counter = new Uint32Array(2);
  const bytes = new Uint8Array(counter.buffer);
  const words = new Int32Array(shared);
  let signals = 0;
  for (;;) {
    native.read(eventfd, bytes);
    signals += counter[0]!;
    const request = counter[1]! * UPPER_HALF;
    if (request >= END) return;
    if (request >= SETTLE) publish(words, signals);
  }
}

function publish(words: Int32Array, signals: number): void {
  Atomics.store(words, SignalWord.signals, signals);
  Atomics.add(words, SignalWord.published, 1);
  Atomics.notify(words, SignalWord.published);
}

const data = workerData as EventfdWorkerData;
setAffinity([data.cpu]);
parentPort?.postMessage('ready');
countSignals(data);
