/** The virtio network device (virtio 5.1). */
import type { DeviceHost, VirtioDevice } from '../../device.js';
import type { VirtQueue } from '../../queue/index.js';
import { DEVICE_FEATURE_MASK, DeviceType } from '../../spec/index.js';
import type { NetBackend, NetPort, PortListener } from './backend.js';
import { NetConfig } from './config.js';
import { ControlQueue } from './control-queue.js';
import type { NetCounters } from './counters.js';
import { NetFeature, negotiate, offeredFeatures } from './features.js';
import { Link } from './link.js';
import { checkOptions, checkQueuePairs, type NetworkDeviceOptions, type TapDeviceOptions } from './options.js';
import { ReceiveQueue } from './receive-queue.js';
import { checkSavedState, type SavedNetState } from './saved-state.js';
import { TapBackend } from './tap-backend.js';
import { TransmitQueue } from './transmit-queue.js';

/** What drivers ask for that do not look at the maximum, as User-Mode Linux does over vhost-user. */
const CONTROL_QUEUE_SIZE = 256;

export class NetworkDevice implements VirtioDevice {
  readonly deviceType = DeviceType.network;
  readonly features: bigint;
  readonly queueSizes: readonly number[];
  readonly config: NetConfig;
  readonly #backend: NetBackend;
  readonly #link: Link;
  #host: DeviceHost | undefined;
  #ports: readonly NetPort[] = [];
  /** By pair. */
  readonly #receive: (ReceiveQueue | undefined)[] = [];
  /** By pair. */
  readonly #transmit: (TransmitQueue | undefined)[] = [];
  #control: ControlQueue | undefined;

  /** Takes ownership of the backend. NetOptionError where an option is wrong. */
  constructor(options: NetworkDeviceOptions) {
    const { backend, mac, mtu, queueSize } = checkOptions(options);
    const { queuePairs, offloads } = backend;
    this.#backend = backend;
    this.features = offeredFeatures({ offloads, queuePairs, mtu });
    this.queueSizes = [...Array<number>(2 * queuePairs).fill(queueSize), CONTROL_QUEUE_SIZE];
    this.config = new NetConfig({ mac, queuePairs, mtu });
    this.#link = new Link(this.config, backend);
  }

  /** On a TAP device. NetOptionError, or TapError where the TAP device cannot be opened. */
  static open({ tap, queuePairs = 1, ...options }: TapDeviceOptions): NetworkDevice {
    const backend = TapBackend.open({ name: tap, queuePairs: checkQueuePairs(queuePairs) });
    try {
      return new NetworkDevice({ ...options, backend });
    } catch (error) {
      backend.close();
      throw error;
    }
  }

  get counters(): Readonly<NetCounters> {
    return this.#link.counters;
  }

  /** Pulls the cable, or plugs it in: packets are dropped meanwhile, and the driver is told. */
  setLink(up: boolean): void {
    this.#link.up = up;
    this.config.linkUp = up;
    this.#host?.configChanged();
  }

  /** Asks the driver to make itself known to its network, e.g. after a migration (5.1.6.5.4). False where it cannot. */
  announce(): boolean {
    if (this.#host === undefined || (this.#link.negotiated.features & NetFeature.guestAnnounce) === 0n) return false;
    this.config.announce = true;
    this.#host.configChanged();
    return true;
  }

  /** Device features that were not offered count as not accepted. */
  activate(driverFeatures: bigint, host: DeviceHost): void {
    this.#host = host;
    const listeners = Array.from({ length: this.#backend.queuePairs }, (_, pair) => this.#listener(pair));
    const accepted = driverFeatures & (this.features | ~DEVICE_FEATURE_MASK);
    this.#ports = this.#link.start(negotiate(accepted), listeners);
  }

  /** Queues that do not exist with the features accepted are left alone. */
  startQueue(index: number, queue: VirtQueue): void {
    const pair = index >> 1;
    const port = this.#ports[pair];
    if (index === this.#controlIndex) this.#control = new ControlQueue(queue, this.#link, this.#host!);
    else if (pair >= this.#link.pairsInUse || port === undefined) return;
    else if (index % 2 === 0) this.#receive[pair] = new ReceiveQueue(queue, port, this.#link, this.#host!);
    else this.#transmit[pair] = new TransmitQueue(queue, port, this.#link, this.#host!);
  }

  kick(index: number): void {
    this.#at(index)?.kick();
  }

  stopQueue(index: number): void {
    this.#at(index)?.stop();
    if (index === this.#controlIndex) this.#control = undefined;
    else if (index % 2 === 0) this.#receive[index >> 1] = undefined;
    else this.#transmit[index >> 1] = undefined;
  }

  reset(): void {
    this.#host = undefined;
    this.#ports = [];
    this.#link.reset();
  }

  save(): SavedNetState {
    return this.#link.save();
  }

  /** NetOptionError where the state is not one that `save` gives. */
  restore(state: unknown): void {
    this.#link.restore(checkSavedState(state, this.config.maxQueuePairs));
  }

  close(): void {
    this.#backend.close();
  }

  /** The control queue comes after those of the pairs in use (5.1.2). */
  get #controlIndex(): number {
    return this.#link.hasControlQueue ? 2 * this.#link.pairsInUse : -1;
  }

  #at(index: number): ReceiveQueue | TransmitQueue | ControlQueue | undefined {
    if (index === this.#controlIndex) return this.#control;
    return index % 2 === 0 ? this.#receive[index >> 1] : this.#transmit[index >> 1];
  }

  #listener(pair: number): PortListener {
    return {
      readable: () => this.#receive[pair]?.onReadable(),
      writable: () => this.#transmit[pair]?.onWritable(),
      lost: (reason) => this.#onLost(reason),
    };
  }

  #onLost(reason: string): void {
    this.#host?.log(reason);
    this.setLink(false);
  }
}
