/**
 * Script: a caller that waits for its device is kicked again and again from another thread; prints how many kicks were
 * given, and how many the caller did not come back for. Run under a CPU profiler, whose signals interrupt the waiting.
 */
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { kickLoopbackCaller, LoopbackDispatcher } from 'ioregion/ioregion';
import { native, socketpair } from 'ioregion/native';

const KICKS = 3000;
/** A kick that is not seen for so long is lost. */
const PATIENCE_NS = 500e6;
const Word = { returns: 0, given: 1, lost: 2, finished: 3 } as const;

interface KickerData {
  readonly callerId: number;
  readonly shared: SharedArrayBuffer;
}

function kick({ callerId, shared }: KickerData): void {
  const words = new Int32Array(shared);
  for (let given = 0; given < KICKS && Atomics.load(words, Word.lost) < 3; given++) {
    const returns = Atomics.load(words, Word.returns);
    kickLoopbackCaller(callerId);
    Atomics.add(words, Word.given, 1);
    for (const end = native.monotonicNs() + PATIENCE_NS; Atomics.load(words, Word.returns) === returns; ) {
      if (native.monotonicNs() < end) continue;
      Atomics.add(words, Word.lost, 1);
      break;
    }
  }
  Atomics.store(words, Word.finished, 1);
  kickLoopbackCaller(callerId);
}

function wait(): void {
  const dispatcher = new LoopbackDispatcher();
  const [vmm, device] = socketpair('seqpacket');
  dispatcher.addRegion({ space: 'mmio', gpa: 0x1000, size: 4, readFd: vmm, writeFd: vmm, deadlineMs: 0 });
  const caller = dispatcher.createCaller();
  const shared = new SharedArrayBuffer(16);
  const words = new Int32Array(shared);
  const data: KickerData = { callerId: caller.id, shared };
  new Worker(new URL(import.meta.url), { workerData: data, execArgv: [] });
  caller.begin('mmio', false, 0x1000, 4);
  while (Atomics.load(words, Word.finished) === 0) {
    Atomics.add(words, Word.returns, 1);
    caller.resume();
  }
  console.log(JSON.stringify({ given: words[Word.given], lost: words[Word.lost] }));
  caller.close();
  dispatcher.close();
  vmm.close();
  device.close();
}

if (isMainThread) wait();
else kick(workerData as KickerData);
