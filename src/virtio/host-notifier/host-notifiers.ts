/** The host notifiers of one device: which of its queues get an ioeventfd, and when. */
import { EventFd } from '../../native/index.js';
import type { Doorbell, IoeventfdBinder } from './doorbell.js';
import { HostNotifierStateError } from './errors.js';
import { HostNotifier, type NotifierOwner, type NotifierState } from './host-notifier.js';
import { type IoeventfdLimit, probeIoeventfdLimit } from './ioeventfd-limit.js';
import { checkState, type HostNotifiersState } from './saved-state.js';

export interface HostNotifiersOptions {
  /** `vm.ioeventfds`, or a link to those of another process. */
  readonly binder: IoeventfdBinder;
  /** Queues of the device. */
  readonly queues: number;
  /** One per queue, of the caller. Default: own ones. */
  readonly kickFds?: readonly EventFd[];
  /** What this host can spare. Default: it is probed. */
  readonly limit?: IoeventfdLimit;
}

/** All methods belong to the thread that carries out accesses to the doorbells. */
export class HostNotifiers implements Disposable {
  readonly limit: IoeventfdLimit;
  /** By queue: where kicks arrive while a queue is `assigned`. */
  readonly kickFds: readonly EventFd[];
  readonly #notifiers: readonly HostNotifier[];
  /** By queue: the doorbell of one that runs (null: without ioeventfd), undefined for one that does not. */
  readonly #doorbells: (Doorbell | null | undefined)[] = [];
  readonly #ownsKickFds: boolean;
  #process: (queue: number) => boolean = () => false;

  constructor({ binder, queues, kickFds, limit }: HostNotifiersOptions) {
    this.limit = limit ?? probeIoeventfdLimit(binder);
    this.#ownsKickFds = kickFds === undefined;
    this.kickFds = kickFds ?? Array.from({ length: queues }, () => EventFd.create());
    const process = (queue: number): boolean => this.#process(queue);
    this.#notifiers = this.kickFds.map((kickFd, queue) => new HostNotifier({ queue, kickFd, binder, process }));
  }

  /** Who handles kicks that no eventfd took; false where the queue does not run. */
  set process(process: (queue: number) => boolean) {
    this.#process = process;
  }

  state(queue: number): NotifierState {
    return this.#at(queue).state;
  }

  /** Kicks found in an eventfd when its ioeventfd went, and refusals of the VM, over all queues. */
  get counters(): { readonly racedKicks: number; readonly failures: number } {
    const sum = (of: (notifier: HostNotifier) => number) => this.#notifiers.reduce((total, one) => total + of(one), 0);
    return { racedKicks: sum((one) => one.racedKicks), failures: sum((one) => one.failures) };
  }

  /** The queue runs. `doorbell` is null where an eventfd cannot stand for its kicks, or it is not mapped. */
  start(queue: number, doorbell: Doorbell | null): void {
    this.#doorbells[queue] = doorbell;
    this.#at(queue).start(this.#granted(queue));
  }

  /** The queue is about to stop (reset, queue reset, migration): what was kicked is processed first. Idempotent. */
  stop(queue: number): void {
    this.#doorbells[queue] = undefined;
    this.#at(queue).stop();
  }

  stopAll(): void {
    for (const { queue } of this.#notifiers) this.stop(queue);
  }

  /** The doorbells of running queues are elsewhere now, or nowhere (null). */
  move(doorbellOf: (queue: number) => Doorbell | null): void {
    for (const notifier of this.#notifiers) {
      if (this.#doorbells[notifier.queue] === undefined) continue;
      notifier.stop();
      this.start(notifier.queue, doorbellOf(notifier.queue));
    }
  }

  /** A write to the doorbell of a queue of this device. */
  kick(queue: number): void {
    this.#at(queue).kick();
  }

  /** @throws HandOverError, HostNotifierStateError */
  handOver(queue: number, owner: NotifierOwner): void {
    this.#at(queue).handOver(owner, this.#doorbells[queue] ?? null);
  }

  /** @throws HostNotifierStateError */
  takeBack(queue: number): void {
    this.#at(queue).takeBack(this.limit === 'many' ? (this.#doorbells[queue] ?? null) : null);
  }

  /** @throws HostNotifierStateError before `stopAll`, and while a queue has an owner */
  save(): HostNotifiersState {
    for (const { queue, state } of this.#notifiers) {
      if (state !== 'deassigned') throw new HostNotifierStateError(queue, `stop it before saving, it is ${state}`);
    }
    return { queues: this.#notifiers.map(({ pending }) => ({ pending })) };
  }

  /** Before any queue starts. @throws NotifierStateError before anything is restored */
  restore(state: unknown): void {
    const { queues } = checkState(state, this.#notifiers.length);
    for (const [queue, { pending }] of queues.entries()) this.#at(queue).pending = pending;
  }

  /** Stops all queues. Idempotent. */
  close(): void {
    this.stopAll();
    if (this.#ownsKickFds) for (const kickFd of this.kickFds) kickFd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** A limited host has ioeventfds for owners only. */
  #granted(queue: number): Doorbell | null {
    const granted = this.limit === 'many' || this.#at(queue).state === 'offlimits';
    return granted ? (this.#doorbells[queue] ?? null) : null;
  }

  #at(queue: number): HostNotifier {
    const notifier = this.#notifiers[queue];
    if (notifier === undefined) throw new HostNotifierStateError(queue, 'the device has no such queue');
    return notifier;
  }
}
