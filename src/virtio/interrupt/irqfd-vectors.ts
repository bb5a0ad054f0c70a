/** The VMM's end of eventfd interrupts: one eventfd per vector, each an irqfd with a GSI of its own. */
import type { Interrupts } from '../../kvm/index.js';
import { closeAll, EventFd, undoOnFailure } from '../../native/index.js';
import type { GsiRoutes } from './gsi-routes.js';

export class IrqfdVectors implements Disposable {
  /** By vector; for an EventfdSink, in this process or another. */
  readonly eventfds: readonly EventFd[];
  /** The GSI of vector 0; the others follow. */
  readonly firstGsi: number;
  readonly #interrupts: Pick<Interrupts, 'assignIrqfd' | 'deassignIrqfd'>;
  readonly #routes: GsiRoutes;
  #closed = false;

  /** @throws GsiRangeError, KvmIoctlError (EAGAIN without an in-kernel irqchip) */
  constructor(interrupts: Pick<Interrupts, 'assignIrqfd' | 'deassignIrqfd'>, routes: GsiRoutes, vectors: number) {
    this.#interrupts = interrupts;
    this.#routes = routes;
    this.firstGsi = routes.allocate(vectors);
    this.eventfds = undoOnFailure((undo) => {
      undo.defer(() => routes.free(this.firstGsi, vectors));
      return Array.from({ length: vectors }, (_, vector) => {
        const eventfd = undo.use(EventFd.create());
        interrupts.assignIrqfd({ eventfd, gsi: this.firstGsi + vector });
        return eventfd;
      });
    });
  }

  /** Unbinds and closes the eventfds, and gives back the GSIs, while the VM is open. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const [vector, eventfd] of this.eventfds.entries()) {
      if (!eventfd.closed) this.#interrupts.deassignIrqfd({ eventfd, gsi: this.firstGsi + vector });
    }
    closeAll(this.eventfds);
    this.#routes.free(this.firstGsi, this.eventfds.length);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
