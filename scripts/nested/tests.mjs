// On the nested machine: runs the tests that need KVM and leaves their reports in a directory.
//   tests.mjs DIRECTORY [--short | --linux | filter...]: those that begin with `system/` choose files of test/system
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Linux on one and two vCPUs, with devices in all four placements, a restart, and a snapshot under disk load. */
const LINUX = ['system/vmm-linux'];
const KVM = ['vm.', 'vm-', 'kvm', 'boot', 'exits', 'vcpu-state', 'probe', 'native-requests', 'guests.'];
/** What continuous integration has the time for: each file here ends within a minute or two. Where the host has KVM, Linux alone. */
const SHORT = [...KVM.map((name) => `test/kvm/${name}`), 'system/process-exit', ...LINUX];
const PARTS = { '--short': SHORT, '--linux': LINUX };
const [directory, ...asked] = process.argv.slice(2);
const filters = PARTS[asked[0]] ?? asked;
/** A file that hangs is ended: the others then have their turn, and continuous integration tries it once more. */
const FILE_MS = asked[0] in PARTS ? 400_000 : 900_000;
const VITEST = 'node_modules/vitest/vitest.mjs';
const SYSTEM = 'dist/test/system';
/** Loading modules is what takes long here: once, in one process, instead of once for each file. */
const LEAN = ['--no-isolate', '--maxWorkers=1'];
const PATIENT = ['--testTimeout=120000', '--hookTimeout=120000', '--teardownTimeout=120000'];
mkdirSync(directory, { recursive: true });

/** The report decides: vitest's own status also counts a worker that takes long to end, which it does here. */
function vitest() {
  const report = `${directory}/kvm.json`;
  const reports = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${report}`];
  spawnSync('node', [VITEST, 'run', '--project', 'kvm', ...LEAN, ...PATIENT, ...reports, ...vitestFilters], {
    stdio: 'inherit',
  });
  return existsSync(report) && JSON.parse(readFileSync(report, 'utf8')).success;
}

/** Without the runner of tap, which takes longer here than the tests. */
function tap(file) {
  const { status, stdout, error } = spawnSync('node', [`${SYSTEM}/${file}`], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: FILE_MS,
    killSignal: 'SIGKILL',
    env: { ...process.env, IOREGION_ONLY: 'kvm' },
  });
  const late = error === undefined ? '' : `\nnot ok - had not ended after ${FILE_MS / 1000} s: ${error.message}\n`;
  const text = stdout + late;
  process.stdout.write(text);
  return { name: `${SYSTEM}/${file}`, ok: status === 0, text };
}

const systemFilters = filters.filter((name) => name.startsWith('system/')).map((name) => name.slice('system/'.length));
const vitestFilters = filters.filter((name) => !name.startsWith('system/'));

function isChosen(name) {
  if (!name.endsWith('.test.js') || !readFileSync(`${SYSTEM}/${name}`, 'utf8').includes('kvmDevice')) return false;
  return filters.length === 0 || systemFilters.some((filter) => name.startsWith(filter));
}

let ok = true;
if (filters.length === 0 || vitestFilters.length > 0) ok = vitest();
if (filters.length === 0 || systemFilters.length > 0) {
  const results = readdirSync(SYSTEM).filter(isChosen).map(tap);
  // One level deeper: as tap reports several files.
  const texts = results.map(({ name, text }) => `# Subtest: ${name}\n${text.replace(/^/gm, '    ')}\n`);
  writeFileSync(`${directory}/system-nested.tap`, texts.join(''));
  ok &&= results.every((result) => result.ok);
}
process.exit(ok ? 0 : 1);
