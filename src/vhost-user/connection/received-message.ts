/** A message as it came, with its descriptors. */
import { closeAll, type Fd } from '../../native/index.js';
import { type Header, HeaderFlag } from '../message/index.js';

/** The connection closes the descriptors that nobody has taken by the time the message has been handled. */
export class ReceivedMessage {
  readonly request: number;
  readonly flags: number;
  readonly payload: Uint8Array;
  #fds: readonly Fd[];

  constructor({ request, flags }: Header, payload: Uint8Array, fds: readonly Fd[]) {
    this.request = request;
    this.flags = flags;
    this.payload = payload;
    this.#fds = fds;
  }

  get isReply(): boolean {
    return (this.flags & HeaderFlag.reply) !== 0;
  }

  get needsReply(): boolean {
    return (this.flags & HeaderFlag.needReply) !== 0;
  }

  get fdCount(): number {
    return this.#fds.length;
  }

  /** Hands all descriptors over to the caller. */
  takeFds(): readonly Fd[] {
    const fds = this.#fds;
    this.#fds = [];
    return fds;
  }

  /** Closes those that are left. */
  close(): void {
    closeAll(this.takeFds());
  }
}
