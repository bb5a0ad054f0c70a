// The first user space of the nested machine: loads virtio and KVM, then hands over to the root image.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { run } from './host.mjs';

const MODULES = ['virtio_pci', 'virtio_blk', 'virtio_console', 'kvm-amd', 'tun'];
const FOLDERS = ['bin', 'modules', 'root', 'dev', 'proc', 'sys', 'mnt', 'tmp'];
const DECOMPRESSORS = { '.xz': 'xz', '.zst': 'zstd', '.gz': 'gzip' };

/**
 * QEMU's TCG gives the guest a clock that is too coarse for KVM's check of a stable TSC; without the tolerance a timer of
 * a nested guest fires as late as this machine is old.
 */
const INIT = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs none /dev
for module in /modules/*.ko; do
  case $module in
    *-kvm.ko) /bin/busybox insmod $module tsc_tolerance_ppm=100000 ;;
    *) /bin/busybox insmod $module ;;
  esac
done
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /init
`;

/** Files of the modules, dependencies first, each once. */
function moduleFiles(kernel, modules) {
  const lines = modules.flatMap((name) => run('modprobe', ['-S', kernel, '--show-depends', name]).split('\n'));
  return [...new Set(lines.filter((line) => line.startsWith('insmod ')).map((line) => line.split(' ')[1]))];
}

function copyModule(file, target) {
  const [, name, suffix] = /^(.*\.ko)(\..*)?$/.exec(file);
  if (suffix === undefined) return copyFileSync(name, target);
  writeFileSync(target, run(DECOMPRESSORS[suffix], ['-dc', file], { encoding: 'buffer', maxBuffer: 2 ** 28 }));
}

/** Makes an initramfs of busybox, modules in the order in which they must be loaded, and `init`. */
export function makeInitramfs(image, { kernel, modules, init }) {
  const tree = mkdtempSync(join(tmpdir(), 'ioregion-initramfs-'));
  for (const folder of FOLDERS) mkdirSync(join(tree, folder));
  copyFileSync(run('which', ['busybox']).trim(), join(tree, 'bin/busybox'));
  moduleFiles(kernel, modules).forEach((file, index) => {
    const name = basename(file).replace(/\.ko.*/, '.ko');
    copyModule(file, join(tree, 'modules', `${String(index).padStart(2, '0')}-${name}`));
  });
  writeFileSync(join(tree, 'init'), init);
  chmodSync(join(tree, 'init'), 0o755);
  const made = `${image}.${process.pid}`; /* somebody else may make the same one */
  run('sh', ['-c', `find . | cpio -o -H newc --quiet | gzip -1 > "${made}"`], { cwd: tree });
  rmSync(tree, { recursive: true });
  renameSync(made, image);
}

/** Makes the initramfs of a kernel in `directory`, unless it is there; returns its path. */
export function initramfs(kernel, directory) {
  const image = join(directory, `initramfs-${kernel}`);
  if (!existsSync(image)) makeInitramfs(image, { kernel, modules: MODULES, init: INIT });
  return image;
}
