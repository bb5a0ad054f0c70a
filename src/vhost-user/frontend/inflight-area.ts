/** Memory that outlives a backend, in which it notes what is in flight: GET_INFLIGHT_FD and SET_INFLIGHT_FD. */
import { writeSync } from 'node:fs';
import { closeAll, type Fd } from '../../native/index.js';
import { VhostUserProtocolError } from '../errors.js';
import { decodeInflight, encodeInflight, type InflightMessage } from '../message/index.js';
import { FrontendRequest } from '../spec/index.js';
import type { RequestChannel } from './request-channel.js';

export interface InflightShape {
  readonly queues: number;
  readonly queueSize: number;
}

/** More than 256 queues of 32768 entries need in either format. */
const MAX_BYTES = 1n << 30n;

/** Allocated by a backend, kept here: nothing reads it, so that its contents need not be trusted. */
export class InflightArea implements Disposable {
  readonly #fd: Fd;
  readonly #message: InflightMessage;

  private constructor(fd: Fd, message: InflightMessage) {
    this.#fd = fd;
    this.#message = message;
  }

  /** Has the backend allocate one. @throws VhostUserProtocolError where it answers with something else */
  static async allocate(channel: RequestChannel, shape: InflightShape): Promise<InflightArea> {
    const question = encodeInflight({ size: 0n, offset: 0n, ...shape });
    const { payload, fds } = await channel.ask(FrontendRequest.getInflightFd, question, { maxFds: 1 });
    try {
      return channel.decode(() => new InflightArea(fileOf(fds), checked(decodeInflight(payload), fileOf(fds), shape)));
    } catch (error) {
      closeAll(fds);
      throw error;
    }
  }

  /** Whether it was made for these queues. */
  fits({ queues, queueSize }: InflightShape): boolean {
    return this.#message.queues === queues && this.#message.queueSize === queueSize;
  }

  /** Hands it to a backend, before its vrings start. */
  give(channel: RequestChannel): Promise<void> {
    return channel.tell(FrontendRequest.setInflightFd, encodeInflight(this.#message), [this.#fd]);
  }

  /** The ring of a queue begins anew: nothing of it was in flight. Written, not mapped: the backend may cut the file. */
  forget(queue: number): void {
    const bytes = Number(this.#message.size) / this.#message.queues;
    if (Number.isInteger(bytes))
      writeSync(this.#fd.number, new Uint8Array(bytes), 0, bytes, Number(this.#message.offset) + queue * bytes);
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function fileOf([fd]: readonly Fd[]): Fd {
  if (fd === undefined) throw new VhostUserProtocolError('an in-flight area without a descriptor');
  return fd;
}

/** A backend that echoes no shape has taken the one it was given. */
function checked(message: InflightMessage, fd: Fd, shape: InflightShape): InflightMessage {
  const { size, offset } = message;
  if (size === 0n || size > MAX_BYTES || offset > MAX_BYTES || offset + size > BigInt(fd.size()))
    throw new VhostUserProtocolError(`an in-flight area of ${size} bytes at ${offset} of a file of ${fd.size()} bytes`);
  return { size, offset, ...shape };
}
