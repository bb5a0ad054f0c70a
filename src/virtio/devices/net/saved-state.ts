/** The state of a network device beyond its queues, and the check of one that may come from anybody. */
import { NetOptionError } from './errors.js';
import { GUEST_OFFLOADS } from './features.js';
import { MAC_BYTES } from './mac-address.js';
import { MAC_TABLE_BYTES, type SavedMacTable } from './mac-table.js';
import { RECEIVE_MODE_COUNT, type SavedFilter, VLAN_WORDS } from './receive-filter.js';

/** Plain data (structured clone). */
export interface SavedNetState {
  mac: Uint8Array;
  /** The driver has been asked to announce itself, and has not acknowledged. */
  announce: boolean;
  /** Null: the driver has not been ready. */
  active: SavedActivity | null;
  filter: SavedFilter;
}

export interface SavedActivity {
  pairs: number;
  /** Bits of GUEST_OFFLOADS. */
  guestOffloads: bigint;
}

/** The state, copied. NetOptionError where it is not what `save` gives for a device of so many queue pairs. */
export function checkSavedState(state: unknown, queuePairs: number): SavedNetState {
  const copy = structuredClone(state) as Partial<SavedNetState> | null;
  if (typeof copy === 'object' && copy !== null && isState(copy, queuePairs)) return copy;
  throw new NetOptionError('the saved state is not one of a network device like this');
}

function isState(state: Partial<SavedNetState>, queuePairs: number): state is SavedNetState {
  const { mac, announce, active, filter } = state;
  return (
    isBytes(mac, MAC_BYTES) &&
    typeof announce === 'boolean' &&
    (active === null || isActivity(active, queuePairs)) &&
    isFilter(filter)
  );
}

function isActivity(active: Partial<SavedActivity> | undefined, queuePairs: number): boolean {
  const { pairs, guestOffloads } = active ?? {};
  return (
    Number.isInteger(pairs) &&
    pairs! >= 1 &&
    pairs! <= queuePairs &&
    typeof guestOffloads === 'bigint' &&
    (guestOffloads & ~GUEST_OFFLOADS) === 0n
  );
}

function isFilter(filter: Partial<SavedFilter> | null | undefined): boolean {
  const { modes, unicast, multicast, vlans } = filter ?? {};
  return (
    Array.isArray(modes) &&
    modes.length === RECEIVE_MODE_COUNT &&
    modes.every((mode) => typeof mode === 'boolean') &&
    isTable(unicast) &&
    isTable(multicast) &&
    vlans instanceof Uint32Array &&
    vlans.length === VLAN_WORDS
  );
}

function isTable(table: Partial<SavedMacTable> | null | undefined): boolean {
  const { addresses, matchesAll } = table ?? {};
  return (
    addresses instanceof Uint8Array &&
    addresses.length <= MAC_TABLE_BYTES &&
    addresses.length % MAC_BYTES === 0 &&
    typeof matchesAll === 'boolean'
  );
}

function isBytes(value: unknown, length: number): boolean {
  return value instanceof Uint8Array && value.length === length;
}
