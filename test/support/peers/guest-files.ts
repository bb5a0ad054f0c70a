/** Where the files of guests come from, and where what is built of them is kept. */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Scripts and programs that run in guests, in the source tree. */
export const GUEST_FILES = fileURLToPath(new URL('../../../../test/support/peers/guest/', import.meta.url));

/** Of this user; what is in it is named by its content, so nothing in it is ever out of date. */
export function guestCache(): string {
  const folder = join(tmpdir(), `ioregion-guests-${process.geteuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}
