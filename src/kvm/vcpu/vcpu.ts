/** A vCPU on a Worker of its own, seen from the thread that owns the VM. */
import type { Worker } from 'node:worker_threads';
import { type DispatcherObject, type FailureRecord, type Fd, native, undoOnFailure } from '../../native/index.js';
import { KvmIoctlError } from '../errors.js';
import type { KvmExit } from '../exit.js';
import { VcpuState } from '../vcpu-state.js';
import type { Vm } from '../vm.js';
import { VcpuClosedError, VcpuRunningError, VcpuStartError } from './errors.js';
import type { ExitHandlerModule } from './exit-handler.js';
import type { PlainSystemError, VcpuReply, VcpuRequest, VcpuWorkerData } from './messages.js';
import { VcpuThread } from './vcpu-thread.js';

/** The userspace dispatcher behind the vCPU's exits: `NativeDispatcher` of the ioregion layer. */
export interface VcpuDispatcher {
  readonly object: DispatcherObject;
  readonly id: number;
  /** Decides how an access ends whose region failed. */
  resolveFailure(record: FailureRecord): Promise<'all-ones' | 'retry' | 'stop'>;
}

export interface VcpuOptions {
  readonly dispatcher?: VcpuDispatcher;
  /** Devices in the vCPU's own thread. */
  readonly exitHandler?: ExitHandlerModule;
  /** The CPUs of the thread. */
  readonly cpus?: readonly number[];
  /** A thread that is there already. Default, and where another vCPU has it: a new one. */
  readonly thread?: VcpuThread;
}

/**
 * Why `run` or `settle` came back: an exit that nobody took, a kick, the end of `settle`, or the failure of a region whose policy is
 * to stop.
 */
export type VcpuExit =
  | KvmExit
  | { readonly reason: 'interrupted' }
  | { readonly reason: 'settled' }
  | { readonly reason: 'region-failure'; readonly record: FailureRecord };

export interface RunOptions {
  /** Data for the MMIO or IO read that the last run stopped at. Default: all ones. */
  readonly answer?: Uint8Array;
}

/** What a failed access does when the run goes on after `region-failure`. */
type Resolution = 'all-ones' | 'retry' | null;

interface Asked {
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

interface Pending {
  resolve(exit: VcpuExit): void;
  reject(error: Error): void;
}

export class Vcpu {
  /** KVM's number of the vCPU. */
  readonly id: number;
  readonly #fd: Fd;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #ready: Promise<void>;
  readonly #ownDispatcher: DispatcherObject | null;
  readonly #dispatcher: VcpuDispatcher | null;
  readonly #state: VcpuState;
  /** Null until the Worker is there. */
  #coreId: number | null = null;
  #pending: Pending | null = null;
  /** Entered again after the failure of a region. */
  #entry: 'run' | 'settle' = 'run';
  readonly #asked: Asked[] = [];
  #unresolved = false;
  #closed = false;

  private constructor(vm: Vm, id: number, fd: Fd, options: VcpuOptions) {
    this.id = id;
    this.#fd = fd;
    this.#state = new VcpuState(fd);
    this.#dispatcher = options.dispatcher ?? null;
    this.#ownDispatcher = this.#dispatcher === null ? native.dispatcherCreate() : null;
    this.#worker = openWorker(this.#dataFor(vm, options), options);
    this.#exited = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    this.#ready = this.#whenReady();
    this.#ready.catch(() => {}); /* whoever waits for it hears of it */
  }

  /**
   * Creates vCPU `id` of the VM and starts its Worker (not the guest).
   * @throws KvmIoctlError EEXIST where the id is taken, VcpuStartError where the exit handler cannot be loaded
   */
  static async create(vm: Vm, id: number, options: VcpuOptions = {}): Promise<Vcpu> {
    const vcpu = Vcpu.begin(vm, id, options);
    await vcpu.ready();
    return vcpu;
  }

  /** The same without waiting: `ready` is to be awaited before all else but `state` and `close`. @throws KvmIoctlError EEXIST */
  static begin(vm: Vm, id: number, options: VcpuOptions = {}): Vcpu {
    return undoOnFailure((undo) => new Vcpu(vm, id, undo.use(vm.createVcpuFd(id)), options));
  }

  /** Resolves when the Worker is there; the vCPU is closed where it does not come. @throws VcpuStartError */
  async ready(): Promise<void> {
    try {
      await this.#ready;
    } catch (error) {
      await this.#release();
      throw error;
    }
  }

  /** True between `run` and its result. */
  get running(): boolean {
    return this.#pending !== null;
  }

  /** Registers and all other state. @throws VcpuRunningError while the guest runs: kick it first. */
  get state(): VcpuState {
    if (this.#closed) throw new VcpuClosedError(this.id);
    if (this.running) throw new VcpuRunningError(this.id);
    return this.#state;
  }

  /**
   * Enters the guest. After `interrupted` the next run takes up an access that was waiting for its response; after
   * `region-failure` the failed access reads all ones.
   * @throws VcpuRunningError, VcpuClosedError, KvmIoctlError where KVM_RUN refuses
   */
  run(options: RunOptions = {}): Promise<VcpuExit> {
    return this.#begin('run', options.answer ?? null);
  }

  /**
   * Ends the access under way without an instruction of the guest: after `settled` all of the vCPU is in its `state`. Any other
   * result is one of `run`: settle again then. Rejects as `run` does.
   */
  settle(): Promise<VcpuExit> {
    return this.#begin('settle', null);
  }

  /**
   * What the exit handler answers, on its thread, while the guest does not run.
   * @throws VcpuRunningError, VcpuClosedError, and what the handler throws
   */
  ask(question: unknown): Promise<unknown> {
    const refused = this.#refusal();
    if (refused !== null) return Promise.reject(refused);
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      this.#post({ type: 'ask', question });
    });
  }

  /** Makes the run under way, or else the next one, end with `interrupted`. False where the vCPU is closed. */
  kick(): boolean {
    return !this.#closed && this.#coreId !== null && native.kickVcpu(this.#coreId);
  }

  /** Lets the process end although this thread is there, as `unref` of any Worker does; its waits end then. */
  unref(): void {
    this.#worker.unref();
  }

  /** Keeps the process alive until `close`: the default. */
  ref(): void {
    this.#worker.ref();
  }

  /** Ends the guest's run, then the Worker. Idempotent. */
  async close(): Promise<void> {
    if (this.#coreId === null) await this.#ready.catch(() => {});
    if (this.#coreId !== null && !this.#closed) {
      this.#closed = true;
      native.kickVcpu(this.#coreId);
      this.#post({ type: 'close' });
    }
    await this.#release();
  }

  async #release(): Promise<void> {
    if (this.#closed) await this.#exited;
    else await this.#worker.terminate();
    this.#closed = true;
    this.#abort(null);
    this.#fd.close();
    if (this.#ownDispatcher !== null) native.dispatcherRelease(this.#ownDispatcher);
  }

  #refusal(): Error | null {
    if (this.#closed) return new VcpuClosedError(this.id);
    return this.running ? new VcpuRunningError(this.id) : null;
  }

  #begin(entry: 'run' | 'settle', answer: Uint8Array | null): Promise<VcpuExit> {
    const refused = this.#refusal();
    if (refused !== null) return Promise.reject(refused);
    const resolution: Resolution = this.#unresolved ? 'all-ones' : null;
    this.#entry = entry;
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#enter(resolution, answer);
    });
  }

  #dataFor({ kvm }: Vm, { cpus, exitHandler }: VcpuOptions): VcpuWorkerData {
    return {
      vcpuFd: this.#fd.number,
      mmapSize: kvm.vcpuMmapSize,
      dispatcherId: this.#dispatcher?.id ?? native.dispatcherId(this.#ownDispatcher!),
      cpus: cpus ?? null,
      exitHandler: exitHandler === undefined ? null : { ...exitHandler, transfer: [] },
    };
  }

  #whenReady(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#worker.on('message', (reply: VcpuReply) => {
        if (reply.type === 'start-failed') reject(startError(this.id, reply.message, reply.system));
        else if (reply.type !== 'ready') this.#onReply(reply);
        else {
          this.#coreId = reply.coreId;
          resolve();
        }
      });
      this.#worker.once('error', (error) => {
        reject(new VcpuStartError(this.id, error.message));
        this.#abort(error);
      });
      void this.#exited.then(() => reject(new VcpuStartError(this.id, 'it ended before it was ready')));
    });
  }

  #post(request: VcpuRequest): void {
    this.#worker.postMessage(request);
  }

  #enter(resolve: Resolution, answer: Uint8Array | null): void {
    this.#unresolved = false;
    this.#post(this.#entry === 'run' ? { type: 'run', resolve, answer } : { type: 'settle', resolve });
  }

  #onReply(reply: Exclude<VcpuReply, { type: 'ready' | 'start-failed' }>): void {
    if (reply.type === 'failure') void this.#dispatcher?.resolveFailure(reply.record);
    else if (reply.type === 'answered') this.#asked.shift()?.resolve(reply.answer);
    else if (reply.type === 'ask-failed') this.#asked.shift()?.reject(reply.error);
    else if (reply.type === 'run-failed') this.#abort(runError(reply.message, reply.system));
    else if (reply.exit.type === 'region-failure') void this.#onFailure(reply.exit.record);
    else this.#finish(reply.exit.type === 'kvm' ? reply.exit.exit : { reason: reply.exit.type });
  }

  async #onFailure(record: FailureRecord): Promise<void> {
    const decision = (await this.#dispatcher?.resolveFailure(record)) ?? 'all-ones';
    if (this.#closed) return;
    if (decision !== 'stop') return this.#enter(decision, null);
    this.#unresolved = true;
    this.#finish({ reason: 'region-failure', record });
  }

  #finish(exit: VcpuExit): void {
    const pending = this.#pending;
    this.#pending = null;
    pending?.resolve(exit);
  }

  /** Ends a run without an exit: with the error, or because the vCPU was closed. */
  #abort(error: Error | null): void {
    const pending = this.#pending;
    this.#pending = null;
    const reason = error ?? new VcpuClosedError(this.id);
    pending?.reject(reason);
    for (const asked of this.#asked.splice(0)) asked.reject(reason);
  }
}

function startError(id: number, message: string, system: PlainSystemError | null): Error {
  return system === null ? new VcpuStartError(id, message) : runError(message, system);
}

function runError(message: string, system: PlainSystemError | null): Error {
  return system === null ? new Error(message) : new KvmIoctlError('KVM_RUN', system.code, system.errno);
}

/** Takes the thread last: what throws before leaves none behind. @throws DataCloneError where options of the exit handler cannot be cloned */
function openWorker(data: VcpuWorkerData, { thread, exitHandler }: VcpuOptions): Worker {
  const worker = thread?.take() ?? new VcpuThread().take()!;
  try {
    worker.postMessage({ type: 'open', data } satisfies VcpuRequest, exitHandler?.transfer);
    return worker;
  } catch (error) {
    void worker.terminate();
    throw error;
  }
}
