/** The virtio console device (virtio 5.3). */
import { closeAll, type TerminalSize } from '../../../native/index.js';
import type { DeviceHost, VirtioDevice } from '../../device.js';
import type { VirtQueue } from '../../queue/index.js';
import { DeviceType } from '../../spec/index.js';
import { ConsoleConfig } from './config.js';
import { ControlQueues } from './control-queues.js';
import { type ConsoleCounters, noCounts } from './counters.js';
import { ConsoleOptionError } from './errors.js';
import { type Negotiated, negotiate, offeredFeatures } from './features.js';
import { type ConsoleDeviceOptions, checkOptions, checkSize } from './options.js';
import { Port } from './port.js';
import { type PortEvents, PortQueues } from './port-queues.js';
import { isControl, portOf, queueSizes } from './queue-layout.js';
import { checkSavedState, type SavedConsoleState } from './saved-state.js';

export class ConsoleDevice implements VirtioDevice {
  readonly deviceType = DeviceType.console;
  readonly features: bigint;
  readonly queueSizes: readonly number[];
  readonly config: ConsoleConfig;
  readonly #counters = noCounts();
  readonly #ports: readonly PortQueues[];
  readonly #control: ControlQueues;
  #negotiated: Negotiated | undefined;
  #host: DeviceHost | undefined;

  /** Takes ownership of the backends. ConsoleOptionError where an option is wrong. */
  constructor(options: ConsoleDeviceOptions) {
    const { ports, multiport } = checkOptions(options);
    const events: PortEvents = {
      messagePending: () => this.#control.messagePending(),
      resized: (port, size) => this.#resize(port, size),
    };
    this.#ports = ports.map((port, index) => new PortQueues(new Port(index, port), this.#counters, events));
    this.#control = new ControlQueues(this.#ports, this.#counters);
    this.features = offeredFeatures(multiport);
    this.queueSizes = queueSizes(ports.length, multiport);
    this.config = new ConsoleConfig(ports.length, (byte) => this.#writeEmergency(byte));
    const { size } = this.#ports[0]!.port;
    if (size !== null) this.config.size = size;
  }

  get counters(): Readonly<ConsoleCounters> {
    return this.#counters;
  }

  /** Tells the driver the size of the terminal on a port. ConsoleOptionError where there is no such port, or size. */
  resize(index: number, size: TerminalSize): void {
    const queues = this.#ports[index];
    if (queues === undefined) throw new ConsoleOptionError(`there is no port ${index}`);
    this.#resize(queues.port, checkSize(size));
  }

  /** Device features that were not offered count as not accepted. */
  activate(driverFeatures: bigint, host: DeviceHost): void {
    this.#host = host;
    this.#negotiated = negotiate(driverFeatures & this.features);
    for (const queues of this.#ports) queues.activate(this.#negotiated.multiport);
  }

  /** Queues that do not exist with the features accepted are left alone. */
  startQueue(index: number, queue: VirtQueue): void {
    this.#group(index)?.start(index, queue, this.#host!);
  }

  kick(index: number): void {
    this.#group(index)?.kick(index);
  }

  stopQueue(index: number): void {
    this.#group(index)?.stop(index);
  }

  reset(): void {
    this.#host = undefined;
    this.#negotiated = undefined;
    for (const queues of this.#ports) queues.reset();
  }

  save(): SavedConsoleState {
    return { ports: this.#ports.map(({ port }) => port.save()) };
  }

  /** ConsoleOptionError where the state is not one that `save` gives. */
  restore(state: unknown): void {
    const { ports } = checkSavedState(state, this.#ports.length);
    this.#ports.forEach(({ port }, index) => {
      port.restore(ports[index]!);
    });
  }

  close(): void {
    closeAll(this.#ports.map(({ port }) => ({ [Symbol.dispose]: () => port.backend.close() })));
  }

  /** The queues that a queue belongs to. Without multiport those of port 0 are all there are. */
  #group(index: number): PortQueues | ControlQueues | undefined {
    const multiport = this.#negotiated?.multiport ?? false;
    if (isControl(index)) return multiport ? this.#control : undefined;
    const port = portOf(index);
    return port === 0 || multiport ? this.#ports[port] : undefined;
  }

  /** The size in the configuration is that of port 0 (5.3.6). */
  #resize(port: Port, size: TerminalSize): void {
    port.size = size;
    port.tellSize();
    this.#control.messagePending();
    if (port.index !== 0) return;
    this.config.size = size;
    if (this.#negotiated?.readsSize === true) this.#host?.configChanged();
  }

  #writeEmergency(byte: number): void {
    if (this.#ports[0]!.port.backend.writeByte(byte)) this.#counters.outputBytes++;
    else this.#counters.discardedBytes++;
  }
}
