/** Entry of the Worker that makes loopback accesses: pins itself and waits for slots. */
import { workerData } from 'node:worker_threads';
import { setAffinity } from '../../../src/native/index.js';
import type { Operation } from '../row.js';
import { serveSlots } from '../serve-slots.js';
import { ChannelTarget } from './channel-target.js';
import { LoopbackDriver } from './loopback-driver.js';

export interface LoopbackWorkerData {
  readonly dispatcherId: number;
  readonly cpu: number;
  readonly operation: Operation;
}

const { dispatcherId, cpu, operation } = workerData as LoopbackWorkerData;
setAffinity([cpu]);
const target = new ChannelTarget(dispatcherId);
serveSlots(new LoopbackDriver(target.caller, operation), target);
