/** Entry of the thread that asks StatePorts for a `RemoteTargets`. */
import { parentPort, workerData } from 'node:worker_threads';
import type { FailureReason } from '../../ioregion/dispatcher/failure.js';
import { openLoopbackCaller } from '../../ioregion/dispatcher/loopback.js';
import { StateClient } from '../../virtio/state/index.js';
import type { RemotePort } from '../attach/index.js';
import type { StateQuestion } from './state-question.js';

/** `lost`: the device does not answer any more. It comes before the answer to what was asked of it. */
export type PortLost = { readonly lost: FailureReason; readonly port: number };
/** `port` is an index of the ports given at the start. */
export type PortQuestion = StateQuestion & { readonly port: number };
export type PortAnswer = { readonly state: Uint8Array | null } | { readonly failed: string };

function openClient({ name, dispatcher, address }: RemotePort, port: number): StateClient {
  const caller = openLoopbackCaller(dispatcher);
  caller.onFailure = ({ reason }) => {
    parentPort!.postMessage({ lost: reason, port } satisfies PortLost);
    return 'all-ones';
  };
  const read = (offset: number): number => caller.read('mmio', address + offset, 4);
  const write = (offset: number, value: number): void => void caller.write('mmio', address + offset, 4, value);
  return new StateClient({ read, write }, name);
}

function carryOut(client: StateClient, question: PortQuestion): Uint8Array | null {
  if (question.op === 'save') return client.save();
  if (question.op === 'suspend') {
    client.suspend();
    client.waitQuiet();
  } else if (question.op === 'resume') client.resume();
  else client.restore(question.state);
  return null;
}

function answer(client: StateClient, question: PortQuestion): PortAnswer {
  try {
    return { state: carryOut(client, question) };
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}

const clients = (workerData as readonly RemotePort[]).map(openClient);
parentPort!.on('message', (question: PortQuestion) => {
  parentPort!.postMessage(answer(clients[question.port]!, question));
});
