/** The state of host notifiers as a snapshot carries it. What comes back is checked as if a guest had written it. */
import { NotifierStateError } from './errors.js';

/** One entry per queue. Which of them get an ioeventfd is decided anew by the host they start on. */
export interface HostNotifiersState {
  readonly queues: readonly {
    /** A kick waits for the queue to start. */
    readonly pending: boolean;
  }[];
}

/** @throws NotifierStateError */
export function checkState(state: unknown, queues: number): HostNotifiersState {
  const entries: unknown = isRecord(state) ? state.queues : undefined;
  if (!Array.isArray(entries) || entries.length !== queues) throw new NotifierStateError(`not one of ${queues} queues`);
  return { queues: entries.map(checkEntry) };
}

function checkEntry(entry: unknown, queue: number): { pending: boolean } {
  if (!isRecord(entry) || typeof entry.pending !== 'boolean')
    throw new NotifierStateError(`queue ${queue}: pending is not a boolean`);
  return { pending: entry.pending };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
