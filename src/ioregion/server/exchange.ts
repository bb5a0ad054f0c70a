/** The exchange of a region server: responses out, commands in, in one native call (native/src/server.c). */
import { native, type ServerObject } from '../../native/binding.js';
import { MESSAGE_SIZE } from '../wire/index.js';

/** Commands, and responses, in the area of a server. */
export const BATCH = 64;

/** Words behind the commands and responses. */
const Control = { responses: 0, result: 1 } as const;

export class Exchange {
  readonly #control: Int32Array;
  readonly #call: () => void;

  /** With `wait` it blocks until a command comes. */
  constructor(server: ServerObject, area: ArrayBuffer, wait: boolean) {
    this.#control = new Int32Array(area, 2 * BATCH * MESSAGE_SIZE, 2);
    this.#call = native.exchangeFunction(server, wait);
  }

  /** Sends the first `responses` (at most BATCH) and takes commands: their number, or an ExchangeResult. */
  run(responses: number): number {
    const control = this.#control;
    control[Control.responses] = responses;
    this.#call();
    return control[Control.result]!;
  }
}
