/** The state of a board on the thread of the only vCPU, which answers questions while the guest does not run. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Vcpu } from '../../kvm/index.js';
import { decodeState, encodeState, RemoteStateError, type Suspendable } from '../../virtio/state/index.js';
import { BOARD, type StateTarget } from './state-target.js';

/** Plain data, to a Worker. */
export type StateQuestion =
  | { readonly op: 'suspend' }
  | { readonly op: 'save' }
  | { readonly op: 'resume' }
  | { readonly op: 'restore'; readonly state: Uint8Array };

/** `failed`: why. */
type StateAnswer = { readonly state: Uint8Array | null } | { readonly failed: string };

const QUIET_MS = 30_000;
const POLL_MS = 1;

/** On the thread of the state. Does not reject. */
export async function answerState(target: Suspendable, question: StateQuestion): Promise<StateAnswer> {
  try {
    return { state: await carryOut(target, question) };
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}

async function carryOut(target: Suspendable, question: StateQuestion): Promise<Uint8Array | null> {
  if (question.op === 'save') return encodeState(target.save());
  if (question.op === 'suspend') await suspend(target);
  else if (question.op === 'resume') target.resume();
  else target.restore(decodeState(question.state));
  return null;
}

async function suspend(target: Suspendable): Promise<void> {
  target.suspend();
  for (const deadline = performance.now() + QUIET_MS; !target.quiet; await delay(POLL_MS)) {
    if (performance.now() > deadline) throw new Error(`it is not quiet after ${QUIET_MS} ms`);
  }
}

/** All methods reject with RemoteStateError, or because the vCPU runs or is closed. */
export class BoardOnVcpu implements StateTarget {
  readonly name = BOARD;
  readonly #vcpu: Pick<Vcpu, 'ask'>;

  constructor(vcpu: Pick<Vcpu, 'ask'>) {
    this.#vcpu = vcpu;
  }

  async suspend(): Promise<void> {
    await this.#ask({ op: 'suspend' });
  }

  async save(): Promise<Uint8Array> {
    const state = await this.#ask({ op: 'save' });
    if (state === null) throw new RemoteStateError(this.name, 'it has none');
    return state;
  }

  async restore(state: Uint8Array): Promise<void> {
    await this.#ask({ op: 'restore', state });
  }

  async resume(): Promise<void> {
    await this.#ask({ op: 'resume' });
  }

  async #ask(question: StateQuestion): Promise<Uint8Array | null> {
    const answer = (await this.#vcpu.ask(question)) as StateAnswer;
    if ('failed' in answer) throw new RemoteStateError(this.name, answer.failed);
    return answer.state;
  }
}
