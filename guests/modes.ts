/** The guests, and the processor modes each can run in. */
import { GuestModeError } from './errors.js';

export const GUEST_MODES = ['real', 'protected', 'long', 'long-user'] as const;
/**
 * `real`: 16-bit, with segments of 4 GiB. `protected`: 32-bit, flat, without paging. `long`: 64-bit at kernel
 * privilege. `long-user`: the same image at user privilege, with IOPL 3 so that IN and OUT work.
 */
export type GuestMode = (typeof GUEST_MODES)[number];

/**
 * `oplist` performs a list of operations, `bench` times accesses, `stress` makes pseudo-random ones, `virtio` drives a block
 * device on the PCI bus.
 */
export type GuestName = 'oplist' | 'bench' | 'stress' | 'virtio';

/** The modes of each guest; the first is the default. */
const MODES: Readonly<Record<GuestName, readonly GuestMode[]>> = {
  oplist: ['long', 'long-user', 'protected', 'real'],
  bench: ['protected'],
  stress: ['protected', 'long', 'long-user', 'real'],
  virtio: ['long'],
};

/** Every guest in every mode it has. */
export function guestVariants(): { readonly name: GuestName; readonly mode: GuestMode }[] {
  const names = Object.keys(MODES) as GuestName[];
  return names.flatMap((name) => MODES[name].map((mode) => ({ name, mode })));
}

export function defaultMode(name: GuestName): GuestMode {
  return MODES[name][0]!;
}

/** Throws a GuestModeError where `name` has no such mode. */
export function checkMode(name: GuestName, mode: GuestMode): void {
  if (!MODES[name].includes(mode)) throw new GuestModeError(name, mode, MODES[name]);
}
