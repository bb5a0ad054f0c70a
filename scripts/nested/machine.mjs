// Boots a machine that has an ordinary /dev/kvm (AMD SVM, by QEMU's instruction emulator), and runs one command in it.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HOST_FLAGS } from '../../dist/guests/build.js';
import { compile } from '../../dist/guests/compile.js';
import { kernelImage, kernelVersion, run } from './host.mjs';
import { initramfs } from './initramfs.mjs';
import { qemuCommand } from './qemu.mjs';
import { rootImage } from './root-image.mjs';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const CACHE = join(PROJECT, '.nested');
/** Programs that run there beside the command: why, they say themselves. */
const HELPERS = ['hold-kvm', 'wake-cpus'].map((name) => ({
  output: join(CACHE, name),
  sources: [fileURLToPath(new URL(`./${name}.c`, import.meta.url))],
  includes: [],
  flags: HOST_FLAGS,
}));
const RESULTS_BYTES = 2 ** 26;
const CONSOLE_LINES = 60;
/** Threads of V8 that compile and collect make Node three times slower here: with them each change of code stops both CPUs. */
const NODE_OPTIONS = '--v8-pool-size=0';
/**
 * Without fast string instructions of bytes: emulated, they take eight times as long as those of eight bytes, and kernels clear
 * pages with what there is. A huge page took 10 ms, and half a second where it had held code, whose translations go byte by byte.
 */
const CPU = 'max,-erms,-fsrm';
const KERNEL_ARGUMENTS = [
  ...['console=ttyS0', 'quiet', 'panic=-1', 'mitigations=off', 'init_on_alloc=0', 'random.trust_cpu=on'],
  ...['tsc=reliable', 'no_timer_check', 'nokaslr', 'softlockup_panic=1', 'watchdog_thresh=30'],
];

function qemuArguments({ files, cpus, memoryMib, kernel }) {
  const drive = (id, file, more = '') => ['-drive', `if=none,id=${id},file=${file},format=raw,cache=unsafe${more}`];
  return [
    ...['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', CPU, '-smp', String(cpus), '-m', String(memoryMib)],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-kernel', kernelImage(kernel), '-initrd', initramfs(kernel, CACHE), '-append', KERNEL_ARGUMENTS.join(' ')],
    ...[...drive('root', files.root, ',snapshot=on'), '-device', 'virtio-blk-pci,drive=root'],
    ...[...drive('results', files.results), '-device', 'virtio-blk-pci,drive=results'],
    ...['-chardev', 'stdio,id=out,signal=off', '-device', 'virtio-serial-pci', '-device', 'virtserialport,chardev=out'],
    ...['-serial', `file:${files.console}`],
  ];
}

/** Resolves with how it ended. A signal that ends this process ends the machine as well. */
function boot(args, timeoutMs) {
  return new Promise((resolve, reject) => {
    // An open standard input: at its end QEMU would tell the machine that nobody reads its output.
    const [program, ...words] = qemuCommand();
    const qemu = spawn(program, [...words, ...args], { stdio: ['pipe', 'inherit', 'inherit'] });
    let isLate = false;
    const kill = () => qemu.kill('SIGKILL');
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, timeoutMs);
    process.once('exit', kill);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
    qemu.once('error', reject);
    qemu.once('exit', (code, signal) => {
      clearTimeout(timer);
      process.off('exit', kill);
      resolve({ isLate, how: signal ?? `status ${code}` });
    });
  });
}

/** Unpacks what the machine left; the status of its command, or undefined where it left none. */
function unpack(results, into) {
  try {
    run('tar', ['-xf', results, '-C', into]);
    return Number(readFileSync(join(into, 'status'), 'utf8'));
  } catch {
    return undefined;
  }
}

function complain({ isLate, how }, consoleFile, seconds) {
  const why = isLate ? `did not end within ${seconds} s` : `ended without a status (QEMU: ${how})`;
  const lines = readFileSync(consoleFile, 'utf8').trimEnd().split('\n').slice(-CONSOLE_LINES);
  console.error(`nested: the machine ${why}; the end of its console:\n${lines.join('\n')}`);
  return isLate ? 124 : 125;
}

/**
 * Runs `command` in the machine, its output on this process's own, and returns its status (124: time limit, 125: the
 * machine died). `fetch` are absolute paths that are then found under `into`; `programs` and `trees` are of this host, beside Node and
 * the project.
 */
export async function runNested(command, options = {}) {
  const {
    seconds = 600,
    cpus = 2,
    memoryMib = 1536,
    cwd = PROJECT,
    environment = {},
    fetch = [],
    into,
    programs,
    trees,
  } = options;
  mkdirSync(CACHE, { recursive: true });
  const helpers = await Promise.all(HELPERS.map(compile));
  const directory = mkdtempSync(join(CACHE, 'run-'));
  const discard = () => rmSync(directory, { recursive: true, force: true });
  process.once('exit', discard); /* where a signal ends this process */
  const files = { results: join(directory, 'results.tar'), console: join(directory, 'console') };
  try {
    files.root = rootImage(directory, {
      project: PROJECT,
      helpers,
      environment: { NODE_OPTIONS, ...environment },
      command,
      cwd,
      fetch,
      programs,
      trees,
    });
    for (const file of [files.results, files.console]) writeFileSync(file, '');
    truncateSync(files.results, RESULTS_BYTES);
    const outcome = await boot(qemuArguments({ files, cpus, memoryMib, kernel: kernelVersion() }), seconds * 1000);
    return unpack(files.results, into ?? directory) ?? complain(outcome, files.console, seconds);
  } finally {
    process.off('exit', discard);
    discard();
  }
}
