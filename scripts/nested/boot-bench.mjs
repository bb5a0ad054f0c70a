// On the nested machine: boots kernels under our VMM and under QEMU in turn, and prints medians; called by bench-boot.mjs.
//   boot-bench.mjs DIRECTORY ROUNDS EXITS RESULT
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [directory, rounds, exits, result] = process.argv.slice(2);
const CLI = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const LINUX = { kernel: `${directory}/vmlinuz`, initrd: `${directory}/initramfs` };
const COMMAND_LINE = 'console=ttyS0 reboot=k panic=-1 quiet noxsave';
const DISK = `${directory}/disk.img`;
const LIMIT_MS = 300_000;

const ours = ({ kernel, initrd }) => [
  ...[process.execPath, CLI, 'run', '--kernel', kernel, '--memory', '192M', '--command-line', COMMAND_LINE],
  ...(initrd === undefined ? [] : ['--initrd', initrd]),
  ...['--disk', DISK],
];
const qemu = (machine, disk, { kernel, initrd }) => [
  ...[
    'qemu-system-x86_64',
    '-M',
    machine,
    '-accel',
    'kvm',
    '-cpu',
    'host',
    '-m',
    '192',
    '-nodefaults',
    '-no-user-config',
  ],
  ...['-no-reboot', '-display', 'none', '-serial', 'stdio', '-kernel', kernel],
  ...(initrd === undefined ? [] : ['-initrd', initrd, '-append', COMMAND_LINE]),
  ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
  ...['-drive', `if=none,id=disk,file=${DISK},format=raw`, '-device', `${disk},drive=disk`],
];
const VMMS = {
  ioregion: ours,
  microvm: (files) => qemu('microvm,pit=on,pic=on,rtc=on,isa-serial=on', 'virtio-blk-device', files),
  q35: (files) => qemu('q35', 'virtio-blk-pci', files),
};

/** Runs a VMM until it ends; ms from its start to each of the texts on its console. */
function run([program, ...args], texts) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const at = [];
    let said = '';
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS, killSignal: 'SIGKILL' });
    child.stdout.on('data', (data) => {
      said += data.toString('latin1');
      while (at.length < texts.length && said.includes(texts[at.length])) at.push(performance.now() - began);
    });
    let complaints = '';
    child.stderr.on('data', (data) => {
      complaints += data;
    });
    child.once('error', reject);
    child.once('close', () => {
      if (at.length === texts.length) resolve([...at, performance.now() - began]);
      else reject(new Error(`${program} ended before it said ${texts[at.length]}: ${said.slice(-500)} ${complaints}`));
    });
  });
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const samples = Object.fromEntries(
  Object.keys(VMMS).map((name) => [name, { firstMs: [], bootMs: [], exitsPerSecond: [] }]),
);

for (let round = 0; round < Number(rounds); round++) {
  for (const [name, command] of Object.entries(VMMS)) {
    const [a, b] = await run(command({ kernel: `${directory}/exits.elf` }), ['a', 'b']);
    samples[name].firstMs.push(a);
    samples[name].exitsPerSecond.push((Number(exits) * 1000) / (b - a));
    const [up] = await run(command(LINUX), ['# up']);
    samples[name].bootMs.push(up);
    console.log(
      `# round ${round + 1}: ${name} first ${Math.round(a)} ms, boot ${Math.round(up)} ms, ${Math.round(b - a)} ms of exits`,
    );
  }
}

const rows = Object.entries(samples).map(([name, one]) => {
  const entries = Object.entries(one).map(([key, values]) => [key, Math.round(median(values))]);
  return { name, ...Object.fromEntries(entries) };
});
console.log(
  'medians on the nested machine, whose CPU is emulated: program start to the first letter of a guest (ms), to',
);
console.log('user space of a Linux guest (ms), and port accesses that no device takes, per second');
for (const { name, firstMs, bootMs, exitsPerSecond } of rows) {
  console.log(`${name.padEnd(10)} first ${firstMs} ms   boot ${bootMs} ms   ${exitsPerSecond} exits/s`);
}
writeFileSync(result, `${JSON.stringify({ rounds: Number(rounds), medians: rows, samples }, null, 2)}\n`);
