/** The device's own state through a pipe: written by `save`, read to its end by `load`. */
import { type Fd, FdWatch, WatchEvent } from '../../../native/index.js';
import { VhostUserRequestError } from '../../errors.js';

/** Far more than any device here has. */
const MAX_STATE_BYTES = 16 * 1024 * 1024;
const READ_BYTES = 65536;

/** Loaded when a state is moved for the first time: it brings all of Node's streams along, which servers do without. */
const v8 = () => process.getBuiltinModule('node:v8');

/** What is in the pipe. */
interface Envelope {
  readonly format: 'ioregion-device-state';
  readonly version: 1;
  readonly deviceType: number;
  readonly state: unknown;
}

/** A transfer under way, or at its end. */
export class StateTransfer {
  /** Rejects with why it failed. */
  readonly done: Promise<void>;
  readonly #pipe: Fd;
  readonly #watch: FdWatch;
  #end: (error: Error | null) => void = () => {};

  /** Takes the pipe over. `work` is called while the pipe is ready, and says whether it is through. */
  private constructor(pipe: Fd, events: number, work: (pipe: Fd) => boolean) {
    this.#pipe = pipe;
    this.done = new Promise((resolve, reject) => {
      this.#end = (error) => (error === null ? resolve() : reject(error));
    });
    this.done.catch(() => {});
    this.#watch = new FdWatch(pipe, () => this.#onReady(work)).unref();
    this.#watch.select(events);
  }

  static save(pipe: Fd, deviceType: number, state: unknown): StateTransfer {
    const envelope: Envelope = { format: 'ioregion-device-state', version: 1, deviceType, state };
    let rest: Uint8Array = v8().serialize(envelope);
    return new StateTransfer(pipe, WatchEvent.writable, (writable) => {
      rest = rest.subarray(writable.write(rest) ?? 0);
      return rest.length === 0;
    });
  }

  /** `restore` gets the state once all of it is there; it throws where the state is not one of the device. */
  static load(pipe: Fd, deviceType: number, restore: (state: unknown) => void): StateTransfer {
    const parts: Uint8Array[] = [];
    let length = 0;
    return new StateTransfer(pipe, WatchEvent.readable, (readable) => {
      const part = new Uint8Array(READ_BYTES);
      const count = readable.read(part);
      if (count === null) return false;
      length += count;
      if (length > MAX_STATE_BYTES)
        throw new VhostUserRequestError(`device state of more than ${MAX_STATE_BYTES} bytes`);
      parts.push(part.subarray(0, count));
      if (count > 0) return false;
      restore(open(Buffer.concat(parts), deviceType));
      return true;
    });
  }

  close(): void {
    this.#finish(new VhostUserRequestError('the transfer was given up'));
  }

  #onReady(work: (pipe: Fd) => boolean): void {
    try {
      if (work(this.#pipe)) this.#finish(null);
    } catch (error) {
      this.#finish(error as Error);
    }
  }

  #finish(error: Error | null): void {
    this.#watch.close();
    this.#pipe.close();
    this.#end(error);
  }
}

function open(bytes: Uint8Array, deviceType: number): unknown {
  const envelope = v8().deserialize(bytes) as Partial<Envelope> | null;
  if (envelope?.format !== 'ioregion-device-state' || envelope.version !== 1 || envelope.deviceType !== deviceType)
    throw new VhostUserRequestError('what came through the pipe is not the state of such a device');
  return envelope.state;
}
