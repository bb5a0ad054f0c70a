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

  /** @throws GsiRangeError, KvmIoctlError (EAGAIN without an in-kernel irqchip) */
  constructor(interrupts: Pick<Interrupts, 'assignIrqfd' | 'deassignIrqfd'>, routes: GsiRoutes, vectors: number) {
    this.#interrupts = interrupts;
    this.firstGsi = routes.allocate(vectors);
    this.eventfds = undoOnFailure((undo) =>
      Array.from({ length: vectors }, (_, vector) => {
        const eventfd = undo.use(EventFd.create());
        interrupts.assignIrqfd({ eventfd, gsi: this.firstGsi + vector });
        return eventfd;
      }),
    );
  }

  /** Unbinds and closes the eventfds, while the VM is open. Idempotent. */
  close(): void {
    for (const [vector, eventfd] of this.eventfds.entries()) {
      if (!eventfd.closed) this.#interrupts.deassignIrqfd({ eventfd, gsi: this.firstGsi + vector });
    }
    closeAll(this.eventfds);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
