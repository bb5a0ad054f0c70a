// One part of `npm test`: unit, kvm or system. With IOREGION_TEST_REPORTS set, also writes a machine-readable report there.
import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [part, ...rest] = process.argv.slice(2);
const reports = process.env.IOREGION_TEST_REPORTS;

function vitest(project) {
  const report = reports
    ? ['--reporter=default', '--reporter=json', `--outputFile.json=${reports}${project}.json`]
    : [];
  return spawnSync('npx', ['vitest', 'run', '--project', project, ...report, ...rest], { cwd: root, stdio: 'inherit' });
}

function tap() {
  const result = spawnSync('npx', ['tap', 'run', ...rest], { cwd: root, stdio: 'inherit' });
  if (reports) {
    const file = openSync(`${reports}system.tap`, 'w');
    spawnSync('npx', ['tap', 'replay', '--reporter=tap'], { cwd: root, stdio: ['ignore', file, 'inherit'] });
  }
  return result;
}

const { status, error } = part === 'system' ? tap() : vitest(part);
if (error) throw error;
process.exit(status ?? 1);
