/** The host notifier of one virtqueue: who gets its kicks, and how. The diagram is in README.md. */
import type { EventFd } from '../../native/index.js';
import type { Doorbell, IoeventfdBinder } from './doorbell.js';
import { HandOverError, HostNotifierStateError } from './errors.js';

/**
 * - `deassigned`: the doorbell is a register; each kick is a call of `process`.
 * - `assigned`: KVM turns kicks into signals of our eventfd.
 * - `offlimits`: an owner outside has the queue; kicks signal the owner's eventfd.
 */
export type NotifierState = 'deassigned' | 'assigned' | 'offlimits';

export interface HostNotifierOptions {
  readonly queue: number;
  /** Watched by whoever runs the queue here. Belongs to the caller. */
  readonly kickFd: EventFd;
  readonly binder: IoeventfdBinder;
  /** Handles a kick now; false where the queue cannot take it, and it has to wait for the next start. */
  readonly process: (queue: number) => boolean;
}

/** Who takes over a queue. */
export interface NotifierOwner {
  /** The owner watches it. It is signalled for a kick that came just before. */
  readonly kickFd: EventFd;
}

/** All methods belong to one thread, the one that carries out accesses to the doorbell. */
export class HostNotifier {
  readonly queue: number;
  /** Kicks that were found in an eventfd when its ioeventfd went. */
  racedKicks = 0;
  /** Refusals of the VM; after one the doorbell is a register. */
  failures = 0;
  readonly #kickFd: EventFd;
  readonly #binder: IoeventfdBinder;
  readonly #process: (queue: number) => boolean;
  #owner: NotifierOwner | null = null;
  /** The doorbell and eventfd that the VM has now. */
  #bound: { readonly doorbell: Doorbell; readonly eventfd: EventFd } | null = null;
  #pending = false;

  constructor({ queue, kickFd, binder, process }: HostNotifierOptions) {
    this.queue = queue;
    this.#kickFd = kickFd;
    this.#binder = binder;
    this.#process = process;
  }

  get state(): NotifierState {
    if (this.#owner !== null) return 'offlimits';
    return this.#bound === null ? 'deassigned' : 'assigned';
  }

  /** Whether the VM has an ioeventfd for the queue, ours or the owner's. */
  get bound(): boolean {
    return this.#bound !== null;
  }

  /** A kick that nobody could take yet. */
  get pending(): boolean {
    return this.#pending;
  }

  set pending(pending: boolean) {
    this.#pending = pending;
  }

  /** The queue starts: its kicks come from `doorbell`, or by calls of `kick` only where that is null. */
  start(doorbell: Doorbell | null): void {
    if (doorbell !== null && this.#bound === null) this.#bind(doorbell);
    if (this.#pending) this.#deliver();
  }

  /** The queue stops, or its doorbell moves: no eventfd gets its kicks any more. Idempotent. */
  stop(): void {
    if (this.#unbind()) this.kick();
  }

  /** A kick that reached the doorbell as a register access, which happens in every state. */
  kick(): void {
    if (this.#owner !== null) this.#owner.kickFd.signal();
    else if (this.#bound !== null) this.#kickFd.signal();
    else this.#pending = !this.#process(this.queue);
  }

  /**
   * Hands the queue to an owner outside. `doorbell` is null while the queue does not run, or has no ioeventfd.
   * @throws HandOverError where the VM refuses; the state is then as before. HostNotifierStateError where it has an owner.
   */
  handOver(owner: NotifierOwner, doorbell: Doorbell | null): void {
    if (this.#owner !== null) throw new HostNotifierStateError(this.queue, 'it has an owner already');
    const before = this.#bound?.doorbell ?? null;
    const raced = this.#unbind();
    this.#owner = owner;
    try {
      if (doorbell !== null) this.#assign(doorbell, owner.kickFd);
    } catch (error) {
      this.#owner = null;
      if (before !== null) this.#bind(before);
      throw new HandOverError(this.queue, error);
    } finally {
      if (raced || this.#pending) this.#deliver();
    }
  }

  /**
   * Takes the queue back from its owner, who no longer watches its eventfd. `doorbell` as for `start`.
   * @throws HostNotifierStateError where it has no owner
   */
  takeBack(doorbell: Doorbell | null): void {
    if (this.#owner === null) throw new HostNotifierStateError(this.queue, 'it has no owner to take it back from');
    const raced = this.#unbind();
    const unseen = this.#owner.kickFd.testAndClear();
    this.#owner = null;
    if (doorbell !== null) this.#bind(doorbell);
    if (raced || unseen) this.#deliver();
  }

  #deliver(): void {
    this.#pending = false;
    this.kick();
  }

  /** A VM that refuses leaves the queue with its register: slower, but nothing is lost. */
  #bind(doorbell: Doorbell): void {
    try {
      this.#assign(doorbell, this.#owner?.kickFd ?? this.#kickFd);
    } catch {
      this.failures += 1;
    }
  }

  #assign(doorbell: Doorbell, eventfd: EventFd): void {
    this.#binder.assign({ ...doorbell, eventfd });
    this.#bound = { doorbell, eventfd };
  }

  /**
   * Takes the ioeventfd away, then what it has signalled meanwhile: from the deassignment on a kick is a register access, and
   * one from before is in the eventfd. True where there was one.
   */
  #unbind(): boolean {
    const bound = this.#bound;
    if (bound === null) return false;
    this.#bound = null;
    try {
      this.#binder.deassign({ ...bound.doorbell, eventfd: bound.eventfd });
    } catch {
      this.failures += 1;
    }
    const raced = bound.eventfd.testAndClear();
    if (raced) this.racedKicks += 1;
    return raced;
  }
}
