/** The files a machine boots from, read whole. */
import { readFileSync } from 'node:fs';
import { MachineFileError } from '../errors.js';

/** @throws MachineFileError; `what` names the file's role in its message */
export function readBootFile(what: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new MachineFileError(what, path, error);
  }
}
