// Which QEMU emulates the nested machine. Before 8.1, TCG with several threads could go on with the translation of an
// instruction that another CPU had just overwritten (fixed by its commit deba78709a): Linux overwrites its own code whenever a
// static key changes. The machine, or a guest in it with two vCPUs, then got stuck or ended by a triple fault, once in a few boots.
// Newer ones drop the translation before the store that changes it, not under one lock with it: on a busy host another CPU can make
// it anew from the old bytes in between, and then takes INT3 for ever. hold-kvm.c keeps Linux from changing its code at all here.
// At least up to 10.0 an interrupt can get lost: VMRUN and #VMEXIT change the CPU's requests for interrupts as one word, unlocked, while
// the thread of a timer or of another CPU sets one of them. The interrupt is then in the IRR, the CPU has interrupts enabled, and
// goes on without it, until another one makes it look (seen with the monitor: `info lapic`, `sendkey`). A CPU whose timer is
// lost so had no other, and the machine stood still, with one CPU in every second or third boot of a guest. wake-cpus.c brings others.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './host.mjs';

const PROGRAM = 'qemu-system-x86_64';
const FIRST_RIGHT = [8, 1];
const TRIXIE = fileURLToPath(new URL('../peers/trixie.sh', import.meta.url));
const FIRMWARE = ['qemu', 'seabios'];

function isRight(version) {
  const [major, minor] = version
    .match(/version (\d+)\.(\d+)/)
    .slice(1)
    .map(Number);
  return major > FIRST_RIGHT[0] || (major === FIRST_RIGHT[0] && minor >= FIRST_RIGHT[1]);
}

/** The words that begin its command line: of this host's, or else of a newer Debian's, which is fetched. */
export function qemuCommand() {
  const version = run(PROGRAM, ['--version']).split('\n')[0];
  if (isRight(version)) return [PROGRAM];
  const { status, stdout } = spawnSync(TRIXIE, [], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (status === 0) {
    const folder = (name) => ['-L', join(stdout.trim(), 'usr/share', name)];
    return [TRIXIE, '--run', PROGRAM, ...FIRMWARE.flatMap(folder)];
  }
  console.error(
    `nested: ${version} emulates two CPUs wrong now and then (before 8.1), and no newer one could be fetched`,
  );
  return [PROGRAM];
}
