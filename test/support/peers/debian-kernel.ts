/** The Debian kernel that guests of QEMU boot: installed, or unpacked by scripts/peers/get-kernel.sh. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Requirement } from '../requirements.js';

export interface GuestKernel {
  readonly image: string;
  readonly modulesFolder: string;
}

function newestIn(folder: string, pattern: RegExp): string | undefined {
  if (!existsSync(folder)) return undefined;
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1);
}

/** Undefined where there is none. */
export function findCloudKernel(root = process.env.IOREGION_KERNEL_ROOT ?? '/'): GuestKernel | undefined {
  const version = newestIn(join(root, 'lib/modules'), /-cloud-amd64$/);
  if (version === undefined) return undefined;
  const image = join(root, 'boot', `vmlinuz-${version}`);
  return existsSync(image) ? { image, modulesFolder: join(root, 'lib/modules', version) } : undefined;
}

/** linux-image-cloud-amd64. */
export const cloudKernel: Requirement = () =>
  findCloudKernel() === undefined ? 'no Debian cloud kernel (linux-image-cloud-amd64) is installed' : undefined;
