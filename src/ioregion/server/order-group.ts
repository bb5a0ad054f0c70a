/** Device-wide ordering over several region fds of one device; the rule is in native/src/order_group.h. */
import { native, type OrderGroupObject, system } from '../../native/index.js';

/** Made by the owner of the device; its servers, on any thread of the process, join it. */
export class OrderGroup {
  #object: OrderGroupObject | null = native.orderGroupCreate();

  /** For servers on this thread. */
  get object(): OrderGroupObject {
    if (this.#object === null) throw new TypeError('the order group has been closed');
    return this.#object;
  }

  /** Names the group to other Workers. */
  get id(): number {
    return system(() => native.orderGroupId(this.object));
  }

  /** Idempotent; servers that have joined keep the group alive. */
  close(): void {
    if (this.#object !== null) native.orderGroupRelease(this.#object);
    this.#object = null;
  }
}
