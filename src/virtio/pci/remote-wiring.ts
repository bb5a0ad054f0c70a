/** The VMM's side of a function in another process: what it is offered, and what it may ask for. */
import type { Vm } from '../../kvm/index.js';
import { Disposables, type Fd, socketpair } from '../../native/index.js';
import { type Doorbell, type IoeventfdLimit, probeIoeventfdLimit } from '../host-notifier/index.js';
import { type GsiRoutes, IrqfdVectors } from '../interrupt/index.js';
import { VmLinkServer } from '../vm-link/index.js';
import type { InterruptWiringOptions, KickWiringOptions } from './function-options.js';

/** A part of the guest's address space that the function may have doorbells in: where its BARs are. */
export interface DoorbellRange {
  readonly space: 'mmio' | 'pio';
  /** gpa or port. */
  readonly address: number;
  readonly size: number;
}

export interface RemoteWiringOptions {
  readonly vm: Vm;
  /** One per VM. */
  readonly routes: GsiRoutes;
  /** Size of the function's MSI-X table. */
  readonly vectors: number;
  readonly doorbells: readonly DoorbellRange[];
  /** The GSI that INTA# of this function is wired to, shared with no other. Default: it has no pin. */
  readonly pinGsi?: number;
  /** What this host can spare. Default: it is probed. */
  readonly limit?: IoeventfdLimit;
}

/** Names in the offer. */
const LINK = 'vm-link';
const vectorName = (vector: number): string => `vector-${vector}`;

/** Belongs to a thread with an event loop, from which the device process is answered. */
export class RemoteWiring implements Disposable {
  /** For `DeviceConnection.offer`. */
  readonly fds: Readonly<Record<string, Fd>>;
  /** For FunctionModuleOptions. */
  readonly interrupts: InterruptWiringOptions;
  readonly kicks: KickWiringOptions;
  readonly #owned = new Disposables();

  /** @throws GsiRangeError, KvmIoctlError; nothing stays open then */
  constructor(options: RemoteWiringOptions) {
    try {
      const irqfds = this.#owned.use(new IrqfdVectors(options.vm.interrupts, options.routes, options.vectors));
      const link = this.#openLink(options, irqfds.firstGsi);
      const vectors = irqfds.eventfds.map((eventfd, vector) => [vectorName(vector), eventfd] as const);
      this.fds = Object.fromEntries<Fd>([...vectors, [LINK, link]]);
      const eventfds = vectors.map(([name]) => name);
      this.kicks = { kind: 'link', socket: LINK, limit: options.limit ?? probeIoeventfdLimit(options.vm.ioeventfds) };
      this.interrupts = { kind: 'link', eventfds, socket: LINK, pin: options.pinGsi !== undefined };
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Ends what the process has asked for. Idempotent. */
  close(): void {
    this.#owned[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Returns the device's end. */
  #openLink({ vm, routes, vectors, doorbells, pinGsi }: RemoteWiringOptions, firstGsi: number): Fd {
    const [here, there] = socketpair('seqpacket');
    this.#owned.use(there);
    const server = new VmLinkServer(here, {
      vectors,
      route: (vector, message) => routes.set(firstGsi + vector, message),
      ...(pinGsi === undefined ? {} : { setPin: (asserted: boolean) => vm.interrupts.setLine(pinGsi, asserted) }),
      binder: vm.ioeventfds,
      owns: (doorbell) => doorbells.some((range) => contains(range, doorbell)),
    });
    this.#owned.defer(() => server.close());
    return there;
  }
}

/** The device is not trusted: the end is not formed by a sum that could be anything. */
function contains({ space, address, size }: DoorbellRange, doorbell: Doorbell): boolean {
  const offset = BigInt(doorbell.address) - BigInt(address);
  return doorbell.space === space && offset >= 0n && offset + BigInt(Math.max(doorbell.length, 1)) <= BigInt(size);
}
