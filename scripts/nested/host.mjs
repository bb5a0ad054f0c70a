// What the nested machine needs of this host: a kernel with its modules, QEMU, and the tools that make images.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

const DEBIAN_PACKAGES = 'qemu-system-x86 linux-image-cloud-amd64 busybox-static cpio e2fsprogs kmod';
const PROGRAMS = ['qemu-system-x86_64', 'mke2fs', 'cpio', 'busybox', 'modprobe', 'gzip', 'tar'];
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Runs a program and returns what it printed. Throws with its words where it fails. */
export function run(program, args, options = {}) {
  const env = { ...process.env, PATH: `${process.env.PATH}:${SYSTEM_PATH}` };
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', env, ...options });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ended with status ${status}: ${stderr}`);
  return stdout;
}

/** Newest installed kernel of Debian's cloud flavour, which has virtio and kvm-amd as modules and boots in seconds; or undefined. */
export function kernelVersion() {
  if (!existsSync('/lib/modules')) return undefined;
  const bootable = readdirSync('/lib/modules').filter(
    (version) => version.endsWith('-cloud-amd64') && existsSync(kernelImage(version)),
  );
  return bootable.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
}

export const kernelImage = (version) => `/boot/vmlinuz-${version}`;

/** Why no nested machine can run here: nothing where it can. */
function missing() {
  const found = (program) => SYSTEM_PATH.split(':').some((directory) => existsSync(`${directory}/${program}`));
  const lacks = PROGRAMS.filter((program) => !found(program)).map((program) => `${program} is not installed`);
  if (process.arch !== 'x64') lacks.push(`this host is ${process.arch}, not x64`);
  if (kernelVersion() === undefined) lacks.push('there is no Debian cloud kernel in /boot and /lib/modules');
  return lacks;
}

/** True where no nested machine can run here; says why, and what to do. */
export function explainMissing() {
  const reasons = missing();
  if (reasons.length === 0) return false;
  console.error(`nested: cannot run here: ${reasons.join(', ')}; on Debian: apt-get install ${DEBIAN_PACKAGES}`);
  return true;
}
