/** A TAP device as the network: one of its queues for each pair of virtqueues. */
import {
  closeAll,
  IoVector,
  Mapping,
  PAGE_SIZE,
  SystemError,
  TapOffload,
  TapQueue,
  undoOnFailure,
} from '../../../native/index.js';
import type { BackendSettings, NetBackend, PortListener } from './backend.js';
import { GUEST_OFFLOADS, HOST_OFFLOADS, NetFeature } from './features.js';
import { TapPort } from './tap-port.js';

/** The features of drivers, and what the kernel calls them. */
const OFFLOADS: readonly (readonly [feature: bigint, offload: number])[] = [
  [NetFeature.guestCsum, TapOffload.csum],
  [NetFeature.guestTso4, TapOffload.tso4],
  [NetFeature.guestTso6, TapOffload.tso6],
  [NetFeature.guestEcn, TapOffload.tsoEcn],
  [NetFeature.guestUfo, TapOffload.ufo],
  [NetFeature.guestUso4, TapOffload.uso4],
  [NetFeature.guestUso6, TapOffload.uso6],
];
const USO = NetFeature.guestUso4 | NetFeature.guestUso6 | NetFeature.hostUso;
/** More than the device holds (TUN_READQ_SIZE), so that discarding ends although more come in. */
const MAX_STALE_PACKETS = 1024;

export interface TapBackendOptions {
  /** Of the interface; it is made where it does not exist. The host sets it up: addresses, bridge, `ip link set … up`. */
  name: string;
  /** Default 1; more need an interface made with multi_queue, or none yet. */
  queuePairs?: number;
}

export class TapBackend implements NetBackend {
  readonly offloads: bigint;
  readonly #queues: readonly TapQueue[];
  /** Which queues the kernel gives packets to. */
  readonly #enabled: boolean[];
  #ports: TapPort[] = [];

  private constructor(queues: readonly TapQueue[]) {
    this.#queues = queues;
    this.#enabled = queues.map(() => true);
    this.offloads = probeOffloads(queues[0]!);
    this.setActivePairs(0);
  }

  /** TapError where the device cannot be opened. */
  static open({ name, queuePairs = 1 }: TapBackendOptions): TapBackend {
    const multiQueue = queuePairs > 1;
    return undoOnFailure((undo) => {
      const first = undo.use(TapQueue.open({ name, multiQueue }));
      const others = Array.from({ length: queuePairs - 1 }, () =>
        undo.use(TapQueue.open({ name: first.name, multiQueue })),
      );
      return new TapBackend([first, ...others]);
    });
  }

  /** Takes ownership of the queues of one device, which a privileged process has opened. */
  static fromQueues(queues: readonly TapQueue[]): TapBackend {
    return new TapBackend(queues);
  }

  /** Of the interface. */
  get name(): string {
    return this.#queues[0]!.name;
  }

  get queuePairs(): number {
    return this.#queues.length;
  }

  start({ headerBytes, guestOffloads }: BackendSettings, listeners: readonly PortListener[]): readonly TapPort[] {
    this.#queues[0]!.setHeaderSize(headerBytes);
    this.setGuestOffloads(guestOffloads);
    this.#queues.forEach(discardPackets);
    // Pushed one by one: where one cannot be made, `stop` closes the others.
    for (const [pair, listener] of listeners.entries()) this.#ports.push(new TapPort(this.#queues[pair]!, listener));
    return this.#ports;
  }

  setGuestOffloads(offloads: bigint): void {
    this.#queues[0]!.setOffloads(toTapOffloads(offloads));
  }

  setActivePairs(count: number): void {
    this.#queues.forEach((queue, pair) => {
      const enabled = pair < count;
      if (queue.multiQueue && this.#enabled[pair] !== enabled) queue.setEnabled(enabled);
      this.#enabled[pair] = enabled;
    });
  }

  stop(): void {
    try {
      this.setActivePairs(0);
    } catch {
      // The interface has been deleted: nothing comes in any more. The next `start` says so.
    }
    for (const port of this.#ports) port.close();
    this.#ports = [];
  }

  close(): void {
    for (const port of this.#ports) port.close();
    closeAll(this.#queues);
  }
}

function toTapOffloads(offloads: bigint): number {
  return OFFLOADS.reduce((set, [feature, offload]) => ((offloads & feature) === 0n ? set : set | offload), 0);
}

/** USO came with Linux 6.2. */
function probeOffloads(queue: TapQueue): bigint {
  const all = HOST_OFFLOADS | GUEST_OFFLOADS;
  try {
    queue.setOffloads(toTapOffloads(all));
    return all;
  } catch (error) {
    if (error instanceof SystemError && error.errnoName === 'EINVAL') return all & ~USO;
    throw error;
  }
}

/** What came in before the driver was ready is not for it, and may lean on offloads that it has not accepted. */
function discardPackets(queue: TapQueue): void {
  const vector = new IoVector();
  using scratch = Mapping.anonymous(PAGE_SIZE);
  vector.append(vector.attach(scratch), 0, PAGE_SIZE);
  for (let count = 0; count < MAX_STALE_PACKETS && vector.readFrom(queue.number) > 0; count++);
}
