/** The control queues while they run: what driver and device tell each other about ports (virtio 5.3.6.2). */
import type { DeviceHost } from '../../device.js';
import type { VirtQueue } from '../../queue/index.js';
import { ControlEvent, type ControlMessage } from './control-message.js';
import { ControlReceiveQueue } from './control-receive-queue.js';
import { ControlTransmitQueue } from './control-transmit-queue.js';
import type { ConsoleCounters } from './counters.js';
import type { PortQueues } from './port-queues.js';
import { ControlQueueIndex } from './queue-layout.js';

/** `value` of DEVICE_READY and PORT_READY for success, and of PORT_OPEN for open. */
const YES = 1;

export class ControlQueues {
  readonly #ports: readonly PortQueues[];
  readonly #counters: ConsoleCounters;
  #receive: ControlReceiveQueue | undefined;
  #transmit: ControlTransmitQueue | undefined;

  constructor(ports: readonly PortQueues[], counters: ConsoleCounters) {
    this.#ports = ports;
    this.#counters = counters;
  }

  start(index: number, queue: VirtQueue, host: DeviceHost): void {
    if (index === ControlQueueIndex.transmit)
      this.#transmit = new ControlTransmitQueue(queue, host, (message) => this.#onMessage(message));
    else {
      const ports = this.#ports.map(({ port }) => port);
      this.#receive = new ControlReceiveQueue(queue, ports, this.#counters, host);
    }
  }

  kick(index: number): void {
    if (index === ControlQueueIndex.transmit) this.#transmit?.kick();
    else this.#receive?.kick();
  }

  stop(index: number): void {
    if (index === ControlQueueIndex.transmit) this.#transmit = undefined;
    else this.#receive = undefined;
  }

  /** The driver is to get a message. */
  messagePending(): void {
    this.#receive?.onMessage();
  }

  #onMessage(message: ControlMessage | null): void {
    if (message === null || !this.#obey(message)) this.#counters.malformedMessages++;
    else this.messagePending();
  }

  /** False where the message makes no sense now. */
  #obey({ id, event, value }: ControlMessage): boolean {
    if (event === ControlEvent.deviceReady) return this.#announcePorts(value === YES);
    const queues = this.#ports[id];
    if (queues === undefined) return false;
    if (event === ControlEvent.portReady) return queues.port.setReady(value === YES);
    return event === ControlEvent.portOpen && this.#setGuestOpen(queues, value === YES);
  }

  #announcePorts(ready: boolean): boolean {
    if (ready) for (const { port } of this.#ports) port.announce();
    return true;
  }

  #setGuestOpen(queues: PortQueues, open: boolean): boolean {
    const done = queues.port.setGuestOpen(open);
    queues.guestOpenChanged();
    return done;
  }
}
