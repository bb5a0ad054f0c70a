/** Hosts with io_uring, and a host without. */
import { FileIo, Memfd } from 'ioregion/native';
import { compileFailing } from './failing-syscalls.js';
import type { Requirement } from './require.js';

export const ioUring: Requirement = () => {
  using file = Memfd.create({ name: 'probe', size: 4096 });
  try {
    FileIo.open(file, { slots: 1, segmentsPerSlot: 1, engine: 'uring' }).close();
    return undefined;
  } catch (error) {
    return `no io_uring (${(error as Error).message})`;
  }
};

/** Both ways of doing I/O, with what each needs of the host. */
export const FILE_IO_ENGINES: readonly { engine: 'sync' | 'uring'; needs: readonly Requirement[] }[] = [
  { engine: 'sync', needs: [] },
  { engine: 'uring', needs: [ioUring] },
];

/** A launcher (see runScript) under which io_uring_setup fails as container runtimes have it. */
export function compileWithoutIoUring(directory: string): string {
  return compileFailing(directory, [{ name: 'io_uring_setup', error: 'EPERM' }]);
}
