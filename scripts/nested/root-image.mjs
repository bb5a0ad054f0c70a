// The root file system of the nested machine: busybox, this Node, and the project at the path it has here.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { run } from './host.mjs';

const FOLDERS = ['bin', 'proc', 'sys', 'dev', 'tmp', 'run', 'root', 'etc', 'usr/bin', 'lib64'];
const SPARE_MIB = 256;
/** Of the project, what tests never read; of its packages, the largest that they never load. */
const LEFT_OUT = ['.git', '.nested', '.tap', 'build-asan', 'node_modules'];
const PACKAGES_LEFT_OUT = [
  '.cache',
  'typedoc',
  '@shikijs',
  '@gerrit0',
  '@biomejs',
  '@typescript',
  'dependency-cruiser',
  'typescript',
  'tshy',
];

/** Runs the command, then leaves its status and the files asked for as a tar archive on the second disk. */
const init = ({ helpers, cwd, fetch }) => `#!/bin/busybox sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts none /dev/pts
mount -t tmpfs none /dev/shm
echo advise >/sys/kernel/mm/transparent_hugepage/shmem_enabled
ip link set lo up
hostname nested
${helpers.map((helper) => `${basename(helper)} &`).join('\n')}
cd ${quote(cwd)}
setsid sh /command </dev/null >$(echo /dev/vport*p1) 2>&1
echo $? >/status
tar -cf /dev/vdb -C / status ${fetch.map((path) => quote(path.replace(/^\/+/, ''))).join(' ')}
sync
poweroff -f
`;

/** One word of a shell command. */
export const quote = (word) => `'${word.replaceAll("'", "'\\''")}'`;

/** Copies a tree by hard links, where it is on the same file system as the image's, or by content. */
function copyTree(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  try {
    run('cp', ['-al', from, to]);
  } catch {
    run('cp', ['-a', from, to]);
  }
}

function copyChildren(from, to, leftOut) {
  for (const name of readdirSync(from)) if (!leftOut.includes(name)) copyTree(join(from, name), join(to, name));
}

/** The shared libraries of programs, and of the addons that vitest loads, at the paths they have here. */
function copyLibraries(project, programs, to) {
  const addons = readdirSync(join(project, 'node_modules'), { recursive: true }).filter((name) =>
    name.endsWith('.node'),
  );
  const files = [...programs, ...addons.map((name) => join(project, 'node_modules', name))];
  for (const path of new Set(run('ldd', files).match(/\/[^ :\n]+(?= \(0x)/g))) {
    mkdirSync(join(to, dirname(path)), { recursive: true });
    copyFileSync(path, join(to, path));
  }
}

function populate(tree, { project, helpers, environment, command, cwd, fetch, programs = [], trees = [] }) {
  for (const folder of FOLDERS) mkdirSync(join(tree, folder), { recursive: true });
  copyFileSync(run('which', ['busybox']).trim(), join(tree, 'bin/busybox'));
  copyFileSync(process.execPath, join(tree, 'usr/bin/node'));
  for (const helper of helpers) copyFileSync(helper, join(tree, 'bin', basename(helper)));
  const copied = programs.map((name) => run('which', [name]).trim());
  for (const path of copied) copyFileSync(path, join(tree, 'usr/bin', basename(path)));
  for (const path of trees) if (existsSync(path)) copyTree(path, join(tree, path));
  copyLibraries(project, [process.execPath, ...copied], tree);
  copyChildren(project, join(tree, project), LEFT_OUT);
  copyChildren(join(project, 'node_modules'), join(tree, project, 'node_modules'), PACKAGES_LEFT_OUT);
  writeFileSync(join(tree, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n');
  writeFileSync(join(tree, 'etc/group'), 'root:x:0:\nkvm:x:101:\n');
  writeFileSync(join(tree, 'etc/hosts'), '127.0.0.1 localhost\n');
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}\n`);
  writeFileSync(join(tree, 'command'), `${exports.join('')}exec ${command.map(quote).join(' ')}\n`);
  writeFileSync(join(tree, 'init'), init({ helpers, cwd, fetch }));
  chmodSync(join(tree, 'init'), 0o755);
}

/** Makes the file system in `directory` and returns its path. */
export function rootImage(directory, contents) {
  const tree = mkdtempSync(join(directory, 'root-'));
  try {
    populate(tree, contents);
    const mib = Number.parseInt(run('du', ['-sm', tree]), 10);
    const image = join(directory, 'root.img');
    const features = '^has_journal,^resize_inode,^metadata_csum';
    const size = `${Math.ceil(mib * 1.2) + SPARE_MIB}M`;
    run('mke2fs', ['-q', '-F', '-t', 'ext4', '-O', features, '-m', '0', '-d', tree, image, size]);
    return image;
  } finally {
    rmSync(tree, { recursive: true });
  }
}
