// What a Linux guest of our VMM boots from, on the nested machine: a stock kernel, an initramfs that tests, and disks.

import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kernelImage, kernelVersion, run } from './host.mjs';
import { makeInitramfs } from './initramfs.mjs';

const MODULES = ['virtio_pci', 'virtio_blk', 'ext4', 'virtio_rng', 'virtio_net', 'virtio_console'];
const DISKS = 4;
const DATA_BYTES = 2 ** 20;

/** Where the tests find it, on this host and on the nested machine. */
export const LINUX_GUEST = fileURLToPath(new URL('../../build/linux-guest', import.meta.url));

/** Makes it anew. */
export function makeLinuxGuest() {
  const kernel = kernelVersion();
  rmSync(LINUX_GUEST, { recursive: true, force: true });
  mkdirSync(LINUX_GUEST, { recursive: true });
  copyFileSync(kernelImage(kernel), join(LINUX_GUEST, 'vmlinuz'));
  const init = readFileSync(new URL('./guest-init.sh', import.meta.url), 'utf8');
  makeInitramfs(join(LINUX_GUEST, 'initramfs'), { kernel, modules: MODULES, init });
  for (let disk = 0; disk < DISKS; disk++) makeDisk(join(LINUX_GUEST, `disk-${disk}.img`));
}

const BOOT_INIT = `#!/bin/busybox sh
/bin/busybox echo '# up'
/bin/busybox poweroff -f
`;

/** What bench-boot.mjs boots: a stock kernel, an initramfs that says so and switches off, and a disk. */
export function makeBootGuest(directory) {
  const kernel = kernelVersion();
  copyFileSync(kernelImage(kernel), join(directory, 'vmlinuz'));
  makeInitramfs(join(directory, 'initramfs'), { kernel, modules: [], init: BOOT_INIT });
  makeDisk(join(directory, 'disk.img'));
}

/** An ext4 file system with a file and its checksum. */
function makeDisk(image) {
  const tree = mkdtempSync(join(tmpdir(), 'ioregion-disk-'));
  writeFileSync(join(tree, 'data'), randomBytes(DATA_BYTES));
  writeFileSync(join(tree, 'SUMS'), run('md5sum', ['data'], { cwd: tree }));
  run('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', tree, image, '8M']);
  rmSync(tree, { recursive: true });
}
