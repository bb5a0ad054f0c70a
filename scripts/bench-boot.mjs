// Our VMM beside QEMU (-M microvm and q35): the same kernels on the same /dev/kvm in the same run, in turn.
//   npm run bench:boot -- [--rounds N] [--json FILE]
// On the nested machine, where stock kernels boot: all of it is distorted by an emulated CPU, JavaScript by far the most.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { guestKernel, LAYOUT, pioRead, pioWrite, writeOplist } from '../dist/guests/index.js';
import { explainMissing } from './nested/host.mjs';
import { makeBootGuest } from './nested/linux-guest.mjs';
import { runNested } from './nested/machine.mjs';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, json: { type: 'string' } } });
const RESULT = '/root/boot.json';
const SECONDS = 1200;
const GUEST = fileURLToPath(new URL('../build/boot-guest', import.meta.url));
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

if (explainMissing()) process.exit(1);
rmSync(GUEST, { recursive: true, force: true });
mkdirSync(GUEST, { recursive: true });
makeBootGuest(GUEST);
writeFileSync(join(GUEST, 'exits.elf'), await exitKernel());
const into = mkdtempSync(join(tmpdir(), 'ioregion-boot-'));
try {
  const command = ['node', 'scripts/nested/boot-bench.mjs', GUEST, values.rounds, String(EXITS), RESULT];
  process.exitCode = await runNested(command, {
    seconds: SECONDS,
    programs: ['qemu-system-x86_64'],
    trees: ['/usr/share/qemu', '/usr/share/seabios'],
    fetch: [RESULT],
    into,
  });
  if (values.json !== undefined) cpSync(join(into, RESULT), resolve(values.json));
} finally {
  rmSync(into, { recursive: true });
}
