/** A vring that the driver has started: what survives the backend, and the eventfds it shares with one. */
import type { GuestMemory } from '../../memory/index.js';
import { closeAll, EventFd, FdWatch } from '../../native/index.js';
import { AvailRing, Feature, type QueuePosition, type QueueStart, UsedRing } from '../../virtio/index.js';
import { BackendUnsuitableError } from './errors.js';
import { firstPosition, isPacked, type VringStart } from './vring.js';

export interface VringEvents {
  /** Used buffers. */
  call(): void;
  /** The backend cannot go on with it. */
  failed(): void;
  /** In-band only: a kick to send. */
  kicked(): void;
}

export interface ResumePolicy {
  /** The backend gets its record of what was in flight (INFLIGHT_SHMFD). */
  readonly inflight: boolean;
  /** What was in flight may be lost. */
  readonly lossy: boolean;
}

export class RunningVring implements Disposable {
  readonly setup: QueueStart['setup'];
  /** A backend has it now. */
  started = false;
  /** A backend has ended that had it: what it has used may not have been told. */
  lost = false;
  readonly #inband: boolean;
  readonly #kickFd: EventFd;
  readonly #ownsKickFd: boolean;
  readonly #callFd = EventFd.create();
  readonly #errFd = EventFd.create();
  readonly #watches: readonly FdWatch[];
  readonly #events: VringEvents;
  #position: QueuePosition;

  constructor({ setup, kickFd }: QueueStart, inband: boolean, events: VringEvents) {
    this.setup = setup;
    this.#inband = inband;
    this.#events = events;
    this.#position = setup.position ?? firstPosition(setup);
    this.#kickFd = kickFd ?? EventFd.create();
    this.#ownsKickFd = kickFd === null;
    const watches: readonly (readonly [EventFd, () => void])[] = [
      [this.#callFd, () => events.call()],
      [this.#errFd, () => events.failed()],
      ...(inband ? [[this.#kickFd, () => events.kicked()] as const] : []),
    ];
    this.#watches = watches.map(([fd, heard]) => watch(fd, heard));
  }

  /** For a session: eventfds, or none in-band. */
  start(logged: boolean): Omit<VringStart, 'enable'> {
    const { setup } = this;
    const fds = { kickFd: this.#kickFd, callFd: this.#callFd, errFd: this.#errFd };
    const none = { kickFd: null, callFd: null, errFd: null };
    return { setup, position: this.#position, logged, ...(this.#inband ? none : fds) };
  }

  /** What is available reaches the backend: it looks at the ring. */
  kick(): void {
    if (this.#inband) this.#events.kicked();
    else this.#kickFd.signal();
  }

  /** A call of a backend that has stopped is heard at once. */
  takeCall(): void {
    if (this.#callFd.testAndClear()) this.#events.call();
  }

  /** The driver looks at what an earlier backend has used. */
  call(): void {
    this.#events.call();
  }

  /**
   * The backend that had the ring is gone: finds where the next one goes on. Of a split ring that is in its memory; of a
   * packed one only in the record of what is in flight.
   * @throws BackendUnsuitableError where acknowledged work could be lost, or done twice
   */
  resumeAfterLoss(memory: GuestMemory, { inflight, lossy }: ResumePolicy): void {
    this.started = false;
    this.lost = true;
    if (isPacked(this.setup)) {
      if (!inflight) throw new BackendUnsuitableError('it keeps no record of what is in flight (INFLIGHT_SHMFD)');
      return;
    }
    const used = readIndex(memory, this.setup.deviceArea, UsedRing.idx);
    const inOrder = (this.setup.features & Feature.inOrder) !== 0n;
    if (!inflight && !lossy && !inOrder && readIndex(memory, this.setup.driverArea, AvailRing.idx) !== used)
      throw new BackendUnsuitableError('it kept no record of what was in flight when it ended (INFLIGHT_SHMFD)');
    this.#position = { available: used, used };
  }

  /** Where it starts, or was started last. */
  get position(): QueuePosition {
    return this.#position;
  }

  close(): void {
    closeAll(this.#watches);
    closeAll([this.#callFd, this.#errFd]);
    if (this.#ownsKickFd) this.#kickFd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function watch(fd: EventFd, heard: () => void): FdWatch {
  return new FdWatch(fd, () => {
    if (fd.testAndClear()) heard();
  });
}

/** The driver has written the address: it may be anything. */
function readIndex(memory: GuestMemory, area: bigint, offset: number): number {
  const gpa = area + BigInt(offset);
  if (!memory.contains(gpa, 2)) throw new BackendUnsuitableError('the ring is not in guest memory');
  return memory.readU16(gpa);
}
