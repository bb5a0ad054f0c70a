// Our VMM beside QEMU (-M microvm and q35): the same kernels on the same /dev/kvm in the same run, in turn.
//   npm run bench:boot -- [--rounds N] [--json FILE] [--host]
// On the nested machine, where stock kernels boot: all of it is distorted by an emulated CPU, JavaScript by far the most. With
// --host on this host's own /dev/kvm, without Linux.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { guestKernel, LAYOUT, pioRead, pioWrite, writeOplist } from '../dist/guests/index.js';
import { explainMissing } from './nested/host.mjs';
import { makeBootGuest } from './nested/linux-guest.mjs';
import { runNested } from './nested/machine.mjs';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, json: { type: 'string' }, host: { type: 'boolean' } },
});
const SECONDS = 1200;
const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const GUEST = join(PROJECT, 'build/boot-guest');
/** Where the result is there. */
const IN_MACHINE = '/root/boot.json';
const DISK_BYTES = 2 ** 20;
/** Port accesses that no device takes, after each letter on the serial port. */
const EXITS = 20_000;
const LETTERS = [0x61, 0x62, 0x63];
const SERIAL = 0x3f8;
const NOBODY = 0xe0;

async function exitKernel() {
  const ops = LETTERS.flatMap((letter) => [pioWrite(SERIAL, 1, letter), pioRead(NOBODY, 4, { count: EXITS })]);
  const prepare = (memory) => writeOplist(memory, LAYOUT.GUEST_FREE, ops);
  return await guestKernel({ name: 'oplist', mode: 'long', prepare, parameters: LAYOUT.GUEST_FREE });
}

const commandFor = (result) => ['scripts/nested/boot-bench.mjs', GUEST, values.rounds, String(EXITS), result];

async function onNestedMachine(result) {
  const into = mkdtempSync(join(tmpdir(), 'ioregion-boot-'));
  try {
    const status = await runNested(['node', ...commandFor(IN_MACHINE)], {
      seconds: SECONDS,
      programs: ['qemu-system-x86_64'],
      trees: ['/usr/share/qemu', '/usr/share/seabios'],
      fetch: [IN_MACHINE],
      into,
    });
    if (result !== undefined) cpSync(join(into, IN_MACHINE), result);
    return status;
  } finally {
    rmSync(into, { recursive: true });
  }
}

function onHost(result = join(GUEST, 'result.json')) {
  return spawnSync(process.execPath, commandFor(result), { cwd: PROJECT, stdio: 'inherit' }).status ?? 1;
}

if (!values.host && explainMissing()) process.exit(1);
rmSync(GUEST, { recursive: true, force: true });
mkdirSync(GUEST, { recursive: true });
writeFileSync(join(GUEST, 'exits.elf'), await exitKernel());
if (values.host) writeFileSync(join(GUEST, 'disk.img'), new Uint8Array(DISK_BYTES));
else makeBootGuest(GUEST);
const result = values.json === undefined ? undefined : resolve(values.json);
process.exitCode = values.host ? onHost(result) : await onNestedMachine(result);
