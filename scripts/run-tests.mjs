// Runs the tests and prints, as the last line, how many passed and failed in all parts. That is `npm test`; on a host
// without a usable /dev/kvm some of the tests that need one run on a nested machine (`npm run test:nested -- --short`).
//   run-tests.mjs            run, then the summary
//   run-tests.mjs --summary  the summary of the last run again
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { kvmDevice } from '../dist/test/support/requirements.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = `${root}.tap/ci/`;
/** Of `runNested`: the time limit, and a machine that died. */
const NO_VERDICT = new Set([124, 125]);
const NESTED_ATTEMPTS = 2;
const summaryOnly = process.argv.includes('--summary');

function run(command, args, env = {}) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  return status ?? 1;
}

function vitestCounts(name) {
  const file = out + name;
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(readFileSync(file, 'utf8'));
  return { passed: report.numPassedTests, failed: report.numFailedTests, skipped: report.numPendingTests };
}

/** The `# { total: … }` comment or the plan and `not ok` lines of a TAP stream's top level. */
function tapCounts(name) {
  const file = out + name;
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 };
  const lines = readFileSync(file, 'utf8').split('\n');
  const points = lines.filter((line) => /^ {4}(not )?ok\b/.test(line));
  const failed = points.filter((line) => line.includes('not ok') && !/# (TODO|SKIP)/i.test(line)).length;
  const skipped = points.filter((line) => /# SKIP/i.test(line)).length;
  return { passed: points.length - failed - skipped, failed, skipped };
}

function runAll() {
  if (kvmDevice() === undefined) return run('npm', ['test'], { IOREGION_TEST_REPORTS: out });
  const host = { IOREGION_TEST_REPORTS: out, IOREGION_REQUIRE: process.env.IOREGION_REQUIRE && 'all-but-kvm' };
  const parts = [timed(['test:unit'], host), timed(['test:system'], host), nested(host)];
  return parts.every((status) => status === 0) ? 0 : 1;
}

/**
 * An emulated machine can get stuck on a busy host, which is no verdict on the tests: then there is another try, and after
 * that the KVM part counts as skipped. A test that fails there fails here.
 */
function nested(env) {
  for (let attempt = 0; attempt < NESTED_ATTEMPTS; attempt++) {
    const status = timed(['test:nested', '--', '--short'], env);
    if (!NO_VERDICT.has(status)) return status;
  }
  console.log('skipped: tests that need KVM: the nested machine came to no end, and there is no /dev/kvm here');
  writeFileSync(`${out}kvm.json`, JSON.stringify({ numPassedTests: 0, numFailedTests: 0, numPendingTests: 1 }));
  return 0;
}

function timed(script, env) {
  const started = Date.now();
  const status = run('npm', ['run', ...script], env);
  console.log(`${script[0]}: status ${status} after ${Math.round((Date.now() - started) / 1000)} s`);
  return status;
}

let status = 0;
if (!summaryOnly) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  status = runAll();
}
const nestedTap = existsSync(`${out}system-nested.tap`) ? [tapCounts('system-nested.tap')] : [];
const parts = [vitestCounts('unit.json'), vitestCounts('kvm.json'), tapCounts('system.tap'), ...nestedTap];
const sum = (key) => parts.reduce((total, part) => total + part[key], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
process.exit(status);
