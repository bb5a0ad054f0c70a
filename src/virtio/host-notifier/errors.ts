import { IoregionError } from '../../native/index.js';

/** The VM refused the ioeventfd of a queue's new owner (`ERR_IOREGION_HAND_OVER`); the queue stays with this process. */
export class HandOverError extends IoregionError {
  constructor(queue: number, cause: unknown) {
    super('ERR_IOREGION_HAND_OVER', `queue ${queue} keeps its host notifier: its owner's ioeventfd was refused`, {
      cause,
    });
  }
}

/** A hand-over or return that the state of the host notifier does not allow (`ERR_IOREGION_HOST_NOTIFIER`). */
export class HostNotifierStateError extends IoregionError {
  constructor(queue: number, problem: string) {
    super('ERR_IOREGION_HOST_NOTIFIER', `host notifier of queue ${queue}: ${problem}`);
  }
}

/** A saved state that these host notifiers cannot have saved (`ERR_IOREGION_HOST_NOTIFIER_STATE`). */
export class NotifierStateError extends IoregionError {
  constructor(problem: string) {
    super('ERR_IOREGION_HOST_NOTIFIER_STATE', `saved state of host notifiers: ${problem}; nothing was restored`);
  }
}
