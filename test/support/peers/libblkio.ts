/** libblkio behind qemu-io: a client of vhost-user-blk without a VM. */
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Requirement } from '../requirements.js';

const SCRIPT = fileURLToPath(new URL('../../../../scripts/peers/trixie.sh', import.meta.url));
const LIMIT_MS = 60_000;
const run = promisify(execFile);

/** What scripts/peers/trixie.sh fetches. */
export const libblkio: Requirement = () => {
  const { status } = spawnSync(SCRIPT, ['--run', 'qemu-io', '--version'], { stdio: 'ignore', timeout: LIMIT_MS });
  return status === 0 ? undefined : 'libblkio is missing: scripts/peers/trixie.sh fetches it';
};

export interface IoResult {
  /** 0, or 1 where a command failed or a pattern did not match. */
  readonly status: number;
  readonly output: string;
}

/** Runs commands of qemu-io(1), one after another, on the disk that is served at `socket`. */
export async function qemuIo(
  socket: string,
  commands: readonly string[],
  { readonly = false } = {},
): Promise<IoResult> {
  const disk = `driver=virtio-blk-vhost-user,path=${socket},cache.direct=on,discard=unmap`;
  const options = readonly ? ['-r', '--image-opts'] : ['--image-opts'];
  const args = ['--run', 'qemu-io', ...options, disk, ...commands.flatMap((command) => ['-c', command])];
  try {
    const { stdout, stderr } = await run(SCRIPT, args, { timeout: LIMIT_MS, killSignal: 'SIGKILL' });
    return { status: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: number; stdout?: string; stderr?: string };
    return { status: code ?? 1, output: stdout + stderr };
  }
}
