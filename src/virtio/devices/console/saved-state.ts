/** The state of a console device beyond its queues, and the check of one that may come from anybody. */
import { ConsoleOptionError } from './errors.js';
import { ALL_PENDING, type SavedPort } from './port.js';

/** Plain data (structured clone). */
export interface SavedConsoleState {
  ports: SavedPort[];
}

/** The state, copied. ConsoleOptionError where it is not what `save` gives for a device with so many ports. */
export function checkSavedState(state: unknown, ports: number): SavedConsoleState {
  const copy = structuredClone(state) as Partial<SavedConsoleState> | null;
  if (typeof copy === 'object' && copy !== null && isState(copy, ports)) return copy;
  throw new ConsoleOptionError(`the saved state is not one of a console with ${ports} port(s)`);
}

function isState(state: Partial<SavedConsoleState>, count: number): state is SavedConsoleState {
  const { ports } = state;
  return Array.isArray(ports) && ports.length === count && ports.every(isPort);
}

/** A port that the driver does not know has nothing else, and one that it has not set up is not open. */
function isPort(port: Partial<SavedPort> | null | undefined): boolean {
  const { added, ready, guestOpen, pending } = port ?? {};
  if (typeof added !== 'boolean' || typeof ready !== 'boolean' || typeof guestOpen !== 'boolean') return false;
  const isSet = Number.isInteger(pending) && pending! >= 0 && pending! <= ALL_PENDING;
  return isSet && (added || (!ready && pending === 0)) && (ready || !guestOpen);
}
