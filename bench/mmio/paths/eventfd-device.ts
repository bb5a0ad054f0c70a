/** The device thread behind an ioeventfd, seen from the harness. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { EventFd } from '../../../src/native/index.js';
import type { Cleanup } from '../cleanup.js';
import { END, SIGNAL_WORDS_BYTES } from './eventfd-signals.js';
import type { EventfdWorkerData } from './eventfd-worker.js';

const WORKER = new URL('./eventfd-worker.js', import.meta.url);

/** What the measuring thread needs of the device. */
export interface EventfdLink {
  readonly eventfd: number;
  readonly shared: SharedArrayBuffer;
}

/** Starts the thread on `cpu`. */
export async function startEventfdDevice(cpu: number, cleanup: Cleanup): Promise<EventfdLink> {
  const eventfd = cleanup.use(EventFd.create({ nonblock: false }));
  const link: EventfdLink = { eventfd: eventfd.number, shared: new SharedArrayBuffer(SIGNAL_WORDS_BYTES) };
  const worker = new Worker(WORKER, { workerData: { ...link, cpu } satisfies EventfdWorkerData });
  const exited = once(worker, 'exit');
  cleanup.defer(async () => {
    eventfd.signal(END);
    await exited;
  });
  await once(worker, 'message');
  return link;
}
