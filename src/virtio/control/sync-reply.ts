/** An answer from a device's Worker to a thread that waits for it: one that may never return to its event loop. */
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

/** Goes along with the request; the port has to be transferred. */
export interface ReplyAddress {
  readonly port: MessagePort;
  readonly done: SharedArrayBuffer;
}

/** On the thread that asks. */
export class SyncReply<Reply> {
  readonly address: ReplyAddress;
  readonly #port: MessagePort;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.address = { port: port2, done: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT) };
  }

  /** Null where none came in time. */
  wait(timeoutMs: number): Reply | null {
    Atomics.wait(new Int32Array(this.address.done), 0, 0, timeoutMs);
    const received = receiveMessageOnPort(this.#port) as { readonly message: Reply } | undefined;
    this.#port.close();
    return received?.message ?? null;
  }
}

/** On the other thread. What is posted here is there before the waiter wakes. */
export function sendReply<Reply>(address: ReplyAddress, reply: Reply): void {
  address.port.postMessage(reply);
  address.port.close();
  endWait(address);
}

/** Whoever waits waits no longer: where nothing was sent, nothing will be. */
export function endWait({ done }: ReplyAddress): void {
  const word = new Int32Array(done);
  Atomics.store(word, 0, 1);
  Atomics.notify(word, 0);
}
