/** Characters and messages for a console device through a RingDriver. */
import { ConsoleDevice, type ConsoleDeviceOptions, ConsoleEvent } from 'ioregion/virtio';
import { onTestFinished } from 'vitest';
import { type MockQueue, RingDriver, type RingDriverOptions, type Sent } from './ring-driver.js';

const CONTROL_RECEIVE = 2;
const CONTROL_TRANSMIT = 3;
const MESSAGE_BYTES = 8;

export interface Message {
  readonly id: number;
  readonly event: number;
  readonly value: number;
  /** What follows. */
  readonly tail: Uint8Array;
}

export function encodeMessage(id: number, event: number, value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(MESSAGE_BYTES));
  view.setUint32(0, id, true);
  view.setUint16(4, event, true);
  view.setUint16(6, value, true);
  return new Uint8Array(view.buffer);
}

export class ConsoleDriver extends RingDriver<ConsoleDevice> {
  readonly #messageBuffers: Sent[] = [];

  /** The device is closed with the test. It has not started. */
  static create(options: ConsoleDeviceOptions, driverOptions: RingDriverOptions = {}): ConsoleDriver {
    const driver = new ConsoleDriver(new ConsoleDevice(options), driverOptions);
    onTestFinished(() => driver.close());
    return driver;
  }

  static open(options: ConsoleDeviceOptions, driverOptions: RingDriverOptions = {}): ConsoleDriver {
    const driver = ConsoleDriver.create(options, driverOptions);
    driver.start();
    return driver;
  }

  override start(options?: RingDriverOptions): void {
    this.#messageBuffers.length = 0;
    super.start(options);
  }

  inputRing(port = 0): MockQueue {
    return this.ring(port === 0 ? 0 : 2 * port + 2);
  }

  outputRing(port = 0): MockQueue {
    return this.ring(port === 0 ? 1 : 2 * port + 3);
  }

  get controlReceiveRing(): MockQueue {
    return this.ring(CONTROL_RECEIVE);
  }

  get controlTransmitRing(): MockQueue {
    return this.ring(CONTROL_TRANSMIT);
  }

  /** Resolves when the device has taken all of it. */
  async print(text: string | Uint8Array, port = 0): Promise<void> {
    await this.outputRing(port).send([{ bytes: Uint8Array.from(Buffer.from(text)) }]);
  }

  /** Posts buffers for input. */
  post(count: number, room: number, port = 0): Sent[] {
    const ring = this.inputRing(port);
    const sent = Array.from({ length: count }, () => ring.add([{ room }]));
    ring.kick();
    return sent;
  }

  /** Posts buffers for messages. */
  postMessages(count: number, room = 256): void {
    for (let i = 0; i < count; i++) this.#messageBuffers.push(this.controlReceiveRing.add([{ room }]));
    this.controlReceiveRing.kick();
  }

  /** Messages that have come since the last call. */
  takeMessages(): Message[] {
    const done = this.#messageBuffers.filter(({ used }) => used !== undefined);
    this.#messageBuffers.splice(0, done.length);
    const filled = done.filter(({ used }) => used!.written > 0);
    return filled.map(({ used }) => {
      const { data } = used!;
      const view = new DataView(data.buffer, data.byteOffset, data.length);
      return {
        id: view.getUint32(0, true),
        event: view.getUint16(4, true),
        value: view.getUint16(6, true),
        tail: data.subarray(MESSAGE_BYTES),
      };
    });
  }

  async tell(id: number, event: number, value: number): Promise<void> {
    await this.controlTransmitRing.send([{ bytes: encodeMessage(id, event, value) }]);
  }

  /** What a driver says until all ports are ready, and open in the guest. */
  async introduce(ports: number): Promise<void> {
    this.postMessages(64);
    await this.tell(0, ConsoleEvent.deviceReady, 1);
    for (let id = 0; id < ports; id++) await this.tell(id, ConsoleEvent.portReady, 1);
    for (let id = 0; id < ports; id++) await this.tell(id, ConsoleEvent.portOpen, 1);
    this.takeMessages();
  }
}
