// Runs all tests as continuous integration does: like `npm test`, but Linux boots on a nested machine, which on a host without
// a usable /dev/kvm runs some of the tests that need one too (`npm run test:nested -- --short`), and files with a failure run
// a second time: what passes then is named as such, so that it is not forgotten. The last lines say what failed, why, and the counts.
//   run-tests.mjs            run, then the summary
//   run-tests.mjs --summary  the summary of the last run again
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kvmDevice } from '../dist/test/support/requirements.js';
import { readReport } from './tests/report.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = `${root}.tap/ci/`;
const again = `${out}again/`;
const REPORT = { unit: 'unit.json', kvm: 'kvm.json', system: 'system.tap' };
const NESTED_TAP = 'system-nested.tap';
/** Of a nested machine that came to no end: one test, skipped. */
const NO_REPORT = {
  '.json': JSON.stringify({ numPassedTests: 0, numFailedTests: 0, numPendingTests: 1, testResults: [] }),
  '.tap': '    ok 1 - # SKIP the nested machine came to no end\n',
};
/** More than this many files with a failure are no accident. */
const MOST_AGAIN = 3;
/** Of `runNested`: the time limit, and a machine that died. */
const NO_VERDICT = new Set([124, 125]);
const NESTED_ATTEMPTS = 2;

function npmRun(script, args, env) {
  const started = Date.now();
  const { status } = spawnSync('npm', ['run', script, '--', ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  console.log(`${script}: status ${status} after ${Math.round((Date.now() - started) / 1000)} s`);
  return status ?? 1;
}

function part(name, env) {
  const status = npmRun(`test:${name}`, [], { ...env, IOREGION_TEST_REPORTS: out });
  if (status === 0) return true;
  const files = filesToRepeat([REPORT[name]]);
  return files.length > 0 && npmRun(`test:${name}`, files, { ...env, IOREGION_TEST_REPORTS: again }) === 0;
}

/** Files with a failure in the last run: none where there are too many, or where one cannot be told. */
function filesToRepeat(reports) {
  const failures = reports.flatMap((name) => readReport(out + name, root).failures);
  const files = [...new Set(failures.map(({ file }) => file))];
  if (files.length > MOST_AGAIN || !files.every((file) => file !== '' && existsSync(root + file))) return [];
  mkdirSync(again, { recursive: true });
  return files;
}

function runAll() {
  if (kvmDevice() === undefined) {
    const parts = ['unit', 'kvm', 'system'].map((name) => part(name, {}));
    return [...parts, nested('--linux', [NESTED_TAP], {})].every(Boolean);
  }
  const host = { IOREGION_REQUIRE: process.env.IOREGION_REQUIRE && 'all-but-kvm' };
  return [part('unit', host), part('system', host), nested('--short', [REPORT.kvm, NESTED_TAP], host)].every(Boolean);
}

/**
 * An emulated machine can get stuck on a busy host, which is no verdict on the tests: then there is another try, and after
 * that these tests count as skipped. A test that fails there fails here.
 */
function nested(which, reports, env) {
  for (let attempt = 0; attempt < NESTED_ATTEMPTS; attempt++) {
    const status = npmRun('test:nested', [which], { ...env, IOREGION_TEST_REPORTS: out });
    if (!NO_VERDICT.has(status)) return status === 0 || nestedAgain(reports, env);
  }
  console.log('skipped: tests on the nested machine, which came to no end');
  for (const name of reports) writeFileSync(out + name, NO_REPORT[extname(name)]);
  return true;
}

function nestedAgain(reports, env) {
  const files = filesToRepeat(reports.filter((name) => existsSync(out + name)));
  const filters = files.map((file) => file.replace(/^dist\/test\/system\/(.*)\.test\.js$/, 'system/$1'));
  return filters.length > 0 && npmRun('test:nested', filters, { ...env, IOREGION_TEST_REPORTS: again }) === 0;
}

function describe({ file, name, reason }) {
  return `${file}: ${name}\n${reason.replace(/^/gm, '    ')}`;
}

function summary() {
  const parts = [...Object.values(REPORT), NESTED_TAP].map((name) => readReport(out + name, root));
  const sum = (key) => parts.reduce((total, report) => total + report[key], 0);
  const failures = parts.flatMap((report) => report.failures);
  for (const failure of failures) console.log(`failed ${describe(failure)}`);
  const second = existsSync(again) ? ', before those with a failure ran a second time' : '';
  console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped${second}`);
}

let ok = true;
if (!process.argv.includes('--summary')) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  ok = runAll();
}
summary();
process.exit(ok ? 0 : 1);
