/** The device's end: routes, the pin and ioeventfds of a VM in another process. */
import type { Ioeventfd, MsiMessage } from '../../kvm/index.js';
import { Fd, sendFds, waitReadable } from '../../native/index.js';
import { VmLinkError } from './errors.js';
import { encodeRequest, type LinkRequest, REPLY_SIZE } from './message.js';

/** The VMM answers from its event loop; one that does not in this time is stuck. */
const REPLY_TIMEOUT_MS = 5000;

/**
 * Serves as the wiring of an EventfdSink and as the binder of HostNotifiers. Requests with a reply block the calling thread,
 * and belong to one thread, that of the transport; `setPin` may be called on any.
 */
export class VmLink {
  readonly #socket: Fd;
  readonly #reply = new Uint8Array(REPLY_SIZE);

  /** Takes ownership of the socket, which must block. */
  constructor(socket: Fd) {
    this.#socket = socket;
  }

  /** The same link on another thread, for `setPin`. The descriptor stays with its owner: not to be closed. */
  static open(socket: number): VmLink {
    return new VmLink(new Fd(socket));
  }

  /** @throws VmLinkError */
  route(vector: number, { address, data }: MsiMessage): void {
    this.#ask({ op: 'route', vector, address: BigInt(address), data }, []);
  }

  setPin(asserted: boolean): void {
    this.#send({ op: 'pin', asserted }, []);
  }

  describePin(): { readonly kind: 'link'; readonly socket: number } {
    return { kind: 'link', socket: this.#socket.number };
  }

  /** @throws VmLinkError */
  assign({ eventfd, ...doorbell }: Ioeventfd): void {
    this.#ask({ op: 'assign', doorbell }, [new Fd(eventfd.number)]);
  }

  /** @throws VmLinkError */
  deassign({ eventfd: _, ...doorbell }: Ioeventfd): void {
    this.#ask({ op: 'deassign', doorbell }, []);
  }

  /** Idempotent. */
  close(): void {
    this.#socket.close();
  }

  #ask(request: LinkRequest, fds: readonly Fd[]): void {
    this.#send(request, fds);
    if (!waitReadable(this.#socket, REPLY_TIMEOUT_MS))
      throw new VmLinkError(request.op, 'no answer; is the VMM stuck?');
    if (this.#socket.read(this.#reply) !== REPLY_SIZE) throw new VmLinkError(request.op, 'the VMM has closed it');
    const errno = new DataView(this.#reply.buffer).getUint32(0, true);
    if (errno !== 0) throw new VmLinkError(request.op, `refused with errno ${errno}`, errno);
  }

  #send(request: LinkRequest, fds: readonly Fd[]): void {
    if (fds.length === 0) this.#socket.write(encodeRequest(request));
    else sendFds(this.#socket, encodeRequest(request), fds);
  }
}
