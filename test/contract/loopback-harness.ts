/** The loopback dispatcher under the contract suite: its vCPUs are Workers that call it. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { kickLoopbackCaller, LoopbackDispatcher, RegionFailure } from 'ioregion/ioregion';
import type { FailureRecord } from 'ioregion/native';
import type { AccessResult, GuestAccess } from './accesses.js';
import { soon } from './bounded.js';
import type {
  ContractHarness,
  ContractMachine,
  ContractVcpu,
  RunOptions,
  UnhandledAccess,
  VcpuRun,
} from './harness.js';
import { Decision, type LoopbackReply, type LoopbackRequest, type LoopbackVcpuData } from './loopback-protocol.js';
import { RunEvents } from './run-events.js';

class LoopbackMachine implements ContractMachine {
  readonly dispatcher = new LoopbackDispatcher();
  readonly vcpus: LoopbackVcpu[] = [];
  readonly unhandled: UnhandledAccess[] = [];
  readonly failures: RegionFailure[] = [];

  constructor() {
    this.dispatcher.onFailure = (failure) => this.failures.push(failure);
  }

  async close(): Promise<void> {
    await Promise.all(this.vcpus.map((vcpu) => vcpu.close()));
    this.dispatcher.close();
  }
}

interface Underway {
  readonly events: RunEvents;
  readonly hold: boolean;
  readonly settle: (results: readonly AccessResult[]) => void;
  readonly fail: (error: Error) => void;
}

class LoopbackVcpu implements ContractVcpu {
  tid = 0;
  readonly #machine: LoopbackMachine;
  readonly #worker: Worker;
  readonly #decision = new Int32Array(new SharedArrayBuffer(4));
  readonly #exited: Promise<unknown>;
  #callerId = 0;
  #run: Underway | null = null;
  #closing = false;

  constructor(machine: LoopbackMachine, vcpu: number) {
    this.#machine = machine;
    const decision = this.#decision.buffer as SharedArrayBuffer;
    const data: LoopbackVcpuData = { dispatcherId: machine.dispatcher.id, vcpu, decision };
    this.#worker = new Worker(new URL('./loopback-vcpu.js', import.meta.url), { workerData: data });
    this.#exited = once(this.#worker, 'exit');
  }

  async ready(): Promise<void> {
    const [reply] = (await once(this.#worker, 'message')) as [LoopbackReply];
    if (reply.type !== 'ready') throw new Error(`not ready: ${reply.type}`);
    this.tid = reply.tid;
    this.#callerId = reply.callerId;
    this.#worker.on('message', (message: LoopbackReply) => this.#onReply(message));
    this.#worker.on('error', (error) => this.#run?.fail(error));
  }

  start(accesses: readonly GuestAccess[], { hold = false }: RunOptions = {}): VcpuRun {
    const events = new RunEvents();
    const results = new Promise<readonly AccessResult[]>((settle, fail) => {
      this.#run = { events, hold, settle, fail };
    });
    this.#post({ type: 'run', accesses });
    const bounded = soon(results, 'the end of a run');
    bounded.catch(() => {}); /* of a vCPU that is closed in the middle */
    return {
      results: bounded,
      get interruptions() {
        return events.interruptions;
      },
      next: () => soon(events.next(), 'an event of a run'),
      resume: () => this.#decide(Decision.goOn),
    };
  }

  kick(): boolean {
    return kickLoopbackCaller(this.#callerId);
  }

  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#run?.fail(new Error('the vCPU was closed'));
      this.#decide(Decision.abandon); /* where it waits for a decision already */
      this.kick();
      this.#post({ type: 'close' });
    }
    await soon(this.#exited, 'the end of a vCPU');
  }

  #post(request: LoopbackRequest): void {
    this.#worker.postMessage(request);
  }

  #decide(decision: Decision): void {
    Atomics.store(this.#decision, 0, decision);
    Atomics.notify(this.#decision, 0);
  }

  #onReply(reply: LoopbackReply): void {
    if (reply.type === 'unhandled') this.#machine.unhandled.push(reply.access);
    else if (reply.type === 'failed') void this.#onFailure(reply.record);
    else if (reply.type === 'interrupted') this.#onInterrupted();
    else if (reply.type === 'done') this.#onDone(reply.results);
  }

  #onInterrupted(): void {
    this.#run?.events.push({ type: 'interrupted' });
    if (this.#closing) this.#decide(Decision.abandon);
    else if (!this.#run?.hold) this.#decide(Decision.goOn);
  }

  async #onFailure(record: FailureRecord): Promise<void> {
    const decision = await this.#machine.dispatcher.resolveFailure(record);
    if (decision === 'retry') return this.#decide(Decision.retry);
    if (decision === 'all-ones') return this.#decide(Decision.allOnes);
    this.#run?.events.push({ type: 'stopped', failure: new RegionFailure(record) });
    if (!this.#run?.hold) this.#decide(Decision.allOnes);
  }

  #onDone(results: readonly AccessResult[]): void {
    this.#run?.events.push({ type: 'done' });
    this.#run?.settle(results);
    this.#run = null;
  }
}

/** `vcpus` Workers, each with a caller. */
export function loopbackHarness(vcpus = 3): ContractHarness {
  return {
    name: 'loopback',
    async make() {
      const machine = new LoopbackMachine();
      for (let id = 0; id < vcpus; id++) machine.vcpus.push(new LoopbackVcpu(machine, id));
      await Promise.all(machine.vcpus.map((vcpu) => vcpu.ready()));
      return machine;
    },
  };
}
