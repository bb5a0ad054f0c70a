/** Where messages of a device go. */
import { writeSync } from 'node:fs';

export type DeviceLog = (message: string) => void;

const STDERR = 2;
/** A guest that makes its device fail over and over must not fill a disk. */
const MAX_LINES = 200;

/** Writes lines to standard error, from any thread, whether or not its owner has an event loop. */
export function stderrLog(): DeviceLog {
  let lines = 0;
  return (message) => {
    if (lines++ < MAX_LINES) writeSync(STDERR, `ioregion: virtio: ${message}\n`);
  };
}
