/** The VMM's end: carries out what a device process asks, as far as that device is allowed to. */
import type { MsiMessage } from '../../kvm/index.js';
import { closeAll, type Fd, FdWatch, IoregionError, type ReceivedMessage, receiveFds } from '../../native/index.js';
import type { Doorbell, IoeventfdBinder } from '../host-notifier/index.js';
import { LentIoeventfds } from './lent-ioeventfds.js';
import { decodeRequest, type LinkRequest, MESSAGE_SIZE, REPLY_SIZE } from './message.js';

/** What the device may reach. */
export interface VmLinkRights {
  /** Vectors of the device. */
  readonly vectors: number;
  /** From its return on, the vector's irqfd sends the message. */
  route(vector: number, message: MsiMessage): void;
  /** Absent: the device has no pin. */
  setPin?(asserted: boolean): void;
  readonly binder: IoeventfdBinder;
  /** Whether the doorbell is the device's own: inside one of its BARs. */
  owns(doorbell: Doorbell): boolean;
}

const EPERM = 1;
const EIO = 5;
const ENOENT = 2;
/** No request has more. */
const MAX_FDS = 1;

/**
 * A malformed message ends the link; a forbidden request is answered with EPERM. Ioeventfds of the device go when the link
 * ends.
 */
export class VmLinkServer {
  /** Settles when the link has ended, for whatever reason. */
  readonly ended: Promise<void>;
  readonly #socket: Fd;
  readonly #rights: VmLinkRights;
  readonly #watch: FdWatch;
  readonly #ioeventfds: LentIoeventfds;
  /** One byte more than a message, so that a longer one is seen. */
  readonly #bytes = new Uint8Array(MESSAGE_SIZE + 1);
  #settle: () => void = () => {};

  /** Takes ownership of the socket. */
  constructor(socket: Fd, rights: VmLinkRights) {
    this.#socket = socket;
    this.#rights = rights;
    this.#ioeventfds = new LentIoeventfds(rights.binder);
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#watch = new FdWatch(socket, () => this.#receive());
  }

  /** Ends the link. Idempotent. */
  close(): void {
    this.#watch.close();
    this.#ioeventfds.clear();
    this.#socket.close();
    this.#settle();
  }

  #receive(): void {
    try {
      const message = receiveFds(this.#socket, this.#bytes, MAX_FDS);
      if (message !== null && !this.#take(message)) this.close();
    } catch {
      this.close();
    }
  }

  /** False where the link has to end. */
  #take({ bytes, fds, truncated }: ReceivedMessage): boolean {
    const request = truncated ? null : decodeRequest(this.#bytes.subarray(0, bytes));
    const expected = request?.op === 'assign' ? 1 : 0;
    if (request === null || fds.length !== expected) {
      closeAll(fds);
      return false;
    }
    const errno = this.#carryOut(request, fds[0]);
    if (errno !== 0) closeAll(fds);
    return request.op === 'pin' || this.#reply(errno);
  }

  #carryOut(request: LinkRequest, eventfd: Fd | undefined): number {
    try {
      return this.#permitted(request) ? this.#execute(request, eventfd) : EPERM;
    } catch (error) {
      return error instanceof IoregionError ? (error.errno ?? EIO) : EIO;
    }
  }

  #permitted(request: LinkRequest): boolean {
    if (request.op === 'route') return request.vector < this.#rights.vectors;
    if (request.op === 'pin') return this.#rights.setPin !== undefined;
    return this.#rights.owns(request.doorbell);
  }

  #execute(request: LinkRequest, eventfd: Fd | undefined): number {
    if (request.op === 'route') this.#rights.route(request.vector, request);
    else if (request.op === 'pin') this.#rights.setPin?.(request.asserted);
    else if (request.op === 'deassign') return this.#ioeventfds.deassign(request.doorbell) ? 0 : ENOENT;
    else if (eventfd !== undefined) this.#ioeventfds.assign(request.doorbell, eventfd);
    return 0;
  }

  /** A device that does not read its replies cannot have sent the request. */
  #reply(errno: number): boolean {
    const reply = new Uint8Array(REPLY_SIZE);
    new DataView(reply.buffer).setUint32(0, errno, true);
    return this.#socket.write(reply) === REPLY_SIZE;
  }
}
