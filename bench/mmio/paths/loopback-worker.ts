/** Entry of the Worker that makes loopback accesses: pins itself and waits for slots. */
import { workerData } from 'node:worker_threads';
import { openLoopbackCaller } from '../../../src/ioregion/index.js';
import { setAffinity } from '../../../src/native/index.js';
import type { Operation } from '../row.js';
import { serveSlots } from '../serve-slots.js';
import { LoopbackDriver } from './loopback-driver.js';

export interface LoopbackWorkerData {
  readonly dispatcherId: number;
  readonly cpu: number;
  readonly operation: Operation;
}

const { dispatcherId, cpu, operation } = workerData as LoopbackWorkerData;
setAffinity([cpu]);
serveSlots(new LoopbackDriver(openLoopbackCaller(dispatcherId), operation));
