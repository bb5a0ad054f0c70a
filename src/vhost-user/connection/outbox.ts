/** Messages that the socket has not taken yet. */
import { closeAll, type Fd, sendFds } from '../../native/index.js';

interface Unsent {
  bytes: Uint8Array;
  /** Duplicates, until the first byte has gone. */
  fds: readonly Fd[];
}

export class Outbox {
  readonly #socket: Fd;
  readonly #unsent: Unsent[] = [];
  #bytes = 0;

  constructor(socket: Fd) {
    this.#socket = socket;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Sends as much as the socket takes, and keeps the rest; `fds` stay the caller's. Throws SystemError. */
  send(bytes: Uint8Array, fds: readonly Fd[]): void {
    const sent = this.#unsent.length > 0 ? 0 : (sendFds(this.#socket, bytes, fds) ?? 0);
    if (sent === bytes.length) return;
    const kept = sent > 0 ? [] : fds.map((fd) => fd.dup());
    this.#unsent.push({ bytes: bytes.subarray(sent), fds: kept });
    this.#bytes += bytes.length - sent;
  }

  /** Goes on where the socket has room again. Throws SystemError. */
  flush(): void {
    for (let first = this.#unsent[0]; first !== undefined; first = this.#unsent[0]) {
      const sent = sendFds(this.#socket, first.bytes, first.fds);
      if (sent === null) return;
      closeAll(first.fds);
      first.fds = [];
      this.#bytes -= sent;
      first.bytes = first.bytes.subarray(sent);
      if (first.bytes.length > 0) return;
      this.#unsent.shift();
    }
  }

  close(): void {
    for (const { fds } of this.#unsent.splice(0)) closeAll(fds);
    this.#bytes = 0;
  }
}
