/** A device on a data-plane Worker of its own: it maps guest memory, watches eventfds and raises interrupts there. */
import type { MessagePort, Worker } from 'node:worker_threads';
import type { DeviceModule } from '../../ioregion/server/device-module.js';
import type { SharedMemory } from '../../memory/index.js';
import { closeAll, EventFd } from '../../native/index.js';
import type { InterruptSource } from '../interrupt/index.js';
import { ControlState } from './control-state.js';
import type { DeviceControl, DeviceDescription, QueueStart } from './device-control.js';
import { DeviceStateError } from './errors.js';
import type { DeviceLog } from './log.js';
import { SharedConfig } from './shared-config.js';
import { mapStarting, type Starting } from './starting.js';
import { StartingWorker } from './starting-worker.js';
import { type ReplyAddress, SyncReply } from './sync-reply.js';
import type {
  ControlReply,
  ControlRequest,
  ControlWorkerData,
  ReadyReply,
  StateReply,
  WorkerData,
  WorkerQueue,
} from './worker-messages.js';

export interface WorkerControlOptions {
  /** The module of the device; its factory is called as `(options, { fds })` on the Worker. */
  readonly device: DeviceModule;
  /** `memory.share()`; the files must stay open until `start` has resolved. */
  readonly memory: SharedMemory;
  /** Features of the queues to offer. Default: all that the engine has. */
  readonly ringFeatures?: bigint;
  /** The CPUs of the thread. */
  readonly cpus?: readonly number[];
  /** Number of a file of QueueFigures, which stays open until `start` has resolved. */
  readonly figures?: number;
  /** Numbers of open files for the device, by name; they stay open while the Worker runs. */
  readonly fds?: Readonly<Record<string, number>>;
  /**
   * What the device has to say: a function reaches a thread with an event loop only, `stderr` is written to by the Worker.
   * Default: nowhere.
   */
  readonly log?: DeviceLog | 'stderr';
  /** Is told that the device is there, or why not, by the Worker: for a thread that did not start it. */
  readonly arrival?: MessagePort;
}

export interface LaunchOptions {
  readonly log?: DeviceLog | 'stderr' | undefined;
  readonly arrival?: MessagePort | null | undefined;
}

/** How long a driver's write to configuration space waits for the device, ms. */
const CONFIG_WRITE_MS = 5000;

/** How long a legacy driver's reset waits for the device, ms. */
const RESET_MS = 5000;

/** How long its state may take, ms. */
const STATE_MS = 10_000;
/** How long a device may take to stop when it is closed, ms. */
const CLOSE_MS = 10_000;

export class WorkerControl implements DeviceControl {
  readonly description: DeviceDescription;
  readonly config: SharedConfig;
  readonly state: ControlState;
  readonly watchesKicks = true;
  readonly sharesInterrupts = true;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  /** By queue: for kicks by call, of queues that were given no other. */
  readonly #ownKickFds: readonly EventFd[];
  /** By queue: what its kicks signal now. */
  readonly #kickFds: EventFd[];
  readonly #settling: (() => void)[] = [];
  #configWrites = 0;
  #closed = false;

  private constructor(worker: Worker, exited: Promise<void>, ready: ReadyReply, log: DeviceLog) {
    this.#worker = worker;
    this.#exited = exited;
    this.description = ready.description;
    this.state = ControlState.open(ready.state);
    this.config = SharedConfig.open(ready.config);
    this.#ownKickFds = this.description.queueSizes.map(() => EventFd.create());
    this.#kickFds = [...this.#ownKickFds];
    worker.on('message', (reply: ControlReply) => this.#onReply(reply, log));
    void exited.then(() => this.state.end());
    // A thread or process whose work is done ends with its devices.
    worker.unref();
  }

  /** Resolves when the device is there. @throws DeviceWorkerError where it cannot be loaded */
  static start(options: WorkerControlOptions): Promise<WorkerControl> {
    return WorkerControl.begin(options).ready();
  }

  /** The same without waiting. */
  static begin(options: WorkerControlOptions): Starting<WorkerControl> {
    return WorkerControl.launch(new URL('./control-worker.js', import.meta.url), toData(options), options);
  }

  /** The same with another entry, which calls `serveControl`; `data` goes there. */
  static launch(
    entry: URL,
    data: WorkerData,
    { log: logTo = () => {}, arrival = null }: LaunchOptions,
  ): Starting<WorkerControl> {
    const log = typeof logTo === 'function' ? logTo : () => {};
    const starting = new StartingWorker(entry, data, logTo === 'stderr', arrival);
    const { worker, exited } = starting;
    worker.on('error', (error) => log(`the Worker of a device ended: ${error.message}`));
    return mapStarting(starting, (ready) => new WorkerControl(worker, exited, ready, log));
  }

  activate(driverFeatures: bigint, queues: readonly QueueStart[], interrupts: InterruptSource): void {
    const shared = interrupts.share();
    if (shared === null) return void this.state.setNeedsReset();
    this.state.activate();
    const started = queues.map((queue) => this.#prepare(queue));
    this.#post({ type: 'activate', driverFeatures, queues: started, interrupts: shared });
  }

  startQueue(queue: QueueStart): void {
    this.#post({ type: 'start-queue', queue: this.#prepare(queue) });
  }

  stopQueue(index: number): void {
    this.#post({ type: 'stop-queue', index });
  }

  kick(index: number): void {
    if (!this.#closed) this.#kickFds[index]?.signal();
  }

  /** Waits for the device, so that the driver reads what became of it. */
  writeConfig(offset: number, size: number, value: number): void {
    this.#configWrites += 1;
    this.#post({ type: 'write-config', offset, size, value });
    if (!this.state.waitConfigWrites(this.#configWrites, CONFIG_WRITE_MS)) this.state.setNeedsReset();
  }

  reset(): void {
    this.state.beginReset();
    this.#post({ type: 'reset' });
  }

  finishReset(): void {
    this.state.waitReset(RESET_MS);
  }

  /** @throws DeviceStateError */
  saveDevice(): unknown {
    return this.#ask((reply) => ({ type: 'save', reply }));
  }

  /** @throws DeviceStateError */
  restoreDevice(state: unknown): void {
    this.#ask((reply) => ({ type: 'restore', state, reply }));
  }

  async settled(): Promise<void> {
    const settled = new Promise<void>((resolve) => this.#settling.push(resolve));
    this.#post({ type: 'settle' });
    await Promise.race([settled, this.#exited]);
  }

  /** A device that does not stop in time is ended with its thread. */
  async close(): Promise<void> {
    if (!this.#closed) this.#post({ type: 'close' });
    this.#closed = true;
    this.#worker.ref();
    const deadline = setTimeout(() => void this.#worker.terminate(), CLOSE_MS);
    await this.#exited;
    clearTimeout(deadline);
    closeAll(this.#ownKickFds);
  }

  #prepare({ setup, kickFd }: QueueStart): WorkerQueue {
    const chosen = kickFd ?? this.#ownKickFds[setup.index]!;
    this.#kickFds[setup.index] = chosen;
    this.state.startQueue(setup.index);
    return { setup, kickFd: chosen.number };
  }

  #ask(request: (reply: ReplyAddress) => ControlRequest): unknown {
    if (this.#closed) throw new DeviceStateError('the device has ended');
    const reply = new SyncReply<StateReply>();
    this.#worker.postMessage(request(reply.address), [reply.address.port]);
    const answer = reply.wait(STATE_MS);
    if (answer === null) throw new DeviceStateError(this.state.ended ? 'the device has ended' : 'no answer');
    if ('failed' in answer) throw new DeviceStateError(answer.failed);
    return answer.state;
  }

  #post(request: ControlRequest): void {
    this.#worker.postMessage(request);
  }

  #onReply(reply: ControlReply, log: DeviceLog): void {
    if (reply.type === 'settled') this.#settling.shift()?.();
    if (reply.type !== 'log') return;
    this.state.logRead();
    log(reply.message);
  }
}

function toData({ device, memory, ringFeatures, cpus, figures, fds }: WorkerControlOptions): ControlWorkerData {
  const [ring, own] = [ringFeatures ?? null, { cpus: cpus ?? null, figures: figures ?? null }];
  return { device, memory, fds: fds ?? {}, ringFeatures: ring, ...own };
}
