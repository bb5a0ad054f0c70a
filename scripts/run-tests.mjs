// Runs `npm test` and prints, as the last line, how many tests passed and failed in all of its parts.
//   run-tests.mjs            run, then the summary
//   run-tests.mjs --summary  the summary of the last run again
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = `${root}.tap/ci/`;
const summaryOnly = process.argv.includes('--summary');

function run(command, args, env = {}) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  return status ?? 1;
}

function vitestCounts(file) {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(readFileSync(file, 'utf8'));
  return { passed: report.numPassedTests, failed: report.numFailedTests, skipped: report.numPendingTests };
}

/** The `# { total: … }` comment or the plan and `not ok` lines of a TAP stream's top level. */
function tapCounts(file) {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 };
  const lines = readFileSync(file, 'utf8').split('\n');
  const points = lines.filter((line) => /^ {4}(not )?ok\b/.test(line));
  const failed = points.filter((line) => line.includes('not ok') && !/# (TODO|SKIP)/i.test(line)).length;
  const skipped = points.filter((line) => /# SKIP/i.test(line)).length;
  return { passed: points.length - failed - skipped, failed, skipped };
}

let status = 0;
if (!summaryOnly) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  status = run('npm', ['test'], { IOREGION_TEST_REPORTS: out });
}
const parts = [vitestCounts(`${out}unit.json`), vitestCounts(`${out}kvm.json`), tapCounts(`${out}system.tap`)];
const sum = (key) => parts.reduce((total, part) => total + part[key], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
process.exit(status);
