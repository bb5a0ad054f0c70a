/** `ioregion run` with the usual mistakes: a status that is not 0, and one line that says what to do. */
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Fd, lockFile } from 'ioregion/native';
import t, { type Test } from 'tap';
import { PATIENCE } from '../support/patience.js';
import { type ProcessOptions, runNode } from '../support/processes.js';
import { kvmDevice, type Requirement } from '../support/requirements.js';
import { elf } from '../unit/vmm/kernel-files.js';
import { testWhere } from './where.js';

const PROGRAM = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** Without the runner of tap, as on the nested machine, the limit is tap's own: 30 s. */
t.setTimeout(300_000 * PATIENCE);

const directory = mkdtempSync(join(tmpdir(), 'ioregion-run-'));
t.teardown(() => rmSync(directory, { recursive: true }));
const at = (name: string): string => join(directory, name);
writeFileSync(at('text'), '#!/bin/sh\n');
writeFileSync(at('compressed'), Uint8Array.of(0x1f, 0x8b, 8, 0));
writeFileSync(at('bzimage'), smallBzImage());
writeFileSync(at('initrd'), new Uint8Array(4096));
writeFileSync(at('disk'), '');
truncateSync(at('disk'), 2 ** 20);

/** Enough of a bzImage to be loaded: its code would not run. */
function smallBzImage(): Uint8Array {
  const file = new Uint8Array(0x2000);
  const view = new DataView(file.buffer);
  view.setUint8(0x1f1, 1);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, 0x020f, true);
  view.setUint32(0x22c, 0x7fffffff, true);
  view.setUint16(0x236, 1, true);
  view.setUint32(0x238, 2047, true);
  view.setBigUint64(0x258, 0x100_0000n, true);
  view.setUint32(0x260, 2 ** 25, true);
  return file;
}

async function refused(test: Test, args: readonly string[], line: RegExp, options: ProcessOptions = {}): Promise<void> {
  const { code, stdout, stderr } = await runNode(PROGRAM, ['run', ...args], options);
  test.match({ code, stdout, stderr }, { code: 1, stdout: '', stderr: line });
  test.equal(stderr.trimEnd().split('\n').length, 1, 'one line');
}

const kernel = (name: string): string[] => ['--kernel', at(name)];
const MISTAKES: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['no kernel', [], /required option '--kernel <file>'/],
  ['a kernel that does not exist', kernel('none'), /the kernel .*none does not exist \(ERR_IOREGION_VMM_FILE\)/],
  ['a directory for a kernel', ['--kernel', directory], /is a directory \(ERR_IOREGION_VMM_FILE\)/],
  ['a kernel of the wrong kind', kernel('text'), /neither a bzImage nor an ELF file \(ERR_IOREGION_KERNEL_FORMAT\)/],
  ['a packed kernel', kernel('compressed'), /gzip data: unpack it first \(ERR_IOREGION_KERNEL_FORMAT\)/],
  ['an initrd that does not exist', [...kernel('bzimage'), '--initrd', at('none')], /the initrd .*none does not exist/],
  ['too little memory', [...kernel('bzimage'), '--memory', '32M'], /too little guest memory .* use more --memory/],
  ['a size that is none', [...kernel('bzimage'), '--memory', 'much'], /a size like 512M or 2G/],
  ['too many vCPUs', [...kernel('bzimage'), '--cpus', '99'], /cpus must be 1 to 64, not 99 \(ERR_IOREGION_MACHINE\)/],
  ['a disk that does not exist', [...kernel('bzimage'), '--disk', at('none')], /none.* does not exist/],
  ['a place that is none', [...kernel('bzimage'), '--disk', `${at('disk')},attach=moon`], /inline, thread, process/],
  ['a setting that is none', [...kernel('bzimage'), '--disk', `${at('disk')},color=red`], /"color" is not one of/],
  ['a CPU list that is none', [...kernel('bzimage'), '--disk', `${at('disk')},cpus=2-1`], /like 3 or 0-1 or 0\+2-3/],
  ['a CPU that there is not', [...kernel('bzimage'), '--pin', '0=4095'], /has CPUs 0 to \d+, not 4095/],
  [
    'a CPU for a device that there is not',
    [...kernel('bzimage'), '--rng', 'thread,cpus=4095'],
    /CPUs 0 to \d+, not 4095/,
  ],
  ['a vCPU that there is not', [...kernel('bzimage'), '--pin', '1=0'], /no vCPU 1 to pin: the machine has 1/],
  ['a busy wait that is too long', [...kernel('bzimage'), '--rng', 'thread,spin=10000'], /spin must be 0 to 9999 µs/],
  [
    'a network with a vhost-user backend',
    [...kernel('bzimage'), '--net', 'tap=x,attach=vhost-user:y'],
    /net x cannot have a vhost-user backend: only disks can \(ERR_IOREGION_MACHINE\)/,
  ],
  ['a network without an interface', [...kernel('bzimage'), '--net', 'mac=52:54:00:12:34:56'], /tap=NAME/],
];

for (const [mistake, args, line] of MISTAKES) {
  testWhere([], `${mistake} is one line, and a status that is not 0`, (test) => refused(test, args, line));
}

testWhere([], 'an image that another process uses is one line, and a status that is not 0', async (test) => {
  const number = openSync(at('disk'), 'r+');
  test.teardown(() => closeSync(number));
  lockFile(new Fd(number), at('disk'), true);
  await refused(
    test,
    [...kernel('bzimage'), '--disk', at('disk')],
    /is in use by another disk.*ERR_IOREGION_FILE_IN_USE/,
  );
});

const noKvmDevice: Requirement = () => (existsSync('/dev/kvm') ? 'there is a /dev/kvm' : undefined);
if (noKvmDevice() === undefined) {
  testWhere([], 'a host without /dev/kvm is one line, and a status that is not 0', async (test) => {
    await refused(test, kernel('bzimage'), /cannot open \/dev\/kvm: ENOENT; modprobe .*ERR_IOREGION_KVM_UNAVAILABLE/);
  });
}

const NOBODY = 65534;
testWhere([kvmDevice], 'no permission on /dev/kvm is one line, and a status that is not 0', async (test) => {
  chmodSync(directory, 0o755);
  const { mode } = statSync('/dev/kvm');
  chmodSync('/dev/kvm', 0o600);
  test.teardown(() => chmodSync('/dev/kvm', mode));
  const line = /cannot open \/dev\/kvm: EACCES; join its group .*ERR_IOREGION_KVM_UNAVAILABLE/;
  await refused(test, kernel('bzimage'), line, { uid: NOBODY });
});

/** `flds` from where there is no memory: an access that KVM would have to emulate, by an instruction it does not know. */
const FLOAT_FROM_DEVICE = [0xd9, 0x05, 0, 0, 0, 0xf0];
testWhere(
  [kvmDevice],
  'an instruction that KVM cannot emulate is one line, and a status that is not 0',
  async (test) => {
    writeFileSync(at('float'), elf({ code: FLOAT_FROM_DEVICE }));
    const line =
      /vCPU 0 stopped: KVM_EXIT_INTERNAL_ERROR: .*gave up on d9 05 00 00 00 f0.*; rip 0x1000010, .*ERR_IOREGION_GUEST_STOPPED/;
    await refused(test, [...kernel('float'), '--memory', '32M'], line);
  },
);

testWhere([kvmDevice], 'a backend that is not there is one line, and a status that is not 0', async (test) => {
  writeFileSync(at('float'), elf({ code: FLOAT_FROM_DEVICE }));
  const disk = `${at('disk')},attach=vhost-user:${at('none')}`;
  await refused(test, [...kernel('float'), '--memory', '32M', '--disk', disk], /none/);
});
