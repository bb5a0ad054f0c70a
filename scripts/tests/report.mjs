// What the reports of vitest (JSON) and of tap (TAP) say: how many tests passed, and which failed and why.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

const LINES_OF_REASON = 14;
const NOTHING_RAN = { passed: 0, failed: 1, skipped: 0 };

/** @typedef {{ file: string, name: string, reason: string }} Failure */

/** Counts and failures of a part; a part without a report did not run, which counts as one failure. */
export function readReport(file, root) {
  if (!existsSync(file)) return { ...NOTHING_RAN, failures: [{ file, name: 'left no report', reason: '' }] };
  const text = readFileSync(file, 'utf8');
  return file.endsWith('.json') ? fromVitest(JSON.parse(text), root) : fromTap(text.split('\n'));
}

function fromVitest(report, root) {
  const failures = report.testResults.flatMap((result) => {
    const file = relative(root, result.name);
    const failed = (result.assertionResults ?? []).filter(({ status }) => status === 'failed');
    if (failed.length === 0 && result.status === 'failed') return [{ file, name: 'the file', reason: result.message }];
    return failed.map((test) => ({ file, name: test.fullName, reason: brief(test.failureMessages.join('\n')) }));
  });
  const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = report;
  return { passed, failed: Math.max(failed, failures.length), skipped, failures };
}

/** The points of each file stand one level deep, below the file's own. */
function fromTap(lines) {
  const points = lines.filter((line) => /^ {4}(not )?ok\b/.test(line));
  const skipped = points.filter((line) => /# SKIP/i.test(line)).length;
  const failed = points.filter(isFailure).length;
  return { passed: points.length - failed - skipped, failed, skipped, failures: tapFailures(lines) };
}

const isFailure = (line) => /^\s*not ok\b/.test(line) && !/# (TODO|SKIP)/i.test(line);

function tapFailures(lines) {
  const failures = [];
  let file = '';
  lines.forEach((line, index) => {
    file = /^# Subtest: (\S+\.test\.js)/.exec(line)?.[1] ?? file;
    if (!isFailure(line) || isSummary(lines, index)) return;
    failures.push({ file, name: line.trim(), reason: brief(reasonBelow(lines, index)) });
  });
  return failures;
}

/** A point that only repeats that one of its subtests failed: it comes right after their plan. */
function isSummary(lines, index) {
  const indent = /^ */.exec(lines[index])[0].length;
  const before = lines.slice(0, index).findLast((line) => line.trim() !== '' && !/^\s*#/.test(line)) ?? '';
  return /^ */.exec(before)[0].length > indent && /^\s*1\.\.\d+/.test(before);
}

function reasonBelow(lines, index) {
  if (lines[index + 1]?.trim() !== '---') return '';
  const end = lines.findIndex((line, at) => at > index && line.trim() === '...');
  return lines.slice(index + 2, end).join('\n');
}

const brief = (text) => text.split('\n').slice(0, LINES_OF_REASON).join('\n').slice(0, 2000);
