/** Guest images as bytes. */
import { readFile } from 'node:fs/promises';
import { buildGuest } from './build.js';
import { LAYOUT } from './layout.js';
import { defaultMode, type GuestMode, type GuestName } from './modes.js';

export interface Guest {
  readonly name: GuestName;
  readonly mode: GuestMode;
  /** The image, to be copied to guest-physical address `entry`, where the guest also starts. */
  readonly bytes: Uint8Array;
  readonly entry: number;
}

/** Reads an image, having built it where it is missing or out of date. Without `mode`: the guest's usual one. */
export async function loadGuest(name: GuestName, mode: GuestMode = defaultMode(name)): Promise<Guest> {
  const bytes = new Uint8Array(await readFile(await buildGuest(name, mode)));
  return { name, mode, bytes, entry: LAYOUT.GUEST_LOAD };
}
