// Boots kernels under our VMM and under QEMU in turn, and prints medians; called by bench-boot.mjs, mostly on the nested machine.
// Without a `vmlinuz` in DIRECTORY only the small guest.
//   boot-bench.mjs DIRECTORY ROUNDS EXITS RESULT
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deviceProcessEnvironment } from '../../dist/src/ioregion/control/process-environment.js';

const [directory, rounds, exits, result] = process.argv.slice(2);
const CLI = fileURLToPath(new URL('../../dist/src/cli/ioregion.cjs', import.meta.url));
const LINUX = { kernel: `${directory}/vmlinuz`, initrd: `${directory}/initramfs` };
const COMMAND_LINE = 'console=ttyS0 reboot=k panic=-1 quiet noxsave';
const DISK = `${directory}/disk.img`;
const HAS_LINUX = existsSync(LINUX.kernel);
const LIMIT_MS = 300_000;
const STATISTICS = '/sys/kernel/debug/kvm';
/** KVM's own: summed over the machines that there are, of which there is one. */
const COUNTERS = ['exits', 'io_exits', 'mmio_exits', 'halt_exits', 'irq_exits', 'insn_emulation', 'pf_fixed'];
const TICK_MS = 10;

const ours = ({ kernel, initrd }) => [
  ...[process.execPath, CLI, 'run', '--kernel', kernel, '--memory', '192M', '--command-line', COMMAND_LINE],
  ...(initrd === undefined ? [] : ['--initrd', initrd]),
  ...['--disk', DISK],
];
const qemu = (machine, disk, { kernel, initrd }) => [
  ...['qemu-system-x86_64', '-M', machine, '-accel', 'kvm', '-cpu', 'host', '-m', '192', '-nodefaults'],
  ...['-no-user-config', '-no-reboot', '-display', 'none', '-serial', 'stdio', '-kernel', kernel],
  ...(initrd === undefined ? [] : ['-initrd', initrd, '-append', COMMAND_LINE]),
  ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
  ...['-drive', `if=none,id=disk,file=${DISK},format=raw`, '-device', `${disk},drive=disk`],
];
const VMMS = {
  ioregion: ours,
  microvm: (files) => qemu('microvm,pit=on,pic=on,rtc=on,isa-serial=on', 'virtio-blk-device', files),
  q35: (files) => qemu('q35', 'virtio-blk-pci', files),
};

/** A kernel that is locked down shows none. */
function hasStatistics() {
  try {
    return readFileSync(`${STATISTICS}/exits`).length > 0;
  } catch {
    return false;
  }
}

/** The counters of KVM and the CPU time of the program, guest included, while it is stopped. */
function figuresOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const count = (name) => [name, Number(readFileSync(`${STATISTICS}/${name}`, 'utf8'))];
  const counters = hasStatistics() ? Object.fromEntries(COUNTERS.map(count)) : {};
  const [user, system, guest] = [fields[11], fields[12], fields[40]].map((ticks) => Number(ticks) * TICK_MS);
  return { cpuMs: user + system, systemMs: system, guestMs: guest, ...counters };
}

/** Runs a VMM until its console has said all of the texts: ms from its start to each, and the figures of the last moment. */
function run([program, ...args], texts) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const at = [];
    let said = '';
    let figures = null;
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: deviceProcessEnvironment(),
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    child.stdout.on('data', (data) => {
      if (at.length === texts.length) return;
      said += data.toString('latin1');
      while (at.length < texts.length && said.includes(texts[at.length])) at.push(performance.now() - began);
      if (at.length < texts.length) return;
      child.kill('SIGSTOP');
      figures = figuresOf(child.pid);
      child.kill('SIGKILL');
    });
    let complaints = '';
    child.stderr.on('data', (data) => {
      complaints += data;
    });
    child.once('error', reject);
    child.once('close', () => {
      if (figures !== null) resolve({ at, figures });
      else reject(new Error(`${program} ended before it said ${texts[at.length]}: ${said.slice(-500)} ${complaints}`));
    });
  });
}

/** One round of a VMM: ms, and counts until user space. */
async function measure(command) {
  const { at, figures } = await run(command({ kernel: `${directory}/exits.elf` }), ['a', 'b', 'c']);
  const [firstMs, secondMs, thirdMs] = at;
  const rate = (from, to) => (Number(exits) * 1000) / (to - from);
  const rates = { firstExitsPerS: rate(firstMs, secondMs), exitsPerS: rate(secondMs, thirdMs) };
  if (!HAS_LINUX) return { firstMs, ...rates, ...figures };
  const boot = await run(command(LINUX), ['# up']);
  const [bootMs] = boot.at;
  return { firstMs, bootMs, kernelMs: bootMs - firstMs, ...rates, ...boot.figures };
}

/** What no VMM that is a Node program can be faster than: an empty one, and one that enters a guest without threads or devices. */
const FLOORS = {
  'an empty node': ['-e', 'console.log("a")'],
  'ioregion probe, with a guest of three instructions': [CLI, 'probe'],
};

/** From the start of the program to the first letter that it says. */
async function measureFloor(args) {
  const { at } = await run([process.execPath, ...args], ['a']);
  return at[0];
}

/** The order of a round: each is the first in its turn. */
function rotated(all, by) {
  const first = by % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const line = (one) => Object.entries(one).map(([key, value]) => `${key} ${Math.round(value)}`);

if (HAS_LINUX) spawnSync('mount', ['-t', 'debugfs', 'none', '/sys/kernel/debug']);
const floors = Object.fromEntries(Object.keys(FLOORS).map((name) => [name, []]));
const samples = Object.fromEntries(Object.keys(VMMS).map((name) => [name, []]));
/** Round 0 finds the machine cold, and is not recorded. */
for (let round = 0; round <= Number(rounds); round++) {
  for (const [name, args] of Object.entries(FLOORS)) floors[name].push(await measureFloor(args));
  for (const [name, command] of rotated(Object.entries(VMMS), round)) {
    const one = await measure(command);
    if (round > 0) samples[name].push(one);
    console.log(`# ${round > 0 ? `round ${round}` : 'warm-up'}: ${name} ${line(one).join(', ')}`);
  }
}

const rows = Object.entries(samples).map(([name, of]) => {
  const middle = Object.keys(of[0]).map((key) => [key, Math.round(median(of.map((one) => one[key])))]);
  return { name, ...Object.fromEntries(middle) };
});
const BOOT = HAS_LINUX ? '; bootMs: to user space of Linux; kernelMs: the difference' : '';
console.log(`medians${HAS_LINUX ? ' on the nested machine, whose CPU is emulated' : ''}.
firstMs: from the start of the program to the first letter of a guest of a page${BOOT};
exitsPerS: port accesses that no device takes, in a second, the first ${exits} of them apart.
Until ${HAS_LINUX ? 'user space' : 'the last of them'}: CPU time of the program, in its guest too, and what KVM counted.`);
console.log(['', ...rows.map(({ name }) => name)].map((text) => text.padStart(14)).join(''));
for (const key of Object.keys(rows[0]).slice(1)) {
  console.log([key, ...rows.map((row) => String(row[key]))].map((text) => text.padStart(14)).join(''));
}
for (const [name, times] of Object.entries(floors)) {
  console.log(`${name}: says something after ${Math.round(median(times))} ms`);
}
writeFileSync(result, `${JSON.stringify({ rounds: Number(rounds), floors, medians: rows, samples }, null, 2)}\n`);
